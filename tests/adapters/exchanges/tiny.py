"""A venue with the smallest language there is, a sink that remembers, and a connector between them over real sockets."""

import asyncio
import json
import random
from contextlib import asynccontextmanager

from adapters.backoff import Backoff
from adapters.exchanges.connector import Connector, Line
from adapters.exchanges.dialing import Network, moved_to
from adapters.exchanges.fallback import Terms
from adapters.exchanges.ports import ALIVE, Read
from adapters.ports import VenueError
from core.prices.types import Tick
from sim.exchanges.script import Await, Say, Scene, Script
from sim.exchanges.server import ScriptedVenue
from sim.venue.clock import VenueClock
from tests.adapters.scripted import NOON_MS

BTC, ETH = "BTC/USD", "ETH/USD"
SOON = Terms(connect_s=0.3, down_s=0.05, quiet_s=30.0, poll_s=0.02)


class Tiny:
    """{"s": pair, "p": price, "n": number}; numbers rise by one, else the stream has a gap."""

    source = "tiny"
    url = "ws://tiny.example/stream?of=prices"
    door = None
    silence_s = 5.0
    ping_s = None

    def __init__(self, symbols):
        self._symbols = tuple(symbols)
        self._number = None

    def hello(self):
        return tuple(f"subscribe {symbol}" for symbol in self._symbols)

    def ping(self, now_ms):
        return f"ping {now_ms}"

    def read(self, frame, received_ms):
        text = frame.decode()
        if text == "alive":
            return ALIVE
        if text.startswith("ask "):
            return Read(replies=(text.removeprefix("ask "),))
        try:
            said = json.loads(text)
        except ValueError:
            return Read(strange=text)
        if "n" in said and self._number is not None and said["n"] != self._number + 1:
            return Read(fault=f"gap before {said['n']}")
        self._number = said.get("n", self._number)
        if "s" not in said:
            return Read(strange=text)
        return Read(ticks=(tick(said["s"], said["p"], received_ms),))


def tiny(**changes):
    """Words with something changed: silence_s, ping_s, url, door, or a method."""
    return type("Tiny", (Tiny,), changes)


def tick(symbol=BTC, price=1.0, received_ms=NOON_MS, source="tiny"):
    return Tick(source=source, symbol=symbol, price=price, at_ms=received_ms, received_ms=received_ms)


def frame(price, number, symbol=BTC):
    return json.dumps({"s": symbol, "p": price, "n": number})


def prices(*told, symbol=BTC):
    """Return a scene that waits for the subscription and tells these prices."""
    says = (Say(frame(price, number, symbol)) for number, price in enumerate(told))
    return Scene((Await(f"subscribe {symbol}"), *says))


def script(*told):
    return Script((prices(*told),))


class Told:
    """A sink that remembers everything, and lets a test wait for it."""

    def __init__(self):
        self.ticks, self.heartbeats, self.ends, self.texts = [], [], [], []
        self.order = []
        self._news = asyncio.Event()

    def tick(self, tick):
        self._note(self.ticks, tick)

    def heartbeat(self, source, at_ms):
        self._note(self.heartbeats, (source, at_ms))

    def disconnected(self, source):
        self._note(self.ends, source)

    def strange(self, source, text):
        self._note(self.texts, text)

    @property
    def prices(self):
        return [tick.price for tick in self.ticks]

    async def until(self, holds):
        while not holds():
            self._news.clear()
            await self._news.wait()

    async def text(self, part):
        await self.until(lambda: any(part in text for text in self.texts))

    def _note(self, kind, item):
        kind.append(item)
        self.order.append(item)
        self._news.set()


class NoRest:
    """A venue that answers no request."""

    def __init__(self, error=None):
        self.asked = []
        self.closed = False
        self._error = error or VenueError("nobody answers")

    async def ticks(self, symbols):
        self.asked.append(tuple(symbols))
        raise self._error

    async def close(self):
        self.closed = True


def clock():
    return VenueClock(NOON_MS)


def made(words_of, sink, network, *, rest=None, terms=SOON, symbols=(BTC,)):
    line = Line("tiny", symbols, words_of, rest or NoRest())
    backoff = Backoff(random.Random(1), first_s=0.01, longest_s=0.1)
    return Connector(line, sink, network=network, backoff=backoff, terms=terms)


@asynccontextmanager
async def running(*connectors):
    """Run connectors in tasks of their own, as the daemon does; cancelled at the end, and none may have failed."""
    tasks = [asyncio.create_task(connector.run()) for connector in connectors]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended


@asynccontextmanager
async def connected(script, words_of=Tiny, **options):
    """Yield a scripted venue, what a connector to it tells, and the connector."""
    time = clock()
    async with ScriptedVenue(script, time) as venue:
        told = Told()
        connector = made(words_of, told, Network(time, place=moved_to(venue.host)), **options)
        async with running(connector):
            yield venue, told, connector
