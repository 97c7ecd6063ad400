"""A day as the finest recorded candles and bridges between them.

A finer candle must agree with the coarser one it lies in. Where the two differ the coarser wins (hourly prices are
float32): the finer one is cut to its bounds, the first open and the last close are the coarser's, and if no finer
candle reaches the coarser's high or low, the longest stretch without candles does, or else the one that comes nearest.
"""

from collections.abc import Sequence

from sim.venue.bars import Bar, bridge_high, on_grid, variance_of
from sim.venue.draws import Draws

_REACH = 4


def filled(outer: Bar, known: Sequence[Bar], draws: Draws) -> list[Bar]:
    """Return bars that cover outer without a hole: the known ones, made to agree with it, and bridges.

    known are in order, apart and inside outer; they are changed.
    """
    if not known:
        return [outer]
    for bar in known:
        _bound(bar, outer.low, outer.high)
    if known[0].start_ms == outer.start_ms:
        _set(known[0], open_=outer.open)
    if known[-1].end_ms == outer.end_ms:
        _set(known[-1], close=outer.close)
    bridges = _bridges(outer, known)
    bars = sorted([*known, *bridges], key=_start)
    _reach(outer, bars, bridges, draws)
    _share_volume(outer, known, bridges)
    return bars


def _start(bar: Bar) -> int:
    return bar.start_ms


def _bound(bar: Bar, low: float, high: float) -> None:
    bar.open, bar.high, bar.low, bar.close = (
        min(max(px, low), high) for px in (bar.open, bar.high, bar.low, bar.close)
    )
    _set(bar)


def _set(bar: Bar, *, open_: float | None = None, close: float | None = None) -> None:
    """Change a bar's ends and widen it to hold them."""
    bar.open = bar.open if open_ is None else open_
    bar.close = bar.close if close is None else close
    bar.high, bar.low = max(bar.high, bar.open, bar.close), min(bar.low, bar.open, bar.close)
    bar.variance = variance_of(bar.open, bar.high, bar.low, bar.close)


def _bridges(outer: Bar, known: Sequence[Bar]) -> list[Bar]:
    """Return a bar for each stretch without a known one, from the close before it to the open after it."""
    ends = [(outer.start_ms, outer.open), *((bar.end_ms, bar.close) for bar in known)]
    starts = [*((bar.start_ms, bar.open) for bar in known), (outer.end_ms, outer.close)]
    found = []
    for (start, o), (end, c) in zip(ends, starts, strict=True):
        if start < end:
            variance = outer.variance * (end - start) / (outer.end_ms - outer.start_ms)
            found.append(Bar(start, end, o, max(o, c), min(o, c), c, 0.0, variance, outer.grid))
    return found


def _reach(outer: Bar, bars: Sequence[Bar], bridges: Sequence[Bar], draws: Draws) -> None:
    """Draw how far the bridges go, and see to it that the outer high and low are reached."""
    high_reached = max(bar.high for bar in bars) >= outer.high
    low_reached = min(bar.low for bar in bars) <= outer.low
    for bar in bridges:
        u = draws.uniforms(bar.start_ms, bar.end_ms, _REACH)
        if bar.variance > 0.0:
            top = bridge_high(bar.open, bar.close, bar.variance, outer.high, u[0])
            bottom = -bridge_high(-bar.open, -bar.close, bar.variance, -outer.low, u[1])
            bar.high = min(max(bar.high, on_grid(top, bar.grid.price)), outer.high)
            bar.low = max(min(bar.low, on_grid(bottom, bar.grid.price)), outer.low)
    longest = max(bridges, key=lambda bar: bar.end_ms - bar.start_ms, default=None)
    if not high_reached:
        (longest or max(bars, key=lambda bar: bar.high)).high = outer.high
    if not low_reached:
        (longest or min(bars, key=lambda bar: bar.low)).low = outer.low
    for bar in bars:
        bar.variance = variance_of(bar.open, bar.high, bar.low, bar.close) or bar.variance


def _share_volume(outer: Bar, known: Sequence[Bar], bridges: Sequence[Bar]) -> None:
    """Give the bridges what volume the known bars leave, by length; and count what came before each."""
    left = max(outer.volume - sum(bar.volume for bar in known), 0.0)
    length = sum(bar.end_ms - bar.start_ms for bar in bridges)
    for bar in bridges:
        bar.volume = left * (bar.end_ms - bar.start_ms) / length
    before = outer.volume_before
    for bar in sorted([*known, *bridges], key=_start):
        bar.volume_before = before
        before += bar.volume
