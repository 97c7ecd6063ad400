"""Trigger orders: they wait outside the book until the mark reaches their price (hyperliquid.md 2.7)."""

from decimal import Decimal

from sim.venue.account import ZERO, Account
from sim.venue.order import Order, to_grid
from sim.venue.placing import enter, refuse, resting
from sim.venue.refusals import (
    Fault,
    listing_fault,
    margin_fault,
    named,
    reduce_only_fault,
    trigger_count_fault,
    value_fault,
)
from sim.venue.reply import Status
from sim.venue.state import VenueState

SLIPPAGE = Decimal("0.1")
"""How far from the mark a market trigger order may execute."""


def place_trigger(state: VenueState, account: Account, order: Order) -> Status:
    """Take a trigger order that stands alone and return its member of statuses."""
    mark = state.mark(order.asset_id)
    fault = trigger_fault(state, account, order, mark) or _position_fault(account, order)
    if fault is not None:
        return refuse(state, account, order, fault)
    wait(state, account, order)
    return resting(order)


def trigger_fault(state: VenueState, account: Account, order: Order, reference: Decimal) -> Fault | None:
    """Return why a trigger order is refused; reference is the price from which its trigger must be away."""
    assert order.trigger is not None, "only trigger orders come here"
    if order.trigger.reached(reference, buy=order.buy):
        return named(order, "Invalid TP/SL price.", "badTriggerPxRejected")
    whole = order.position_tpsl and order.asked_size == 0
    value = None if whole else value_fault(account, order)
    return listing_fault(state, order.asset_id) or value or trigger_count_fault(account, order)


def _position_fault(account: Account, order: Order) -> Fault | None:
    if not order.reduce_only or account.size(order.asset_id) * order.sign < 0:
        return None
    return named(order, "Reduce only order would increase position.", "reduceOnlyRejected")


def wait(state: VenueState, account: Account, order: Order) -> None:
    """Let a trigger order watch the mark from now on."""
    order.waits = True
    account.open_orders[order.oid] = state.triggers[order.oid] = order
    state.note_order(order, "open")
    account.remember(order)


def fire_reached(state: VenueState) -> None:
    """Send the trigger orders whose price the mark has reached to the book, oldest first."""
    for oid, order in list(state.triggers.items()):
        account = state.accounts[order.address]
        if oid not in account.open_orders:
            del state.triggers[oid]
            continue
        with state.mistakes.survived("trigger order", oid):
            _fire_if_reached(state, account, order)


def _fire_if_reached(state: VenueState, account: Account, order: Order) -> None:
    assert order.trigger is not None, "only trigger orders wait for the mark"
    mark = state.mark(order.asset_id)
    if order.trigger.reached(mark, buy=order.buy) and not state.post_only:
        del state.triggers[order.oid], account.open_orders[order.oid]
        _fire(state, account, order, mark)


def _fire(state: VenueState, account: Account, order: Order, mark: Decimal) -> None:
    order.waits = False
    state.note_order(order, "triggered")
    if order.position_tpsl and order.asked_size == 0:
        order.size = abs(account.size(order.asset_id))
    if order.trigger is not None and order.trigger.is_market:
        asset = state.prices.assets[order.asset_id]
        order.px = to_grid(asset, mark * (1 + SLIPPAGE * order.sign), up=not order.buy)
        order.tif = "Ioc"
    fault = reduce_only_fault(account, order)
    if fault is not None:
        state.note_order(order, "reduceOnlyCanceled")
        return
    fault = margin_fault(state, account, order)
    if fault is not None:
        refuse(state, account, order, fault)
        return
    enter(state, account, order)


def end_without_position(state: VenueState, account: Account, asset_id: int) -> list[Order]:
    """Return the reduce-only trigger orders that have nothing left to reduce."""
    held = account.size(asset_id)
    waiting = [o for o in account.open_orders.values() if o.waits and o.asset_id == asset_id]
    return [order for order in waiting if order.reduce_only and held * order.sign >= ZERO]
