"""A data directory as arrays: daily rows at once, hourly and minute candles and funding when first asked for.

Laid out like hyperliquid_perp (see its MANIFEST.md); only perp_daily.parquet must be there. Row faults are looked
for elsewhere (adapters.panel); here a missing file or column is named, and an unusable row stops the loading.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

DAILY_FILE = "perp_daily.parquet"
HOURLY_FILE = "perp_1h_top20.parquet"
MINUTE_FILE = "perp_1m_6.parquet"
FUNDING_FILE = "funding_1h.parquet"

PRICES = ("open", "high", "low", "close")
_DAILY_COLUMNS = ("date", "symbol", *PRICES, "volume", "num_trades", "funding", "funding_n", "live")
_CANDLE_COLUMNS = ("time", "symbol", *PRICES, "volume")

Array = npt.NDArray[Any]


class DataDirectoryError(ValueError):
    """A data directory cannot be used: the text says which file, what is wrong and how to mend it."""


@dataclass(frozen=True)
class Table:
    """Columns sorted by symbol, then time; rows of one symbol are one slice. times in UTC milliseconds."""

    times: npt.NDArray[np.int64]
    columns: dict[str, Array]
    slices: dict[str, slice]

    def of(self, symbol: str) -> "Table":
        """Return one symbol's rows; none when the table lacks it."""
        rows = self.slices.get(symbol, slice(0, 0))
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Table(self.times[rows], columns, {symbol: slice(0, len(self.times[rows]))})

    def __len__(self) -> int:
        return len(self.times)


def read_table(path: Path, columns: Sequence[str]) -> Table:
    """Read a parquet file whose first two columns are a time and a symbol.

    Raises DataDirectoryError when a column is missing.
    """
    missing = sorted(set(columns) - set(pq.read_schema(path).names))
    if missing:
        raise DataDirectoryError(
            f"{path.name}: column {', '.join(missing)} is missing; needed are {', '.join(columns)}"
        )
    raw = pq.read_table(path, columns=list(columns))
    times = raw[columns[0]].cast(pa.timestamp("ms")).cast(pa.int64()).to_numpy()
    names, codes = _symbols(raw[columns[1]])
    order = np.lexsort((times, codes))
    if np.array_equal(order, np.arange(len(order))):
        order = slice(None)  # type: ignore[assignment]
    values = {name: raw[name].to_numpy()[order] for name in columns[2:]}
    codes = codes[order]
    edges = np.searchsorted(codes, np.arange(len(names) + 1))
    slices = {name: slice(int(edges[i]), int(edges[i + 1])) for i, name in enumerate(names)}
    return Table(
        times[order], values, {name: rows for name, rows in slices.items() if rows.stop > rows.start}
    )


def _symbols(column: pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.int64]]:
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    encoded = column.unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


class Recorded:
    """The files of one data directory. Raises DataDirectoryError when the daily rows cannot be read."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        if not (directory / DAILY_FILE).is_file():
            raise DataDirectoryError(
                f"{directory}: {DAILY_FILE} is missing; a data directory needs at least this file"
            )
        self.daily = read_table(directory / DAILY_FILE, _DAILY_COLUMNS)
        if not len(self.daily):
            raise DataDirectoryError(f"{DAILY_FILE}: no rows; at least one live day is needed")
        for name in PRICES:
            prices = self.daily.columns[name]
            if not (np.isfinite(prices) & (prices > 0)).all():
                raise DataDirectoryError(
                    f"{DAILY_FILE}: column {name} has a price that is not a positive number"
                )

    @cached_property
    def hourly(self) -> Table:
        return self._optional(HOURLY_FILE, _CANDLE_COLUMNS)

    @cached_property
    def minutes(self) -> Table:
        return self._optional(MINUTE_FILE, _CANDLE_COLUMNS)

    @cached_property
    def funding(self) -> Table:
        return self._optional(FUNDING_FILE, ("time", "symbol", "rate"))

    def _optional(self, name: str, columns: Sequence[str]) -> Table:
        path = self._directory / name
        if path.is_file():
            return read_table(path, columns)
        nothing: dict[str, Array] = {column: np.empty(0) for column in columns[2:]}
        return Table(np.empty(0, np.int64), nothing, {})


def shortest(value: np.generic) -> float:
    """Return a recorded number as the float whose repr is its shortest decimal: 0.1 for float32 0.1."""
    return float(str(value))


def text_of(value: float) -> str:
    """Write a number as the venue does: the shortest decimal that reads back, never with an exponent."""
    text = repr(value)
    if "e" not in text:
        return text
    whole = np.format_float_positional(value, unique=True, trim="0")
    return str(whole)
