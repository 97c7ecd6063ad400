"""Modify: cancel and replace under a new order id (hyperliquid.md 2.4).

What is wrong with the new order by itself (its asset, its grid, its kind) is found before anything is done. What the
clearinghouse or the book refuses is found after the old order is cancelled: then neither is there.
"""

from decimal import Decimal

from sim.venue.account import Account
from sim.venue.clearing import drop
from sim.venue.order import Order
from sim.venue.order_actions import BatchModifyAction, ModifyAction, ModifyWire
from sim.venue.placing import place
from sim.venue.reading import batch_fault, new_order, refuse_in_post_only_window
from sim.venue.reply import Document, Refusal, Status, done, statuses
from sim.venue.state import VenueState
from sim.venue.triggers import place_trigger

DEAD = "Cannot modify canceled or filled order"
REFUSED = "Error placing new order during modify: "
NOT_POST_ONLY = "Only post-only orders are allowed without the always-place flag"


def modify_one(state: VenueState, account: Account, action: ModifyAction) -> Document:
    """Carry out a modify. Raises Refusal where a batch would have a member with an error."""
    change = ModifyWire(action.oid, action.order)
    found = _found_before(state, (change,), always=action.a)
    status = _modify(state, account, change, always=action.a) if found is None else found
    if isinstance(status, dict) and "error" in status:
        raise Refusal(str(status["error"]))
    return done()


def modify_batch(state: VenueState, account: Account, action: BatchModifyAction) -> Document:
    found = _found_before(state, action.modifies, always=action.a)
    if found is not None:
        return statuses("order", [found])
    return statuses("order", [_modify(state, account, m, always=action.a) for m in action.modifies])


def _found_before(
    state: VenueState, changes: tuple[ModifyWire, ...] | list[ModifyWire], *, always: bool
) -> Status | None:
    """Return the one status that answers for all, found before anything is done."""
    wires = [change.order for change in changes]
    fault = "Orders are empty." if not wires else batch_fault(state, wires)
    if fault is not None:
        return {"error": REFUSED + fault}
    if always:
        refuse_in_post_only_window(state, wires)
    elif any(wire.t.limit is None or wire.t.limit.tif not in ("Gtc", "Alo") for wire in wires):
        return {"error": REFUSED + NOT_POST_ONLY}
    return None


def _modify(state: VenueState, account: Account, change: ModifyWire, *, always: bool) -> Status:
    old = _open_order(account, change.oid)
    if old is None:
        return {"error": DEAD}
    order = new_order(state, account, change.order, old.builder_rate)
    if not always:
        order.tif = "Alo"
    _inherit(old, order)
    drop(state, old, "canceled")
    status = place(state, account, order) if order.trigger is None else place_trigger(state, account, order)
    if isinstance(status, dict) and "error" in status:
        _leave_children(state, order)
        return {"error": f"{REFUSED}{status['error']}"}
    return status


def _open_order(account: Account, key: int | str) -> Order | None:
    oid = account.cloids.get(key) if isinstance(key, str) else key
    return None if oid is None else account.open_orders.get(oid)


def _inherit(old: Order, new: Order) -> None:
    """The new order has the old one's place among siblings, and its children."""
    new.group, new.position_tpsl = old.group, old.position_tpsl and new.trigger is not None
    new.children, old.children = old.children, []
    for child in new.children:
        child.group = new.oid
    if new.position_tpsl:
        new.reduce_only = True
        if old.asked_size == 0:
            new.size = new.asked_size = Decimal(0)


def _leave_children(state: VenueState, order: Order) -> None:
    for child in order.children:
        state.note_order(child, "canceled")
    order.children = []
