"""Plays a journal again: every record through the same step(), up to the first that leads elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import fields, replace
from rich.console import Console, Group
from rich.progress import Progress
from rich.text import Text

from core.config import TradingSettings
from core.events import AnyEvent
from core.report import iso
from core.state import State, decode
from daemon.options import BadUse
from daemon.restore import stepped
from state.journal import Journal, Record

JOURNAL = "journal.sqlite"
BROKEN = (AssertionError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError)
"""What a step raises that cannot take its event."""

SHOWN_EVERY = 500
"""Records between two looks at the progress bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first record that leads elsewhere. what: "intents" of its event, "state" at a snapshot, or an "error".

    wanted is what the journal has, got what this nightdesk made of it; both readable, line by line.
    """

    seq: int
    at_ms: int
    what: str
    event: AnyEvent
    wanted: tuple[str, ...]
    got: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the difference as a unified diff without its heads."""
        return list(unified_diff(self.wanted, self.got, lineterm="", n=3))[2:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How far a journal was played: after_seq is where it began, records how many were played again."""

    path: Path
    after_seq: int
    records: int
    snapshots: int
    difference: Difference | None


def replay(given: Path, told: Callable[[int, int], None] = lambda done, total: None) -> Replayed:
    """Play a journal, or that of a state directory, from its oldest start; told: records done, and all.

    Raises BadUse where there is none, and StateError where it is damaged or newer than this nightdesk.
    """
    path = given / JOURNAL if given.is_dir() else given
    if not path.is_file():
        raise BadUse(f"{path}: no journal is there. Name a journal.sqlite, or a state directory")
    journal = Journal.open_read_only(path)
    try:
        return _replayed(journal, path, told)
    finally:
        journal.close()


def _replayed(journal: Journal, path: Path, told: Callable[[int, int], None]) -> Replayed:
    after_seq, state = _start(journal)
    snapshots = {seq: kept for seq, kept in journal.snapshots() if seq > after_seq}
    difference, records, total = None, 0, journal.last_seq() - after_seq
    compared = 0
    for record in journal.read(after_seq=after_seq):
        records += 1
        state, difference = _compared(state, record)
        if difference is None and record.seq in snapshots:
            compared += 1
            difference = _state_difference(record, decode(snapshots[record.seq]), state)
        if difference is not None:
            break
        if records % SHOWN_EVERY == 0:
            told(records, total)
    return Replayed(
        path=path, after_seq=after_seq, records=records, snapshots=compared, difference=difference
    )


def _start(journal: Journal) -> tuple[int, State]:
    """Return the empty state, or the oldest snapshot where records were pruned. Settings come with the first event."""
    first = journal.first_seq()
    if first == 1:
        return 0, State(settings=TradingSettings())
    seq, kept = next((seq, kept) for seq, kept in journal.snapshots() if seq >= first - 1)
    return seq, decode(kept)


def _compared(state: State, record: Record) -> tuple[State, Difference | None]:
    try:
        after, intents = stepped(state, record)
    except BROKEN as error:
        got = (f"{type(error).__name__}: {error}",)
        return state, _difference(record, "error", _lines(record.intents), got)
    if intents == record.intents:
        return after, None
    return after, _difference(record, "intents", _lines(record.intents), _lines(intents))


def _state_difference(record: Record, kept: State, state: State) -> Difference | None:
    """Compare all but the time: ticks that change nothing else are not recorded."""
    kept = replace(kept, at_ms=state.at_ms)
    other = [f.name for f in fields(State) if getattr(kept, f.name) != getattr(state, f.name)]
    if not other:
        return None
    wanted, got = ({name: getattr(s, name) for name in other} for s in (kept, state))
    return _difference(record, "state", _lines(wanted), _lines(got))


def _difference(record: Record, what: str, wanted: Sequence[str], got: Sequence[str]) -> Difference:
    return Difference(
        seq=record.seq,
        at_ms=record.at_ms,
        what=what,
        event=record.event,
        wanted=tuple(wanted),
        got=tuple(got),
    )


def _lines(value: object) -> tuple[str, ...]:
    return tuple(msgspec.json.format(msgspec.json.encode(value), indent=2).decode().splitlines())


# --- what is shown -------------------------------------------------------------------------------------


def replay_with_bar(given: Path) -> Replayed:
    """Replay with a progress bar on a terminal's stderr."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("records", total=None)
        return replay(given, lambda done, total: progress.update(task, completed=done, total=total))


def document(replayed: Replayed) -> dict[str, Any]:
    """Return what --json prints; docs/swarm.md explains each field."""
    found = replayed.difference
    return {
        "journal": str(replayed.path),
        "after_seq": replayed.after_seq,
        "records": replayed.records,
        "snapshots": replayed.snapshots,
        "held": found is None,
        "difference": None
        if found is None
        else {
            "seq": found.seq,
            "at_ms": found.at_ms,
            "what": found.what,
            "event": msgspec.to_builtins(found.event),
            "diff": found.lines(),
        },
    }


def view(replayed: Replayed) -> Group:
    found = replayed.difference
    if found is None:
        words = f"{replayed.records} records after {replayed.after_seq} lead where they led"
        return Group(Text(f"{words}; {replayed.snapshots} snapshots are the same", style="green"))
    head = f"record {found.seq} at {iso(found.at_ms)} leads elsewhere: its {found.what}"
    event = msgspec.json.encode(found.event).decode()
    colours = {"-": "red", "+": "green"}
    return Group(
        Text(head, style="red"),
        Text(f"event {event}", overflow="fold"),
        Text("- the journal, + this nightdesk"),
        *(Text(line, style=colours.get(line[:1], ""), overflow="fold") for line in found.lines()),
    )
