"""`nightdesk index level`, `history` and `remove`: what a directory has of its index, and the one change made by hand."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core import index_level
from core.levels.types import Change, IndexRefused, IndexState, LedgerEntry
from core.report import iso
from daemon import control
from daemon.clock import WallClock
from daemon.crypto_index import book
from daemon.options import BadUse
from state.errors import AlreadyRunning
from state.index_ledger import LEDGER, IndexLedger, document_of
from state.index_lines import LedgerLines

COLUMNS = ("sequence", "timestamp", "event", "level", "divisor", "members", "said")


def level(directory: Path) -> dict[str, Any]:
    """Return the last recorded level and what it is made of. Raises BadUse where nothing was launched."""
    known = document_of(directory).read()
    if known is None:
        raise _nothing(directory)
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
        raise _nothing(directory)
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


def remove(directory: Path, state_dir: Path, symbol: str, reason: str) -> dict[str, Any]:
    """Remove a member the same day; a daemon that keeps the index does it where one runs.

    Raises BadUse where it cannot be, StateError where the ledger cannot be written.
    """
    symbol = symbol.strip().upper()
    if not reason.strip():
        raise BadUse("--reason is empty: it stands in the ledger for ever")
    if not (directory / LEDGER).exists():
        raise _nothing(directory)
    try:
        with IndexLedger.open(directory) as ledger:
            return removed(ledger, symbol, reason)
    except AlreadyRunning:
        try:
            return control.ask(state_dir, do="index_remove", symbol=symbol, reason=reason)
        except control.NotRunning as error:
            raise BadUse(
                f"{directory}: kept by another process, and no daemon of {state_dir} answers: name its --state-dir"
            ) from error


def removed(ledger: book.Book, symbol: str, reason: str, *, now_ms: int | None = None) -> dict[str, Any]:
    """Remove a member from an open book, at the last vetted prices. Raises BadUse."""
    before = ledger.state
    try:
        event = book.removal(symbol, reason, by="operator")
        change = book.removed(ledger, event, {}, now_ms=WallClock().now_ms() if now_ms is None else now_ms)
    except IndexRefused as error:
        raise BadUse(str(error)) from error
    assert before is not None
    entry = change.entry
    return {
        "kind": "index removal",
        "index": change.state.name,
        "removed": symbol,
        "timestamp": iso(entry.at_ms),
        "level_before": str(entry.before),
        "level_after": str(entry.level),
        "divisor_before": str(before.divisor),
        "divisor_after": str(entry.divisor),
        "constituents": _constituents(change.state),
    }


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


def _nothing(directory: Path) -> BadUse:
    return BadUse(f"{directory}: has no index yet; nightdesk index rebalance launches it")
