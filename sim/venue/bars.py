"""A price path without a stored path: a bar is cut in two, again and again, until the moment asked for is reached.

A bar knows its open, high, low, close and volume. Cutting it draws the price at the cut from a Brownian bridge
(midpoint displacement), then which half holds the high and the low and how far the other half goes, from the exact
law of a bridge's maximum: P(max >= x) = exp(-2 (x - a)(x - b) / variance) for a bridge from a to b. So the halves
always make up the bar, and candles of every length agree with each other and with the path.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from sim.venue.draws import Draws

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
LEAF_MS = 1_875
"""A minute cut in half five times. Below it the price takes the bar's four prices, a quarter of the time each."""


_RANGE_WEIGHT = 0.4
"""A half whose drawn range speaks for more variance than its share of the bar's gets this much of it."""

_PULL = 1.0
"""A bound pulls the path when a free bridge would reach it with less than exp(-2) probability."""


class Grid(NamedTuple):
    """Ten to the number of decimals of prices, and of volumes."""

    price: float
    volume: float


@dataclass(slots=True, eq=False)
class Bar:
    """Prices (USD) and volume (base units) of [start_ms, end_ms).

    variance is of the price over the bar (USD squared); grid says how fine drawn prices and volumes are;
    volume_before is the day's volume before the bar. halves are kept while a path stands inside the bar.
    """

    start_ms: int
    end_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    variance: float
    grid: Grid
    volume_before: float = 0.0
    halves: "tuple[Bar, Bar] | None" = None


def variance_of(open_: float, high: float, low: float, close: float) -> float:
    """Return the variance that a bar's four prices speak for (Garman and Klass 1980)."""
    return 0.5 * (high - low) ** 2 - (2.0 * math.log(2.0) - 1.0) * (close - open_) ** 2


def steps_of(bar: Bar) -> tuple[float, float, float, float]:
    """Return the four prices that a leaf goes through: against its direction first."""
    if bar.close >= bar.open:
        return bar.open, bar.low, bar.high, bar.close
    return bar.open, bar.high, bar.low, bar.close


def step_at(bar: Bar, at_ms: int) -> int:
    return 4 * (at_ms - bar.start_ms) // (bar.end_ms - bar.start_ms)


def cut_ms(start_ms: int, end_ms: int) -> int:
    """Return where a bar is cut: near its middle, on a day, hour or minute where one lies inside."""
    middle = (start_ms + end_ms) // 2
    for unit_ms in (DAY_MS, HOUR_MS, MINUTE_MS):
        at = (middle + unit_ms // 2) // unit_ms * unit_ms
        if start_ms < at < end_ms:
            return at
    return middle


def cut(bar: Bar, draws: Draws) -> tuple[Bar, Bar]:
    """Return the two halves of a bar: the same bar and stream always give the same halves."""
    start, end, scale = bar.start_ms, bar.end_ms, bar.grid.price
    o, h, low, c = bar.open, bar.high, bar.low, bar.close
    at = cut_ms(start, end)
    share = (at - start) / (end - start)
    u = draws.uniforms(start, end)
    volume = bar.volume * share * (1.0 + (1.0 - share) * 0.8 * (2.0 * u[6] - 1.0))
    volume = min(on_grid(volume, bar.grid.volume), bar.volume)
    first = bar.variance * share
    rest = bar.variance - first
    m = h_left = h_right = l_left = l_right = o
    if h > low:
        z, turns = draws.move(start, end, u)
        mean = _mean_at_cut((o, h, low, c), bar.variance, share, turns[7])
        drawn = mean + z * math.sqrt(first * (1.0 - share))
        m = folded(on_grid(folded(drawn, low, h), scale), low, h)
        h_left, h_right = _place_high((o, m, c), h, (first, rest), (turns[2], u[3]), scale)
        l_left, l_right = _place_high((-o, -m, -c), -low, (first, rest), (turns[4], u[5]), scale)
        l_left, l_right = -l_left, -l_right
        first = max(first, _RANGE_WEIGHT * variance_of(o, h_left, l_left, m))
        rest = max(rest, _RANGE_WEIGHT * variance_of(m, h_right, l_right, c))
    before = bar.volume_before
    return (
        Bar(start, at, o, h_left, l_left, m, volume, first, bar.grid, before),
        Bar(at, end, m, h_right, l_right, c, bar.volume - volume, rest, bar.grid, before + volume),
    )


def on_grid(price: float, scale: float) -> float:
    return math.floor(price * scale + 0.5) / scale


def folded(price: float, low: float, high: float) -> float:
    """Return a price inside [low, high]: reflected at the bound it overran, so that bounds do not collect prices."""
    if price > high:
        price = 2.0 * high - price
        return price if price > low else low
    if price < low:
        price = 2.0 * low - price
        return price if price < high else high
    return price


def bridge_high(a: float, b: float, variance: float, high: float, u: float) -> float:
    """Draw the maximum of a bridge from a to b, given that it does not pass high.

    The flattest tenth of bridges is left out: highs and lows are drawn apart from each other, and a path that is
    flat on both sides at once is far rarer than the two draws would make it.
    """
    tail = math.exp(-2.0 * (high - a) * (high - b) / variance)
    half = (a - b) / 2.0
    reached = (a + b) / 2.0 + math.sqrt(
        half * half - 0.5 * variance * math.log(tail + 0.9 * u * (1.0 - tail))
    )
    return reached if reached < high else high


def _mean_at_cut(prices: tuple[float, float, float, float], variance: float, share: float, u: float) -> float:
    """Return where the price is expected at the cut, given that it reaches the bar's high and low.

    A bound that a bridge would hardly reach pulls the path: one that touches it in the first part is, from there on, the
    mirror image of one that starts as far beyond it (the reflection principle), and so from the end.
    """
    o, h, low, c = prices
    up, down = (h - o) * (h - c), (o - low) * (c - low)
    bound, far = (h, up) if up >= down else (low, down)
    if far <= _PULL * variance:
        return o + share * (c - o)
    before = (bound - o) / (2.0 * bound - o - c)
    if u < 0.5 + 1.5 * (share - before):
        return (1.0 - share) * (2.0 * bound - o) + share * c
    return (1.0 - share) * o + share * (2.0 * bound - c)


def _place_high(
    prices: tuple[float, float, float],
    high: float,
    variances: tuple[float, float],
    u: tuple[float, float],
    scale: float,
) -> tuple[float, float]:
    """Return the highs of both halves; one of them is high. prices are at the start, the cut and the end."""
    a, m, b = prices
    first, rest = variances
    x, y = 2.0 * (high - a) * (high - m) / first, 2.0 * (high - m) * (high - b) / rest
    tail_x, tail_y = math.exp(-x), math.exp(-y)
    left = (2.0 * high - a - m) / first * tail_x * (1.0 - tail_y)
    right = (2.0 * high - m - b) / rest * tail_y * (1.0 - tail_x)
    both = left + right
    if (u[0] * both < left) if both > 0.0 else x <= y:
        return high, _top(bridge_high(m, b, rest, high, u[1]), m, b, scale)
    return _top(bridge_high(a, m, first, high, u[1]), a, m, scale), high


def _top(drawn: float, a: float, b: float, scale: float) -> float:
    """Round a drawn high to the grid, not below the ends; the caller's bound is on the grid or an end."""
    drawn = on_grid(drawn, scale)
    if a > drawn:
        drawn = a
    return b if b > drawn else drawn
