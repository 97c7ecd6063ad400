"""The crypto index that a night keeps: its level never jumps, and what was told of it stays in its ledger over any crash."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from core.levels.types import Announce, Launch, LedgerEntry, Member, Price, Publish, Withdraw
from core.report import iso
from sim.checkers import Step
from sim.nights.elsewhere import RECENT
from sim.nights.kept_index import DIRECTORY, Shown
from state.errors import StateError
from state.index_ledger import LEDGER, IndexLedger, document_of
from state.index_lines import LedgerLines, Place

if TYPE_CHECKING:
    from sim.world import World

SAME = Fraction(1, 10**12)
"""Relative difference of levels that are the same (O0-12)."""
ROUNDING = 1e-9

MEMBERS_STAY = (Publish, Announce, Withdraw)


@dataclass(frozen=True, slots=True)
class Line:
    """An entry, the hash of its line, which has those of all lines before it in it, and who was in afterwards.

    settled_ms is the time of the newest level that a midnight settled, or of the launch.
    """

    entry: LedgerEntry
    place: Place
    settled_ms: int

    @property
    def told(self) -> tuple[str, str, tuple[str, ...]]:
        """What people are told of the index as it is after this entry."""
        state = self.place.state
        return str(iso(self.settled_ms)), str(state.divisor), tuple(member.symbol for member in state.members)


@dataclass(frozen=True, slots=True)
class Seen:
    """A level that was told, made of all members' prices, and the index values that it can have been made of, by coin."""

    life: int
    level: Decimal
    members: frozenset[str]
    rounds: tuple[Mapping[str, float], ...]


class LevelIsContinuous:
    """Every event keeps the level by arithmetic of our own, a level moves no more than prices did, and nothing told is lost.

    figures: index_entries, index_levels (of midnights), index_told (seconds whose level was told).
    """

    name = "level continuous"

    def __init__(self) -> None:
        self._shown: Shown | None = None
        self._known: set[tuple[str, str, tuple[str, ...]]] = set()
        self._heads: dict[int, str] = {}
        self._seen: Seen | None = None
        self._rounds = self._levels = 0

    def on_step(self, step: Step) -> Iterator[str]:
        world = step.world
        if not world.night.keeps_index or world.running is None:
            return
        if step.begins:
            yield from self._kept(world)
        passed, self._rounds = world.elsewhere.rounds - self._rounds, world.elsewhere.rounds
        shown = world.running.index
        if shown is None or shown is self._shown:
            return
        self._shown = shown
        yield from self._recorded(world, shown)
        yield from self._moved(world, shown, rounds=passed + 1)

    def at_end(self, world: "World") -> Iterator[str]:
        if not world.night.keeps_index:
            return
        yield from self._kept(world)
        lines, wrong = _lines(world)
        yield from wrong
        yield from _entries(lines)
        yield from _opens(world, lines)
        assert world.checkers is not None
        levels = sum(isinstance(line.entry.event, Publish) for line in lines)
        world.checkers.figures |= {
            "index_entries": len(lines),
            "index_levels": levels,
            "index_told": self._levels,
        }

    # --- what was told ---------------------------------------------------------------------------------------

    def _recorded(self, world: "World", shown: Shown) -> Iterator[str]:
        """What is told must stand in the ledger before it is."""
        told = str(shown["settled_at"]), str(shown["divisor"]), tuple(shown["members"])
        if told in self._known:
            return
        lines, wrong = _lines(world)
        yield from wrong
        found = [line for line in lines if line.told == told]
        if not found:
            yield f"told, and not in the ledger: divisor {told[1]} of {told[0]}, {len(told[2])} members"
            return
        self._known.add(told)
        self._heads[found[0].entry.sequence] = found[0].place.head

    def _kept(self, world: "World") -> Iterator[str]:
        """What was told stands in the ledger still."""
        lines, wrong = _lines(world)
        yield from wrong
        heads = {line.entry.sequence: line.place.head for line in lines}
        for sequence, head in sorted(self._heads.items()):
            if heads.get(sequence) != head:
                yield f"entry {sequence} was told, and is {'another' if sequence in heads else 'gone'}"

    def _moved(self, world: "World", shown: Shown, *, rounds: int) -> Iterator[str]:
        """A level of fresh prices moves by no more than the member did that moved most, whatever happened between.

        rounds: how many newest ones of index values it can have been made of, told since the step before.
        """
        before, self._seen = self._seen, None
        if shown["level"] is None or shown["state"] != "OK" or shown.get("carried"):
            return
        self._levels += 1
        if rounds > RECENT:
            return
        now = Seen(
            len(world.lives.all),
            Decimal(shown["level"]),
            frozenset(shown["members"]),
            tuple(world.elsewhere.recent)[-rounds:],
        )
        self._seen = now
        if before is not None and before.life == now.life:
            yield from _jump(before, now)


