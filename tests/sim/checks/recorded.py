"""One played night, step by step and envelope by envelope, to be shown to a checker with something changed in it."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import msgspec

from core.state import State
from daemon.in_world import InWorld
from daemon.played import CLOSE_MS, history_of
from sim.checkers import Checker, Step
from sim.night import Night
from sim.nights.fault import Fault
from sim.nights.market import WorldMarket
from sim.world import World

NIGHT = Night(
    seed=3, coins=8, faults=(Fault(name="reset-after-effect", at_s=-60.0, for_s=70.0, intensity=0.4),)
)


@dataclass(frozen=True)
class Sent:
    """An action that reached the venue, and what the venue said."""

    envelope: object
    said: object


@dataclass
class Recorder:
    """A checker that finds nothing and keeps everything."""

    world: World
    name: str = "recorder"
    log: list[Step | Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world.venue.observers.append(lambda envelope, said: self.log.append(Sent(envelope, said)))

    def on_step(self, step: Step) -> Iterable[str]:
        self.log.append(step)
        return ()

    def at_end(self, world: World) -> Iterable[str]:
        return ()


@cache
def night() -> Recorder:
    directory = Path(tempfile.mkdtemp(prefix="nightdesk-recorded-"))
    history = history_of(NIGHT.coins)
    (directory / history.name).write_bytes(history.read_bytes())
    market = WorldMarket.drawn(NIGHT.seed, coins=NIGHT.coins, close_ms=CLOSE_MS)
    world = World(NIGHT, InWorld, market=market, close_ms=CLOSE_MS, directory=directory)
    recorders: list[Recorder] = []

    def checks(world: World) -> tuple[Checker, ...]:
        recorders.append(Recorder(world))
        return tuple(recorders)

    world.play(checks)
    return recorders[0]


def seen(**changed: object) -> SimpleNamespace:
    """The world as it was at the end of the night, with some attributes changed."""
    names = (
        "night",
        "venue",
        "daemon",
        "lives",
        "keys",
        "directory",
        "market",
        "clock",
        "checkers",
        "now_s",
        "operator",
    )
    world = SimpleNamespace(**{name: getattr(night().world, name) for name in names})
    return SimpleNamespace(**{**vars(world), **changed})


def at_end_with(state: State) -> SimpleNamespace:
    """The world with another last state of the daemon."""
    return seen(daemon=SimpleNamespace(state=state, reports=[], alerts=()))


Change = Callable[[Step | Sent], Iterable[Step | Sent]]


def found(
    make: Callable[[object], Checker], change: Change = lambda entry: (entry,), *, planted: int = 0
) -> list[str]:
    """Show a new checker the night with every entry changed; return what it found.

    planted: how often the venue says that it refused in any words without a reason."""
    observers: list[Callable[[object, object], None]] = []
    venue = SimpleNamespace(observers=observers, refused_without_reason=lambda words: planted)
    checker = make(seen(venue=venue))
    return list(_shown(checker, observers, (new for entry in night().log for new in change(entry))))


def _shown(
    checker: Checker, observers: list[Callable[[object, object], None]], log: Iterator[Step | Sent]
) -> Iterator[str]:
    for entry in log:
        if isinstance(entry, Sent):
            for observe in observers:
                observe(entry.envelope, entry.said)
        else:
            yield from checker.on_step(entry)


def stepwise(change: Callable[[Step], Step]) -> Change:
    """Change steps alone."""
    return lambda entry: (change(entry) if isinstance(entry, Step) else entry,)


def sent(change: Callable[[Sent], Iterable[Sent]]) -> Change:
    """Change what reached the venue alone."""
    return lambda entry: change(entry) if isinstance(entry, Sent) else (entry,)


def with_state(step: Step, **changed: object) -> Step:
    return replace(step, state=msgspec.structs.replace(step.state, **changed))


def steps() -> list[Step]:
    return [entry for entry in night().log if isinstance(entry, Step)]


def ordering(purpose: str) -> Step:
    """A step in the middle of the night that decided on orders of a purpose."""
    those = [s for s in steps() if any(o.purpose.value == purpose for o in s.orders)]
    return those[len(those) // 2]
