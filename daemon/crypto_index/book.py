"""What a review does to an index, in the one order: who has no price leaves, what was announced holds, then the review."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from core import index_level
from core.levels.overdue import overdue
from core.levels.types import (
    Announce,
    Change,
    Event,
    IndexRefused,
    IndexState,
    RemovalCause,
    Remove,
    Reweight,
    Withdraw,
)
from core.levels.vector import Prices


class Book(Protocol):
    """An index and what is recorded of it."""

    @property
    def state(self) -> IndexState | None: ...
    def record(self, event: Event, prices: Prices, *, at_ms: int) -> Change: ...


@dataclass(slots=True)
class Draft:
    """A book that is kept nowhere."""

    state: IndexState | None

    def record(self, event: Event, prices: Prices, *, at_ms: int) -> Change:
        change = index_level.applied(self.state, event, prices, at_ms=at_ms)
        self.state = change.state
        return change


def caught_up(book: Book, prices: Prices, *, at_ms: int, by: str) -> list[Change]:
    """Do what is overdue. Raises IndexRefused where no member has a price."""
    done: list[Change] = []
    while book.state is not None and (event := overdue(book.state, prices, at_ms=at_ms, by=by)) is not None:
        done.append(book.record(event, prices, at_ms=at_ms))
    return done


def rebalanced(book: Book, event: Event, prices: Prices, *, at_ms: int, by: str) -> list[Change]:
    """Do what a review leads to; what an earlier one announced and is not in force yet is withdrawn for it.

    Raises IndexRefused; what was overdue is done then.
    """
    done = caught_up(book, prices, at_ms=at_ms, by=by)
    replaces = isinstance(event, Reweight | Announce)
    if replaces and book.state is not None and book.state.pending is not None:
        gone = Withdraw(reason="a later review decides", by=by)
        done.append(book.record(gone, prices, at_ms=at_ms))
    return [*done, book.record(event, prices, at_ms=at_ms)]


def removal(symbol: str, reason: str, *, by: str) -> Remove:
    return Remove(symbols=(symbol,), cause=RemovalCause.BLACKLIST, reason=reason, by=by)


def removed(book: Book, event: Remove, heard: Prices | None = None, *, now_ms: int) -> Change:
    """Remove at the last vetted prices: now where they still stand for all, else at the time of the last entry.

    heard: those since the last entry, of who has any; at them a level that was told stays where it is. Raises
    IndexRefused, also before the launch.
    """
    state = book.state
    if state is None:
        raise IndexRefused("nothing can be removed from an index before its launch")
    now_ms = max(now_ms, state.at_ms)
    told = {} if heard is None else heard
    newest_ms = (
        max(p.at_ms, told.get(p.symbol, p).at_ms) for p in state.prices if p.symbol not in event.symbols
    )
    if now_ms - min(newest_ms, default=now_ms) <= state.stale_ms:
        return book.record(event, told, at_ms=now_ms)
    return book.record(event, {}, at_ms=state.at_ms)


def levels(
    state: IndexState | None, done: list[Change], prices: Prices
) -> tuple[Decimal | None, Decimal | None]:
    """Return the level before and after what was done, both at its prices."""
    priced = [change.entry for change in done if change.entry.level is not None]
    if priced:
        return priced[0].before, priced[-1].level
    after = done[-1].state
    level = index_level.level(after, prices, at_ms=after.at_ms)
    return (None if state is None else level), level
