"""Synthetic order books: spread and depth follow volume and volatility, each tick a little different.

With V the usual volume a day (USD) and s the daily volatility, measured on the week before the day:

    half-spread  2 bp x (10M / V)^0.3 x sqrt(s / 5 %), 0.5 bp to 25 bp, at least half a tick
    depth        the USD within 10 bp of the best price, a side: 6 minutes of volume x (10M / V)^0.25 x sqrt(5 % / s)
    shape        half as dense at the touch as 5 bp behind it, half as much again from 10 bp on, out to 15 half-spreads
                 (30 to 400 bp) in 20 levels that lie further and further apart

So a coin of 10M a day takes 3,000 USD for about 3 bp and 100,000 USD for about 12 bp; half-spread included.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct

from sim.venue.assets import price_decimals
from sim.venue.bars import DAY_MS
from sim.venue.days import Usual
from sim.venue.draws import Draws, Uniforms, normal_of
from sim.venue.prices import PricePath

LEVELS = 20
_VOLUME_USD, _VOLATILITY = 10e6, 0.05
_HALF_SPREAD_BPS, _HALF_SPREAD_MIN_BPS, _HALF_SPREAD_MAX_BPS = 2.0, 0.5, 25.0
_DEPTH_MINUTES, _DEPTH_BPS = 6.0, 10.0
_REACH_SPREADS, _REACH_MIN_BPS, _REACH_MAX_BPS, _REACH_POWER = 15.0, 30.0, 400.0, 1.7
_NOISE_ROWS, _NOISE_SIZE, _NOISE_SPREAD, _NOISE_DEPTH = 32, 0.5, 0.25, 0.2
_ORDER_USD, _ORDERS_MAX = 2_000.0, 60
_VOLUME_MIN_USD = 1_000.0
_NOISY_SPREADS = 4.0
"""More half-spreads than a tick's noise makes of one: the grid is chosen to be legal up to the furthest ask."""

_TOUCHES_KEPT = 8
_TICK = 8
_BPS = 1e-4


class Level(Struct, frozen=True, gc=False):
    """A price (USD), the size that rests there (base units) and in how many orders."""

    px: Decimal
    size: Decimal
    orders: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """A book as of at_ms: best first, at most 20 levels a side, on the tick and lot grid, never crossed."""

    at_ms: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Touch:
    """The best bid and ask of one tick, in units of 10^-decimals USD, and the path's price (USD) they stand around."""

    at_ms: int
    price: float
    bid: int
    ask: int
    decimals: int
    uniforms: Uniforms


@dataclass(frozen=True, slots=True)
class Shape:
    """A coin's book on one day and price grid: distances behind the best price in ticks, sizes in lots, best first."""

    tick: Decimal
    distances: tuple[int, ...]
    lots: tuple[float, ...]
    lots_per_order: float


class Noise:
    """A fixed table of factors around one: cheaper than a draw for each level of each tick."""

    def __init__(self, draws: Draws) -> None:
        self.rows = tuple(
            tuple(
                math.exp(_NOISE_SIZE * normal_of(draws.uniforms(row, level)) + _NOISE_DEPTH * depth)
                for level in range(LEVELS)
            )
            for row in range(_NOISE_ROWS)
            for depth in (normal_of(draws.uniforms(row, -1)),)
        )


