"""One row of normalised ticks: a tick, or the reason why it cannot be placed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite, nan
from typing import Any

from core.prices.types import Tick

STAMPS = ("timestamp", "timestamp_ms", "at_ms", "ts")
"""Names of the venue's stamp, milliseconds since 1970 (UTC)."""

RECEIVED: Mapping[str, float | None] = {
    **dict.fromkeys(("received_ms", "recv_ms", "receive_ms", "received_at_ms", "receive_ts_ms"), 1.0),
    **dict.fromkeys(("received_us", "recv_us", "receive_us"), 1e-3),
    **dict.fromkeys(("received_ns", "recv_ns", "receive_ns"), 1e-6),
    **dict.fromkeys(("received_s", "recv_s", "receive_s"), 1e3),
    **dict.fromkeys(("received", "received_at", "receive_time", "receive_ts", "recv_ts", "recv_time")),
}
"""Names of our stamp and what makes milliseconds of it; None: the unit that brings it nearest to the venue's stamp."""

UNITS = (1.0, 1e3, 1e-3, 1e-6)
FAR_MS = 10**16
"""No stamp in milliseconds is as large: the year 318857."""


def tick_of(row: Mapping[str, Any]) -> Tick | str:
    """Return the tick of a row, numbers that are none as NaN, or the reason why the row cannot be placed."""
    source, symbol = row.get("source"), row.get("symbol")
    if not (isinstance(source, str) and source):
        return "no_source"
    if not (isinstance(symbol, str) and symbol):
        return "no_symbol"
    at_ms = _stamp(row)
    if at_ms is None:
        return "no_timestamp"
    bid, ask = _maybe(row.get("bid")), _maybe(row.get("ask"))
    return Tick(
        source=source,
        symbol=symbol,
        price=_price(row, bid, ask),
        at_ms=at_ms,
        received_ms=_received(row, at_ms),
        volume_24h=_maybe(row.get("volume_24h")),
        volume_24h_base=_maybe(row.get("volume_24h_base")),
        bid=bid,
        ask=ask,
    )


def _price(row: Mapping[str, Any], bid: float | None, ask: float | None) -> float:
    """Return the price; of a book alone its middle."""
    if row.get("price") is None and bid is not None and ask is not None:
        return (bid + ask) / 2
    return _number(row.get("price"))


def _maybe(value: Any) -> float | None:
    return None if value is None else _number(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
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
                return min(read, key=lambda ms: abs(ms - at_ms))
    return at_ms


def _milliseconds(value: Any, unit: float) -> int | None:
    if isinstance(value, datetime):
        at = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return round(at.timestamp() * 1000)
    if isinstance(value, int) and not isinstance(value, bool):
        # whole numbers stay whole: nanoseconds since 1970 do not fit into a float
        ms = value * int(unit) if unit >= 1 else value // round(1 / unit)
        return ms if abs(ms) < FAR_MS else None
    number = _number(value) * unit
    return int(number) if isfinite(number) and abs(number) < FAR_MS else None
