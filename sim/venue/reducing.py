"""Resting reduce-only orders follow the position: they shrink with it, and end when nothing is left (2.7)."""

from sim.venue.account import Account
from sim.venue.clearing import force_cancel
from sim.venue.order import Order
from sim.venue.state import VenueState


def trim_reduce_only(state: VenueState, account: Account, asset_id: int) -> None:
    """Shrink resting reduce-only orders to the position, newest kept longest; end those with nothing left."""
    closable = abs(account.size(asset_id))
    for order in reversed(_resting(account, asset_id)):
        if closable == 0 or account.size(asset_id) * order.sign > 0:
            force_cancel(state, order, "reduceOnlyCanceled")
            continue
        if order.size > closable:
            order.size = closable
            state.note_order(order, "open")
        closable -= order.size


def cancel_older_reduce_only(state: VenueState, account: Account, newest: Order) -> None:
    """End older reduce-only orders whose sum with the newest one exceeds the position."""
    closable = abs(account.size(newest.asset_id)) - newest.size
    for order in reversed(_resting(account, newest.asset_id)):
        if order.oid == newest.oid:
            continue
        if order.size > closable:
            force_cancel(state, order, "reduceOnlyCanceled")
        else:
            closable -= order.size


def _resting(account: Account, asset_id: int) -> list[Order]:
    orders = account.open_orders.values()
    return [o for o in orders if o.reduce_only and o.asset_id == asset_id and not o.waits]
