"""How far back the journal is kept: three whole nights, found by looking at records, not by remembering numbers."""

from pathlib import Path

from core.calendar import DAY_MS
from state.journal import Journal

DAYS_KEPT = 3
"""Nights before the one that just ended which stay whole, for the page and for questions asked later."""


def keep_from_seq(path: Path, *, now_ms: int) -> int:
    """Return the first record of the last DAYS_KEPT + 1 days: what comes before it may go. Raises StateError."""
    journal = Journal.open_read_only(path)
    try:
        return _first_since(journal, now_ms - (DAYS_KEPT + 1) * DAY_MS)
    finally:
        journal.close()


def _first_since(journal: Journal, at_ms: int) -> int:
    """Halve the interval: time only moves forward in a journal."""
    oldest = next(journal.read(), None)
    if oldest is None or oldest.at_ms >= at_ms:
        return 0
    before, after = oldest.seq, journal.last_seq() + 1
    while after - before > 1:
        middle = (before + after) // 2
        record = next(journal.read(after_seq=middle - 1))
        before, after = (middle, after) if record.at_ms < at_ms else (before, middle)
    return after
