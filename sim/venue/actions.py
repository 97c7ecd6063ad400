"""What may stand in a POST to /exchange, and the canonical form that its signer must have signed.

The fields stand in the order in which they are hashed (hyperliquid.md 2.2), members that are false or unset
are left out, and unknown members are dropped when the JSON is read.
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

Address = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{40}$")]
BareAddress = Annotated[str, Meta(pattern="^(0x)?[0-9a-fA-F]{40}$")]
Number = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,12})?$")]
Cloid = Annotated[str, Meta(pattern="^(0x)?[0-9a-fA-F]{32}$")]
Count = Annotated[int, Meta(ge=0)]
Millis = Annotated[int, Meta(ge=0, le=2**62)]


class Limit(Struct, frozen=True):
    tif: Literal["Gtc", "Ioc", "Alo", "FrontendMarket"]


class Trigger(Struct, frozen=True, rename="camel"):
    is_market: bool
    trigger_px: Number
    tpsl: Literal["tp", "sl"]


class OrderKind(Struct, frozen=True, omit_defaults=True):
    limit: Limit | None = None
    trigger: Trigger | None = None

    def __post_init__(self) -> None:
        if (self.limit is None) == (self.trigger is None):
            raise ValueError("an order is either limit or trigger")


class OrderWire(Struct, frozen=True, omit_defaults=True):
    """a asset id, b buy, p price, s size, r reduce only, t kind, c client order id."""

    a: Count
    b: bool
    p: Number
    s: Number
    r: bool
    t: OrderKind
    c: Cloid | None = None


class Builder(Struct, frozen=True):
    b: Address
    f: Count


class Action(Struct, frozen=True, omit_defaults=True, tag_field="type", rename="camel"):
    """The root of the tagged union; holds no behaviour."""


class OrderAction(Action, frozen=True, tag="order"):
    orders: list[OrderWire]
    grouping: Literal["na", "normalTpsl", "positionTpsl"]
    builder: Builder | None = None


class CancelWire(Struct, frozen=True):
    a: Count
    o: Count


class CancelAction(Action, frozen=True, tag="cancel"):
    cancels: list[CancelWire]
    f: bool = False


class CloidCancelWire(Struct, frozen=True):
    asset: Count
    cloid: Cloid


class CancelByCloidAction(Action, frozen=True, tag="cancelByCloid"):
    cancels: list[CloidCancelWire]
    f: bool = False


class ModifyAction(Action, frozen=True, tag="modify"):
    oid: int | str
    order: OrderWire
    a: bool = False


class ModifyWire(Struct, frozen=True):
    oid: int | str
    order: OrderWire


class BatchModifyAction(Action, frozen=True, tag="batchModify"):
    modifies: list[ModifyWire]
    a: bool = False


class ScheduleCancelAction(Action, frozen=True, tag="scheduleCancel"):
    time: Millis | None = None


class UpdateLeverageAction(Action, frozen=True, tag="updateLeverage"):
    asset: Count
    is_cross: bool
    leverage: int


class NoopAction(Action, frozen=True, tag="noop"):
    pass


class SetReferrerAction(Action, frozen=True, tag="setReferrer"):
    code: str


class ReserveRequestWeightAction(Action, frozen=True, tag="reserveRequestWeight"):
    weight: Count


class UserSigned(Action, frozen=True):
    """Signed by the master itself, as typed data a wallet can show."""

    hyperliquid_chain: Literal["Mainnet", "Testnet"]
    signature_chain_id: str


class ApproveAgentAction(UserSigned, frozen=True, kw_only=True, tag="approveAgent"):
    agent_address: Address
    nonce: Millis
    agent_name: str | None = None


class ApproveBuilderFeeAction(UserSigned, frozen=True, kw_only=True, tag="approveBuilderFee"):
    max_fee_rate: str
    builder: Address
    nonce: Millis


AnyAction = (
    OrderAction
    | CancelAction
    | CancelByCloidAction
    | ModifyAction
    | BatchModifyAction
    | ScheduleCancelAction
    | UpdateLeverageAction
    | NoopAction
    | SetReferrerAction
    | ReserveRequestWeightAction
    | ApproveAgentAction
    | ApproveBuilderFeeAction
)


class Signature(Struct, frozen=True):
    """r and s as hex of any length: clients drop leading zeros or pad to 64 digits."""

    r: Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{1,64}$")]
    s: Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{1,64}$")]
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
    return _envelope.decode(body)


def convert_envelope(payload: Any) -> Envelope:
    """The same for JSON that is already parsed (websocket post requests)."""
    return msgspec.convert(payload, Envelope)


_trailing = re.compile(r"\.?0+$")


def canonical_number(text: str) -> str:
    """Return a number without needless zeros, as the server writes it before hashing."""
    if "." in text:
        text = _trailing.sub("", text)
    return text.lstrip("0") if len(text) > 1 and text[0] == "0" and text[1] != "." else text


def canonical_cloid(text: str) -> str:
    text = text.lower()
    return text if text.startswith("0x") else "0x" + text


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
        case ModifyAction(order=order):
            return replace(action, order=canonical_order(order))
        case BatchModifyAction(modifies=modifies):
            return replace(action, modifies=[replace(m, order=canonical_order(m.order)) for m in modifies])
        case CancelByCloidAction(cancels=cancels):
            return replace(action, cancels=[replace(c, cloid=canonical_cloid(c.cloid)) for c in cancels])
        case _:
            return action
