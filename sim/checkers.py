"""What must be true whatever happened in a night. A checker sees every step of the daemon, and the world at its end."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

import msgspec

from core.events import AnyEvent
from core.intents import AnyIntent
from core.state import State

if TYPE_CHECKING:
    from sim.world import World


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What a checker found: the first time only, at_s seconds from the close."""

    checker: str
    at_s: float
    text: str


class Checker(Protocol):
    """One for each night. Both return what is wrong, in words; nothing when all is well."""

    name: str

    def on_step(
        self, world: "World", state: State, event: AnyEvent, intents: tuple[AnyIntent, ...]
    ) -> Iterable[str]: ...
    def at_end(self, world: "World") -> Iterable[str]: ...


class Checkers:
    """All checkers of one night, and what they found: of each the first failure."""

    def __init__(self, world: "World", checkers: Iterable[Checker]) -> None:
        self._world = world
        self._checkers = tuple(checkers)
        self.failures: dict[str, Failure] = {}

    def on_step(self, state: State, event: AnyEvent, intents: tuple[AnyIntent, ...]) -> None:
        for checker in self._checkers:
            self._note(checker, checker.on_step(self._world, state, event, intents))

    def at_end(self) -> None:
        for checker in self._checkers:
            self._note(checker, checker.at_end(self._world))

    def _note(self, checker: Checker, found: Iterable[str]) -> None:
        for text in found:
            self.fail(checker.name, text)

    def fail(self, name: str, text: str) -> None:
        self.failures.setdefault(name, Failure(checker=name, at_s=self._world.now_s, text=text))
