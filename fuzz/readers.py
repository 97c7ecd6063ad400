"""Every reader of the edge, what it may raise, and what must be true of whatever it lets through."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from typing import Any

import msgspec

from adapters.hyperliquid.wire import account, frames, ledger, market, replies, status
from adapters.hyperliquid.wire.gate import BAD, Fault
from core.types import ClientOrderId, Outcome
from fuzz.samples import USER, T

NAMES = tuple(ClientOrderId(f"0x{n:032x}") for n in range(3))
MAGNITUDE_MAX = 100
"""Powers of ten: sums and products of what passes stay far from where Decimal itself gives up."""


@dataclass(frozen=True, slots=True)
class Reader:
    """read takes the bytes of a message; raises is what its documentation allows it to raise."""

    read: Callable[[bytes], Any]
    raises: tuple[type[Exception], ...] = ()


def _frame(payload: bytes) -> object:
    return frames.read_frame(payload, now_ms=T, user=USER)


READERS: dict[str, Reader] = {
    "frame": Reader(_frame),
    "fills": Reader(ledger.read_fills, BAD),
    "user fundings": Reader(ledger.read_user_fundings, BAD),
    "funding ledger": Reader(ledger.read_funding_ledger, BAD),
    "order updates": Reader(status.read_order_updates, BAD),
    "order status": Reader(lambda body: status.read_order_status(body, NAMES[0])),
    "order reply": Reader(lambda body: replies.read_order_reply(body, NAMES)),
    "cancel reply": Reader(lambda body: replies.read_cancel_reply(body, NAMES)),
    "account": Reader(account.read_account),
    "open orders": Reader(account.read_open_orders, BAD),
    "role": Reader(account.read_role, BAD),
    "rate limit": Reader(account.read_rate_limit, BAD),
    "abstraction": Reader(account.read_abstraction, BAD),
    "agents": Reader(account.read_agents, BAD),
    "dexes": Reader(account.read_builder_dexes, BAD),
    "instruments": Reader(market.read_instruments, BAD),
    "day volumes": Reader(market.read_day_volumes, BAD),
    "candles": Reader(market.read_candles, BAD),
    "funding history": Reader(market.read_funding_history, BAD),
    "status": Reader(market.read_status, BAD),
}


def examine(name: str, payload: bytes) -> Any:
    """Read a message and return what came of it, None where the reader refused it.

    Raises AssertionError for a number nobody can reckon with, and whatever the reader may not raise.
    """
    reader = READERS[name]
    try:
        found = reader.read(payload)
    except reader.raises:
        return None
    for number in numbers(found):
        usable = number.is_finite() and (not number or abs(number.adjusted()) < MAGNITUDE_MAX)
        assert usable, f"{name} let {number} through"
    if name in ("order reply", "cancel reply"):
        assert [answer.cloid for answer in found] == list(NAMES), "one answer for each order, in its order"
    return found


def numbers(value: Any) -> Iterator[Decimal]:
    """Yield every Decimal and float inside a value, floats as Decimal."""
    for part in parts(value):
        if isinstance(part, Decimal):
            yield part
        elif isinstance(part, float):
            yield Decimal(part) if math.isfinite(part) else Decimal("NaN")


def refused(found: Any) -> bool:
    """Say whether what examine() returned is nothing, names a fault, or leaves every outcome unknown."""
    outcomes = {part for part in parts(found) if isinstance(part, Outcome)}
    faulty = any(isinstance(part, Fault) for part in parts(found))
    return found is None or faulty or outcomes == {Outcome.UNKNOWN}


def parts(value: Any) -> Iterator[Any]:
    """Yield a value and everything inside it, however deep."""
    yield value
    inside: Iterable[Any] = ()
    if isinstance(value, msgspec.Struct):
        inside = msgspec.structs.astuple(value)
    elif is_dataclass(value):
        inside = tuple(getattr(value, f.name) for f in fields(value))
    elif isinstance(value, dict):
        inside = value.values()
    elif isinstance(value, tuple | list):
        inside = value
    for item in inside:
        yield from parts(item)
