"""Minute bars of many venues as the ticks that a listener would have had: each close, a minute after its start."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from core.prices.types import Tick
from sim.price_files.rows import number_of
from sim.price_files.stream import Stream

COLUMNS = frozenset({"time", "venue", "pair", "close", "volume"})
"""time is the START of the minute (UTC), volume in base currency."""

MINUTE_MS = 60_000
DAY_MS = 86_400_000


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


def ticks_of_bars(rows: Iterable[Mapping[str, Any]]) -> Stream:
    """Return the ticks of bars; a bar with volume 0 repeats an old price and is no news."""
    refused: Counter[str] = Counter()
    ticks: list[Tick] = []
    turnovers: dict[tuple[str, str], Turnover] = {}
    for row in sorted(rows, key=_start):
        if not isinstance(row["time"], datetime) or row["venue"] is None or row["pair"] is None:
            refused["no_time_venue_or_pair"] += 1
        elif (tick := _tick(row, turnovers)) is not None:
            ticks.append(tick)
    return Stream(heard=list(ticks), refused=refused)


def _start(row: Mapping[str, Any]) -> int:
    time = row["time"]
    if not isinstance(time, datetime):
        return 0
    return round((time.replace(tzinfo=UTC) if time.tzinfo is None else time).timestamp() * 1000)


def _tick(row: Mapping[str, Any], turnovers: dict[tuple[str, str], Turnover]) -> Tick | None:
    start_ms, key = _start(row), (row["venue"], row["pair"])
    known_ms, close = start_ms + MINUTE_MS, number_of(row["close"])
    volume = 0.0 if row["volume"] is None else number_of(row["volume"])
    turnover = turnovers.setdefault(key, Turnover(since_ms=start_ms))
    traded = volume * close
    told = turnover.add(known_ms, traded if isfinite(traded) and traded > 0 else 0.0)
    if volume == 0:
        return None
    return Tick(
        source=key[0],
        symbol=key[1],
        price=close,
        at_ms=known_ms,
        received_ms=known_ms,
        volume_24h=told,
        volume_24h_base=told / close if close > 0 else None,
    )
