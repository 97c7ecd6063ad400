"""Actions about orders: place, cancel, modify, and the dead-man's switch (hyperliquid.md 2.4 to 2.7)."""

from decimal import Decimal

from sim.venue.account import Account
from sim.venue.brackets import place_bracket, place_for_position
from sim.venue.modifying import modify_batch, modify_one
from sim.venue.order import Order
from sim.venue.order_actions import (
    BatchModifyAction,
    CancelAction,
    CancelByCloidAction,
    ModifyAction,
    OrderAction,
    ScheduleCancelAction,
)
from sim.venue.placing import cancel, place
from sim.venue.reading import batch_fault, new_order, refuse_in_post_only_window
from sim.venue.refusing import first_refusal
from sim.venue.reply import Document, Handlers, Refusal, Status, done, statuses
from sim.venue.state import VenueState
from sim.venue.triggers import place_trigger

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


def _order(state: VenueState, account: Account, action: OrderAction) -> Document:
    refuse_in_post_only_window(state, action.orders)
    rate = _builder_rate(account, action)
    at_position = action.grouping == "positionTpsl"
    fault = "Orders are empty."
    if action.orders:
        fault = batch_fault(state, action.orders, whole_position=at_position) or _unread(state, action)
    if fault:
        return statuses("order", [{"error": fault}])
    orders = [new_order(state, account, wire, rate) for wire in action.orders]
    if at_position:
        return statuses("order", place_for_position(state, account, orders))
    if action.grouping == "normalTpsl":
        return statuses("order", place_bracket(state, account, orders))
    return statuses("order", [_place(state, account, order) for order in orders])


def _unread(state: VenueState, action: OrderAction) -> str:
    words = first_refusal(state.refusing_batches, action.orders[0].a, state.now_ms)
    return "" if words is None else words[0]


def _place(state: VenueState, account: Account, order: Order) -> Status:
    return place(state, account, order) if order.trigger is None else place_trigger(state, account, order)


def _builder_rate(account: Account, action: OrderAction) -> Decimal:
    if action.builder is None:
        return Decimal(0)
    if account.builder_fees.get(action.builder.b, -1) < action.builder.f:
        raise Refusal("Builder fee has not been approved.")
    return action.builder.f * TENTH_OF_A_BP


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
    ModifyAction: modify_one,
    BatchModifyAction: modify_batch,
    ScheduleCancelAction: _schedule,
}
