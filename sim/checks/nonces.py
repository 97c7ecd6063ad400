"""Nonces rise, from order to order and from life to life."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from sim.checkers import Step
from sim.checks.sums import is_ours
from sim.venue.account_actions import NoopAction
from sim.venue.actions import Envelope
from sim.venue.order_actions import OrderAction
from sim.venue.reply import Document
from state.errors import StateError
from state.nonces import FileNonces
from state.store import Store

if TYPE_CHECKING:
    from sim.world import World


class NoncesRise:
    """What was decided on later has the higher nonce, none is used twice but to burn it, and the file is ahead of all."""

    name = "nonces"

    def __init__(self, world: "World") -> None:
        self._turns: dict[str, int] = {}
        self._orders: dict[int, int] = {}
        self._first: dict[int, Envelope] = {}
        self._refused: list[str] = []
        self._mark_ms = self._highest = self._removed = 0
        world.venue.observers.append(self._arrived)

    def on_step(self, step: Step) -> Iterator[str]:
        for order in step.orders:
            self._turns[order.cloid] = len(self._turns)
        if self._refused:
            yield self._refused.pop()
        if step.begins:
            yield from self._file(step.world)

    def at_end(self, world: "World") -> Iterator[str]:
        yield from self._refused
        in_turn = sorted(self._orders, key=lambda nonce: self._orders[nonce])
        for earlier, later in pairwise(in_turn):
            if later <= earlier:
                yield f"nonce {later} was signed after {earlier}"
        yield from self._file(world)

    def _file(self, world: "World") -> Iterator[str]:
        """A file that nobody can read proves nothing: the daemon does not start on it.

        Of one that a person removed, since no version of it could be read, only what was used since is asked.
        """
        path = Store(world.directory).nonces_path
        if (removed := world.operator.removed.count(path.name)) > self._removed:
            self._removed, self._mark_ms, self._highest = removed, 0, 0
        try:
            mark_ms = FileNonces(path).load()
        except StateError:
            return
        if mark_ms < max(self._highest, self._mark_ms):
            yield f"the file holds {mark_ms}, used was {self._highest}, it held {self._mark_ms}"
        self._mark_ms = max(mark_ms, self._mark_ms)

    def _arrived(self, envelope: Envelope, said: Document) -> None:
        action, nonce = envelope.action, envelope.nonce
        ours = isinstance(action, OrderAction) and action.orders and is_ours(action.orders[0].c)
        if ours:
            assert isinstance(action, OrderAction)
            self._orders.setdefault(nonce, self._turns.get(str(action.orders[0].c), -1))
            self._highest = max(self._highest, nonce)
        first = self._first.setdefault(nonce, envelope)
        twice = isinstance(said, dict) and "Invalid nonce" in str(said.get("response"))
        if (
            twice
            and ours
            and first.signature != envelope.signature
            and not isinstance(first.action, NoopAction)
        ):
            self._refused.append(f"the venue refused an order for its nonce: {said}")
