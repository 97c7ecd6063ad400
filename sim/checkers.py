"""What must be true whatever happened in a night. A checker sees every step of the daemon, and the world at its end."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import msgspec

from core.events import AnyEvent, Started
from core.intents import AnyIntent, SubmitOrders
from core.state import State
from core.types import Order
from sim.venue.account import VenueFill

if TYPE_CHECKING:
    from sim.world import World


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What a checker found: the first time only, at_s seconds from the close."""

    checker: str
    at_s: float
    text: str


@dataclass(kw_only=True)
class Step:
    """A step of the daemon. before is the state that the step before left, in an earlier life perhaps.

    executed: what the venue has executed for our account since the step before.
    """

    world: "World"
    before: State
    state: State
    event: AnyEvent
    intents: tuple[AnyIntent, ...]
    executed: tuple[VenueFill, ...] = ()

    @property
    def begins(self) -> bool:
        """Say whether a life begins with it: what the state was before may not be what was kept."""
        return isinstance(self.event, Started)

    @cached_property
    def orders(self) -> tuple[Order, ...]:
        """The orders that it decided on."""
        return tuple(o for i in self.intents if isinstance(i, SubmitOrders) for o in i.orders)


class Checker(Protocol):
    """One for each night. Both return what is wrong, in words; nothing when all is well."""

    name: str

    def on_step(self, step: Step) -> Iterable[str]: ...
    def at_end(self, world: "World") -> Iterable[str]: ...


class Checkers:
    """All checkers of one night, and what they found: of each the first failure. figures are what they counted."""

    def __init__(self, world: "World", checkers: Iterable[Checker]) -> None:
        self._world = world
        self._checkers = tuple(checkers)
        self._before: State | None = None
        self._fills = 0
        self.failures: dict[str, Failure] = {}
        self.figures: dict[str, float] = {"engine_steps": 0}

    def on_step(self, state: State, event: AnyEvent, intents: tuple[AnyIntent, ...]) -> None:
        fills = self._world.venue._account(self._world.keys.address).fills
        step = Step(
            world=self._world,
            before=self._before or state,
            state=state,
            event=event,
            intents=intents,
            executed=tuple(fills[self._fills :]),
        )
        self._before, self._fills = state, len(fills)
        self.figures["engine_steps"] += 1
        for checker in self._checkers:
            self._note(checker, checker.on_step(step))

    def at_end(self) -> None:
        for checker in self._checkers:
            self._note(checker, checker.at_end(self._world))

    def _note(self, checker: Checker, found: Iterable[str]) -> None:
        for text in found:
            self.fail(checker.name, text)

    def fail(self, name: str, text: str) -> None:
        self.failures.setdefault(name, Failure(checker=name, at_s=self._world.now_s, text=text))
