"""One coin's book and the prices derived from it, for the tick last asked for: the same tick is worked out once."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache, lru_cache

from sim.nights.distortions import (
    BadNumber,
    CrossedBook,
    EmptyBook,
    Halted,
    OfBook,
    Side,
    ThinBook,
    WideSpread,
)
from sim.nights.history import legal_one
from sim.nights.path import Path
from sim.venue.assets import PRICE_DECIMALS_MAX, PRICE_FIGURES, VenueAsset
from sim.venue.bars import DAY_MS, HOUR_MS
from sim.venue.book import Ladder, Level, Noise, half_spread_bps, shape_of
from sim.venue.days import Usual
from sim.venue.draws import Draws
from sim.venue.market import Context, impact_px

_ROWS = 32
_SPREAD_FACTORS = tuple(0.7 + 0.02 * (k * 13 % _ROWS) for k in range(_ROWS))
_UNITS = tuple(Decimal(1).scaleb(-k) for k in range(PRICE_DECIMALS_MAX + 2))
_BPS = 1e-4
_MIX, _WORD = 0x9E3779B97F4A7C15, 2**64 - 1
_PREMIUM_MAX = 0.005
_IMPACT_MAJOR_USD, _IMPACT_USD = Decimal(20_000), Decimal(6_000)
_OPEN_INTEREST_DAYS = 0.8
_NOTHING = Decimal(0)

Best = tuple[Level, Level] | None


@cache
def _noise() -> Noise:
    return Noise(Draws(0, "book sizes"))


class Layout:
    """A coin's book on one price grid: distances behind the best price in ticks, sizes in rows drawn when needed."""

    def __init__(self, usual: Usual, decimals: int, size_decimals: int) -> None:
        shape = shape_of(usual, decimals, size_decimals)
        self.distances, self._lots = shape.distances, shape.lots
        self._lots_per_order, self.lot = shape.lots_per_order, Decimal(1).scaleb(-size_decimals)
        self._rows: dict[int, list[tuple[Decimal, int]]] = {}

    def sizes(self, row: int) -> list[tuple[Decimal, int]]:
        """Return (size, orders) of every level, best first."""
        known = self._rows.get(row)
        if known is None:
            lots = [max(int(n * f), 1) for n, f in zip(self._lots, _noise().rows[row], strict=True)]
            known = self._rows[row] = [
                (self.lot * n, 1 + int((n / self._lots_per_order) ** 0.5)) for n in lots
            ]
        return known


@lru_cache(maxsize=4096)
def _layout(usual: Usual, decimals: int, size_decimals: int) -> Layout:
    return Layout(usual, decimals, size_decimals)


