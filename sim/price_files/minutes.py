"""Minute bars of many venues as the ticks that a listener would have had: each close, a minute after its start."""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from operator import attrgetter
from typing import Any

from core.prices.types import Tick
from sim.price_files.names import SOURCE, SYMBOL, Spellings, column_of, is_name, pair_of, said
from sim.price_files.stream import Stream
from sim.price_files.times import DAY_MS, is_date, number_of, stamp_of

STARTS = ("time", "open_time", "start", "timestamp", "ts")
"""Names of the START of the minute (UTC): a date, ISO text, or a number by whose size its unit is told."""

CLOSES = ("close", "mid_close")
"""Names of the last price of a minute, or of the middle of its last book."""

VOLUME = "volume"
"""In base currency; a bar that does not say it is news and tells none."""

MINUTE_MS = 60_000


def are_bars(columns: Collection[str]) -> bool:
    """Say whether columns are those of bars: a venue, a pair, a close and no price."""
    wanted = (STARTS, SOURCE, SYMBOL, CLOSES)
    return "price" not in columns and None not in (column_of(columns, names) for names in wanted)


@dataclass(slots=True)
class Turnover:
    """Turnover of the last 24 hours in quote currency, scaled up while less is known."""

    since_ms: int
    bars: deque[tuple[int, float]] = field(default_factory=deque)
    total: float = 0.0

    def add(self, known_ms: int, turnover: float) -> float:
        self.bars.append((known_ms, turnover))
        self.total += turnover
        while known_ms - self.bars[0][0] >= DAY_MS:
            self.total -= self.bars.popleft()[1]
        return max(self.total, 0.0) * DAY_MS / min(known_ms - self.since_ms, DAY_MS)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; volume is None where it is not said."""

    start_ms: int
    source: str
    symbol: str
    close: float
    volume: float | None


def ticks_of_bars(rows: Iterable[Mapping[str, Any]], spelled: Spellings | None = None) -> Stream:
    """Return the ticks of bars; a bar with volume 0 repeats an old price and is no news."""
    refused, units = Counter[str](), Counter[str]()
    bars, spelled = list[Bar](), spelled or Spellings()
    for row in rows:
        found = bar_of(row, spelled)
        if isinstance(found, str):
            refused[found] += 1
        else:
            bars.append(found[0])
            units[found[1]] += found[1] != "ms"
    once = list(dict.fromkeys(sorted(bars, key=attrgetter("start_ms"))))
    refused["duplicate"] += len(bars) - len(once)
    turnovers: dict[tuple[str, str], Turnover] = {}
    ticks = [tick for bar in once if (tick := _tick(bar, turnovers)) is not None]
    return Stream(undated=[ticks], refused=+refused, units=+units)


def bar_of(row: Mapping[str, Any], spelled: Spellings) -> tuple[Bar, str] | str:
    """Return a row's bar and the unit of its time, or why it is none."""
    if row.get("price") is not None:
        return "not_a_bar"
    start, source, symbol = stamp_of(said(row, STARTS)), said(row, SOURCE), said(row, SYMBOL)
    if start is None or not is_date(start[0] + MINUTE_MS) or not is_name(source) or not is_name(symbol):
        return "no_time_venue_or_pair"
    bar = Bar(start[0], spelled(source), pair_of(symbol), number_of(said(row, CLOSES)), _volume(row))
    return bar, start[1]


def _volume(row: Mapping[str, Any]) -> float | None:
    """Return the volume, None where nobody says it; a bar without a close either is one in which nothing traded."""
    if row.get(VOLUME) not in (None, ""):
        return number_of(row[VOLUME])
    return None if said(row, CLOSES) not in (None, "") else 0.0


def _tick(bar: Bar, turnovers: dict[tuple[str, str], Turnover]) -> Tick | None:
    known_ms = bar.start_ms + MINUTE_MS
    told = _turnover(bar, turnovers)
    if bar.volume == 0:
        return None
    return Tick(
        source=bar.source,
        symbol=bar.symbol,
        price=bar.close,
        at_ms=known_ms,
        received_ms=known_ms,
        volume_24h=told,
        volume_24h_base=told / bar.close if told is not None and bar.close > 0 else None,
    )


def _turnover(bar: Bar, turnovers: dict[tuple[str, str], Turnover]) -> float | None:
    if bar.volume is None:
        return None
    turnover = turnovers.setdefault((bar.source, bar.symbol), Turnover(since_ms=bar.start_ms))
    traded = bar.volume * bar.close
    return turnover.add(bar.start_ms + MINUTE_MS, traded if isfinite(traded) and traded > 0 else 0.0)
