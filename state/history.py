"""Daily candles and hourly funding that the daemon has seen, so that a restart need not fetch them again.

Only final candles are kept. When the venue gives another value for one later, the new value is read from
then on, and the old one stays in the revisions with the time it was noticed.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any, Protocol, Self

import msgspec

from core.types import Coin
from state.database import (
    Schema,
    explain,
    explained,
    open_database,
    open_in_memory,
    open_read_only,
    transaction,
)
from state.disk import OS_DISK, Disk

SCHEMA = Schema("history", application_id=0x6E64_4831)

CandleRow = tuple[int, float, float, float, float, float, int]
"""open_ms, open, high, low, close (USD), volume (base units), trades."""

FundingDay = tuple[int, float, int]
"""Days since 1970, the sum of that day's hourly rates, how many there are."""


class DailyCandle(Protocol):
    """Prices in USD, volume in base units; close_ms is the last millisecond that belongs to it."""

    @property
    def coin(self) -> Coin: ...
    @property
    def open_ms(self) -> int: ...
    @property
    def close_ms(self) -> int: ...
    @property
    def open(self) -> Decimal: ...
    @property
    def high(self) -> Decimal: ...
    @property
    def low(self) -> Decimal: ...
    @property
    def close(self) -> Decimal: ...
    @property
    def volume(self) -> Decimal: ...
    @property
    def trades(self) -> int: ...


