"""A run: a market, its venues, three instances and what befalls them, on one loop in virtual time."""

import asyncio
import gc
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from bench.index_chaos.instances import EPOCH_MS, WITHOUT, Host
from bench.index_chaos.loop import ChaosLoop
from bench.index_chaos.market import STEP_S, Market
from bench.index_chaos.schedule import VENUES, Fault, Kind, drawn
from bench.index_chaos.score import Consumer, Limits, Score
from bench.index_chaos.venues import PAIRS, Venue
from core.prices.types import Published
from daemon.in_world import silence
from daemon.settings import IndexPriceSettings
from sim.nights.clock import WorldClock
from sim.nights.loop import abandon

HOSTS = ("a", "b", "c")
MEMORY = Path("/dev/shm")
"""The lease file lies where no disk is waited for: what is lost with the power is lost with the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """seconds of virtual time under a seed, a fault each every_s on average. faults stand instead of drawn ones."""

    seconds: float = 3600.0
    seed: int = 0
    every_s: float = 60.0
    lease_s: float = 2.0
    limits: Limits = field(default_factory=Limits)
    faults: Sequence[Fault] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of a run: struck counts the faults by kind, failures are instances that ended by themselves."""

    score: Score
    struck: Counter[str]
    starts: int
    failures: list[str]


class World:
    """One run."""

    def __init__(self, run: Run, directory: Path, *, shown: Callable[[float], None]) -> None:
        seeds = Random(run.seed)
        self.loop = ChaosLoop(Random(seeds.random()))
        self.market = Market(Random(seeds.random()))
        clock = WorldClock(self.loop, EPOCH_MS)
        self.venues = {name: Venue(name, self.market, clock, Random(seeds.random())) for name in PAIRS}
        self.hosts = {
            name: Host(name, self.loop, self.venues, directory=directory, random=Random(seeds.random()))
            for name in HOSTS
        }
        self.consumer = Consumer(run.limits, error_bps=self.market.error_bps)
        self.struck: Counter[str] = Counter()
        self._run, self._shown, self._random = run, shown, Random(seeds.random())
        self._last = "the start"
        self._is_over = False
        self._settings = IndexPriceSettings(
            symbols=("BTC/USD",),
            sources=tuple(PAIRS),  # type: ignore[arg-type]
            port=0,
            lease_s=run.lease_s,
            without=WITHOUT,
        )

    def play(self) -> Played:
        try:
            self.loop.run_until_complete(self._live())
        finally:
            self._leave()
        return Played(
            score=self.consumer.score,
            struck=self.struck,
            starts=sum(host.starts for host in self.hosts.values()),
            failures=[text for host in self.hosts.values() for text in host.failures],
        )

    def _leave(self) -> None:
        """End the loop. What lives that were killed have left is never awaited, and nobody need be told."""
        asyncio.set_event_loop(None)
        self.loop.over = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            abandon(self.loop)
            gc.collect()

    async def _live(self) -> None:
        run = self._run
        faults = run.faults
        if faults is None:
            faults = drawn(self._random, tuple(PAIRS), seconds=run.seconds, every_s=run.every_s)
        self._tasks = [self.loop.create_task(work) for work in (self._move(), *map(self._strike, faults))]
        self._tasks += [self.loop.create_task(venue.run()) for venue in self.venues.values()]
        for host in self.hosts.values():
            host.start(self._told, self._settings)
        for second in range(1, round(run.seconds) + 1):
            await asyncio.sleep(second - self.loop.time())
            self.consumer.second(second, self._last)
            self._shown(second)
        self._is_over = True
        await asyncio.gather(*(host.stop() for host in self.hosts.values()))

    async def _move(self) -> None:
        while True:
            self.market.step()
            await asyncio.sleep(STEP_S)

    def _told(self, holder: str, values: Sequence[Published]) -> None:
        if not self._is_over:
            self.consumer.take(holder, values, self.loop.time())

    async def _strike(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at_s)
        self.struck[fault.kind] += 1
        self._last = f"{fault.kind} at {fault.at_s:.0f}"
        if fault.kind is Kind.CRASH_AND_DIES:
            self.market.crash(fault.size)
            fault = replace(fault, kind=Kind.MUTE)
        if fault.kind in VENUES:
            await self._strike_venues(fault)
        elif fault.kind is Kind.CRASH:
            self.market.crash(fault.size)
        else:
            await self._strike_host(fault)

    async def _strike_venues(self, fault: Fault) -> None:
        for name in fault.venues:
            self.venues[name].begin(fault)
        await asyncio.sleep(fault.lasts_s)
        for name in fault.venues:
            self.venues[name].end(fault)

    async def _strike_host(self, fault: Fault) -> None:
        leader = self.hosts.get(self.consumer.leader, self.hosts["a"])
        life = leader.life
        match fault.kind:
            case Kind.KILL:
                life.kill()
            case Kind.KILL_OTHER:
                self._random.choice([one for one in self.hosts.values() if one is not leader]).life.kill()
            case Kind.STOP:
                self.loop.stall(life, fault.lasts_s)
            case Kind.CUT:
                leader.cut()
                await asyncio.sleep(fault.lasts_s)
                leader.join()
            case Kind.FULL:
                leader.is_full = True
                await asyncio.sleep(fault.lasts_s)
                leader.is_full = False
            case Kind.CLOCK:
                life.skew_ms += round(fault.size)
                await asyncio.sleep(fault.lasts_s)
                life.skew_ms -= round(fault.size)


def play(run: Run, *, shown: Callable[[float], None] = lambda second: None) -> Played:
    """Play a run. The same run gives the same counts, in every process. Raises RuntimeError where its files were removed."""
    place = MEMORY if MEMORY.is_dir() else None
    with silence(), tempfile.TemporaryDirectory(prefix="nightdesk-chaos-", dir=place) as name:
        directory = Path(name)
        inode = directory.stat().st_ino
        played = World(run, directory, shown=shown).play()
        if not (directory / "lease.sqlite").exists() or directory.stat().st_ino != inode:
            raise RuntimeError(f"{directory} was taken away while the run went on: its figures say nothing")
        return played