class Book:
    """One coin's books. A book stays as it is within a tick; each coin's ticks begin at a moment of its own."""

    def __init__(self, path: PricePath, noise: Noise, draws: Draws, *, tick_ms: int) -> None:
        self._path, self._noise, self._draws, self._tick_ms = path, noise, draws, tick_ms
        self._phase_ms = int(draws.uniforms(0, 0, _TICK)[0] * tick_ms)
        self._size_decimals = path.days.asset.size_decimals
        self._touches: dict[int, Touch] = {}
        self._spreads: dict[int, tuple[float, float]] = {}
        self._rows: dict[int, tuple[list[Decimal], list[int]]] = {}
        self._shape_key = (-1, -1)
        self._ladder = Ladder(-1, (), ())

    def tick_ms(self, at_ms: int) -> int:
        """Return when the tick that holds at_ms began."""
        return at_ms - (at_ms - self._phase_ms) % self._tick_ms

    def next_tick_ms(self, at_ms: int) -> int:
        return self.tick_ms(at_ms) + self._tick_ms

    def touch(self, at_ms: int) -> Touch:
        """Return the best bid and ask of the tick that holds at_ms."""
        at = at_ms - (at_ms - self._phase_ms) % self._tick_ms
        known = self._touches.get(at)
        if known is None:
            if len(self._touches) >= _TOUCHES_KEPT:
                del self._touches[next(iter(self._touches))]
            known = self._touches[at] = self._touch(at)
        return known

    def ladder(self, at_ms: int) -> Ladder:
        """Return the book of the tick that holds at_ms."""
        touch = self.touch(at_ms)
        if touch.at_ms != self._ladder.at_ms:
            shape = self._shape(touch)
            bids = self._levels([touch.bid - far for far in shape.distances], touch.uniforms[3])
            asks = self._levels([touch.ask + far for far in shape.distances], touch.uniforms[4])
            self._ladder = Ladder(touch.at_ms, bids, asks)
        return self._ladder

    def best(self, at_ms: int) -> tuple[Level, Level]:
        """Return the first level of each side of ladder(at_ms), without the nineteen behind it."""
        touch = self.touch(at_ms)
        if touch.at_ms == self._ladder.at_ms:
            return self._ladder.bids[0], self._ladder.asks[0]
        far = self._shape(touch).distances[0]
        (bid,) = self._levels([touch.bid - far], touch.uniforms[3])
        (ask,) = self._levels([touch.ask + far], touch.uniforms[4])
        return bid, ask

    def _levels(self, ticks: list[int], u: float) -> tuple[Level, ...]:
        """Return levels at these prices with one of the day's rows of sizes; none below one tick."""
        if ticks[-1] <= 0:
            ticks = [tick for tick in ticks if tick > 0]
        row = int(u * _NOISE_ROWS)
        sizes, orders = self._rows.get(row) or self._row(row)
        return tuple(map(Level, map(self._shape_kept.tick.__mul__, ticks), sizes, orders))

    def _row(self, row: int) -> tuple[list[Decimal], list[int]]:
        """Return one row of sizes and order counts of the day's shape, made when first drawn."""
        shape = self._shape_kept
        lots = [
            max(int(usual * factor), 1)
            for usual, factor in zip(shape.lots, self._noise.rows[row], strict=True)
        ]
        sizes = [Decimal(size).scaleb(-self._size_decimals) for size in lots]
        orders = [1 + min(int(math.sqrt(size / shape.lots_per_order)), _ORDERS_MAX) for size in lots]
        self._rows[row] = sizes, orders
        return sizes, orders

    def _touch(self, at_ms: int) -> Touch:
        price = self._path.price(at_ms)
        half_bps, reach_usd = self._spread_and_reach(at_ms // DAY_MS * DAY_MS)
        tick = 0.1 ** price_decimals(price, self._size_decimals)
        top = price * (1.0 + _NOISY_SPREADS * half_bps * _BPS) + reach_usd + (LEVELS + 2) * tick
        decimals = price_decimals(top, self._size_decimals)
        u = self._draws.uniforms(at_ms, at_ms, _TICK)
        half_bps *= math.exp(_NOISE_SPREAD * normal_of(u))
        centre = price * 10.0**decimals
        spread = max(1, round(2.0 * half_bps * _BPS * centre))
        bid = max(math.floor(centre + u[2] - spread / 2.0), 1)
        return Touch(at_ms, price, bid, bid + spread, decimals, u)

    def _spread_and_reach(self, day_ms: int) -> tuple[float, float]:
        """Return the day's half-spread (bp) and how far its book reaches behind the best price (USD)."""
        known = self._spreads.get(day_ms)
        if known is None:
            self._spreads.clear()
            usual = self._path.days.usual(day_ms)
            half_bps = half_spread_bps(usual)
            known = self._spreads[day_ms] = half_bps, _reach_bps(half_bps) * _BPS * usual.px
        return known

    def _shape(self, touch: Touch) -> Shape:
        """Return the day's shape on the touch's price grid; a new one forgets the rows of the old."""
        key = touch.at_ms // DAY_MS, touch.decimals
        if self._shape_key != key:
            self._shape_key = key
            self._rows.clear()
            usual = self._path.days.usual(key[0] * DAY_MS)
            self._shape_kept = shape_of(usual, touch.decimals, self._size_decimals)
        return self._shape_kept


def half_spread_bps(usual: Usual) -> float:
    """Return half the usual spread, in basis points of the price."""
    bps = _HALF_SPREAD_BPS * math.pow(_thinness(usual), 0.3) * math.sqrt(usual.volatility / _VOLATILITY)
    return min(max(bps, _HALF_SPREAD_MIN_BPS), _HALF_SPREAD_MAX_BPS)


def depth_usd(usual: Usual) -> float:
    """Return the value that usually rests within 10 bp of the best price, on one side (USD)."""
    calm = math.sqrt(_VOLATILITY / usual.volatility)
    return _DEPTH_MINUTES * _volume_usd(usual) / 1440.0 * math.pow(_thinness(usual), 0.25) * calm


def shape_of(usual: Usual, decimals: int, size_decimals: int) -> Shape:
    """Lay out 20 levels on a price grid: whole ticks apart, each as large as the stretch it stands for is deep."""
    tick_bps = 1.0 / (usual.px * 10.0**decimals * _BPS)
    reach = _reach_bps(half_spread_bps(usual))
    distances = [0]
    for level in range(1, LEVELS):
        wanted = round(reach * (level / (LEVELS - 1)) ** _REACH_POWER / tick_bps)
        distances.append(max(wanted, distances[-1] + 1))
    ends = [
        (near + far) * tick_bps / 2.0
        for near, far in pairwise([*distances, 2 * distances[-1] - distances[-2]])
    ]
    shares = [_depth_share(far) - _depth_share(near) for near, far in pairwise([0.0, *ends])]
    lot_usd = usual.px / 10.0**size_decimals
    lots = tuple(share * depth_usd(usual) / lot_usd for share in shares)
    return Shape(Decimal(1).scaleb(-decimals), tuple(distances), lots, max(_ORDER_USD / lot_usd, 1.0))


def _depth_share(bps: float) -> float:
    """Return what rests within a distance of the best price, as multiple of what rests within 10 bp."""
    x = bps / _DEPTH_BPS
    return 0.5 * x + 0.5 * x * x if x < 1.0 else 1.0 + 1.5 * (x - 1.0)


def _reach_bps(half_bps: float) -> float:
    return min(max(_REACH_SPREADS * half_bps, _REACH_MIN_BPS), _REACH_MAX_BPS)


def _volume_usd(usual: Usual) -> float:
    return max(usual.volume * usual.px, _VOLUME_MIN_USD)


def _thinness(usual: Usual) -> float:
    return _VOLUME_USD / _volume_usd(usual)
