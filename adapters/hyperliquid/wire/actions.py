"""Actions as the venue wants them. Field order is part of the signature (hyperliquid.md 2.2)."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from adapters.hyperliquid.signing import Signature
from core.types import ClientOrderId, Order, Side

MEMBERS_MAX = 200
"""Orders or cancels in one action; above it the venue refuses the whole."""

PX_FIGURES_MAX = 5
PX_DECIMALS_MAX = 6


class Limit(msgspec.Struct, frozen=True):
    tif: str


class OrderType(msgspec.Struct, frozen=True):
    limit: Limit


class OrderWire(msgspec.Struct, frozen=True):
    """a asset, b buy, p price, s size, r reduce-only, t type, c client order id."""

    a: int
    b: bool
    p: str
    s: str
    r: bool
    t: OrderType
    c: str


class OrderAction(msgspec.Struct, frozen=True, tag_field="type", tag="order"):
    orders: list[OrderWire]
    grouping: str = "na"


class CancelByCloidWire(msgspec.Struct, frozen=True):
    asset: int
    cloid: str


class CancelByCloidAction(msgspec.Struct, frozen=True, tag_field="type", tag="cancelByCloid"):
    cancels: list[CancelByCloidWire]


class CancelWire(msgspec.Struct, frozen=True):
    """a asset, o order id."""

    a: int
    o: int


class CancelAction(msgspec.Struct, frozen=True, tag_field="type", tag="cancel"):
    cancels: list[CancelWire]


class LeverageAction(msgspec.Struct, frozen=True, tag_field="type", tag="updateLeverage"):
    asset: int
    isCross: bool
    leverage: int


class ScheduleCancelAction(
    msgspec.Struct, frozen=True, tag_field="type", tag="scheduleCancel", omit_defaults=True
):
    """Cancel every open order at this moment (ms); without it, take that back. An absent time enters no hash."""

    time: int | None = None


class NoopAction(msgspec.Struct, frozen=True, tag_field="type", tag="noop"):
    """Does nothing but use up its nonce, so that an earlier action with the same one can no longer land."""


Action = OrderAction | CancelByCloidAction | CancelAction | LeverageAction | ScheduleCancelAction | NoopAction


class SignatureWire(msgspec.Struct, frozen=True):
    r: str
    s: str
    v: int


class Envelope(msgspec.Struct, frozen=True):
    action: Action
    nonce: int
    signature: SignatureWire
    vaultAddress: str | None = None
    expiresAfter: int | None = None


_TYPES = {tif: OrderType(Limit(tif)) for tif in ("Ioc", "Gtc", "Alo")}
_encoder = msgspec.json.Encoder()


def number_word(number: Decimal) -> str:
    """Return the only form of a number that the venue hashes as we do: no exponent, no trailing zero, no -0."""
    word = format(number, "f")
    if "." in word:
        word = word.rstrip("0").rstrip(".")
    return "0" if word in ("-0", "") else word


def off_grid(px: Decimal, qty: Decimal, *, size_decimals: int) -> str:
    """Return why a price or a size is not on the venue's grid, "" when both are (hyperliquid.md 2.7)."""
    for name, number in (("price", px), ("size", qty)):
        if not number.is_finite() or number <= 0:
            return f"{name} is {number}, it must be above zero"
    if why := _too_fine("size", qty, size_decimals):
        return why
    whole, _, fraction = number_word(px).partition(".")
    if not fraction:
        return ""
    if len((whole + fraction).lstrip("0")) > PX_FIGURES_MAX:
        return f"price is {px}, at most {PX_FIGURES_MAX} significant figures are allowed"
    return _too_fine("price", px, PX_DECIMALS_MAX - size_decimals)


def _too_fine(name: str, number: Decimal, decimals: int) -> str:
    if len(number_word(number).partition(".")[2]) <= decimals:
        return ""
    return f"{name} is {number}, at most {decimals} decimals are allowed"


def order_wire(order: Order) -> OrderWire:
    return OrderWire(
        a=order.asset_id,
        b=order.side is Side.BUY,
        p=number_word(order.limit_px),
        s=number_word(order.qty),
        r=order.reduce_only,
        t=_TYPES[order.tif.value],
        c=order.cloid,
    )


def order_action(orders: Sequence[Order]) -> OrderAction:
    return OrderAction([order_wire(order) for order in orders])


def cancel_by_cloid_action(orders: Sequence[tuple[int, ClientOrderId]]) -> CancelByCloidAction:
    return CancelByCloidAction([CancelByCloidWire(asset, cloid) for asset, cloid in orders])


def cancel_action(orders: Sequence[tuple[int, int]]) -> CancelAction:
    return CancelAction([CancelWire(asset, oid) for asset, oid in orders])


def envelope(
    action: Action, nonce: int, *, signature: Signature, vault: str | None = None, expires_ms: int | None
) -> bytes:
    """Return the body of POST /exchange. vault is the sub-account or vault that the signer acts on."""
    return _encoder.encode(Envelope(action, nonce, SignatureWire(*signature), vault, expires_ms))
