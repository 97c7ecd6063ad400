"""An order is decided on once, sent once, and filled to its size at most."""

from collections.abc import Iterator, Set
from decimal import Decimal
from typing import TYPE_CHECKING

from core.state import State
from core.types import ClientOrderId, Coin, Order, Purpose, Side
from sim.checkers import Step
from sim.checks.sums import ZERO, is_ours, is_slice
from sim.venue.actions import Envelope
from sim.venue.order_actions import OrderAction, OrderWire
from sim.venue.reply import Document

if TYPE_CHECKING:
    from sim.world import World


class OrdersOnce:
    """No intent has two live orders, and the venue sees nothing that was not decided on, as it was decided on."""

    name = "orders once"

    def __init__(self, world: "World") -> None:
        self._decided: dict[str, Order] = {}
        self._slices: dict[tuple[Purpose, Coin, int], set[ClientOrderId]] = {}
        self._sent: dict[str, Envelope] = {}
        self._wrong: list[str] = []
        self._assets = world.market.assets
        world.venue.observers.append(self._arrived)

    def on_step(self, step: Step) -> Iterator[str]:
        if self._wrong:
            yield from self._wrong
            self._wrong.clear()
        for order in step.orders:
            if order.cloid in self._decided and order.cloid in self._sent:
                yield f"{order.cloid} was decided on twice"
            self._decided[order.cloid] = order
            if is_slice(order.purpose):
                yield from self._sliced(step.state, order)

    def at_end(self, world: "World") -> Iterator[str]:
        yield from self._wrong
        executed: dict[str, Decimal] = {}
        for fill in world.venue.fills(world.keys.address):
            if is_ours(fill.cloid):
                assert fill.cloid is not None
                executed[fill.cloid] = executed.get(fill.cloid, ZERO) + fill.size
        for cloid, qty in executed.items():
            order = self._decided.get(cloid)
            if order is not None and qty > order.qty:
                yield f"{qty} {order.coin} were executed of {cloid}, which was to be {order.qty}"

    def _sliced(self, state: State, order: Order) -> Iterator[str]:
        """Each slice of a leg has one live order a coin, however often the daemon starts.

        One that was decided on and never kept lives nowhere: it was not sent, and the next life decides on the slice again,
        with the same id where its counter was not kept either.
        """
        assert state.session is not None
        session = state.session
        record = session.projected if order.purpose is Purpose.PROJECTED else session.correction
        earlier = self._slices.setdefault((order.purpose, order.coin, record.next_slice), set())
        if not (earlier - {order.cloid}).isdisjoint(state.orders.open):
            yield f"slice {record.next_slice} of {order.purpose.value} has a second order of {order.coin}"
        earlier.add(order.cloid)

    def _arrived(self, envelope: Envelope, _: Document) -> None:
        if not isinstance(envelope.action, OrderAction):
            return
        for wire in envelope.action.orders:
            if is_ours(wire.c):
                assert wire.c is not None
                self._wrong += self._seen(wire.c, wire, envelope)

    def _seen(self, cloid: str, wire: OrderWire, envelope: Envelope) -> Iterator[str]:
        order, earlier = self._decided.get(cloid), self._sent.setdefault(cloid, envelope)
        if earlier.nonce != envelope.nonce:
            yield f"{cloid} was sent twice, with nonces {earlier.nonce} and {envelope.nonce}"
        if order is None:
            yield f"the venue was sent {cloid}, which nobody decided on"
            return
        said = self._assets[wire.a].name, wire.b, Decimal(wire.s), Decimal(wire.p), wire.r
        if said != (order.coin, order.side is Side.BUY, order.qty, order.limit_px, order.reduce_only):
            yield f"the venue was sent {said} as {cloid}, decided was {order}"
        if envelope.expires_after is None or envelope.expires_after > order.expires_ms:
            yield f"{cloid} expires at {order.expires_ms}, the venue was told {envelope.expires_after}"

    @property
    def sent(self) -> frozenset[str]:
        """The orders that reached the venue so far."""
        return frozenset(self._sent)

    def journaled(self, cloids: Set[str]) -> Iterator[str]:
        """Say which orders reached the venue without being on record, given all that are."""
        for cloid in self._sent:
            if cloid not in cloids:
                yield f"the venue was sent {cloid}, of which the journal knows nothing"
