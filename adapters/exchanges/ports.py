"""What a spot venue's own file gives (its words), and what the connector makes of them. Words are pure: no IO, no clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from core.prices.types import Tick


class Read(msgspec.Struct, frozen=True):
    """What one frame said.

    ticks in the frame's order. alive: the venue lives though no price is in it (heartbeat, pong, unchanged book).
    replies are frames to send back at once. fault: what we hold of this stream is wrong (a gap in its sequence, a
    checksum, a refused subscription): connect and subscribe anew. refused: the fault is a refusal, and may name a pair
    that is better not asked for again. strange: a frame nobody knows, kept for the log.
    """

    ticks: tuple[Tick, ...] = ()
    alive: bool = False
    replies: tuple[str, ...] = ()
    fault: str | None = None
    strange: str | None = None
    refused: bool = False


NOTHING = Read()
ALIVE = Read(alive=True)


def refusal(why: str) -> Read:
    """Return what is said of a refused request, with the venue's reason."""
    return Read(fault=f"refused: {why}", refused=True)


@dataclass(frozen=True, slots=True)
class Door:
    """A request that tells where to connect, for venues whose URL is made for each connection (KuCoin)."""

    path: str
    url_of: Callable[[bytes], str]
    """Reads the reply. Raises ValueError when it has no URL."""


class Words(Protocol):
    """One connection to one venue: made anew for each, so that nothing of an old stream survives it.

    source is the venue's name in ticks, in lower case. url is its public endpoint. No frame for silence_s means that the
    connection is dead (S4-34); ping is sent each ping_s, None where the venue wants none.
    """

    source: str
    url: str
    door: Door | None
    silence_s: float
    ping_s: float | None

    def hello(self) -> tuple[str, ...]:
        """Return the frames to send after connecting."""
        ...

    def ping(self, now_ms: int) -> str: ...

    def read(self, frame: str | bytes, received_ms: int) -> Read:
        """Return what a frame says. Never raises, whatever it holds."""
        ...


WordsOf = Callable[[Sequence[str]], Words]
"""Makes the words of one connection for pairs such as "BTC/USD" or "BTC/USDT"."""


class Sink(Protocol):
    """What a connector tells. None of it may block: adapters.exchanges.lane is one for whoever is slow."""

    def tick(self, tick: Tick) -> object: ...
    def heartbeat(self, source: str, at_ms: int) -> object:
        """The stream of a source lives and brought ticks before; at_ms is when the frame came."""
        ...

    def disconnected(self, source: str) -> object:
        """A stream that had brought ticks ended: what was said on it counts no more (S4-34, S4-35)."""
        ...

    def strange(self, source: str, text: str) -> object:
        """Something for the log: a frame nobody knows, why a connection ended, a fault of words or of the network."""
        ...


class Rest(Protocol):
    """A venue's prices by request, for when its stream is down (S4-9)."""

    async def ticks(self, symbols: Sequence[str]) -> tuple[Tick, ...]:
        """Return one tick for each symbol that the venue answered. Raises VenueError."""
        ...

    async def close(self) -> None: ...
