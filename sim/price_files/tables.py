"""Rows of a file: parquet, JSON lines (also one JSON document), CSV, plain or gzipped."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyarrow import ArrowException, RecordBatch, Scalar

from sim.price_files.names import SOURCE
from sim.price_files.stream import UnreadablePrices

BROKEN = (ArrowException, OSError, EOFError, zlib.error)
"""What a file raises that is cut off or not what its name says."""

LEDGER = "ledger"
"""First key of the files that `replay --out` writes."""


def table_columns(path: Path) -> frozenset[str]:
    """Return the names of a parquet file's columns. Raises UnreadablePrices."""
    try:
        return frozenset(pq.read_schema(_opened(path)).names)
    except BROKEN as error:
        raise unreadable(path, error) from error


def table_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a parquet file. Raises UnreadablePrices."""
    try:
        with pq.ParquetFile(_opened(path)) as file:
            for batch in file.iter_batches():
                yield from _rows_of(batch)
    except BROKEN as error:
        raise unreadable(path, error) from error


def _rows_of(batch: RecordBatch) -> list[dict[str, Any]]:
    """Return rows; a date that no calendar of ours has is None, and does not cost the others their rows."""
    try:
        return list(batch.to_pylist())
    except (OverflowError, ValueError):
        named = list(zip(batch.schema.names, batch.columns, strict=True))
        return [{name: _cell(column[place]) for name, column in named} for place in range(batch.num_rows)]


def _cell(cell: Scalar) -> Any:
    with suppress(OverflowError, ValueError):
        return cell.as_py()
    return None


def _opened(path: Path) -> Path | io.BytesIO:
    return io.BytesIO(gzip.decompress(path.read_bytes())) if is_gzipped(path) else path


def is_gzipped(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a CSV file with a header, as text, without what is beyond the header. Raises UnreadablePrices."""
    try:
        for row in csv.DictReader(lines(path)):
            yield {name: value for name, value in row.items() if isinstance(name, str)}
    except csv.Error as error:
        raise unreadable(path, error) from error


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file that are not blank, gzipped where its name says so. Raises UnreadablePrices."""
    opened = gzip.open if is_gzipped(path) else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", errors="replace") as file:
            yield from (line for line in file if line.strip())
    except BROKEN as error:
        raise unreadable(path, error) from error


def is_json(path: Path) -> bool:
    """Say whether a text file begins like JSON, whatever its name."""
    return next(lines(path), "").lstrip().startswith(("{", "["))


def json_rows(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield each row of a JSON file, None for what is not an object. Raises UnreadablePrices."""
    first = next(lines(path), "")
    row = _object(first)
    if is_ledger(path):
        text = f"{path}: a ledger of values, not ticks. Check it with: nightdesk index verify {path}"
        raise UnreadablePrices(text)
    if first.lstrip().startswith("["):
        yield from _of_array(_document(path))
    elif first.strip() == "{" and isinstance(whole := _parsed(path), dict):
        yield from _of_array(_rows_in(whole) or [whole])
    elif row is not None and _rows_in(row):
        yield from _of_array(_rows_in(row))
    else:
        yield from map(_object, lines(path))


def is_ledger(path: Path) -> bool:
    """Say whether a file begins like what `replay --out` writes."""
    with suppress(UnreadablePrices):
        row = _object(next(lines(path), ""))
        return row is not None and LEDGER in row
    return False


def _of_array(rows: Any) -> Iterator[dict[str, Any] | None]:
    yield from (row if isinstance(row, dict) else None for row in rows)


def _rows_in(found: dict[str, Any]) -> list[Any]:
    """Return the only array of objects in an object that is no row itself; nothing where there is none."""
    arrays = [v for v in found.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    is_row = not {name.lower() for name in found}.isdisjoint(SOURCE)
    return arrays[0] if len(arrays) == 1 and not is_row else []


def _document(path: Path) -> Any:
    try:
        return json.loads("".join(lines(path)))
    except (ValueError, RecursionError) as error:
        raise unreadable(path, error) from error


def _parsed(path: Path) -> Any:
    """Return what a file is as one document, None where it is none."""
    with suppress(UnreadablePrices):
        return _document(path)
    return None


def _object(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def unreadable(path: Path, error: Exception) -> UnreadablePrices:
    said = str(error).partition("\n")[0]
    return UnreadablePrices(
        f"{path}: cannot be read ({said}). It may be cut off or not be what its name says"
    )
