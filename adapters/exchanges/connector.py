"""A venue's stream as ticks, for ever: connected anew whenever it ends, and prices by request meanwhile (S4-7 to S4-9).

Each connector is a task of its own and shares nothing with the others but the sink (S4-7).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from adapters.backoff import Backoff
from adapters.exchanges.blame import blamed, shortened
from adapters.exchanges.connection import Connection
from adapters.exchanges.dialing import Network, dial, within
from adapters.exchanges.fallback import Fallback, Terms
from adapters.exchanges.ports import Read, Rest, Sink, WordsOf
from adapters.exchanges.refusals import Refusals, Refused
from adapters.ports import Socket, VenueError
from core.prices.types import Tick

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """What is wanted of a venue: its name in ticks, pairs such as "BTC/USD", and how it is spoken to."""

    source: str
    symbols: Sequence[str]
    words_of: WordsOf
    rest: Rest


@dataclass(slots=True)
class Counts:
    """What a connector did since it was made. endings are connections that ended or did not come about."""

    connections: int = 0
    endings: int = 0
    stream_ticks: int = 0
    rest_ticks: int = 0
    strange: int = 0


class Connector:
    """One venue. Nothing that the venue, its words or the network do ends it; what sink raises does, being our fault."""

    def __init__(self, line: Line, sink: Sink, *, network: Network, backoff: Backoff, terms: Terms) -> None:
        self.counts = Counts()
        self._line, self._sink, self._network, self._backoff = line, sink, network, backoff
        self._terms = terms
        self._clock = network.clock
        self._fallback = Fallback(line.rest, line.symbols, clock=self._clock, terms=self._terms)
        self._refusals = Refusals(line.symbols, network.clock)
        self._delivered = False
        self._reason = ""
        """Why the stream ended last: the same again and again is told once, and counted."""

    @property
    def source(self) -> str:
        return self._line.source

    async def run(self) -> None:
        """Bring ticks to the sink until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._streams(), name=f"{self.source} stream")
            tasks.create_task(self._fallback.run(self._take_rest, self._strange), name=f"{self.source} REST")

    async def _streams(self) -> None:
        while True:
            self._backoff.connecting(self._clock.now_ms())
            try:
                await self._stream()
            except VenueError as error:
                self._ended(str(error))
            await self._clock.sleep(self._backoff.wait_s(self._clock.now_ms()))

    async def _stream(self) -> None:
        """Use one connection up; the end of it is told before the courtesies of closing, which may take their time."""
        with blamed("words could not be made"):
            words = self._line.words_of(self._refusals.wanted())
        socket = await dial(words, self._network, timeout_s=self._terms.connect_s)
        self.counts.connections += 1
        try:
            await Connection(words, socket, self._clock, self._take).use()
        except Refused as error:
            self._ended(str(error))
            self._refused(str(error))
        except VenueError as error:
            self._ended(str(error))
        finally:
            await self._close(socket)

    async def _close(self, socket: Socket) -> None:
        try:
            with blamed("closing"):
                await within(self._clock, self._terms.connect_s, socket.close())
        except VenueError as error:
            self._strange(str(error))

    def _ended(self, reason: str) -> None:
        self.counts.endings += 1
        self._fallback.lost(self._clock.now_ms())
        if self._delivered:
            self._delivered = False
            self._sink.disconnected(self.source)
        if reason != self._reason:
            log.warning("a venue's stream ended", venue=self.source, reason=reason)
        self._reason = reason
        self._strange(reason)

    def _refused(self, reason: str) -> None:
        symbol = self._refusals.note(reason)
        if symbol is not None:
            self._strange(f"{symbol} is left out of the stream, and asked for by request: {reason}")

    def _take(self, read: Read, now_ms: int) -> None:
        """Pass on what a frame said. A heartbeat counts only where ticks came before it: it confirms those."""
        for tick in read.ticks:
            if self._is_ours(tick):
                self._delivered, self._reason = True, ""
                self.counts.stream_ticks += 1
                self._fallback.streamed(tick.symbol, now_ms)
                self._sink.tick(tick)
        if read.alive and self._delivered:
            self._sink.heartbeat(self.source, now_ms)
        if read.strange is not None:
            self._strange(read.strange)

    def _take_rest(self, tick: Tick) -> None:
        if self._is_ours(tick):
            self.counts.rest_ticks += 1
            self._sink.tick(tick)

    def _is_ours(self, tick: Tick) -> bool:
        """Say whether a tick is what was asked for: no venue speaks for another one, nor fills memory with names."""
        ours = tick.source == self.source and tick.symbol in self._line.symbols
        if not ours:
            self._strange(f"a tick nobody asked for: {tick.source} {tick.symbol}")
        return ours

    def _strange(self, text: str) -> None:
        self.counts.strange += 1
        self._sink.strange(self.source, shortened(text))
