"""Instances of the index price in a world: the daemon's own wiring, a service manager's restarts, and what befalls them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from pathlib import Path
from random import Random

from adapters.backoff import Backoff
from adapters.exchanges.connector import Connector, Line
from adapters.exchanges.dialing import Network
from adapters.exchanges.fallback import Terms
from adapters.exchanges.lane import Lane
from adapters.exchanges.venues import words_of
from adapters.ports import Socket
from bench.index_chaos.loop import ChaosLoop, SomeDisk
from bench.index_chaos.venues import PAIRS, Venue, Way
from core.prices.types import Published
from daemon.index_prices.wiring import Edges, wire
from daemon.settings import IndexPriceSettings, Settings
from sim.nights.clock import WorldClock
from sim.nights.life import LIFE, OUTSIDE, Life

RESTARTS_S = 1.0, 4.0
"""A service manager starts a process that ended after this; until it is ready another second or two pass."""

EPOCH_MS = 1_790_000_000_000
TOLD = Callable[[str, Sequence[Published]], None]
WITHOUT = tuple(
    f"{name} {pair}"
    for name in PAIRS
    for pair in ("USDT/USD", "USDC/USD", "USDC/USDT")
    if pair not in PAIRS[name]
)


class ByRequest:
    """A venue's prices by request, as an instance's cable lets them through: adapters.exchanges.ports.Rest."""

    def __init__(self, venue: Venue, way: Way, clock: WorldClock) -> None:
        self._venue, self._way, self._clock = venue, way, clock

    async def ticks(self, symbols: Sequence[str]) -> tuple[object, ...]:
        return await self._venue.asked(self._way, symbols, self._clock.now_ms())

    async def close(self) -> None:
        return


class Calls:
    """adapters.ports.SocketTransport to one venue."""

    def __init__(self, venue: Venue, way: Way) -> None:
        self._venue, self._way = venue, way

    async def connect(self) -> Socket:
        return await self._venue.connect(self._way)


class Host:
    """One instance's place: run and killed again and again, with a directory that outlives it."""

    def __init__(
        self,
        name: str,
        loop: ChaosLoop,
        venues: Mapping[str, Venue],
        *,
        directory: Path,
        random: Random,
    ) -> None:
        self.name = name
        self.life = Life(0, dead=True)
        self.starts = 0
        self.is_full = False
        self.failures: list[str] = []
        self._loop, self._venues, self._random, self._shared = loop, venues, random, directory
        self._way = Way()
        self._task: asyncio.Task[None] | None = None
        self._dead: list[set[asyncio.Task[object]]] = []

    def start(self, told: TOLD, settings: IndexPriceSettings) -> None:
        """Begin a life; values it publishes go to told."""
        self.starts += 1
        self.life, self._way = Life(self.starts), Way()
        instance = wire(
            Settings(index_price=settings), self._edges(), sinks=(lambda values: told(self.name, values),)
        )
        context = copy_context()
        context.run(LIFE.set, self.life)
        life = self.life
        self._task = self._loop.create_task(
            instance.run("127.0.0.1", 0, ready=lambda _: None), context=context
        )
        self._task.add_done_callback(lambda task: self._ended(task, life), context=context)
        self.life.on_kill = lambda: self._died(told, settings)

    async def stop(self) -> None:
        """End the life in order, where there is one, and start none after it."""
        alive, self.life.on_kill = not self.life.dead, None
        if alive and self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def cut(self) -> None:
        self._way.is_cut = True

    def join(self) -> None:
        self._way.join()

    def _died(self, told: TOLD, settings: IndexPriceSettings) -> None:
        # tasks that nobody holds are collected, and what they would still do in their finally is done
        self._dead.append(asyncio.all_tasks(self._loop))
        self._way.is_gone = True
        self._loop.call_later(self._random.uniform(*RESTARTS_S), self.start, told, settings, context=OUTSIDE)

    def _ended(self, task: "asyncio.Task[None]", life: Life) -> None:
        """An instance that ends by itself is started again like one that was killed."""
        if not task.cancelled() and task.exception() is not None:
            self.failures.append(repr(task.exception()))
        life.kill()

    def _edges(self) -> Edges:
        life, way, loop = self.life, self._way, self._loop
        clock = WorldClock(loop, EPOCH_MS, life=life)

        def connector_of(source: str, pairs: tuple[str, ...], lane: Lane) -> Connector:
            venue, terms = self._venues[source], Terms()
            network = Network(clock, sockets=lambda _: Calls(venue, way))
            line = Line(source, pairs, words_of(source), ByRequest(venue, way, clock))  # type: ignore[arg-type]
            backoff = Backoff(Random(self._random.random()), first_s=terms.again_s)
            return Connector(line, lane, network=network, backoff=backoff, terms=terms)

        return Edges(
            clock=clock,
            elapsed_s=loop.time,
            network_of=lambda _: Network(clock),
            directory=self._shared,
            disk=SomeDisk(lambda: self.is_full),
            connector_of=connector_of,
        )
