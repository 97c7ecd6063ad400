"""Nobody else's order on the account goes unnoticed: targets were made for an account that only we trade."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from core.events import OrdersAnswered, SnapshotReceived
from core.types import OpenOrder, TradingState
from sim.checkers import Step
from sim.checks.sums import is_ours

if TYPE_CHECKING:
    from sim.world import World


class StrangersAreNoticed:
    """A step that reads of an order that bears no id of ours takes no new risk any more (docs/decisions/0008)."""

    name = "strangers"

    def on_step(self, step: Step) -> Iterator[str]:
        if step.state.trading is not TradingState.ACTIVE:
            return
        for order in _read(step):
            if not is_ours(order.cloid):
                yield f"an order of somebody else was read of, and trading goes on: {order}"

    def at_end(self, world: "World") -> Iterator[str]:
        return iter(())


def _read(step: Step) -> Iterable[OpenOrder]:
    """Return the open orders that an event told of; a snapshot that is not adopted told of none."""
    event = step.event
    if isinstance(event, OrdersAnswered):
        return event.strangers
    if isinstance(event, SnapshotReceived) and step.state.account.snapshot is event.snapshot:
        return event.snapshot.open_orders
    return ()
