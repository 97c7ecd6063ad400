"""A market on loopback: scripted venues that talk for ever, and an instance that publishes from them over real sockets."""

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import aiohttp

from adapters.exchanges.dialing import Network, moved_to
from adapters.exchanges.fallback import Terms
from core.prices.types import State
from daemon.clock import SteadyClock, WallClock
from daemon.index_prices.pairs import QUOTES
from daemon.index_prices.wiring import Edges, wire
from daemon.settings import AlertSettings, IndexPriceSettings, Settings
from sim.exchanges.server import ScriptedVenue
from sim.exchanges.speech import Moment
from sim.exchanges.venues import SPEECHES
from tests.daemon.index_prices.values import PRICE

EVERY_S = 0.1
"""So often every venue is a dollar dearer or cheaper."""

SOURCES = ("coinbase", "kraken", "bitstamp", "gemini")
"""Venues with dollar pairs: they need no conversion."""

SETTINGS = IndexPriceSettings(
    symbols=("BTC/USD",),
    sources=SOURCES,
    port=0,
    lease_s=2.0,
    without=tuple(f"{source} {pair}" for source in SOURCES for pair in ("USDT/USD", "USDC/USD")),
    alert_settle_s=0.2,
    alert_calm_s=0.3,
)


class Market:
    """The venues by name. fall makes one go away, rise brings it back at the same port."""

    def __init__(self, clock):
        self.clock = clock
        self.venues = {}

    async def rise(self, source, price=PRICE):
        assert SPEECHES[source].pair == f"BTC/{QUOTES[source]}"
        old = self.venues.get(source)
        first = Moment(SPEECHES[source].pair, price, self.clock.now_ms())
        venue = ScriptedVenue(SPEECHES[source].live(first, every_s=EVERY_S), self.clock)
        await venue.open(old.port if old else 0)
        self.venues[source] = venue

    async def fall(self, source):
        await self.venues[source].close()

    def network_of(self, source):
        return Network(self.clock, place=moved_to(self.venues[source].host))


@asynccontextmanager
async def market(*sources):
    clock = SteadyClock(WallClock())
    made = Market(clock)
    async with AsyncExitStack() as stack:
        for source in sources or SOURCES:
            await made.rise(source)
            stack.push_async_callback(made.fall, source)
        yield made


class Desk:
    """Published values, for a test to wait for, and where the endpoint is."""

    def __init__(self):
        self.values = []
        self.url = ""
        self._news = asyncio.Event()

    def publish(self, values):
        self.values += values
        self._news.set()

    async def until(self, holds):
        """Wait for a value of which something holds, and return the first."""
        seen = 0
        while True:
            for value in self.values[seen:]:
                if holds(value):
                    return value
            seen = len(self.values)
            self._news.clear()
            await self._news.wait()


TERMS = Terms(connect_s=2.0, down_s=60.0, quiet_s=60.0, poll_s=60.0, again_s=0.05)
"""Prices by request are tested with the connectors; here a venue that is gone is gone."""


@asynccontextmanager
async def publishing(made, directory, settings=SETTINGS, alerts=None):
    """Yield an instance's Desk while it runs; it must end in order."""
    desk, ready = Desk(), asyncio.Event()
    edges = Edges(
        clock=made.clock,
        elapsed_s=time.monotonic,
        network_of=made.network_of,
        directory=directory,
        terms=TERMS,
    )
    configured = Settings(index_price=settings, alerts=alerts or AlertSettings())
    desk.instance = wire(configured, edges, sinks=(desk.publish,))

    def listens(port):
        desk.url = f"http://127.0.0.1:{port}"
        ready.set()

    task = asyncio.create_task(desk.instance.run("127.0.0.1", settings.port, ready=listens))
    try:
        await ready.wait()
        yield desk
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def got(url):
    """Return the status and the document of a GET."""
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return reply.status, await reply.json()


def ok(value):
    return value.symbol == "BTC/USD" and value.state is State.OK and value.active_feeds == len(SOURCES)
