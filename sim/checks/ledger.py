"""Our fills are the venue's fills, one by one, and positions are nothing but their sum."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from core.events import FillsReceived
from core.state import State
from core.types import Coin, Fill, Side, is_perpetual
from sim.checkers import Step
from sim.checks.opening import Opening
from sim.checks.sums import ZERO
from sim.venue.account import VenueFill
from sim.world import World

REREAD_MS = 60_000
"""A fill that the venue showed late is read again for so long after it was held to be covered."""

Key = tuple[int, int]
"""tid and oid: what identifies a fill."""


@dataclass(slots=True)
class _Known:
    """What events have brought: every fill once, and how many were known after each event that brought some."""

    opened_ms: int | None = None
    fills: dict[Key, Fill] = field(default_factory=dict)
    after: list[tuple[Key, ...]] = field(default_factory=list)
    positions: dict[Coin, Decimal] = field(default_factory=dict)

    def add(self, fills: Iterable[Fill]) -> Iterable[Fill]:
        """Return those that are new."""
        assert self.opened_ms is not None
        new: dict[Key, Fill] = {}
        for fill in fills:
            key = fill.tid, fill.oid
            if key not in self.fills and fill.at_ms > self.opened_ms and is_perpetual(fill.coin):
                new.setdefault(key, fill)
        for fill in new.values():
            self._move(fill, 1)
        self.fills |= new
        if new:
            self.after.append(tuple(new))
        return new.values()

    def take_back(self) -> None:
        """Forget the newest event's fills."""
        for key in self.after.pop():
            self._move(self.fills.pop(key), -1)

    def _move(self, fill: Fill, sign: int) -> None:
        self.positions[fill.coin] = self.positions.get(fill.coin, ZERO) + sign * fill.signed_qty
        if not self.positions[fill.coin]:
            del self.positions[fill.coin]


class FillsAreTheVenues:
    """The book is what was adopted and every fill once; each is the venue's own, and none is missing once it is covered."""

    name = "fills"

    def __init__(self) -> None:
        self._known, self._opening = _Known(), Opening()
        self._theirs: dict[Key, VenueFill] = {}
        self._missing: dict[Key, VenueFill] = {}

    def on_step(self, step: Step) -> Iterator[str]:
        for fill in step.executed:
            self._theirs[_key(fill)] = self._missing[_key(fill)] = fill
        if self._opening.is_to_come(step):
            self._known = _Known()
        if step.begins:
            self._after_a_restart(step.state)
        if self._known.opened_ms is None and step.state.book.opened_ms is not None:
            self._opened(step.state)
        elif isinstance(step.event, FillsReceived) and self._known.opened_ms is not None:
            yield from self._wrong(self._known.add(step.event.fills))
        if step.state.book is not step.before.book:
            yield from self._booked(step.state)

    def at_end(self, world: World) -> Iterator[str]:
        opened_ms = self._known.opened_ms
        for fill in world.venue.fills(world.keys.address):
            if opened_ms is not None and fill.at_ms > opened_ms and _key(fill) not in self._known.fills:
                yield f"the venue's fill {_key(fill)} of {fill.coin} never reached the book"
        theirs, ours = world.venue.positions(world.keys.address), world.daemon.state.book.positions
        if theirs != ours:
            yield f"positions are {_apart(ours, theirs)}"

    def _after_a_restart(self, state: State) -> None:
        """What the last life learned may not have been kept: the book says how much was."""
        while self._known.after and len(self._known.fills) > state.book.fills_booked:
            self._known.take_back()

    def _opened(self, state: State) -> None:
        self._known.opened_ms = state.book.opened_ms
        self._known.positions = dict(state.book.positions)
        self._missing = {k: f for k, f in self._missing.items() if f.at_ms > (state.book.opened_ms or 0)}

    def _wrong(self, fills: Iterable[Fill]) -> Iterator[str]:
        for fill in fills:
            key = fill.tid, fill.oid
            theirs = self._theirs.get(key)
            self._missing.pop(key, None)
            if theirs is None or _facts(fill) != _venue_facts(theirs):
                yield f"{fill} was booked, the venue has {theirs}"

    def _booked(self, state: State) -> Iterator[str]:
        if state.book.positions != self._known.positions:
            yield f"positions are not the sum of fills: {_apart(state.book.positions, self._known.positions)}"
        if state.book.fills_booked != len(self._known.fills):
            yield f"{state.book.fills_booked} fills were booked, {len(self._known.fills)} were heard of"
        covered_ms = state.book.covered_to_ms
        if covered_ms is not None and self._missing:
            first = next(iter(self._missing.values()))
            if first.at_ms < covered_ms - REREAD_MS:
                yield f"fill {_key(first)} of {first.coin} is held to be covered and is not booked"


def _key(fill: VenueFill) -> Key:
    return fill.tid, fill.oid


def _facts(fill: Fill) -> tuple[object, ...]:
    return fill.coin, fill.side is Side.BUY, fill.qty, fill.px, fill.fee_usd, fill.at_ms, fill.cloid


def _venue_facts(fill: VenueFill) -> tuple[object, ...]:
    return fill.coin, fill.buy, fill.size, fill.px, fill.fee_usd, fill.at_ms, fill.cloid


def _apart(ours: dict[Coin, Decimal], theirs: dict[Coin, Decimal] | dict[str, Decimal]) -> str:
    """Name what differs: coin, ours, theirs."""
    coins = sorted({*ours, *theirs})
    pairs = ((c, ours.get(Coin(c), ZERO), dict(theirs).get(Coin(c), ZERO)) for c in coins)
    return ", ".join(f"{c} {a} and not {b}" for c, a, b in pairs if a != b)
