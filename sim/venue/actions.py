"""What may stand in a POST to /exchange, and the canonical form that its signer must have signed.

The fields stand in the order in which they are hashed (hyperliquid.md 2.2), members that are false or unset
are left out, and unknown members are dropped when the JSON is read.
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from sim.venue.account_actions import AccountActions
from sim.venue.action_fields import BareAddress, Millis
from sim.venue.order_actions import (
    BatchModifyAction,
    CancelByCloidAction,
    ModifyAction,
    OrderAction,
    OrderActions,
    OrderKind,
    OrderWire,
    TwapOrderAction,
)

AnyAction = OrderActions | AccountActions


class Signature(Struct, frozen=True):
    """r and s as hex of any length: clients drop leading zeros or pad to 64 digits."""

    r: Annotated[str, Meta(pattern=r"^0x[0-9a-fA-F]{1,64}\Z")]
    s: Annotated[str, Meta(pattern=r"^0x[0-9a-fA-F]{1,64}\Z")]
    v: Literal[0, 1, 27, 28]


class Envelope(Struct, frozen=True, rename="camel"):
    action: AnyAction
    nonce: Millis
    signature: Signature
    vault_address: BareAddress | None = None
    expires_after: Millis | None = None


_envelope = msgspec.json.Decoder(Envelope)


def read_envelope(body: bytes) -> Envelope:
    """Read a request body. Raises msgspec.ValidationError for a wrong shape, msgspec.DecodeError for no JSON."""
    return _packable(_envelope.decode(body))


def convert_envelope(payload: Any) -> Envelope:
    """The same for JSON that is already parsed (websocket post requests)."""
    return _packable(msgspec.convert(payload, Envelope))


def _packable(envelope: Envelope) -> Envelope:
    """Refuse numbers beyond 64 bits, which nobody can have hashed."""
    try:
        msgspec.msgpack.encode(envelope.action)
    except OverflowError as e:
        raise msgspec.ValidationError(str(e)) from e
    return envelope


_trailing = re.compile(r"\.?0+$")


def canonical_number(text: str) -> str:
    """Return a number without needless zeros, as the server writes it before hashing."""
    if "." in text:
        text = _trailing.sub("", text)
    text = text.lstrip("0")
    return text if text and text[0] != "." else "0" + text


def canonical_cloid(text: str) -> str:
    text = text.lower()
    return text if text.startswith("0x") else "0x" + text


def canonical_key(key: int | str) -> int | str:
    """Return what a modify names its order by: an order id, or a client order id in its one form."""
    return canonical_cloid(key) if isinstance(key, str) else key


def canonical_order(order: OrderWire) -> OrderWire:
    kind = order.t
    if kind.trigger is not None:
        trigger = replace(kind.trigger, trigger_px=canonical_number(kind.trigger.trigger_px))
        kind = OrderKind(trigger=trigger)
    return replace(
        order,
        p=canonical_number(order.p),
        s=canonical_number(order.s),
        t=kind,
        c=None if order.c is None else canonical_cloid(order.c),
    )


def canonical(action: AnyAction) -> AnyAction:
    """Return the action as the server hashes it: a client that signed another form recovers as a stranger."""
    match action:
        case OrderAction(orders=orders, builder=builder):
            lower = None if builder is None else replace(builder, b=builder.b.lower())
            return replace(action, orders=[canonical_order(o) for o in orders], builder=lower)
        case ModifyAction(oid=key, order=order):
            return replace(action, oid=canonical_key(key), order=canonical_order(order))
        case BatchModifyAction(modifies=modifies):
            changes = [replace(m, oid=canonical_key(m.oid), order=canonical_order(m.order)) for m in modifies]
            return replace(action, modifies=changes)
        case TwapOrderAction(twap=twap):
            return replace(action, twap=replace(twap, s=canonical_number(twap.s)))
        case CancelByCloidAction(cancels=cancels):
            return replace(action, cancels=[replace(c, cloid=canonical_cloid(c.cloid)) for c in cancels])
        case _:
            return action
