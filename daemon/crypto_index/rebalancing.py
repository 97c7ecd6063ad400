"""`nightdesk index rebalance`: one review by hand, recorded or only shown."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from core import index_level
from core.levels.types import Announce, Change, IndexRefused, IndexState, Target
from core.levels.vector import Prices
from core.report import iso
from daemon.crypto_index import book
from daemon.crypto_index.asking import Asked, Kind, Review, asked_of, event_of, launch_of
from daemon.crypto_index.place import Place, place
from daemon.options import BadUse
from daemon.settings import CryptoIndexSettings
from state.index_ledger import LEDGER, IndexLedger, document_of
from state.index_lines import LedgerLines
from state.kill_switch import KillSwitch
from state.store import Store
from strategies.crypto_index.schedule import close_ms

BY = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What stands on the command line in place of the configuration's."""

    methodology: str | None
    data: Path | None
    asof: date | None
    dry_run: bool


def rebalance(settings: CryptoIndexSettings, state_dir: Path, options: Options) -> dict[str, Any]:
    """Decide, and record it unless it is a dry run. Raises BadUse and StateError: nothing is recorded then."""
    where = place(_with(settings, options), state_dir)
    if options.dry_run:
        return _rebalanced(book.Draft(_kept(where.directory)), where, options)
    latch = KillSwitch(Store(state_dir).kill_switch_path).read()
    if latch is not None:
        raise BadUse(f"the kill switch is latched ({latch.reason}): no rebalance until it is reset")
    with IndexLedger.open(where.directory) as ledger:
        document = _rebalanced(ledger, where, options)
        return document | {"head": ledger.head, "messages": ledger.messages}


def check_methodology(state: IndexState, place: Place) -> None:
    """Raises BadUse where an index is kept by another methodology than it was launched by."""
    if state.methodology != place.rules.name:
        raise BadUse(
            f"{place.directory}: has the index {state.name}, launched by methodology {state.methodology}, "
            f"not {place.rules.name}: name that one, or another directory"
        )


def _kept(directory: Path) -> IndexState | None:
    """Return the index as it is kept, without a change: from its ledger where the document is gone, which it leads to."""
    known = document_of(directory).read()
    if known is not None or not (directory / LEDGER).exists():
        return known.state if known else None
    lines = LedgerLines(directory / LEDGER)
    places = [place for _, place in lines.places()]
    last = places[-1] if places else lines.begins
    return last.state if last else None


def _review(asked: Asked) -> Review:
    from daemon.crypto_index.reviews import review

    return review(asked)


def _with(settings: CryptoIndexSettings, options: Options) -> CryptoIndexSettings:
    if options.methodology is not None:
        settings = replace(settings, methodology=options.methodology)
    return settings if options.data is None else replace(settings, data=str(options.data))


def _rebalanced(kept: book.Book, where: Place, options: Options) -> dict[str, Any]:
    before = kept.state
    if before is not None:
        check_methodology(before, where)
    found = _review(asked_of(where, before, Kind.MEMBERS, options.asof))
    if not found.targets:
        raise BadUse(f"{found.refused}; nothing is decided, and what holds goes on")
    if before is not None and close_ms(found.day) < before.at_ms:
        raise BadUse(
            f"{where.directory}: the close of {found.day} is before the last entry, which is of {iso(before.at_ms)}: "
            "name a later day with --asof, or data that go on"
        )
    rules = where.rules
    event = launch_of(found, rules) if before is None else event_of(found, rules)
    try:
        done = book.rebalanced(kept, event, found.closes, at_ms=close_ms(found.day), by=BY)
        return _document(before, done, found, options)
    except IndexRefused as error:
        raise BadUse(f"{where.directory}: {error}") from error


def _document(
    before: IndexState | None, done: list[Change], found: Review, options: Options
) -> dict[str, Any]:
    after = done[-1].state
    held = set() if before is None else {m.symbol for m in before.members}
    level_before, level_after = book.levels(before, done, found.closes)
    constituents = [_one(found, target) for target in found.targets]
    names = [one["symbol"] for one in constituents]
    divisors = None if before is None else before.divisor, after.divisor
    return {
        "kind": "index rebalance",
        "index": after.name,
        "methodology": after.methodology,
        "asof": found.day,
        "timestamp": iso(done[-1].entry.at_ms),
        "effective": iso(_effective_ms(done[-1])),
        "dry_run": options.dry_run,
        "events": [type(change.entry.event).__name__ for change in done],
        "constituents": constituents,
        "entered": sorted(set(names) - held),
        "left": sorted(held - set(names)),
        "level_before": level_before,
        "level_after": level_after,
        "divisor_before": divisors[0],
        "divisor_after": divisors[1],
        "lines": [
            {"tag": tag, "text": text}
            for tag, text in (*found.lines, *_said(before, done, found.closes, options))
        ],
    }


def _one(found: Review, target: Target) -> dict[str, Any]:
    return {
        "symbol": target.symbol,
        "weight": float(target.weight),
        "price_usd": float(found.closes[target.symbol].usd),
        "supply": float(target.supply),
    }


def _effective_ms(change: Change) -> int:
    event = change.entry.event
    return event.effective_at_ms if isinstance(event, Announce) else change.entry.at_ms


def _said(
    before: IndexState | None, done: list[Change], prices: Prices, options: Options
) -> list[tuple[str, str]]:
    """Return the lines of the book's part, after those of the decision (S0-5, S0-11, S0-97)."""
    after = done[-1].state
    old, new = book.levels(before, done, prices)
    lines = [("IndexManager", f"event: {type(change.entry.event).__name__}") for change in done]
    if before is None:
        lines.append(("Divisor", f"launched: divisor {after.divisor}, level {new}"))
    else:
        lines.append(("Divisor", f"{before.divisor} -> {after.divisor}, level {old} -> {new}"))
    where = "dry run, nothing is written" if options.dry_run else "recorded"
    count = len(index_level.weights(after))
    return [*lines, ("StateManager", f"{where}: divisor {after.divisor}, {count} constituents")]
