"""Actions about orders, their members in the order in which they are hashed (hyperliquid.md 2.4)."""

from typing import Literal

from msgspec import Struct

from sim.venue.action_fields import Action, Address, Cloid, Count, Millis, Number


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


class TwapWire(Struct, frozen=True):
    """a asset id, b buy, s size, r reduce only, m minutes, t randomize."""

    a: Count
    b: bool
    s: Number
    r: bool
    m: Count
    t: bool


class TwapOrderAction(Action, frozen=True, tag="twapOrder"):
    twap: TwapWire


class TwapCancelAction(Action, frozen=True, tag="twapCancel"):
    """a asset id, t TWAP id."""

    a: Count
    t: Count


OrderActions = (
    OrderAction
    | CancelAction
    | CancelByCloidAction
    | ModifyAction
    | BatchModifyAction
    | ScheduleCancelAction
    | TwapOrderAction
    | TwapCancelAction
)
