"""Recorded bars and trades as arrays, one series for each venue and pair: for what needs volumes and sizes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.price_files.minutes import are_bars, bar_of
from sim.price_files.names import SOURCE, SYMBOL, Spellings, is_name, pair_of, said
from sim.price_files.stream import UnreadablePrices
from sim.price_files.tables import csv_rows, json_rows, table_rows
from sim.price_files.times import number_of, stamp_of

Floats = NDArray[np.float64]

ALLOWED = (
    "Allowed are bars (.parquet, .csv, .jsonl, .json, each also .gz) with time, venue, pair, close, volume and, if "
    "known, high and low; and trades with venue, pair, price, size and side or buyer_is_maker"
)
SIZE = ("size", "qty", "quantity", "amount")
STAMP = ("exch_ms", "timestamp", "timestamp_ms", "at_ms", "ts", "time")
MAKER = ("buyer_is_maker", "is_buyer_maker")
VENUE, PAIR = (*SOURCE, "feed"), (*SYMBOL, "asset")
TRUE = ("true", "1", "t")
BUYS = ("buy", "b", "bid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """One venue's bars of one pair, oldest first: start in ms UTC, prices in its quote, volume in coins; all (t,).

    high and low are NaN where the file does not say them, volume where it is not known.
    """

    source: str
    symbol: str
    start_ms: NDArray[np.int64]
    close: Floats
    high: Floats
    low: Floats
    volume: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Trades:
    """One venue's trades of one pair in the order of the file: sizes, and whether the taker bought; all (t,)."""

    source: str
    symbol: str
    size: Floats
    bought: NDArray[np.bool_]


@dataclass(slots=True)
class Recorded:
    """What a path has; left_out are files and rows that are neither, and why."""

    bars: list[Bars] = field(default_factory=list)
    trades: list[Trades] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def read_series(path: Path) -> Recorded:
    """Return the bars and trades of a file, or of every file of a directory. Raises UnreadablePrices."""
    if not path.exists():
        raise UnreadablePrices(f"{path}: no such file or directory. {ALLOWED}")
    files = sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != ".") if path.is_dir() else [path]
    found, spelled = Recorded(), Spellings()
    bars: dict[tuple[str, str], dict[int, tuple[float, ...]]] = {}
    trades: dict[tuple[str, str], list[tuple[float, bool]]] = {}
    for file in files:
        try:
            unread = sum(not _took(row, spelled, (bars, trades)) for row in _rows(file))
        except UnreadablePrices as error:
            found.left_out.append(str(error))
            continue
        if unread:
            found.left_out.append(f"{file}: {unread} rows are neither bars nor trades")
    found.bars = [_bars(*key, rows) for key, rows in sorted(bars.items())]
    found.trades = [_trades(*key, rows) for key, rows in sorted(trades.items())]
    if not found.bars and not found.trades:
        raise UnreadablePrices("\n  ".join([f"{path}: no bars or trades. {ALLOWED}", *found.left_out]))
    return found


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield a file's rows with the names of their columns in small letters; {} for what is no row."""
    name = path.name.lower().removesuffix(".gz")
    rows: Iterable[Mapping[str, Any] | None]
    if name.endswith((".parquet", ".pq")):
        rows = table_rows(path)
    elif name.endswith((".jsonl", ".ndjson", ".json")):
        rows = json_rows(path)
    elif name.endswith(".csv"):
        rows = csv_rows(path)
    else:
        raise UnreadablePrices(f"{path}: not a file of bars or trades")
    for row in rows:
        yield {name.lower(): value for name, value in (row or {}).items()}


def _took(
    row: Mapping[str, Any],
    spelled: Spellings,
    to: tuple[
        dict[tuple[str, str], dict[int, tuple[float, ...]]], dict[tuple[str, str], list[tuple[float, bool]]]
    ],
) -> bool:
    """Put a row where it belongs; say whether it is a bar or a trade."""
    if are_bars(row.keys()):
        found = bar_of(row, spelled)
        if isinstance(found, str):
            return False
        bar = found[0]
        volume = np.nan if bar.volume is None else bar.volume
        told = bar.close, number_of(row.get("high")), number_of(row.get("low")), volume
        to[0].setdefault((bar.source, bar.symbol), {})[bar.start_ms] = told
        return True
    venue, pair, bought = said(row, VENUE), said(row, PAIR), _bought(row)
    size = number_of(said(row, SIZE))
    if bought is None or not is_name(venue) or not is_name(pair) or stamp_of(said(row, STAMP)) is None:
        return False
    to[1].setdefault((spelled(venue), pair_of(pair)), []).append((size, bought))
    return True


def _bought(row: Mapping[str, Any]) -> bool | None:
    """Say whether the taker bought, None where the row does not."""
    maker = said(row, MAKER)
    if maker is not None:
        return str(maker).lower() not in TRUE
    side = row.get("side")
    return None if side is None else str(side).lower() in BUYS


def _bars(source: str, symbol: str, rows: Mapping[int, tuple[float, ...]]) -> Bars:
    start_ms = np.array(sorted(rows), dtype=np.int64)
    close, high, low, volume = np.array([rows[start] for start in sorted(rows)], dtype=float).T
    return Bars(
        source=source, symbol=symbol, start_ms=start_ms, close=close, high=high, low=low, volume=volume
    )


def _trades(source: str, symbol: str, rows: list[tuple[float, bool]]) -> Trades:
    sizes, bought = zip(*rows, strict=True)
    return Trades(
        source=source,
        symbol=symbol,
        size=np.array(sizes, dtype=float),
        bought=np.array(bought, dtype=bool),
    )
