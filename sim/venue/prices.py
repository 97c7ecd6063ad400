"""The price of one coin at any time: a function of the data, the seed and the time, whatever was asked before."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import groupby

import numpy as np

from sim.venue.bars import DAY_MS, HOUR_MS, LEAF_MS, MINUTE_MS, Bar, Grid, cut, step_at, steps_of, variance_of
from sim.venue.days import DayRows
from sim.venue.draws import Draws
from sim.venue.recorded import PRICES, Recorded, Table, shortest
from sim.venue.segments import filled

_DAYS_KEPT = 3


class PricePath:
    """One coin's path. It keeps the bars it stands in, so that moving on a little costs two cuts."""

    def __init__(self, days: DayRows, recorded: Recorded, draws: Draws) -> None:
        self.days = days
        self._recorded, self._draws = recorded, draws
        self._days: dict[int, list[Bar]] = {}
        self._stack: list[Bar] = []

    def price(self, at_ms: int) -> float:
        """Return the price at a time (USD). At a candle's first millisecond it is its open, at its last its close."""
        leaf = self._leaf(at_ms)
        return steps_of(leaf)[step_at(leaf, at_ms)]

    def volume_before(self, at_ms: int) -> float:
        """Return the volume traded on the UTC day of at_ms before at_ms (base units)."""
        leaf = self._leaf(at_ms)
        return leaf.volume_before + leaf.volume * (at_ms - leaf.start_ms) / (leaf.end_ms - leaf.start_ms)

    def pieces(self, start_ms: int, end_ms: int, *, step_ms: int) -> Iterator[Bar]:
        """Yield bars that cover the days with data in [start_ms, end_ms) in order, each inside one step.

        A leaf that end_ms cuts is given up to end_ms: what was traded before it.
        """
        day = start_ms // DAY_MS * DAY_MS
        while day < end_ms:
            span = max(day, start_ms), min(day + DAY_MS, end_ms)
            if self.days.traded(day):
                for bar in self._segments(day):
                    yield from self._pieces(bar, span, step_ms)
            day += DAY_MS

    def _pieces(self, bar: Bar, span: tuple[int, int], step_ms: int) -> Iterator[Bar]:
        start, end = span
        if bar.end_ms <= start or bar.start_ms >= end:
            return
        if (
            start <= bar.start_ms
            and bar.end_ms <= end
            and bar.start_ms // step_ms == (bar.end_ms - 1) // step_ms
        ):
            yield bar
        elif bar.end_ms - bar.start_ms <= LEAF_MS:
            yield _leaf_until(bar, end)
        else:
            for half in cut(bar, self._draws):
                yield from self._pieces(half, span, step_ms)

    def _leaf(self, at_ms: int) -> Bar:
        stack = self._stack
        while stack and not stack[-1].start_ms <= at_ms < stack[-1].end_ms:
            stack.pop().halves = None
        if not stack:
            stack.append(self._segment(at_ms))
        bar = stack[-1]
        while bar.end_ms - bar.start_ms > LEAF_MS:
            if bar.halves is None:
                bar.halves = cut(bar, self._draws)
            left, right = bar.halves
            bar = left if at_ms < left.end_ms else right
            stack.append(bar)
        return bar

    def _segment(self, at_ms: int) -> Bar:
        bars = self._segments(at_ms // DAY_MS * DAY_MS)
        return bars[bisect_right(bars, at_ms, key=lambda bar: bar.start_ms) - 1]

    def _segments(self, day_ms: int) -> list[Bar]:
        known = self._days.get(day_ms)
        if known is None:
            if len(self._days) >= _DAYS_KEPT:
                del self._days[next(iter(self._days))]
            known = self._days[day_ms] = self._cut_day(day_ms)
        return known

    def _cut_day(self, day_ms: int) -> list[Bar]:
        day = self.days.bar(day_ms)
        if self.days.recorded(day_ms) is None:
            return [day]
        hours = self._candles(self._recorded.hourly, day, HOUR_MS)
        minutes = _by_hour(self._candles(self._recorded.minutes, day, MINUTE_MS))
        known = {hour.start_ms for hour in hours}
        alone = [bar for hour_ms, bars in minutes.items() if hour_ms not in known for bar in bars]
        covered = filled(day, sorted([*hours, *alone], key=lambda bar: bar.start_ms), self._draws)
        return [
            fine
            for bar in covered
            for fine in filled(bar, minutes.get(bar.start_ms, []) if bar in hours else [], self._draws)
        ]

    def _candles(self, table: Table, day: Bar, length_ms: int) -> list[Bar]:
        rows = table.of(self.days.asset.name)
        first, last = np.searchsorted(rows.times, (day.start_ms, day.end_ms))
        return [_bar(rows, place, length_ms, day.grid) for place in range(int(first), int(last))]


def _by_hour(minutes: list[Bar]) -> dict[int, list[Bar]]:
    return {
        hour: list(bars) for hour, bars in groupby(minutes, key=lambda bar: bar.start_ms // HOUR_MS * HOUR_MS)
    }


def _bar(rows: Table, place: int, length_ms: int, grid: Grid) -> Bar:
    o, h, low, c = (shortest(rows.columns[name][place]) for name in PRICES)
    h, low = max(h, o, c), min(low, o, c)
    start = int(rows.times[place])
    volume = shortest(rows.columns["volume"][place])
    return Bar(start, start + length_ms, o, h, low, c, volume, variance_of(o, h, low, c), grid)


def _leaf_until(leaf: Bar, end_ms: int) -> Bar:
    """Return the part of a leaf before end_ms."""
    end = min(end_ms, leaf.end_ms)
    passed = steps_of(leaf)[: step_at(leaf, end - 1) + 1]
    volume = leaf.volume * (end - leaf.start_ms) / (leaf.end_ms - leaf.start_ms)
    high, low = max(passed), min(passed)
    return Bar(
        leaf.start_ms, end, passed[0], high, low, passed[-1], volume, 0.0, leaf.grid, leaf.volume_before
    )
