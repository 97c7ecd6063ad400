"""Changes of an index that people make: a member leaves, a level is restated, a coin forks or is redenominated.

Each is a plain value, done in one way by who has the ledger: the command itself, or the daemon that keeps the index.
"""

from decimal import Decimal
from pathlib import Path

import msgspec

from core.levels.types import (
    Change,
    Event,
    Fork,
    ForkVariant,
    IndexRefused,
    IndexState,
    Price,
    Redenominate,
    Restate,
)
from core.levels.vector import Prices
from daemon.crypto_index import book
from state.index_ledger import LEDGER, corrected


class Removing(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="kind"):
    symbol: str
    reason: str
    by: str


class Restating(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="kind"):
    """entry is the number of the level that was wrong; usd are the right prices of members that stood at wrong ones."""

    entry: int
    usd: dict[str, Decimal]
    reason: str
    by: str


class Forking(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="kind"):
    """usd are vetted prices of after the fork: of parent and child, and of others where they have moved since."""

    parent: str
    child: str
    ratio: Decimal
    variant: ForkVariant
    usd: dict[str, Decimal]
    reason: str
    by: str


class Redenominating(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="kind"):
    """A coin of now is ratio coins of before: the price is so many times what it was."""

    symbol: str
    ratio: Decimal
    reason: str
    by: str


ByHand = Removing | Restating | Forking | Redenominating


def members_of(one: ByHand) -> tuple[str, ...]:
    """Return who must be a member for this to be."""
    match one:
        case Forking():
            return (one.parent,)
        case Removing() | Redenominating():
            return (one.symbol,)
        case Restating():
            return ()


def is_told_in_new_unit(one: Redenominating, usd: Decimal, old_usd: Decimal) -> bool:
    """Say whether a price is nearer, as a ratio, to what the last one is in the new unit than to what it is in the old."""
    return (usd**2 > old_usd**2 * one.ratio) == (one.ratio > 1)


def done(kept: book.Book, one: ByHand, heard: Prices, *, directory: Path, now_ms: int) -> Change:
    """Do it to a book whose ledger is in a directory. heard: newer prices than the last vetted ones, in old units.

    Raises IndexRefused, also before the launch; StateError where the ledger cannot be read or written.
    """
    state = kept.state
    if state is None:
        raise IndexRefused("nothing can be done to an index before its launch")
    if isinstance(one, Removing):
        return book.removed(kept, book.removal(one.symbol, one.reason, by=one.by), heard, now_ms=now_ms)
    if isinstance(one, Forking):
        _check_prices(state, one)
    at_ms = max(now_ms, state.at_ms)
    event = _event(one, directory)
    return kept.record(event, _prices(one, heard, at_ms), at_ms=_when(state, event, heard, at_ms))


def _check_prices(state: IndexState, one: Forking) -> None:
    known = {one.child, *(member.symbol for member in state.members)}
    if strangers := sorted(one.usd.keys() - known):
        raise IndexRefused(
            f"a price of {', '.join(strangers)} says nothing: known are {', '.join(sorted(known))}"
        )
    if missing := [symbol for symbol in (one.parent, one.child) if symbol not in one.usd]:
        raise IndexRefused(f"give the price after the fork of {' and '.join(missing)}")


def _event(one: Restating | Forking | Redenominating, directory: Path) -> Event:
    match one:
        case Restating():
            wrong = corrected(directory / LEDGER, one.entry, one.usd)
            return Restate(corrections=(wrong,), reason=one.reason, by=one.by)
        case Forking():
            return Fork(
                parent=one.parent,
                child=one.child,
                ratio=one.ratio,
                variant=one.variant,
                reason=one.reason,
                by=one.by,
            )
        case Redenominating():
            return Redenominate(symbol=one.symbol, ratio=one.ratio, reason=one.reason, by=one.by)


def _prices(one: Restating | Forking | Redenominating, heard: Prices, at_ms: int) -> Prices:
    match one:
        case Forking():
            return {**heard, **{symbol: Price(symbol, px, at_ms) for symbol, px in one.usd.items()}}
        case Redenominating():
            return heard
        case Restating():
            return {}


def _when(state: IndexState, event: Event, heard: Prices, at_ms: int) -> int:
    """Return now, or the time of the last entry for a redenomination where the last prices no longer stand.

    No number depends on that time, as prices and supply change by the ratio alone.
    """
    if not isinstance(event, Redenominate) or heard:
        return at_ms
    oldest_ms = min(price.at_ms for price in state.prices)
    return at_ms if at_ms - oldest_ms <= state.stale_ms else state.at_ms
