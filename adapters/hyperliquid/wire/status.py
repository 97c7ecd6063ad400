"""What became of an order: the venue's vocabulary, read by rule, because it grows without notice."""

from decimal import Decimal

import msgspec

from adapters.hyperliquid.wire.gate import (
    BAD,
    Fault,
    Id,
    Unreadable,
    cloid,
    not_negative,
    read_rows,
    shown,
)
from core.types import Answer, ClientOrderId, Outcome

LIVE = frozenset({"open", "triggered"})


class OrderRow(msgspec.Struct):
    """An order as orderStatus and orderUpdates show it; sz is what remains of origSz."""

    oid: Id
    sz: Decimal
    origSz: Decimal
    cloid: str | None = None
    coin: str = ""


class OrderUpdate(msgspec.Struct):
    order: OrderRow
    status: str


class OrderStatusReply(msgspec.Struct):
    status: str
    order: OrderUpdate | None = None


_update = msgspec.json.Decoder(OrderUpdate, strict=False)
_updates = msgspec.json.Decoder(list[OrderUpdate], strict=False)
_status = msgspec.json.Decoder(OrderStatusReply, strict=False)


def outcome(word: str) -> Outcome:
    """Return what a status word proves, by its ending (hyperliquid.md 1.4); a new word proves nothing."""
    if word in LIVE:
        return Outcome.RESTING
    if word == "filled":
        return Outcome.FILLED
    if word.endswith(("canceled", "Canceled", "Cancel")):
        return Outcome.CANCELLED
    if word.endswith(("rejected", "Rejected")):
        return Outcome.REJECTED
    return Outcome.UNKNOWN


def to_answer(update: OrderUpdate, name: ClientOrderId) -> Answer:
    """Return the answer for one order. filled_qty is origSz - sz.

    For a reduce-only order that the venue shrank to the position this is more than was executed; fills decide.
    """
    order = update.order
    left = not_negative(order.sz)
    if left > not_negative(order.origSz):
        raise Unreadable(f"sz {order.sz} remains of origSz {order.origSz}")
    return Answer(
        cloid=name,
        outcome=outcome(update.status),
        filled_qty=order.origSz - left,
        oid=order.oid,
        reason=update.status,
    )


def _named(update: OrderUpdate) -> Answer | None:
    name = cloid(update.order.cloid)
    return to_answer(update, name) if name else None


def read_order_updates(payload: bytes | str | msgspec.Raw) -> tuple[tuple[Answer, ...], tuple[Fault, ...]]:
    """Return an answer for every update that carries a client order id; orders without one are not ours."""
    items, faults = read_rows("orderUpdates", payload, batch=_updates, one=_update, convert=_named)
    return tuple(answer for answer in items if answer is not None), faults


def read_order_status(payload: bytes, name: ClientOrderId) -> Answer:
    """Return what the venue knows of one client order id. What cannot be read is UNKNOWN, never absent."""
    try:
        reply = _status.decode(payload)
        if reply.order is not None:
            return to_answer(reply.order, name)
    except BAD as error:
        return _unknown(name, f"orderStatus could not be read: {error}; received {shown(payload)}")
    if reply.status == "unknownOid":
        return Answer(cloid=name, outcome=Outcome.NEVER_PLACED, reason=reply.status)
    return _unknown(name, f"orderStatus says {shown(payload)}")


def _unknown(name: ClientOrderId, reason: str) -> Answer:
    return Answer(cloid=name, outcome=Outcome.UNKNOWN, reason=reason)
