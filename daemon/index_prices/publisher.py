"""The publishing loop of one instance: it says something only while it leads, and never a sequence twice (S4-36, S4-37)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from msgspec.structs import replace

from core.prices.fence import Line
from core.prices.tenure import Term
from core.prices.types import Published

log = structlog.get_logger()


class Election(Protocol):
    """One instance's place among several, of which one leads.

    term is asked again before every publication: it is None from the moment at which another could lead. run stands
    for election until it is cancelled, calls elected when a term begins (and may at each renewal), and gives the lease
    back at its end. resign ends the term at once and lets another go first.
    """

    def term(self) -> Term | None: ...
    def resign(self) -> None: ...
    async def run(self, elected: Callable[[], None]) -> None: ...


class Sink(Protocol):
    """Where values go. It hands them over at once: what waits in between is older than its token may be."""

    def publish(self, values: Sequence[Published]) -> None: ...


Source = Callable[[int], list[Published]]
"""Gives the values that are due now, under a token, in the order of their publication; their sequences do not count."""


class Publisher:
    """Publishes at least every publish_s, and when told of a change, while its instance leads."""

    def __init__(self, election: Election, source: Source, sink: Sink, *, publish_s: float) -> None:
        self._election, self._source, self._sink = election, source, sink
        self._publish_s = publish_s
        self._line = Line(0)
        self._due = asyncio.Event()
        self._led = False

    def changed(self) -> None:
        """A value moved enough to be published now."""
        self._due.set()

    async def run(self) -> None:
        """Stand for election and publish. Whatever ends the publishing gives the lease to another instance."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._election.run(self._elected))
            group.create_task(self._publish())

    def publish_due(self) -> int:
        """Publish what is due; return how many values, 0 where this instance does not lead."""
        term = self._election.term()
        self._note(term)
        if term is None:
            return 0
        values = self._source(term.token)
        if term.token != self._line.token:
            self._line = Line(term.token)
        if len(values) > self._line.left:
            self._election.resign()
            return 0
        # Making the values took time, and the process may have been stopped in the middle of it.
        if not self._leads(term.token):
            return 0
        numbered = [replace(value, token=term.token, sequence=self._line.next()) for value in values]
        self._sink.publish(numbered)
        return len(numbered)

    async def _publish(self) -> None:
        while True:
            self.publish_due()
            await self._wait()

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._due.wait(), self._publish_s)
        except TimeoutError:
            return
        finally:
            self._due.clear()

    def _elected(self) -> None:
        if not self._led:
            self._due.set()

    def _leads(self, token: int) -> bool:
        term = self._election.term()
        return term is not None and term.token == token

    def _note(self, term: Term | None) -> None:
        if (term is not None) is not self._led:
            self._led = term is not None
            log.info("this instance publishes" if self._led else "this instance is silent", term=term)
