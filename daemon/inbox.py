"""One bounded queue into the engine, in three lanes: what must come first, what must not be lost, the newest quotes."""

import asyncio
from collections import deque
from collections.abc import Iterable

from msgspec.structs import replace

from core.events import AnyEvent, KillReset, KillTripped, QuoteReceived, Started
from core.types import Coin

TRADE_LANE_MAX = 100_000
"""More than this unread means that the engine is dead; refusing is better than pretending."""


class InboxFull(RuntimeError):
    """The engine does not read its inbox; the daemon must stop rather than lose an event."""


class Inbox:
    """put() from anywhere on the loop; take() by the engine alone."""

    def __init__(self) -> None:
        self._front: deque[AnyEvent] = deque()
        self._trade: deque[AnyEvent] = deque()
        self._quotes: dict[Coin, QuoteReceived] = {}
        self._ready = asyncio.Event()
        self.quotes_dropped = 0

    def put(self, event: AnyEvent) -> None:
        """Queue an event. A quote replaces the unread one of its coin; a kill goes before everything but a start.

        A latch that stands is told of with the start: decided on before it, the kill would close positions at the last
        life's prices, with its settings and its numbers of orders, and the start would then take those orders for lost.
        What was told before a start is of its time: nobody had yet held the clock that stamped it against the venue's.
        """
        match event:
            case QuoteReceived():
                self.quotes_dropped += event.quote.coin in self._quotes
                self._quotes[event.quote.coin] = event
            case Started():
                self._front = deque([event, *_at(event.at_ms, self._front)])
                self._trade = deque(_at(event.at_ms, self._trade))
            case KillTripped():
                self._front.append(event)
                # It is newer than they are, and would be undone by what it goes before.
                self._trade = deque(e for e in self._trade if not isinstance(e, KillReset))
            case _:
                if len(self._trade) >= TRADE_LANE_MAX:
                    raise InboxFull(f"{TRADE_LANE_MAX} events wait unread in the inbox")
                self._trade.append(event)
        self._ready.set()

    async def take(self) -> list[AnyEvent]:
        """Wait for events and return all: a start, kills, then quotes (so that decisions see them), then the rest."""
        await self._ready.wait()
        self._ready.clear()
        events: list[AnyEvent] = [*self._front, *self._quotes.values(), *self._trade]
        self._front.clear()
        self._quotes.clear()
        self._trade.clear()
        return events


def _at(at_ms: int, events: Iterable[AnyEvent]) -> Iterable[AnyEvent]:
    return (replace(event, at_ms=at_ms) for event in events)
