"""Each leg trades in its own window, and what rests of it outside of that is cancelled, whenever it is found."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.events import ClockTicked
from core.intents import CancelEverything, CancelOrders
from core.state import OrderStatus, Stage, State
from core.types import Order, Purpose
from sim.checkers import Step
from sim.checks.sums import is_slice

if TYPE_CHECKING:
    from sim.world import World

GRACE_MS = 4_000
"""A cancel is sent again this often, while an order is known to rest."""


ON = {Purpose.PROJECTED: Stage.PROJECTED, Purpose.CORRECTION: Stage.CORRECTED}


class LegsKeepTheirTime:
    name = "freeze"

    def __init__(self) -> None:
        self._cancelled_ms: dict[str, int] = {}

    def on_step(self, step: Step) -> Iterator[str]:
        state = step.state
        for order in step.orders:
            if is_slice(order.purpose) and not _in_time(state, order):
                yield f"a slice outside of its window: {order}"
        for intent in step.intents:
            if isinstance(intent, CancelOrders):
                self._cancelled_ms |= {cloid: state.at_ms for _, cloid in intent.orders}
            elif isinstance(intent, CancelEverything):
                self._cancelled_ms |= dict.fromkeys(state.orders.open, state.at_ms)
        if isinstance(step.event, ClockTicked):
            yield from self._resting(state)

    def at_end(self, world: "World") -> Iterator[str]:
        return iter(())

    def _resting(self, state: State) -> Iterator[str]:
        """Say which orders of a leg that is not on rest, with nobody trying to cancel them."""
        session = state.session
        if session is None:
            return
        for cloid, record in state.orders.open.items():
            purpose = record.order.purpose
            rests = (
                record.status is OrderStatus.RESTING
                and is_slice(purpose)
                and session.stage is not ON[purpose]
            )
            tried_ms = max(
                self._cancelled_ms.get(cloid, 0), session.stage_ms, record.since_ms, state.started_ms
            )
            if rests and state.at_ms - tried_ms > GRACE_MS:
                yield f"{cloid} rests since {record.since_ms} and is not cancelled"


def _in_time(state: State, order: Order) -> bool:
    """Say whether an order's leg is on at its making, and over before the leg's end."""
    assert state.session is not None
    close_ms, times = state.session.close_ms, state.settings.session
    if order.purpose is Purpose.PROJECTED:
        begins_s, ends_s = times.projected_s, times.freeze_s
    else:
        begins_s, ends_s = times.correction_s, times.deadline_s
    begins_ms, ends_ms = close_ms + 1000 * begins_s, close_ms + 1000 * ends_s
    return begins_ms <= order.created_ms < ends_ms and order.expires_ms <= ends_ms
