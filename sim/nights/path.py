"""One coin's price on the ticks of a night, in whole numbers: a walk on the venue's finest grid, and what is done to it."""

from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np

from sim.nights.distortions import FrozenPrice, Gap, Halted, OfPath, UnitChange, Window
from sim.nights.history import REACH_MS, History, Ints, legal, legal_one
from sim.venue.bars import DAY_MS, HOUR_MS

_DRAWN = 1_000
_DRAWN_DEVIATION = _DRAWN / np.sqrt(3.0)
_MARKET_SHARE, _OWN_SHARE = 0.6, 0.8
"""Weights of the market's step and of the coin's; their squares make one."""
_FRACTION_BITS = 20
_FAR = 4
_BPS = 10_000


@lru_cache(maxsize=8)
def _market_steps(seed: int, ticks: int) -> Ints:
    return np.random.default_rng([seed, 0]).integers(-_DRAWN, _DRAWN + 1, ticks)


class Path:
    """Prices are whole numbers of 10^-decimals USD. Before the ticks it is the history, after them the last price."""

    def __init__(self, history: History, seed: int, changes: Sequence[OfPath]) -> None:
        self.history, self._changes = history, changes
        self.begins_ms, self.tick_ms = history.begins_ms, history.terms.tick_ms
        self._count = 2 * REACH_MS // self.tick_ms
        self.sources = self._sources()
        self.ticks = self._ticks(seed)

    def _ticks(self, seed: int) -> Ints:
        """Return the price of every tick: whole-number arithmetic, so the same on every machine."""
        own = np.random.default_rng([seed, *self.history.coin.asset.name.encode()])
        steps = own.integers(-_DRAWN, _DRAWN + 1, self._count)
        anchor = self.history.anchor
        deviation = anchor * self.history.coin.volatility * np.sqrt(self.tick_ms / DAY_MS) / _DRAWN_DEVIATION
        market, alone = (
            round(deviation * share * 2**_FRACTION_BITS) for share in (_MARKET_SHARE, _OWN_SHARE)
        )
        moved = market * _market_steps(seed, self._count) + alone * steps
        moved[0] = 0
        fine = np.maximum(anchor + (np.cumsum(moved) >> _FRACTION_BITS), max(anchor // _FAR, 1))
        for change in self._changes:
            if isinstance(change, Gap | UnitChange):
                part = self._window(change.at)
                times = change.times if isinstance(change, UnitChange) else 1.0 + change.fraction
                fine[part] = np.maximum(fine[part] * round(times * _BPS) // _BPS, 1)
        fine = legal(fine, self.history.decimals)
        return fine if self.sources is None else fine[self.sources]

    def _sources(self) -> Ints | None:
        """Return which tick each one shows, None when each shows itself."""
        still = [c for c in self._changes if isinstance(c, FrozenPrice | Halted)]
        if not still:
            return None
        sources = np.arange(self._count)
        for change in still:
            part = self._window(change.at)
            sources[part] = sources[part][:1]
        return sources

    @cached_property
    def _last_three(self) -> Ints:
        """Return the sum of each tick's price and the two before it."""
        three = np.concatenate([[self.ticks[0]] * 2, self.ticks])
        return np.asarray(three[2:] + three[1:-1] + three[:-2])

    def _window(self, at: Window) -> slice:
        first, end = (-((self.begins_ms - ms) // self.tick_ms) for ms in (at.from_ms, at.to_ms))
        return slice(min(max(first, 0), self._count), min(max(end, 0), self._count))

    def units(self, at_ms: int) -> float:
        """Return by how much the coin's unit is changed at a tick: 1 when it is not."""
        times = 1.0
        for change in self._changes:
            if isinstance(change, UnitChange) and change.at.holds(at_ms):
                times *= change.times
        return times

    def place(self, at_ms: int) -> int:
        """Return the place of a moment's tick; negative before the ticks."""
        return min((at_ms - self.begins_ms) // self.tick_ms, self._count - 1)

    def price(self, at_ms: int) -> int:
        place = self.place(at_ms)
        return self.ticks.item(place) if place >= 0 else self._hourly(at_ms)

    def mark(self, at_ms: int) -> int:
        """Return half the price of a tick and half the smoothed one, legal."""
        place = self.place(at_ms)
        if place < 0:
            return self._hourly(at_ms)
        both = 3 * self.ticks.item(place) + self._last_three.item(place)
        return legal_one(both // 6, self.history.decimals)

    def smoothed(self, at_ms: int) -> float:
        """Return the mean price of a tick and the two before it."""
        place = self.place(at_ms)
        return self._last_three.item(place) / 3.0 if place >= 0 else float(self._hourly(at_ms))

    def _hourly(self, at_ms: int) -> int:
        return self.history.prices.item(max((at_ms - self.history.first_ms) // HOUR_MS, 0))

    def stretch(self, from_ms: int, until_ms: int) -> Ints:
        """Return every price from a moment to just before another, in order; at least one."""
        first, begins = self.history.first_ms, self.begins_ms
        hours = self.history.prices[_held(from_ms - first, until_ms - first, HOUR_MS)]
        if until_ms <= begins:
            return hours
        ticks = self.ticks[_held(from_ms - begins, until_ms - begins, self.tick_ms)]
        if not len(ticks):
            return self.ticks[-1:]
        return np.concatenate([hours, ticks]) if from_ms < begins else ticks


def _held(start: int, end: int, step: int) -> slice:
    return slice(max(start // step, 0), max(-(-end // step), 0))
