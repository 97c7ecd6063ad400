"""Actions about orders: place, cancel, modify, and the dead-man's switch (hyperliquid.md 2.4 to 2.7)."""

from collections.abc import Sequence
from decimal import Decimal

from sim.venue.account import Account
from sim.venue.clearing import drop
from sim.venue.order import Order, grid_fault
from sim.venue.order_actions import (
    BatchModifyAction,
    CancelAction,
    CancelByCloidAction,
    ModifyAction,
    OrderAction,
    OrderWire,
    ScheduleCancelAction,
)
from sim.venue.placing import cancel, place
from sim.venue.reply import Document, Handlers, Refusal, Status, done, statuses
from sim.venue.state import VenueState

SCHEDULE_AHEAD_MS = 5_000
SCHEDULE_VOLUME_USD = 1_000_000
SCHEDULE_TRIGGERS_A_DAY = 10
TENTH_OF_A_BP = Decimal("0.00001")
DAY_MS = 86_400_000


def _cancel(state: VenueState, account: Account, action: CancelAction) -> Document:
    return statuses("cancel", [cancel(state, account, c.a, c.o) for c in action.cancels])


def _cancel_by_cloid(state: VenueState, account: Account, action: CancelByCloidAction) -> Document:
    found = [(c.asset, account.cloids.get(c.cloid)) for c in action.cancels]
    return statuses("cancel", [cancel(state, account, asset, oid) for asset, oid in found])


def _modify_one(state: VenueState, account: Account, action: ModifyAction) -> Document:
    _modified(_modify(state, account, (action.oid, action.order), always=action.a))
    return done()


def _modify_batch(state: VenueState, account: Account, action: BatchModifyAction) -> Document:
    replies = [_modify(state, account, (m.oid, m.order), always=action.a) for m in action.modifies]
    return statuses("order", replies)


def _order(state: VenueState, account: Account, action: OrderAction) -> Document:
    if action.grouping != "na" or any(wire.t.trigger is not None for wire in action.orders):
        raise Refusal("Trigger orders and their groupings are not served by this venue.")
    rate = Decimal(0)
    if action.builder is not None:
        if account.builder_fees.get(action.builder.b, -1) < action.builder.f:
            raise Refusal("Builder fee has not been approved.")
        rate = action.builder.f * TENTH_OF_A_BP
    fault = "Orders are empty." if not action.orders else _batch_fault(state, action.orders)
    if fault is not None:
        return statuses("order", [{"error": fault}])
    return statuses(
        "order", [place(state, account, _new_order(state, account, w, rate)) for w in action.orders]
    )


def _batch_fault(state: VenueState, wires: Sequence[OrderWire]) -> str | None:
    """Return the one text that answers a whole batch, found before any member is placed."""
    for wire in wires:
        asset = state.asset(wire.a)
        if asset is None:
            raise Refusal(f"Asset {wire.a} does not exist.")
        fault = grid_fault(asset, Decimal(wire.p), Decimal(wire.s))
        if fault is not None:
            return fault
    return None


def _new_order(
    state: VenueState, account: Account, wire: OrderWire, builder_rate: Decimal = Decimal(0)
) -> Order:
    assert wire.t.limit is not None, "trigger orders are refused before this"
    return Order(
        oid=state.ids.oid(),
        address=account.address,
        asset_id=wire.a,
        coin=state.prices.assets[wire.a].name,
        buy=wire.b,
        px=Decimal(wire.p),
        asked_size=Decimal(wire.s),
        size=Decimal(wire.s),
        tif=wire.t.limit.tif,
        reduce_only=wire.r,
        at_ms=state.now_ms,
        cloid=wire.c,
        builder_rate=builder_rate,
    )


def _modified(status: Status) -> None:
    if isinstance(status, dict) and "error" in status:
        raise Refusal(str(status["error"]))


def _modify(
    state: VenueState, account: Account, change: tuple[int | str, OrderWire], *, always: bool
) -> Status:
    """Cancel and replace: a new oid, and the client order id only if it is given again."""
    key, wire = change
    oid = account.cloids.get(key.lower()) if isinstance(key, str) else key
    old = None if oid is None else account.open_orders.get(oid)
    if old is None:
        return {"error": "Cannot modify canceled or filled order"}
    if wire.t.limit is None or (not always and wire.t.limit.tif not in ("Gtc", "Alo")):
        return {"error": "Cannot modify to an order that is not post only"}
    fault = _batch_fault(state, [wire])
    if fault is not None:
        return {"error": f"Error placing new order during modify: {fault}"}
    order = _new_order(state, account, wire)
    if not always:
        order.tif = "Alo"
    drop(state, old, "canceled")
    status = place(state, account, order)
    if isinstance(status, dict) and "error" in status:
        return {"error": f"Error placing new order during modify: {status['error']}"}
    return status


def _schedule(state: VenueState, account: Account, action: ScheduleCancelAction) -> Document:
    scheduled, at_ms = account.scheduled, action.time
    if at_ms is None:
        scheduled.at_ms = None
        return done()
    if account.traded_usd < SCHEDULE_VOLUME_USD:
        raise Refusal(
            "Cannot set scheduled cancel time until enough volume traded. "
            f"Required: ${SCHEDULE_VOLUME_USD}. Traded: ${account.traded_usd:.2f}."
        )
    if at_ms < state.now_ms + SCHEDULE_AHEAD_MS:
        raise Refusal("Scheduled cancel time too early, must be at least 5 seconds from now.")
    if scheduled.day == at_ms // DAY_MS and scheduled.triggers >= SCHEDULE_TRIGGERS_A_DAY:
        raise Refusal(f"Too many scheduled cancels triggered today. Limit: {SCHEDULE_TRIGGERS_A_DAY}.")
    scheduled.at_ms = at_ms
    return done()


HANDLERS: Handlers = {
    OrderAction: _order,
    CancelAction: _cancel,
    CancelByCloidAction: _cancel_by_cloid,
    ModifyAction: _modify_one,
    BatchModifyAction: _modify_batch,
    ScheduleCancelAction: _schedule,
}