class FundingRate(Protocol):
    @property
    def coin(self) -> Coin: ...
    @property
    def hour_ms(self) -> int: ...
    @property
    def rate(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch. unfinished candles were left out, revised ones replaced a value of before."""

    added: int = 0
    unchanged: int = 0
    revised: int = 0
    unfinished: int = 0


@dataclass(frozen=True, slots=True)
class Revision:
    """A final value that the venue changed. before and after are the values as written, in the row's order."""

    series: str
    coin: Coin
    at_ms: int
    noted_ms: int
    before: tuple[str, ...]
    after: tuple[str, ...]


class History:
    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def open(cls, path: Path, disk: Disk = OS_DISK) -> Self:
        """Open or create the file. Raises CorruptFile, NewerFile or StateError."""
        return cls(open_database(path, SCHEMA, disk), path)

    @classmethod
    def open_read_only(cls, path: Path) -> Self:
        """Open an existing file beside its writer. Raises NewerFile or StateError."""
        return cls(open_read_only(path, SCHEMA), path)

    @classmethod
    def in_memory(cls) -> Self:
        return cls(open_in_memory(SCHEMA), Path(":memory:"))

    def close(self) -> None:
        self._connection.close()

    def record_candles(self, candles: Iterable[DailyCandle], *, now_ms: int) -> Recorded:
        """Keep the candles that had ended before now_ms (the venue's clock). Raises ValueError for an impossible one."""
        given = list(candles)
        final = [candle for candle in given if candle.close_ms < now_ms]
        rows = [_candle_row(candle) for candle in final]
        return self._record("candle", rows, now_ms=now_ms, unfinished=len(given) - len(final))

    def record_funding(self, rates: Iterable[FundingRate], *, now_ms: int) -> Recorded:
        """Keep the rates as paid. Raises ValueError for one that is not a number."""
        rows = [_funding_row(rate) for rate in rates]
        return self._record("funding", rows, now_ms=now_ms, unfinished=0)

    def candles(self, coin: Coin, *, from_ms: int = 0) -> list[CandleRow]:
        """Return the coin's candles, oldest first."""
        rows = self._rows(
            "SELECT open_ms, open, high, low, close, volume, trades FROM candle"
            " WHERE coin = ? AND open_ms >= ? ORDER BY open_ms",
            coin,
            from_ms,
        )
        return [(at, float(o), float(h), float(lo), float(c), float(v), n) for at, o, h, lo, c, v, n in rows]

    def daily_funding(self, coin: Coin) -> list[FundingDay]:
        """Return for each day with a rate, oldest first: the days since 1970, the sum of its rates, how many they are.

        A year of hours is read for every coin: SQLite hands over days, and the rates are added in their order.
        """
        rows = self._rows(
            "SELECT day, group_concat(rate, ' ') FROM"
            " (SELECT hour_ms / 86400000 AS day, rate FROM funding WHERE coin = ? ORDER BY hour_ms)"
            " GROUP BY day ORDER BY day",
            coin,
        )
        days = [(day, [float(rate) for rate in rates.split()]) for day, rates in rows]
        return [(day, reduce(add, rates), len(rates)) for day, rates in days]

    def last_candle_ms(self, coin: Coin) -> int | None:
        """Return when the newest candle kept opened; None when there is none."""
        return self._newest("SELECT max(open_ms) FROM candle WHERE coin = ?", coin)

    def last_funding_ms(self, coin: Coin) -> int | None:
        return self._newest("SELECT max(hour_ms) FROM funding WHERE coin = ?", coin)

    def coins(self) -> list[Coin]:
        return [Coin(row[0]) for row in self._rows("SELECT DISTINCT coin FROM candle ORDER BY coin")]

    def revisions(self, *, since_ms: int = 0) -> list[Revision]:
        """Return the values that the venue changed after they were final, in the order they were noticed."""
        rows = self._rows(
            "SELECT series, coin, at_ms, noted_ms, before, after FROM revision WHERE noted_ms >= ? ORDER BY id",
            since_ms,
        )
        return [Revision(s, Coin(c), at, noted, _values(b), _values(a)) for s, c, at, noted, b, a in rows]

    def _newest(self, query: str, coin: Coin) -> int | None:
        newest: int | None = self._rows(query, coin)[0][0]
        return newest

    def _rows(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        """Return all rows. Raises StateError where the file cannot be read."""
        with explained(self._path):
            return self._connection.execute(query, values).fetchall()

    def _record(
        self, series: str, rows: Sequence[tuple[str | int, ...]], *, now_ms: int, unfinished: int
    ) -> Recorded:
        try:
            with transaction(self._connection):
                known = self._known(series, rows)
                added = {row[:2]: row for row in rows if row[:2] not in known}
                revised = [row for row in rows if known.get(row[:2], row) != row]
                self._write(series, [*added.values(), *revised])
                self._note(series, [(known[row[:2]], row) for row in revised], now_ms)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
        same = len(rows) - len(added) - len(revised)
        return Recorded(added=len(added), unchanged=same, revised=len(revised), unfinished=unfinished)

    def _known(
        self, series: str, rows: Sequence[tuple[str | int, ...]]
    ) -> dict[tuple[str | int, ...], tuple[str | int, ...]]:
        """Return what is kept already for the coins and the span of the rows, by coin and stamp."""
        if not rows:
            return {}
        stamp = "open_ms" if series == "candle" else "hour_ms"
        first, last = min(row[1] for row in rows), max(row[1] for row in rows)
        found: dict[tuple[str | int, ...], tuple[str | int, ...]] = {}
        for coin in sorted({row[0] for row in rows}):
            kept = self._connection.execute(
                f"SELECT * FROM {series} WHERE coin = ? AND {stamp} BETWEEN ? AND ?", (coin, first, last)
            )
            found |= {row[:2]: row for row in kept}
        return found

    def _write(self, series: str, rows: Sequence[tuple[str | int, ...]]) -> None:
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self._connection.executemany(f"INSERT OR REPLACE INTO {series} VALUES ({marks})", rows)

    def _note(
        self, series: str, changed: Sequence[tuple[tuple[str | int, ...], tuple[str | int, ...]]], now_ms: int
    ) -> None:
        """Keep the values that were replaced."""
        revisions = [
            (
                series,
                *after[:2],
                now_ms,
                *(msgspec.json.encode([str(v) for v in r[2:]]).decode() for r in (before, after)),
            )
            for before, after in changed
        ]
        self._connection.executemany(
            "INSERT INTO revision (series, coin, at_ms, noted_ms, before, after) VALUES (?, ?, ?, ?, ?, ?)",
            revisions,
        )


def _candle_row(candle: DailyCandle) -> tuple[str | int, ...]:
    prices = (candle.open, candle.high, candle.low, candle.close)
    where = f"candle of {candle.coin} at {candle.open_ms}"
    if not all(price.is_finite() and price > 0 for price in prices):
        raise ValueError(f"{where}: prices {[str(price) for price in prices]} must be finite and above zero")
    if not (candle.volume.is_finite() and candle.volume >= 0):
        raise ValueError(f"{where}: volume {candle.volume} must be finite and not below zero")
    if candle.low > min(prices) or candle.high < max(prices):
        raise ValueError(f"{where}: open and close must lie within {candle.low} and {candle.high}")
    texts = (_text(value) for value in (*prices, candle.volume))
    return (candle.coin, candle.open_ms, candle.close_ms, *texts, candle.trades)


def _funding_row(rate: FundingRate) -> tuple[str | int, ...]:
    if not rate.rate.is_finite():
        raise ValueError(f"funding of {rate.coin} at {rate.hour_ms}: rate {rate.rate} must be finite")
    return (rate.coin, rate.hour_ms, _text(rate.rate))


def _text(value: Decimal) -> str:
    """Write equal numbers alike: 1.50 and 1.5 are not a revision."""
    return format(value.normalize(), "f")


def _values(text: str) -> tuple[str, ...]:
    return tuple(msgspec.json.decode(text, type=list[str]))
