"""One row of normalised ticks: a tick, or the reason why it cannot be placed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.prices.types import Tick
from sim.price_files.names import SOURCE, SYMBOL, Spellings, is_name, pair_of, said
from sim.price_files.times import STAMPS, is_date, number_of, received_of, stamp_of


@dataclass(frozen=True, slots=True)
class Placed:
    """A row's tick. dated: it has a time of receipt, else the venue's stamp stands there. unit is that stamp's."""

    tick: Tick
    dated: bool
    unit: str


def tick_of(row: Mapping[str, Any], spelled: Spellings) -> Placed | str:
    """Return the tick of a row, numbers that are none as NaN, or the reason why the row cannot be placed."""
    source, symbol = said(row, SOURCE), said(row, SYMBOL)
    if not is_name(source):
        return "no_source"
    if not is_name(symbol):
        return "no_symbol"
    stamp = stamp_of(said(row, STAMPS))
    if stamp is None:
        return "no_timestamp"
    received_ms = received_of(row, stamp[0])
    if not is_date(stamp[0] if received_ms is None else received_ms):
        return "timestamp_not_in_ms"
    tick = _tick(row, spelled(source), pair_of(symbol), (stamp[0], received_ms))
    return Placed(tick, dated=received_ms is not None, unit=stamp[1])


def _tick(row: Mapping[str, Any], source: str, symbol: str, times_ms: tuple[int, int | None]) -> Tick:
    bid, ask = _maybe(row.get("bid")), _maybe(row.get("ask"))
    return Tick(
        source=source,
        symbol=symbol,
        price=_price(row, bid, ask),
        at_ms=times_ms[0],
        received_ms=times_ms[0] if times_ms[1] is None else times_ms[1],
        volume_24h=_maybe(row.get("volume_24h")),
        volume_24h_base=_maybe(row.get("volume_24h_base")),
        bid=bid,
        ask=ask,
    )


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
