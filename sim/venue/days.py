"""What the path must go through: one bar for each day, recorded, in a gap, frozen, or walked on after the data's end."""

import math
from typing import NamedTuple

import numpy as np

from sim.venue.assets import VenueAsset, price_decimals
from sim.venue.bars import DAY_MS, Bar, Grid, bridge_high, on_grid, variance_of
from sim.venue.draws import Draws
from sim.venue.recorded import PRICES, Table, shortest

_WALK = 1
_WALK_DAYS = 20
_WALK_DAILY_MIN, _WALK_DAILY_MAX = 0.005, 0.15
_USUAL_DAYS = 7
_TRADE_USD = 1_500.0
_WALK_RANGE = 8.0
"""Furthest a walked day's high and low may be from its open and close, in daily standard deviations."""


class Usual(NamedTuple):
    """A coin's recent days: last close (USD), median volume a day (base units), volatility (fraction a day)."""

    px: float
    volume: float
    volatility: float


class DayRows:
    """One coin's days in order of time. day_ms is a UTC midnight everywhere."""

    def __init__(self, asset: VenueAsset, rows: Table, draws: Draws) -> None:
        self.asset, self._rows, self._draws = asset, rows, draws
        self._place = {int(day): i for i, day in enumerate(rows.times)}
        self.first_ms, self.last_ms = int(rows.times[0]), int(rows.times[-1])
        self._walked: list[Bar] = []
        self._usual: dict[int, Usual] = {}
        self._volumes: dict[int, float] = {}

    def recorded(self, day_ms: int) -> int | None:
        """Return the place of the day's row among the coin's rows, or None when the data has none."""
        return self._place.get(day_ms)

    def traded(self, day_ms: int) -> bool:
        """Say whether the venue has candles of the day: recorded ones, or walked ones after the data's end."""
        return day_ms in self._place or (day_ms > self.last_ms and self.asset.delisted_from_ms is None)

    def bar(self, day_ms: int) -> Bar:
        """Return the bar that holds day_ms: one day, or a whole gap between two recorded days."""
        place = self._place.get(day_ms)
        if place is not None:
            return self._row(place)
        if day_ms < self.first_ms:
            return self._flat(day_ms, float(self._rows.columns["open"][0]))
        if day_ms < self.last_ms:
            return self._gap(day_ms)
        if self.asset.delisted_from_ms is not None:
            return self._flat(day_ms, float(self._rows.columns["close"][-1]))
        return self._walk(day_ms)

    def usual(self, day_ms: int) -> Usual:
        """Return what the week of recorded days before day_ms traded and moved; the first day stands for itself."""
        known = self._usual.get(day_ms)
        if known is None:
            known = self._usual[day_ms] = self._week_before(day_ms)
        return known

    def volume(self, day_ms: int) -> float:
        """Return a day's volume (base units), zero on a day without candles."""
        known = self._volumes.get(day_ms)
        if known is None:
            known = self._volumes[day_ms] = self.bar(day_ms).volume if self.traded(day_ms) else 0.0
        return known

    def _week_before(self, day_ms: int) -> Usual:
        last = int(np.searchsorted(self._rows.times, day_ms))
        week = slice(max(last - _USUAL_DAYS, 0), max(last, 1))
        prices = [[float(px) for px in self._rows.columns[name][week]] for name in PRICES]
        volume = float(np.median(self._rows.columns["volume"][week].astype(np.float64)))
        variances = [
            max(variance_of(o, h, low, c), 0.0) / (o * c) for o, h, low, c in zip(*prices, strict=True)
        ]
        volatility = math.sqrt(sum(variances) / len(variances))
        return Usual(px=prices[-1][-1], volume=volume, volatility=max(volatility, _WALK_DAILY_MIN))

    def trades_per_unit(self, day_ms: int) -> float:
        """Return the number of trades for a unit of volume on a day, estimated where it is not recorded."""
        place = self._place.get(day_ms, len(self._rows) - 1)
        trades, volume = (float(self._rows.columns[name][place]) for name in ("num_trades", "volume"))
        if trades > 0.0 and volume > 0.0:
            return trades / volume
        return float(self._rows.columns["close"][place]) / _TRADE_USD

    def _row(self, place: int) -> Bar:
        columns = self._rows.columns
        o, h, low, c = (float(columns[name][place]) for name in ("open", "high", "low", "close"))
        h, low = max(h, o, c), min(low, o, c)
        start = int(self._rows.times[place])
        return day_bar(
            (start, start + DAY_MS), (o, h, low, c), shortest(columns["volume"][place]), self._grid(h)
        )

    def _gap(self, day_ms: int) -> Bar:
        after = int(np.searchsorted(self._rows.times, day_ms))
        o, c = float(self._rows.columns["close"][after - 1]), float(self._rows.columns["open"][after])
        span = int(self._rows.times[after - 1]) + DAY_MS, int(self._rows.times[after])
        return day_bar(span, (o, max(o, c), min(o, c), c), 0.0, self._grid(max(o, c)))

    def _flat(self, day_ms: int, px: float) -> Bar:
        return day_bar((day_ms, day_ms + DAY_MS), (px, px, px, px), 0.0, self._grid(px))

    def _walk(self, day_ms: int) -> Bar:
        """Return a day after the data: a seeded random walk of the last volatility and volume."""
        while self.last_ms + len(self._walked) * DAY_MS < day_ms:
            previous = self._walked[-1] if self._walked else self._row(len(self._rows) - 1)
            self._walked.append(self._next(previous))
        return _copy(self._walked[(day_ms - self.last_ms) // DAY_MS - 1])

    def _next(self, previous: Bar) -> Bar:
        start, end = previous.end_ms, previous.end_ms + DAY_MS
        o, daily = previous.close, self._daily_volatility()
        u = self._draws.uniforms(start, end, _WALK)
        scale = self._grid(o).price
        c = max(on_grid(o * math.exp(daily * self._draws.move(start, end, u)[0]), scale), 1.0 / scale)
        variance, far = (daily * o) ** 2, _WALK_RANGE * daily
        top, bottom = max(o, c) * (1.0 + far), min(o, c) / (1.0 + far)
        h = max(on_grid(bridge_high(o, c, variance, top, u[2]), scale), o, c)
        low = min(on_grid(max(-bridge_high(-o, -c, variance, -bottom, u[3]), bottom), scale), o, c)
        low = low if low > 0.0 else min(o, c)
        return day_bar(
            (start, end), (o, h, low, c), self.usual(start).volume * (0.6 + 0.8 * u[4]), self._grid(h)
        )

    def _daily_volatility(self) -> float:
        closes = self._rows.columns["close"][-_WALK_DAYS - 1 :].astype(np.float64)
        measured = float(np.std(np.diff(np.log(closes)))) if len(closes) > 2 else _WALK_DAILY_MIN
        return min(max(measured, _WALK_DAILY_MIN), _WALK_DAILY_MAX)

    def _grid(self, high: float) -> Grid:
        """Return the grid that is legal up to this price, hence at every price of the bar."""
        decimals = self.asset.size_decimals
        return Grid(float(10 ** price_decimals(high, decimals)), float(10**decimals))


def day_bar(
    span: tuple[int, int], prices: tuple[float, float, float, float], volume: float, grid: Grid
) -> Bar:
    return Bar(*span, *prices, volume, variance_of(*prices), grid)


def _copy(bar: Bar) -> Bar:
    prices = bar.open, bar.high, bar.low, bar.close
    return day_bar((bar.start_ms, bar.end_ms), prices, bar.volume, bar.grid)
