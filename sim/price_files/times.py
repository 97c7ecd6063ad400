"""Stamps of files as milliseconds since 1970 (UTC), whatever unit they are in."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite, nan
from typing import Any

STAMPS = ("timestamp", "timestamp_ms", "at_ms", "ts", "time")
"""Names of the venue's stamp, milliseconds since 1970 (UTC)."""

RECEIVED: Mapping[str, float | None] = {
    **dict.fromkeys(("received_ms", "recv_ms", "receive_ms", "received_at_ms", "receive_ts_ms"), 1.0),
    **dict.fromkeys(("received_us", "recv_us", "receive_us"), 1e-3),
    **dict.fromkeys(("received_ns", "recv_ns", "receive_ns"), 1e-6),
    **dict.fromkeys(("received_s", "recv_s", "receive_s"), 1e3),
    **dict.fromkeys(("received", "recv", "received_at", "local_timestamp")),
    **dict.fromkeys(
        f"{ours}_{what}"
        for ours in ("receive", "received", "recv", "receipt")
        for what in ("time", "ts", "timestamp")
    ),
}
"""Names of our stamp and what makes milliseconds of it; None: the unit that brings it nearest to the venue's stamp."""

UNITS = {1.0: "ms", 1e3: "s", 1e-3: "us", 1e-6: "ns"}
FAR_MS = 10**16
"""A venue's stamp counts as this where it is further away: the year 318857."""

DATES_MS = -62_000_000_000_000, 253_402_300_799_999
"""When something can have been received, so that it has a date: the years 5 to 9999."""

OURS_MS = 978_307_200_000, 4_102_444_800_000
"""The years 2001 to 2099."""

DAY_MS = 86_400_000
WHOLE = re.compile(r"\s*[+-]?[0-9]{1,40}\s*")


def is_date(at_ms: int) -> bool:
    """Say whether a stamp (ms) has a date that can be written."""
    return DATES_MS[0] <= at_ms <= DATES_MS[1]


def is_ours(at_ms: int) -> bool:
    """Say whether a stamp (ms) is of the years in which there were prices."""
    return OURS_MS[0] <= at_ms <= OURS_MS[1]


def number_of(value: Any) -> float:
    """Return a number, NaN where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return nan


def stamp_of(value: Any) -> tuple[int, str] | None:
    """Return a stamp in ms, and the unit it was in: the one that makes a year of ours of it, else ms; None for no stamp."""
    for factor, unit in UNITS.items():
        ms = milliseconds(value, factor)
        if ms is not None and is_ours(ms):
            return ms, unit
    told = milliseconds(value, 1.0)
    return None if told is None else (told, "ms")


def received_of(row: Mapping[str, Any], at_ms: int) -> int | None:
    """Return our stamp of a row in ms, None where it has none; at_ms is the venue's."""
    for name, unit in RECEIVED.items():
        if row.get(name) is not None:
            units = UNITS if unit is None else (unit,)
            read = [ms for u in units if (ms := milliseconds(row[name], u)) is not None]
            if read:
                return _nearest([ms for ms in read if is_date(ms)] or read, at_ms)
    return None


def _nearest(read: Sequence[int], at_ms: int) -> int:
    """Return the reading nearest to a stamp; a stamp far off tells no unit, then it is what gives a year of ours."""
    nearest = min(read, key=lambda ms: abs(ms - at_ms))
    ours = [ms for ms in read if is_ours(ms)]
    return ours[0] if ours and abs(nearest - at_ms) > DAY_MS else nearest


def milliseconds(value: Any, unit: float) -> int | None:
    """Return ms of a date, of ISO text, or of a number in a unit (ms each); None where it is none of them."""
    at = _date_of(value)
    if at is not None:
        return round((at.replace(tzinfo=UTC) if at.tzinfo is None else at).timestamp() * 1000)
    if isinstance(value, str) and WHOLE.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        # whole numbers stay whole: nanoseconds since 1970 do not fit into a float
        ms = value * int(unit) if unit >= 1 else value // round(1 / unit)
        return max(-FAR_MS, min(ms, FAR_MS))
    number = number_of(value) * unit
    return int(max(-FAR_MS, min(number, FAR_MS))) if isfinite(number) else None


def _date_of(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or "-" not in value[1:]:
        return None
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        return None