class Quotes:
    """The tick that at_ms to until_ms holds; turn() moves it. Everything else is of that tick."""

    def __init__(
        self, asset: VenueAsset, path: Path, *, seed: int, faults: Sequence[OfBook], bad: Sequence[BadNumber]
    ) -> None:
        self.at_ms = self.until_ms = 0
        self._tick_ms = path.tick_ms
        self._layout_key = (-1, 0.0)
        self._asset, self._path, self._faults, self._bad = asset, path, faults, bad
        self._salt = seed * 2_654_435_761 + int.from_bytes(asset.name.encode())
        self._half_bps = half_spread_bps(path.history.usual)

    def turn(self, at_ms: int) -> None:
        """Go to the tick that holds at_ms."""
        self.at_ms = tick = at_ms - at_ms % self._tick_ms
        self.until_ms = tick + self._tick_ms
        self._best: Best = None
        self._ladder: Ladder | None = None
        self._mid: Decimal | None = None
        self._mark: Decimal | None = None
        self._context: Context | None = None
        self._active = [fault for fault in self._faults if fault.at.holds(tick)] if self._faults else ()
        self._closed: tuple[bool, bool] | None = None
        self._bid = self._ask = 0

    # --- the book ------------------------------------------------------------------------------------------

    def best(self) -> Best:
        if self._best is None and not any(self._empty()):
            self._touch()
            bids, asks = self._rows()
            (bid_size, bid_orders), (ask_size, ask_orders) = bids[0], asks[0]
            unit = _UNITS[self._decimals]
            self._best = (
                Level(unit * self._bid, bid_size, bid_orders),
                Level(unit * self._ask, ask_size, ask_orders),
            )
        return self._best

    def ladder(self) -> Ladder:
        if self._ladder is None:
            self._touch()
            no_bids, no_asks = self._empty()
            bids, asks = self._rows()
            far = self._layout.distances
            unit = _UNITS[self._decimals]
            self._ladder = Ladder(
                self.at_ms,
                () if no_bids else _levels(unit, [self._bid - d for d in far], bids),
                () if no_asks else _levels(unit, [self._ask + d for d in far], asks),
            )
        return self._ladder

    def mid(self) -> Decimal:
        """Return the middle of the book, half a tick fine; the last price where a side is empty."""
        if self._mid is None:
            self._mid = self._told("mid", self._path_px() if any(self._empty()) else self._middle())
        return self._mid

    def _middle(self) -> Decimal:
        self._touch()
        return _UNITS[self._decimals + 1] * ((self._bid + self._ask) * 5)

    def _empty(self) -> tuple[bool, bool]:
        """Say which sides have no levels: (bids, asks)."""
        if not self._active:
            return False, False
        if self._closed is None:
            sides = [f.side for f in self._active if isinstance(f, EmptyBook)]
            sides += [Side.BOTH for f in self._active if isinstance(f, Halted)]
            self._closed = any(s is not Side.ASKS for s in sides), any(s is not Side.BIDS for s in sides)
        return self._closed

    def _touch(self) -> None:
        """Work out the best bid and ask, on the grid that is legal up to the last level."""
        if self._bid:
            return
        path, fine = self._path, self._path.price(self.at_ms)
        self._draw = ((self._shown_ms() // self._tick_ms * _MIX + self._salt) & _WORD) >> 24
        half_bps = self._half_bps * _SPREAD_FACTORS[(self._draw >> 10) % _ROWS]
        spread = max(round(2.0 * half_bps * _BPS * fine), 1)
        crossed = False
        for fault in self._active:
            if isinstance(fault, WideSpread):
                spread = max(round(fault.spread_bps * _BPS * fine), 1)
            elif isinstance(fault, CrossedBook):
                crossed, spread = True, -round(fault.depth_bps * _BPS * fine)
        bid, decimals, scale = fine - spread // 2, path.history.decimals, 1
        ask = bid + spread
        top = max(ask, bid) + fine // 20
        while decimals > 0 and top // scale >= 10**PRICE_FIGURES:
            scale, decimals = scale * 10, decimals - 1
        if crossed:
            self._bid, self._ask = -(-bid // scale), max(ask // scale, 1)
        else:
            self._bid = max(bid // scale, 1)
            self._ask = max(-(-ask // scale), self._bid + 1)
        self._decimals = decimals
        units = path.units(self.at_ms)
        if self._layout_key != (decimals, units):
            self._layout_key = decimals, units
            self._layout = self._laid_out(decimals, units)

    def _laid_out(self, decimals: int, units: float) -> Layout:
        usual = self._path.history.usual
        if units != 1.0:
            usual = Usual(usual.px * units, usual.volume / units, usual.volatility)
        return _layout(usual, decimals, self._asset.size_decimals)

    def _shown_ms(self) -> int:
        """Return the tick whose book is seen: an older one while the price is frozen."""
        sources, place = self._path.sources, self._path.place(self.at_ms)
        if sources is None or place < 0:
            return self.at_ms
        return self.at_ms - (place - int(sources[place])) * self._tick_ms

    def _rows(self) -> tuple[list[tuple[Decimal, int]], list[tuple[Decimal, int]]]:
        rows = self._layout.sizes(self._draw % _ROWS), self._layout.sizes((self._draw >> 5) % _ROWS)
        for fault in self._active:
            if isinstance(fault, ThinBook):
                rows = self._thinned(rows[0], fault.share), self._thinned(rows[1], fault.share)
        return rows

    def _thinned(self, sizes: list[tuple[Decimal, int]], share: float) -> list[tuple[Decimal, int]]:
        lot = self._layout.lot
        return [(lot * max(int(float(size / lot) * share), 1), orders) for size, orders in sizes]

    # --- prices --------------------------------------------------------------------------------------------

    def mark(self) -> Decimal:
        if self._mark is None:
            self._mark = self._path.history.unit * self._path.mark(self.at_ms)
        return self._mark

    def oracle(self) -> Decimal:
        """Return the smoothed price less the premium that funding speaks for."""
        history = self._path.history
        off = 1.0 + self._premium()
        return history.unit * legal_one(round(self._path.smoothed(self.at_ms) / off), history.decimals)

    def _premium(self) -> float:
        """Return the premium of mid over oracle, moving through the hour from one payment's to the next one's."""
        premium = self._path.history.premium
        share = self.at_ms % HOUR_MS / HOUR_MS
        now = premium(self.at_ms) * (1.0 - share) + premium(self.at_ms + HOUR_MS) * share
        return min(max(now, -_PREMIUM_MAX), _PREMIUM_MAX)

    def context(self) -> Context:
        if self._context is None:
            self._context = self._made_context()
        return self._context

    def _made_context(self) -> Context:
        at, history = self.at_ms, self._path.history
        oracle, ladder = self.oracle(), self.ladder()
        usd = _IMPACT_MAJOR_USD if self._asset.asset_id < 2 else _IMPACT_USD
        there = bool(ladder.bids and ladder.asks)
        impact = (impact_px(ladder.bids, usd), impact_px(ladder.asks, usd)) if there else None
        share = at % DAY_MS / DAY_MS
        volume = history.volume(at - DAY_MS) * (1.0 - share) + history.volume(at) * share
        previous = history.unit * self._path.price(at - DAY_MS)
        return Context(
            mark=self._told("mark", self.mark()),
            oracle=self._told("oracle", oracle),
            mid=self.mid() if there else None,
            funding_rate=self._rate_estimate(),
            premium=None if impact is None else _premium_of(impact, oracle),
            open_interest=self._size(history.usual.volume * _OPEN_INTEREST_DAYS),
            prev_day_px=self._told("prev_day_px", previous),
            day_notional_usd=self._told(
                "day_notional_usd", Decimal(round(volume * float(self._path_px()) * 100)).scaleb(-2)
            ),
            day_base_volume=self._told("day_base_volume", self._size(volume)),
            impact=impact,
        )

    def frozen_context(self, at_ms: int) -> Context:
        """Return the context of a coin that does not trade, with the price of a moment when it did."""
        px = self.frozen(at_ms)
        return Context(px, px, None, _NOTHING, None, _NOTHING, px, _NOTHING, _NOTHING, None)

    def frozen(self, at_ms: int) -> Decimal:
        return self._path.history.unit * self._path.price(at_ms)

    def _rate_estimate(self) -> Decimal:
        """Return the running estimate of the next payment: its rate, as far as the hour has passed."""
        rate, share = self._path.history.rate, Decimal(self.at_ms % HOUR_MS * 1000 // HOUR_MS).scaleb(-3)
        now = rate(self.at_ms)
        return round(now + share * (rate(self.at_ms + HOUR_MS) - now), 10)

    def _path_px(self) -> Decimal:
        return self._path.history.unit * self._path.price(self.at_ms)

    def _size(self, volume: float) -> Decimal:
        return Decimal(
            round(volume, self._asset.size_decimals) if self._asset.size_decimals else round(volume)
        )

    def _told(self, field: str, value: Decimal) -> Decimal:
        """Return what is shown of a number: another one while it is bad."""
        for bad in self._bad:
            if bad.field == field and bad.at.holds(self.at_ms):
                return Decimal(bad.text)
        return value


def _levels(unit: Decimal, ticks: Sequence[int], sizes: Sequence[tuple[Decimal, int]]) -> tuple[Level, ...]:
    """Return levels at these prices; none below one tick."""
    if ticks[-1] <= 0:
        ticks = [tick for tick in ticks if tick > 0]
    return tuple([Level(unit * tick, *size) for tick, size in zip(ticks, sizes, strict=False)])


def _premium_of(impact: tuple[Decimal, Decimal], oracle: Decimal) -> Decimal:
    """Return the premium of the impact prices over the oracle (hyperliquid.md 4.2)."""
    bid, ask = impact
    return round((max(bid - oracle, _NOTHING) - max(oracle - ask, _NOTHING)) / oracle, 10)
