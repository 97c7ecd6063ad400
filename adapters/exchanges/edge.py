"""The edge of the venues' files: what may pass as a frame, a number, a stamp or a symbol."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from adapters.exchanges.ports import Read

T = TypeVar("T")

BAD = (msgspec.DecodeError, ValueError, RecursionError)
"""What reading outside bytes may raise."""

FRAME_SHOWN = 200
"""Characters of a strange frame that are kept for the log."""

is_number = re.compile(r"-?[0-9]{1,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,3})?", re.ASCII).fullmatch
DIGITS = re.compile(r"[0-9]{1,16}", re.ASCII)
LARGEST = 1e20
SMALLEST = 1e-15
LATEST_MS = 253_402_300_800_000
"""The year 10000: no stamp is later."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def reader(kind: type[T]) -> Callable[[str | bytes], T]:
    """Return a decoder of JSON into a type. Fractions without a type stay text, as the checksums need them."""
    return msgspec.json.Decoder(kind, float_hook=str).decode


def number(word: object) -> float | None:
    """Return a number told as text or as a JSON number; None when it is none, not finite or absurdly large."""
    if isinstance(word, str):
        found = float(word) if is_number(word) else LARGEST
    elif type(word) is int:
        found = float(max(-LARGEST, min(word, LARGEST)))
    else:
        return None
    return found if abs(found) < LARGEST else None


def price(word: object) -> float | None:
    """Return a price above zero, or None."""
    if type(word) is str:
        # as number, without the call: prices are most of what venues say
        found = float(word) if is_number(word) else LARGEST
        return found if SMALLEST < found < LARGEST else None
    told = number(word)
    return told if told is not None and told > SMALLEST else None


def amount(word: object) -> float | None:
    """Return an amount or a turnover, zero included, or None."""
    found = number(word)
    return found if found is not None and found >= 0 else None


def whole(word: object) -> int | None:
    """Return a whole number told as text or number (a stamp, a sequence), or None when it is none or negative."""
    if isinstance(word, str) and DIGITS.fullmatch(word):
        return int(word)
    return word if type(word) is int and 0 <= word < 2**63 else None


def stamp_ms(word: object, per_ms: int = 1) -> int | None:
    """Return a stamp in milliseconds; per_ms is how many of the venue's units are one (1000: microseconds)."""
    found = whole(word)
    return None if found is None else _plausible(found // per_ms)


def seconds_ms(word: object) -> int | None:
    """Return a stamp that is told in seconds and fractions, in milliseconds."""
    found = amount(word)
    return None if found is None else _plausible(int(found * 1000))


def iso_ms(word: object) -> int | None:
    """Return an RFC 3339 stamp with its zone in milliseconds, or None."""
    if not isinstance(word, str):
        return None
    try:
        return _plausible((datetime.fromisoformat(word) - EPOCH) // MILLISECOND)
    except (ValueError, TypeError, OverflowError):
        # TypeError: a stamp without a zone, which is no moment
        return None


def _plausible(at_ms: int) -> int | None:
    return at_ms if 0 <= at_ms < LATEST_MS else None


def strange(frame: str | bytes) -> Read:
    """Return what is said of a frame that nobody knows: its beginning, fit for a log."""
    head = frame[:FRAME_SHOWN]
    text = head if isinstance(head, str) else head.decode("utf-8", "replace")
    return Read(strange=text.encode("utf-8", "backslashreplace").decode() or "an empty frame")
