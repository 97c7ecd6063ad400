"""Tables from parquet, and how a bad row is told: which file, which row, what is wrong, how to mend it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


class DataFault(ValueError):
    """The data say something impossible: the text names the fault, the file, the row, and how to mend it."""


def schema_of(path: Path) -> pa.Schema:
    """Return a parquet file's columns and their types. Raises DataFault."""
    try:
        return pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataFault(f"{path}: not a readable parquet file ({error}); write it again") from error


def columns_of(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return some columns of a parquet file as a table. Raises DataFault where its pages are damaged."""
    try:
        table: pd.DataFrame = pq.read_table(path, columns=list(columns)).to_pandas(ignore_metadata=True)
    except (pa.ArrowInvalid, OSError) as error:
        said = " ".join(str(error).split())
        raise DataFault(f"{path}: a damaged parquet file ({said}); write it again") from error
    return table


def check_type(name: str, kind: pa.DataType, path: Path) -> None:
    """Refuse a column that holds other than its name promises: date, symbol, live, else numbers. Raises DataFault."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    fits, wanted = pa.types.is_floating(kind) or pa.types.is_integer(kind), "numbers"
    if name == "date":
        fits, wanted = pa.types.is_timestamp(kind) or pa.types.is_date(kind), "timestamps or dates"
    elif name in ("symbol", "category"):
        fits, wanted = text, "text"
    elif name == "live":
        fits, wanted = pa.types.is_boolean(kind), "true or false"
    if not fits:
        raise DataFault(f"{path}: column {name} holds {kind}, it must hold {wanted}; convert it")


def with_naive_days(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its dates in UTC, without a zone."""
    days = pd.to_datetime(table["date"])
    if days.dt.tz is not None:
        days = days.dt.tz_convert("UTC").dt.tz_localize(None)
    return table.assign(date=days.astype("datetime64[ms]"))


def refuse(table: pd.DataFrame, path: Path, bad: pd.Series, column: str, fault: str) -> None:
    """Raise DataFault for the first bad row, and say how many there are."""
    if not bad.any():
        return
    index = int(np.argmax(bad.to_numpy()))
    row = table.iloc[index]
    day = "no date" if pd.isna(row["date"]) else row["date"].date()
    more = f" ({int(bad.sum())} such rows)" if bad.sum() > 1 else ""
    raise DataFault(f"{path}: row {index} ({day}, {row['symbol']}): {column} {row[column]} {fault}{more}")
