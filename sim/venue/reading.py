"""Orders as clients write them: what is wrong with one by itself, and the order that it means."""

from collections.abc import Sequence
from decimal import Decimal

from sim.venue.account import Account
from sim.venue.assets import VenueAsset
from sim.venue.order import Order, Trigger, grid_fault, price_fault
from sim.venue.order_actions import OrderWire
from sim.venue.reply import Refusal
from sim.venue.state import VenueState

POST_ONLY_WINDOW = "Only post-only orders allowed immediately after a network upgrade"


def asset_of(state: VenueState, asset_id: int) -> VenueAsset:
    """Return the asset. Raises Refusal for an unknown one: the whole envelope is refused (2.5)."""
    asset = state.asset(asset_id)
    if asset is None:
        raise Refusal(f"Asset {asset_id} does not exist.")
    return asset


def refuse_in_post_only_window(state: VenueState, wires: Sequence[OrderWire]) -> None:
    """Raise Refusal while only post-only orders are taken and one of these is not (4.6)."""
    if state.post_only and any(wire.t.limit is None or wire.t.limit.tif != "Alo" for wire in wires):
        raise Refusal(POST_ONLY_WINDOW)


def batch_fault(state: VenueState, wires: Sequence[OrderWire], *, whole_position: bool = False) -> str | None:
    """Return the one text that answers a whole batch, found before any member is placed.

    whole_position: a size of zero stands for the position (positionTpsl).
    """
    assets = [asset_of(state, wire.a) for wire in wires]
    for asset, wire in zip(assets, wires, strict=True):
        fault = _wire_fault(asset, wire, whole_position=whole_position)
        if fault is not None:
            return fault
    return None


def _wire_fault(asset: VenueAsset, wire: OrderWire, *, whole_position: bool) -> str | None:
    px, size = Decimal(wire.p), Decimal(wire.s)
    fault = price_fault(asset, px) if size == 0 and whole_position else grid_fault(asset, px, size)
    if fault is None and wire.t.trigger is not None:
        return price_fault(asset, Decimal(wire.t.trigger.trigger_px))
    return fault


def new_order(state: VenueState, account: Account, wire: OrderWire, builder_rate: Decimal) -> Order:
    """Return the order that a client means, with an id of its own, in no book yet."""
    limit, trigger = wire.t.limit, wire.t.trigger
    return Order(
        oid=state.ids.oid(),
        address=account.address,
        asset_id=wire.a,
        coin=state.prices.assets[wire.a].name,
        buy=wire.b,
        px=Decimal(wire.p),
        asked_size=Decimal(wire.s),
        size=Decimal(wire.s),
        tif="Gtc" if limit is None else limit.tif,
        reduce_only=wire.r,
        at_ms=state.now_ms,
        cloid=wire.c,
        builder_rate=builder_rate,
        trigger=None
        if trigger is None
        else Trigger(Decimal(trigger.trigger_px), trigger.is_market, trigger.tpsl),
        waits=trigger is not None,
    )
