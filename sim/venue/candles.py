"""Candles as the venue serves them (hyperliquid.md 1.2): cut from the price path, recorded days as they are."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import TypedDict

from sim.venue.bars import DAY_MS, HOUR_MS, MINUTE_MS, Bar
from sim.venue.prices import PricePath
from sim.venue.recorded import text_of

CANDLES_MAX = 5000
"""Only the latest 5000 candles of an interval exist; older ones are left out without a word."""

_SPARE_DECIMALS = 2
"""Drawn volumes are whole lots; recorded ones may be finer than our lot. Rounding only takes away binary dust."""

INTERVAL_MS = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
    "1M": 31 * DAY_MS,
}
"""The intervals and their lengths in milliseconds; a month is its calendar's, at most 31 days."""


class CandleRow(TypedDict):
    """One row of candleSnapshot: t and T first and last millisecond, prices in USD, v in base units, n trades."""

    t: int
    T: int
    s: str
    i: str
    o: str
    c: str
    h: str
    l: str  # noqa: E741
    v: str
    n: int


def candle_rows(
    path: PricePath, interval: str, *, start_ms: int, end_ms: int, now_ms: int
) -> list[CandleRow]:
    """Return the candles that hold start_ms to those that open by end_ms; the last may still be open at now_ms.

    Raises ValueError for an interval that the venue does not have.
    """
    if interval not in INTERVAL_MS:
        raise ValueError(f"interval {interval!r}: the venue has {', '.join(INTERVAL_MS)}")
    step_ms = INTERVAL_MS[interval]
    oldest = opened_ms(now_ms, interval) - (CANDLES_MAX - 1) * step_ms
    start = max(
        opened_ms(min(start_ms, now_ms + step_ms), interval), oldest, opened_ms(path.days.first_ms, interval)
    )
    last = min(end_ms, now_ms)
    until = min(now_ms + 1, ends_ms(opened_ms(last, interval), interval)) if last >= 0 else 0
    pieces = _days(path, start, until) if step_ms >= DAY_MS else path.pieces(start, until, step_ms=step_ms)
    return [
        _row(path, (opened, interval), bars)
        for opened, bars in groupby(pieces, key=lambda bar: opened_ms(bar.start_ms, interval))
    ]


def opened_ms(at_ms: int, interval: str) -> int:
    """Return when the candle that holds at_ms opened. Weeks and three days count from 1970, months from their first."""
    if interval == "1M":
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        return int(datetime(at.year, at.month, 1, tzinfo=UTC).timestamp()) * 1000
    return at_ms // INTERVAL_MS[interval] * INTERVAL_MS[interval]


def ends_ms(open_ms: int, interval: str) -> int:
    """Return when the next candle opens."""
    end = open_ms + INTERVAL_MS[interval]
    return opened_ms(end, interval) if interval == "1M" else end


def _days(path: PricePath, start_ms: int, until_ms: int) -> Iterator[Bar]:
    """Yield whole days as they are in the data, and the open one from the path."""
    for day in range(start_ms // DAY_MS * DAY_MS, until_ms, DAY_MS):
        if day + DAY_MS > until_ms:
            yield from path.pieces(day, until_ms, step_ms=DAY_MS)
        elif path.days.traded(day):
            yield path.days.bar(day)


def _row(path: PricePath, candle: tuple[int, str], bars: Iterable[Bar]) -> CandleRow:
    opened, interval = candle
    first, *rest = bars
    last, high, low, volume = first, first.high, first.low, first.volume
    for last in rest:
        high, low, volume = max(high, last.high), min(low, last.low), volume + last.volume
    recorded = interval == "1d" and first.end_ms - first.start_ms == DAY_MS
    trades = volume * path.days.trades_per_unit(last.start_ms // DAY_MS * DAY_MS)
    return CandleRow(
        t=opened,
        T=ends_ms(opened, interval) - 1,
        s=path.days.asset.name,
        i=interval,
        o=text_of(first.open),
        c=text_of(last.close),
        h=text_of(high),
        l=text_of(low),
        v=text_of(volume if recorded else round(volume, path.days.asset.size_decimals + _SPARE_DECIMALS)),
        n=max(round(trades), 1) if volume > 0.0 else 0,
    )
