"""The journal leads to the state that the daemon had, step by step, and knew every order before the venue did."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from core.engine import step
from core.intents import SubmitOrders
from core.state import State
from core.types import ClientOrderId, Quote
from sim.checkers import Step
from sim.checks.orders_once import OrdersOnce
from state.errors import StateError
from state.journal import Journal, Record
from state.store import Store

if TYPE_CHECKING:
    from sim.world import World

NOT_JOURNALED = ("at_ms", "quotes", "mids_usd")
"""Ticks and quotes that changed nothing else: the next record has them."""


class JournalReplays:
    """Played again from nothing, every record wants again what it wanted, and the state after the last is the daemon's."""

    name = "replay"

    def __init__(self, sent: OrdersOnce) -> None:
        self._sent = sent
        self._cloids: set[ClientOrderId] = set()
        self._moved_aside = 0
        self._of_another: frozenset[str] = frozenset()

    def on_step(self, step: Step) -> Iterator[str]:
        """What was sent before a person moved the journal aside stands in that one."""
        if step.begins:
            name = Store(step.world.directory).journal_path.name
            moved_aside = step.world.operator.moved_aside.count(name)
            if moved_aside > self._moved_aside:
                self._moved_aside, self._of_another = moved_aside, self._sent.sent
        return iter(())

    def at_end(self, world: "World") -> Iterator[str]:
        state = State(settings=world.daemon.state.settings)
        try:
            journal = Journal.open_read_only(Store(world.directory).journal_path)
            try:
                for record in journal.read():
                    state, wrong = self._again(state, record)
                    if wrong:
                        yield wrong
                        return
            finally:
                journal.close()
        except StateError as error:
            yield f"the journal cannot be read: {error}"
            return
        yield from self._sent.journaled(self._cloids | self._of_another)
        if world.daemon.state.stopping and not world.lives.was_killed:
            yield from _differences(state, world.daemon.state)

    def _again(self, state: State, record: Record) -> tuple[State, str]:
        try:
            state, intents = step(_quoted(state, record.quotes), record.event)
        except AssertionError as error:
            return state, f"record {record.seq} cannot be played again: {error}"
        for intent in intents:
            if isinstance(intent, SubmitOrders):
                self._cloids.update(order.cloid for order in intent.orders)
        if intents != record.intents:
            return (
                state,
                f"record {record.seq}, {type(record.event).__name__}, wanted something else when played again",
            )
        return state, ""


def _quoted(state: State, quotes: tuple[Quote, ...]) -> State:
    """Return the state after quotes, all at once: they are most of what a journal holds."""
    if not quotes:
        return state
    return replace(
        state,
        quotes=state.quotes | {quote.coin: quote for quote in quotes},
        mids_usd=state.mids_usd | {quote.coin: float(quote.mid) for quote in quotes},
        at_ms=max(state.at_ms, *(quote.received_ms for quote in quotes)),
    )


def _differences(replayed: State, live: State) -> Iterator[str]:
    for field in msgspec.structs.fields(State):
        if field.name not in NOT_JOURNALED and getattr(replayed, field.name) != getattr(live, field.name):
            yield f"{field.name} is not what the journal leads to"
