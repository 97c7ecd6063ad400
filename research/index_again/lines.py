"""The lines of a ledger as they lie in the file: where it ends, and whether it is whole."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

SHOWN = 40
"""Letters that are shown of a line that is no record."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line after the header. sha256 is of all bytes before it; cut is a line whose end was never written."""

    number: int
    record: Any
    sha256: Any
    cut: bool


def read(path: Path) -> Iterator[Line]:
    """Yield the lines after the header; what is no record is its text."""
    digest = sha256()
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if number > 1:
                yield _line(number, raw, digest)
            digest.update(raw)


def _line(number: int, raw: bytes, digest: Any) -> Line:
    try:
        return Line(number, json.loads(raw), digest, False)
    except (ValueError, RecursionError):
        return Line(number, raw[:SHOWN].decode(errors="replace"), digest, not raw.endswith(b"\n"))


def footer(record: Any) -> Any:
    """Return what a footer says, None where a record is none."""
    return record["closed"] if isinstance(record, dict) and "closed" in record else None
