"""One bounded queue into the engine, in three lanes: what must come first, what must not be lost, the newest quotes."""

import asyncio
from collections import deque

from core.events import AnyEvent, KillReset, KillTripped, QuoteReceived
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
        """Queue an event. A quote replaces the unread one of its coin; a kill goes before everything.

        A reset that came before the kill goes with it: it took back an older one, and after the kill would undo it.
        """
        match event:
            case QuoteReceived():
                self.quotes_dropped += event.quote.coin in self._quotes
                self._quotes[event.quote.coin] = event
            case KillTripped():
                self._front.append(event)
                self._trade = deque(e for e in self._trade if not isinstance(e, KillReset))
            case _:
                if len(self._trade) >= TRADE_LANE_MAX:
                    raise InboxFull(f"{TRADE_LANE_MAX} events wait unread in the inbox")
                self._trade.append(event)
        self._ready.set()

    async def take(self) -> list[AnyEvent]:
        """Wait for events and return all there are: kills, then quotes (so that decisions see them), then the rest."""
        await self._ready.wait()
        self._ready.clear()
        events: list[AnyEvent] = [*self._front, *self._quotes.values(), *self._trade]
        self._front.clear()
        self._quotes.clear()
        self._trade.clear()
        return events
