"""Orders that hang together: children of a parent, siblings of which one ends the others, TP/SL of a position (2.7)."""

from collections.abc import Sequence
from decimal import Decimal

from sim.venue.account import Account, VenueFill
from sim.venue.clearing import force_cancel
from sim.venue.order import Order, OrderRow
from sim.venue.placing import filled_of, place
from sim.venue.reply import Refusal, Status
from sim.venue.state import Happening, VenueState
from sim.venue.triggers import end_without_position, place_trigger, trigger_fault, wait

CHILDREN_MAX = 2
ENDED_AFTER = ("open", "triggered")


def place_bracket(state: VenueState, account: Account, orders: Sequence[Order]) -> list[Status]:
    """Place a parent and its children (normalTpsl). One wrong child refuses all of them with a single status.

    Raises Refusal unless exactly the first order has no trigger, and there are one or two others.
    """
    parent, children = orders[0], list(orders[1:])
    _check_number(children, parent)
    for child in children:
        fault = trigger_fault(state, account, child, _entry_px(state, parent))
        if fault is not None:
            return [{"error": fault.text}]
        child.group = parent.oid
    parent.children = children
    status = place(state, account, parent)
    if isinstance(status, dict) and "error" in status:
        parent.children = []
        return [status]
    for child in children:
        child.status_ms = state.now_ms
        account.remember(child)
    waits = "waitingForTrigger" if "filled" in status else "waitingForFill"
    return [status, *(waits for _ in children)]


def place_for_position(state: VenueState, account: Account, orders: Sequence[Order]) -> list[Status]:
    """Place the TP/SL of a position (positionTpsl), which are reduce-only whatever the client says."""
    _check_number(orders)
    for order in orders:
        order.reduce_only = order.position_tpsl = True
        order.group = orders[0].oid
    return [place_trigger(state, account, order) for order in orders]


def _check_number(triggers: Sequence[Order], parent: Order | None = None) -> None:
    misplaced = parent is not None and parent.trigger is not None
    if misplaced or not 1 <= len(triggers) <= CHILDREN_MAX or any(o.trigger is None for o in triggers):
        raise Refusal("Unexpected number of trigger orders")


def _entry_px(state: VenueState, parent: Order) -> Decimal:
    """Return the price at which the parent is going to fill: its own, or the mark if that is better."""
    mark = state.mark(parent.asset_id)
    return min(parent.px, mark) if parent.buy else max(parent.px, mark)


# --- what follows ------------------------------------------------------------------------------------------


def follow(state: VenueState, happened: Sequence[Happening]) -> None:
    """Do what follows from orders that ended and from positions that changed."""
    for one in happened:
        if isinstance(one, OrderRow) and one.status not in ENDED_AFTER:
            account = state.accounts[one.address]
            order = account.orders.get(one.basic["oid"])
            if order is not None:
                _ended(state, account, order)
    if state.triggers:
        moved = {(one.address, one.asset_id): None for one in happened if isinstance(one, VenueFill)}
        for address, asset_id in moved:
            for order in end_without_position(state, state.accounts[address], asset_id):
                force_cancel(state, order, "reduceOnlyCanceled")


def _ended(state: VenueState, account: Account, order: Order) -> None:
    children, order.children = order.children, []
    if children:
        _release(state, account, order, children)
    if order.group is not None and order.status == "filled":
        for sibling in [o for o in account.open_orders.values() if o.group == order.group]:
            force_cancel(state, sibling, "siblingFilledCanceled")


def _release(state: VenueState, account: Account, parent: Order, children: Sequence[Order]) -> None:
    """Activate children for what their parent filled. One that its owner cancelled takes them along."""
    filled, _ = filled_of(account, parent)
    kept = parent.status in ("filled", "marginCanceled") or not parent.rests
    for child in children:
        if kept and filled > 0:
            child.size = min(child.size, filled)
            wait(state, account, child)
        else:
            state.note_order(child, "canceled")
