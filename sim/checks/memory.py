"""What is remembered is bounded: ids for as long as they are needed, and not longer."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.state import Book, State
from sim.checkers import Step

if TYPE_CHECKING:
    from sim.world import World

NEEDED_MS = 120_000
"""A read begins a minute before what is covered; whatever it brings is told from what is new by its id."""
KEPT_MS = 180_000
FUNDING_KEPT_MS = KEPT_MS + 7_200_000
MINUTE_MS = 60_000
OPEN_MAX = 500
NOTICES_MAX = 50


class MemoryIsBounded:
    """A fill's id is kept while a read may bring it again, and forgotten a minute after."""

    name = "memory"

    def on_step(self, step: Step) -> Iterator[str]:
        book, before = step.state.book, step.before.book
        if book.covered_to_ms is not None and book.covered_to_ms != before.covered_to_ms:
            yield from _kept(book, book.covered_to_ms)
            if not step.begins:
                yield from _forgotten(book, before, book.covered_to_ms)
            yield from _sizes(step.state)

    def at_end(self, world: "World") -> Iterator[str]:
        yield from _sizes(world.daemon.state)


def _kept(book: Book, covered_ms: int) -> Iterator[str]:
    for seen, most_ms in ((book.seen_fills, KEPT_MS), (book.seen_funding, FUNDING_KEPT_MS)):
        oldest_ms = min(seen.values(), default=covered_ms)
        if oldest_ms < covered_ms - most_ms:
            yield f"an id of {oldest_ms} is kept, fills are covered to {covered_ms}"


def _forgotten(book: Book, before: Book, covered_ms: int) -> Iterator[str]:
    for key in sorted(before.seen_fills.keys() - book.seen_fills.keys()):
        if before.seen_fills[key] > covered_ms - NEEDED_MS:
            yield f"{key} is forgotten, and a read may bring it again: covered is {covered_ms}"


def _sizes(state: State) -> Iterator[str]:
    if len(state.orders.open) > OPEN_MAX:
        yield f"{len(state.orders.open)} orders are open"
    if state.session is not None and len(state.session.notices) > NOTICES_MAX:
        yield f"{len(state.session.notices)} notices"
    for name, times in (("orders", state.orders.recent_ms), ("hedges", [t for t, _ in state.hedge.turnover])):
        if times and times[-1] - min(times) > MINUTE_MS:
            yield f"{name} of {(times[-1] - min(times)) / 1000:.0f} s are remembered"
