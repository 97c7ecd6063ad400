"""Never over target: what is held ends no farther than a lot beyond where it was to go, however much is filled."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from core.state import State
from core.types import Order, Purpose
from sim.checkers import Step
from sim.checks.sums import ZERO, is_ours, is_slice, live_qty
from sim.venue.account import VenueFill

if TYPE_CHECKING:
    from sim.world import World


class NeverOverTarget:
    """By the book when a slice is decided on, and by the venue's own position when it is filled.

    The second does not hold for a coin in which somebody else, or the venue itself, has traded since.
    """

    name = "targets"

    def __init__(self) -> None:
        self._targets: dict[str, tuple[Decimal, Decimal]] = {}
        self._disturbed: set[str] = set()

    def on_step(self, step: Step) -> Iterator[str]:
        for fill in step.executed:
            yield from self._filled(fill)
        for order in step.orders:
            if is_slice(order.purpose):
                yield from self._decided(step.state, order)

    def at_end(self, world: "World") -> Iterator[str]:
        return iter(())

    def _decided(self, state: State, order: Order) -> Iterator[str]:
        target, lot = _target(state, order), state.instruments[order.coin].lot
        self._targets[order.cloid] = target, lot
        end = state.book.positions.get(order.coin, ZERO) + _live(state, order)
        if order.side.sign * (end - target) > lot:
            yield f"{order.coin} may be {end} by what is on its way, the target is {target}: {order}"

    def _filled(self, fill: VenueFill) -> Iterator[str]:
        if not is_ours(fill.cloid):
            self._disturbed.add(fill.coin)
        known = self._targets.get(fill.cloid or "")
        if known is None or fill.coin in self._disturbed:
            return
        target, lot = known
        end = fill.start_position + fill.signed_size
        if (1 if fill.buy else -1) * (end - target) > lot:
            yield f"{fill.coin} was brought to {end} by {fill.cloid}, which was to bring it to {target}"


def _target(state: State, order: Order) -> Decimal:
    assert state.session is not None
    projected = order.purpose is Purpose.PROJECTED
    record = state.session.projected if projected else state.session.correction
    return record.targets[order.coin]


def _live(state: State, order: Order) -> Decimal:
    """Return what all orders of this one's side may still fill: those of the other may come to nothing."""
    live = (
        r for r in state.orders.open.values() if r.order.coin == order.coin and r.order.side is order.side
    )
    return sum((live_qty(r) for r in live), ZERO)
