"""`nightdesk index level` and `history`: what a directory has of its index; and changes of it that are made by hand."""

import csv
import io
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from core import index_level
from core.levels.types import Change, Event, IndexRefused, IndexState, LedgerEntry, Restate
from core.report import iso
from daemon import control
from daemon.clock import WallClock
from daemon.crypto_index import book, by_hand
from daemon.crypto_index.by_hand import ByHand, Forking, Redenominating, Removing, Restating
from daemon.options import BadUse
from state.errors import AlreadyRunning
from state.index_ledger import DOCUMENT, LEDGER, IndexLedger, document_of
from state.index_lines import LedgerLines
from strategies.crypto_index.schedule import close_ms

COLUMNS = ("sequence", "timestamp", "event", "level", "divisor", "members", "said")
KINDS: Mapping[type, str] = {
    Removing: "index removal",
    Restating: "index restatement",
    Forking: "index fork",
    Redenominating: "index redenomination",
}


def nothing(directory: Path) -> BadUse:
    """Return what to say of a directory without the ledger or the document that is asked for."""
    has_ledger, has_document = (directory / LEDGER).exists(), (directory / DOCUMENT).exists()
    if has_ledger != has_document:
        gone, there = (DOCUMENT, LEDGER) if has_ledger else (LEDGER, DOCUMENT)
        mend = "the next nightdesk index rebalance writes it anew" if has_ledger else "put it back"
        return BadUse(f"{directory / gone}: is gone, but {there} is there: {mend}")
    return BadUse(f"{directory}: has no index yet; nightdesk index rebalance launches it")


def level(directory: Path) -> dict[str, Any]:
    """Return the last recorded level and what it is made of. Raises BadUse where nothing was launched."""
    known = document_of(directory).read()
    if known is None:
        raise nothing(directory)
    return level_document(known.state, now_ms=WallClock().now_ms())


def level_document(state: IndexState, *, now_ms: int) -> dict[str, Any]:
    """Return an index as it was after its last entry. Prices may be older than the entry; each has its own time."""
    return {
        "kind": "index level",
        "index": state.name,
        "methodology": state.methodology,
        "level": str(_level(state)),
        "divisor": str(state.divisor),
        "timestamp": iso(state.at_ms),
        "age_s": (now_ms - state.at_ms) / 1000,
        "constituents": _constituents(state),
        "announced": announced(state),
    }


def announced(state: IndexState) -> dict[str, Any] | None:
    """Return what is announced and not in force yet, None where nothing is."""
    pending = state.pending
    if pending is None:
        return None
    return {
        "effective": iso(pending.effective_at_ms),
        "weights": {target.symbol: str(target.weight) for target in pending.targets},
    }


def history(directory: Path) -> Iterator[LedgerEntry]:
    """Yield every entry, oldest first, of ledgers that were begun anew too. Raises BadUse where there is none."""
    path = directory / LEDGER
    if not path.exists():
        raise nothing(directory)
    for change in earlier(directory):
        yield change.entry
    for entry, _ in LedgerLines(path).places():
        yield entry


def earlier(directory: Path) -> Iterator[Change]:
    """Yield what stands in ledgers that were begun anew since, oldest first."""
    for path in sorted(directory.glob("ledger-*.jsonl")):
        for entry, place in LedgerLines(path).places():
            yield Change(state=place.state, entry=entry)


def rows(directory: Path) -> Iterator[tuple[Any, ...]]:
    """Yield a row of COLUMNS for each entry."""
    count = 0
    for entry in history(directory):
        count = count if entry.members is None else len(entry.members)
        said = getattr(entry.event, "reason", "")
        if isinstance(entry.event, Restate):
            said = "; ".join([*(f"{c.sequence}: {c.old} -> {c.new}" for c in entry.event.corrections), said])
        yield (
            entry.sequence,
            iso(entry.at_ms),
            type(entry.event).__name__,
            "" if entry.level is None else str(entry.level),
            str(entry.divisor),
            count,
            said,
        )


def as_csv(directory: Path) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows(directory))
    return text.getvalue()