def _prices(rounds: Iterable[Mapping[str, float]], symbol: str) -> list[float]:
    return [said[name] for said in rounds for name in (symbol, f"k{symbol}") if name in said]


def _jump(before: Seen, now: Seen) -> Iterator[str]:
    ratios = []
    for symbol in sorted(before.members | now.members):
        earlier, later = _prices(before.rounds, symbol), _prices(now.rounds, symbol)
        if not earlier or not later:
            return
        ratios.append((min(later) / max(earlier), max(later) / min(earlier)))
    moved = float(now.level / before.level)
    least, most = min(low for low, _ in ratios), max(high for _, high in ratios)
    if not least * (1 - ROUNDING) <= moved <= most * (1 + ROUNDING):
        yield f"the level went from {before.level} to {now.level}, prices by {least - 1:.4%} to {most - 1:.4%}"


# --- the ledger ----------------------------------------------------------------------------------------------


def _lines(world: "World") -> tuple[list[Line], tuple[str, ...]]:
    """Return the ledger's whole lines and what is wrong with it; one that was never begun has none."""
    path = world.disk.directory / DIRECTORY / LEDGER
    lines: list[Line] = []
    settled_ms = 0
    try:
        for entry, place in LedgerLines(path).places() if path.exists() else ():
            settled_ms = entry.at_ms if isinstance(entry.event, Launch | Publish) else settled_ms
            lines.append(Line(entry, place, settled_ms))
    except StateError as error:
        return lines, (f"the ledger cannot be read: {error}",)
    return lines, ()


def _entries(lines: Iterable[Line]) -> Iterator[str]:
    """Each entry again, in fractions: both sides of it at its one price vector, and what it must leave as it was."""
    members: tuple[Member, ...] = ()
    divisor = Decimal(1)
    for number, line in enumerate(lines):
        entry = line.entry
        what = f"entry {entry.sequence}, {type(entry.event).__name__}"
        if entry.sequence != number:
            yield f"{what}, is the ledger's number {number}"
        after = members if entry.members is None else entry.members
        if entry.level is not None:
            yield from _sides(entry, (members, divisor), (after, entry.divisor), what)
        if isinstance(entry.event, MEMBERS_STAY) and (after, entry.divisor) != (members, divisor):
            yield f"{what}, changes members or divisor"
        members, divisor = after, entry.divisor


Side = tuple[tuple[Member, ...], Decimal]


def _sides(entry: LedgerEntry, before: Side, after: Side, what: str) -> Iterator[str]:
    assert entry.level is not None
    level = _level(after, entry.prices)
    old = (
        Fraction(entry.event.base_level) if isinstance(entry.event, Launch) else _level(before, entry.prices)
    )
    if abs(level / old - 1) > SAME:
        yield f"{what}: the level is {float(old):.12f} before it and {float(level):.12f} after it"
    if abs(Fraction(entry.level) / level - 1) > SAME:
        yield f"{what}: says {entry.level}, its prices make {float(level):.12f}"


def _level(side: Side, prices: tuple[Price, ...]) -> Fraction:
    members, divisor = side
    usd = {price.symbol: Fraction(price.usd) for price in prices}
    return sum(usd[m.symbol] * Fraction(m.supply) * Fraction(m.factor) for m in members) / Fraction(divisor)


def _opens(world: "World", lines: list[Line]) -> Iterator[str]:
    """The next start finds the index as the last entry left it, and its document then says the same."""
    directory = world.disk.directory / DIRECTORY
    if not directory.exists():
        return
    disk = world.disk.outside()
    try:
        with IndexLedger.open(directory, disk) as ledger:
            state = ledger.state
        known = document_of(directory, disk).read()
    except StateError as error:
        yield f"the next start would refuse the ledger: {error}"
        return
    last = lines[-1].place if lines else None
    if state != (last.state if last else None) or known != last:
        yield f"the next start finds entry {state and state.sequence}, the ledger ends with {last and last.state.sequence}"
