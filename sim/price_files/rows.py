"""One row of normalised ticks: a tick, or the reason why it cannot be placed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite, nan
from typing import Any, TypeGuard

from core.prices.types import Tick

STAMPS = ("timestamp", "timestamp_ms", "at_ms", "ts")
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

UNITS = (1.0, 1e3, 1e-3, 1e-6)
FAR_MS = 10**16
"""A venue's stamp counts as this where it is further away: the year 318857."""

DATES_MS = -62_000_000_000_000, 253_402_300_799_999
"""When something can have been received, so that it has a date: the years 5 to 9999."""

OURS_MS = 978_307_200_000, 4_102_444_800_000
"""The years 2001 to 2099."""

DAY_MS = 86_400_000


def tick_of(row: Mapping[str, Any]) -> Tick | str:
    """Return the tick of a row, numbers that are none as NaN, or the reason why the row cannot be placed."""
    source, symbol = row.get("source"), row.get("symbol")
    if not _is_name(source):
        return "no_source"
    if not _is_name(symbol):
        return "no_symbol"
    at_ms = _stamp(row)
    if at_ms is None:
        return "no_timestamp"
    received_ms = _received(row, at_ms)
    if not is_date(received_ms):
        return "timestamp_not_in_ms"
    bid, ask = _maybe(row.get("bid")), _maybe(row.get("ask"))
    return Tick(
        source=source,
        symbol=symbol,
        price=_price(row, bid, ask),
        at_ms=at_ms,
        received_ms=received_ms,
        volume_24h=_maybe(row.get("volume_24h")),
        volume_24h_base=_maybe(row.get("volume_24h_base")),
        bid=bid,
        ask=ask,
    )


def is_date(at_ms: int) -> bool:
    """Say whether a stamp (ms) has a date that can be written."""
    return DATES_MS[0] <= at_ms <= DATES_MS[1]


def _is_name(value: object) -> TypeGuard[str]:
    """Say whether a value can name something: text that can be printed and written."""
    return isinstance(value, str) and value != "" and value.isprintable()


def _price(row: Mapping[str, Any], bid: float | None, ask: float | None) -> float:
    """Return the price; of a book alone its middle."""
    if row.get("price") is None and bid is not None and ask is not None:
        return (bid + ask) / 2
    return number_of(row.get("price"))


def _maybe(value: Any) -> float | None:
    """Return the number of what need not be there; tables have NaN, and text has nothing, where it is not."""
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return None
    return number_of(value)


def number_of(value: Any) -> float:
    """Return a number, NaN where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return nan


def _stamp(row: Mapping[str, Any]) -> int | None:
    for name in STAMPS:
        if row.get(name) is not None:
            return _milliseconds(row[name], 1.0)
    return None


def _received(row: Mapping[str, Any], at_ms: int) -> int:
    for name, unit in RECEIVED.items():
        if row.get(name) is not None:
            units = UNITS if unit is None else (unit,)
            read = [ms for u in units if (ms := _milliseconds(row[name], u)) is not None]
            if read:
                return _nearest([ms for ms in read if is_date(ms)] or read, at_ms)
    return at_ms


def _nearest(read: Sequence[int], at_ms: int) -> int:
    """Return the reading nearest to a stamp; a stamp far off tells no unit, then it is what gives a year of ours."""
    nearest = min(read, key=lambda ms: abs(ms - at_ms))
    ours = [ms for ms in read if OURS_MS[0] <= ms <= OURS_MS[1]]
    return ours[0] if ours and abs(nearest - at_ms) > DAY_MS else nearest


def _milliseconds(value: Any, unit: float) -> int | None:
    if isinstance(value, datetime):
        at = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return round(at.timestamp() * 1000)
    if isinstance(value, int) and not isinstance(value, bool):
        # whole numbers stay whole: nanoseconds since 1970 do not fit into a float
        ms = value * int(unit) if unit >= 1 else value // round(1 / unit)
        return max(-FAR_MS, min(ms, FAR_MS))
    number = number_of(value) * unit
    return int(max(-FAR_MS, min(number, FAR_MS))) if isfinite(number) else None