def changed(directory: Path, state_dir: Path, one: ByHand) -> dict[str, Any]:
    """Do a change by hand; a daemon that keeps the index does it where one runs, and says that it was accepted.

    Raises BadUse where it cannot be, StateError where the ledger cannot be written.
    """
    _check(directory, one)
    try:
        with IndexLedger.open(directory) as ledger:
            return _document(ledger, directory, one)
    except AlreadyRunning:
        tried(directory, one)
        try:
            return control.ask(state_dir, do="index_change", change=msgspec.to_builtins(one))
        except control.NotRunning as error:
            raise BadUse(
                f"{directory}: kept by another process, and no daemon of {state_dir} answers: name its --state-dir"
            ) from error


def changed_or_tried(directory: Path, state_dir: Path, one: ByHand, *, dry_run: bool) -> dict[str, Any]:
    """Make a change by hand, or say what it would do. Raises as changed does."""
    return tried(directory, one) if dry_run else changed(directory, state_dir, one)


def tried(directory: Path, one: ByHand) -> dict[str, Any]:
    """Return what a change by hand would do at the last vetted prices; nothing is recorded. Raises BadUse."""
    _check(directory, one)
    places = LedgerLines(directory / LEDGER)
    state = next((place.state for _, place in deque(places.places(), maxlen=1)), None)
    if state is None and places.begins is not None:
        state = places.begins.state
    return _document(book.Draft(state), directory, one) | {"dry_run": True}


def entry_of(directory: Path, which: str) -> int:
    """Return the number of a level: as it is given, or of the last one of a day's close. Raises BadUse."""
    if which.isdecimal():
        return int(which)
    try:
        at_ms = close_ms(date.fromisoformat(which))
    except ValueError:
        raise BadUse(f"{which}: neither a day such as 2021-12-31 nor the number of an entry") from None
    levels = [e for e in history(directory) if e.at_ms == at_ms and e.level is not None]
    if not levels:
        raise BadUse(
            f"{which}: no level of that day's close is in the ledger; nightdesk index history has all"
        )
    return levels[-1].sequence


def _check(directory: Path, one: ByHand) -> None:
    if not one.reason.strip():
        raise BadUse("--reason is empty: it stands in the ledger for ever")
    if not (directory / LEDGER).exists():
        raise nothing(directory)


def _document(kept: book.Book, directory: Path, one: ByHand) -> dict[str, Any]:
    before = kept.state
    try:
        change = by_hand.done(kept, one, {}, directory=directory, now_ms=WallClock().now_ms())
    except IndexRefused as error:
        raise BadUse(str(error)) from error
    assert before is not None
    entry = change.entry
    common = {
        "kind": KINDS[type(one)],
        "index": change.state.name,
        **_said(one, entry.event),
        "timestamp": iso(entry.at_ms),
        "divisor_before": str(before.divisor),
        "divisor_after": str(entry.divisor),
    }
    if entry.level is None:
        return common
    levels = {"level_before": str(entry.before), "level_after": str(entry.level)}
    return common | levels | {"constituents": _constituents(change.state)}


def _said(one: ByHand, event: Event) -> dict[str, Any]:
    match one, event:
        case Restating(), Restate():
            (wrong,) = event.corrections
            return {
                "entry": wrong.sequence,
                "published": str(wrong.old),
                "restated": str(wrong.new),
                "reason": one.reason,
                "by": one.by,
            }
        case Forking(), _:
            return {
                "parent": one.parent,
                "child": one.child,
                "ratio": str(one.ratio),
                "value": str(one.variant),
            }
        case Redenominating(), _:
            return {"redenominated": one.symbol, "ratio": str(one.ratio)}
    return {"removed": one.symbol} if isinstance(one, Removing) else {}


def _level(state: IndexState) -> Any:
    """Return the level at the last vetted prices, of whatever age."""
    at_ms = max(price.at_ms for price in state.prices)
    return index_level.level(state, {p.symbol: _at(p, at_ms) for p in state.prices}, at_ms=at_ms)


def _at(price: Any, at_ms: int) -> Any:
    return type(price)(price.symbol, price.usd, at_ms)


def _constituents(state: IndexState) -> list[dict[str, Any]]:
    prices, parts = {p.symbol: p for p in state.prices}, index_level.weights(state)
    return [
        {
            "symbol": m.symbol,
            "weight": str(parts[m.symbol]),
            "price_usd": str(prices[m.symbol].usd),
            "price_at": iso(prices[m.symbol].at_ms),
            "supply": str(m.supply),
            "factor": str(m.factor),
        }
        for m in sorted(state.members, key=lambda m: -parts[m.symbol])
    ]
