"""Rows of a file: parquet, JSON lines (also one JSON array), plain or gzipped."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyarrow import ArrowException

from sim.price_files.stream import UnreadablePrices

LEDGER = "ledger"
"""First key of the files that `replay --out` writes."""


def table_columns(path: Path) -> frozenset[str]:
    """Return the names of a parquet file's columns. Raises UnreadablePrices."""
    try:
        return frozenset(pq.read_schema(path).names)
    except (ArrowException, OSError) as error:
        raise unreadable(path, error) from error


def table_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a parquet file. Raises UnreadablePrices."""
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (ArrowException, OSError) as error:
        raise unreadable(path, error) from error


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file that are not blank, gzipped where its name says so. Raises UnreadablePrices."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", errors="replace") as file:
            yield from (line for line in file if line.strip())
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error


def is_json(path: Path) -> bool:
    """Say whether a text file begins like JSON, whatever its name."""
    return next(lines(path), "").lstrip().startswith(("{", "["))


def json_rows(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield each row of a JSON file, None for what is not an object. Raises UnreadablePrices."""
    for count, line in enumerate(lines(path)):
        if count == 0 and line.lstrip().startswith("["):
            yield from _array(path)
            return
        row = _object(line)
        if count == 0 and row is not None and LEDGER in row:
            text = f"{path}: a ledger of values, not ticks. Check it with: nightdesk index verify {path}"
            raise UnreadablePrices(text)
        yield row


def _array(path: Path) -> Iterator[dict[str, Any] | None]:
    try:
        found = json.loads("".join(lines(path)))
    except (ValueError, RecursionError) as error:
        raise unreadable(path, error) from error
    yield from (row if isinstance(row, dict) else None for row in found)


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
