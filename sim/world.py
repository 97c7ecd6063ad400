"""A world: one night of the daemon, its adapter and the venue in virtual time, in which one seed decides everything.

There is no thread, socket or wall clock in it; what reaches for one fails loudly. The daemon is handed in by the floor
above, which alone knows how to wire it.
"""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Protocol

from adapters.hyperliquid.signing import Signer
from adapters.ports import Clock, HttpTransport, SocketTransport
from core.events import AnyEvent
from core.intents import AnyIntent
from core.state import Stage, State
from sim.checkers import Checker, Checkers
from sim.faults import KINDS
from sim.night import Night
from sim.nights.clock import WorldClock
from sim.nights.elsewhere import Elsewhere
from sim.nights.fault import Fault
from sim.nights.held import open_positions
from sim.nights.index_faults import DISPUTE
from sim.nights.kept_index import DATA, DIRECTORY, IndexEdges, Shown, expect
from sim.nights.life import LIFE, OUTSIDE, Killed, Life
from sim.nights.loop import WorldLoop, abandon
from sim.nights.machine_disk import LateJournal, MachineDisk
from sim.nights.network import Network
from sim.nights.operator import LOOKS_S, Operator
from sim.nights.service_manager import SIGNALLED, Exited, Pulse, ServiceManager
from sim.nights.wall import out_of_reach
from sim.nights.worker import Worker
from sim.venue.edge import Edge
from sim.venue.fault_plan import FaultPlan
from sim.venue.limits import WITHOUT_WEIGHT
from sim.venue.price_source import PriceSource
from sim.venue.venue import Venue
from state.disk import Disk
from state.journal import Journal, JournalWriter

EQUITY_USDC = Decimal(1_000_000)
STRANGER_USDC = Decimal(100_000)

OVER_AFTER_S = 5
"""How long a session must have been done, with no order open, for its night to be over."""
STARTS_WITHIN_S = 2.0
"""Nobody mends later than this before the end: no daemon would hear of it any more."""

Observe = Callable[[State, AnyEvent, tuple[AnyIntent, ...]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """What one life of the daemon is given in place of a machine. config is the text of its configuration file."""

    life: Life
    http: HttpTransport
    sockets: SocketTransport
    clock: Clock
    directory: Path
    config: str
    keys: "Keys"
    random: Random
    observe: Observe
    worker: Worker
    pulse: Pulse
    disk: Disk
    journal: Callable[[Journal], JournalWriter]
    elsewhere: Elsewhere | None
    """What an index price says; None in a night where the daemon has none."""
    index: IndexEdges | None
    """What a crypto index is kept with; None in a night where none is."""


class Daemon(Protocol):
    """One life of the daemon, as a world drives it."""

    @property
    def state(self) -> State: ...
    @property
    def reports(self) -> list[dict[str, Any]]: ...
    @property
    def alerts(self) -> tuple[str, ...]: ...
    @property
    def index(self) -> Shown | None:
        """What it tells of the crypto index that it keeps, None while it tells nothing."""

    async def run(self) -> None:
        """Raises Exited, or what ends a process with exit status 1."""

    def stop(self, reason: str) -> None: ...
    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a command of the operator; {"do": "reload", "text": ...} is SIGHUP with that file."""


Boot = Callable[[Edges], Daemon]
"""Wires a daemon on its edges. Raises as run() does."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The account's address, the two throw-away keys of every world, and a stranger's, who trades there too."""

    master: str = "0x" + sha256(b"nightdesk world master").hexdigest()
    agent: str = "0x" + sha256(b"nightdesk world agent").hexdigest()
    stranger: str = "0x" + sha256(b"nightdesk world stranger").hexdigest()

    @property
    def address(self) -> str:
        return _address(self.master)


@cache
def _address(key: str) -> str:
    """Return the address of a key: a point on a curve, too dear to be worked out at every look."""
    return Signer.from_key(key).address


@dataclass(slots=True, eq=False)
class Lives:
    """The daemon's lives so far, the one that runs, and how those before it ended.

    killed_s is when the first one was killed (seconds from the close), None where it left by itself. was_killed: the
    last one was. remains are the tasks of those that were killed: let go of, they would run their last words in the
    middle of a night.
    """

    all: list[Life] = field(default_factory=list)
    daemons: list[Daemon] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    remains: list[object] = field(default_factory=list)
    restart_after_s: float | None = None
    killed_s: float | None = None
    was_killed: bool = False
    running: Daemon | None = None
    context: Context = field(default_factory=copy_context)
    skew_ms: int = 0

    @property
    def current(self) -> Life | None:
        return self.all[-1] if self.all and not self.all[-1].dead else None


class World:
    """One night. play() runs it to its end; afterwards everything can be looked at."""

    def __init__(
        self,
        night: Night,
        boot: Boot,
        *,
        market: PriceSource,
        close_ms: int,
        directory: Path,
    ) -> None:
        """directory: one on storage in memory, with what an earlier night left (history.sqlite), or empty.

        The daemon knows it by its last name only: paths stand in reasons, and reasons in the journal.
        """
        self.night, self.market, self.directory = night, market, directory
        self.close_ms, self.start_ms = close_ms, close_ms + round(1000 * night.start_s)
        self.end_s, self._done_s = night.end_s, 0
        self.loop = WorldLoop(Random(f"order {night.seed}"))
        self.clock = WorldClock(self.loop, self.start_ms)
        self.keys, self.lives = Keys(), Lives()
        self.elsewhere = Elsewhere(market, self.clock)
        self.venue = Venue(
            market,
            accounts={
                self.keys.address: EQUITY_USDC,
                Signer.from_key(self.keys.stranger).address: STRANGER_USDC,
            },
            agents={Signer.from_key(self.keys.agent).address: self.keys.address},
            start_ms=self.start_ms,
            seed=night.seed,
        )
        open_positions(self.venue, self.keys.master, night.held_usd, self.start_ms)
        plan = FaultPlan(self._planned(), seed=night.seed, start_ms=self.start_ms)
        edge = Edge(self.venue, limits=WITHOUT_WEIGHT, plan=plan)
        self.network = Network(self.loop, edge, self.clock, random=Random(f"latency {night.seed}"))
        self.checkers: Checkers | None = None
        self.config = self.good_config = night.config
        self.disk = MachineDisk(Path(directory.name), self.loop, Random(f"disk {night.seed}"))
        self.manager, self.operator, self.worker = ServiceManager(), Operator(self), Worker()
        self._boot = boot
        self._ended: asyncio.Future[int] | None = None

    def play(self, checkers: Callable[["World"], tuple[Checker, ...]]) -> Checkers:
        """Run the night and return what its checkers found."""
        self.checkers = Checkers(self, checkers(self))
        asyncio.set_event_loop(None)
        with chdir(self.directory.parent), out_of_reach(), _nothing_collected():
            self.loop.run_until_complete(self._night())
            self.checkers.at_end()
            abandon(self.loop)
        return self.checkers

    @property
    def compares(self) -> bool:
        """Say whether the daemon has an index price beside it in this night."""
        return any(fault.name == DISPUTE for fault in self.night.faults)

    @property
    def now_s(self) -> float:
        """Seconds from the close."""
        return (self.clock.now_ms() - self.close_ms) / 1000

    @property
    def daemon(self) -> Daemon:
        """The daemon of the newest life that got as far as being wired."""
        return self.lives.daemons[-1]

    @property
    def running(self) -> Daemon | None:
        """The daemon that runs now, if one does and is wired."""
        return self.lives.running if self.lives.current is not None else None

    # --- what faults do --------------------------------------------------------------------------------

    def kill(self, *, restart_after_s: float) -> None:
        """End the life that runs, like SIGKILL, and start another some time later."""
        life = self.lives.current
        if life is not None:
            self.lives.restart_after_s = restart_after_s
            life.kill()

    def terminate(self, *, restart_after_s: float) -> None:
        """SIGTERM, and a start by hand some time after it has left."""
        if (daemon := self.running) is not None:
            self.lives.restart_after_s = restart_after_s
            self.tell(lambda: daemon.stop("SIGTERM"))

    def hangup(self) -> None:
        """SIGHUP: the configuration file is read as it is when the daemon gets to it."""
        if (daemon := self.running) is not None:
            self.tell(lambda: daemon.ask({"do": "reload", "text": self.config}))

    def mend_config(self) -> None:
        self.config = self.good_config

    def step_clock(self, by_ms: int) -> None:
        """Step the clock of the daemon's machine; its monotonic timers go on."""
        self.lives.skew_ms += by_ms
        if self.lives.current is not None:
            self.lives.current.skew_ms = self.lives.skew_ms

    def tell(self, call: Callable[[], object]) -> None:
        """Have the daemon's process do something: a signal's handler, an operator's request. Later, when it is held up."""
        self.loop.call_soon(call, context=self.lives.context)

    def stall(self, seconds: float) -> None:
        """Let nothing of the daemon run for a while."""
        if self.lives.current is not None:
            self.loop.stall(self.lives.current, seconds)

    def at(self, when_s: float, call: Callable[..., None], *args: Any) -> None:
        """Do something outside of every life, when_s seconds from the close, or now when that is over."""
        self.loop.call_later(max(when_s - self.now_s, 0.0), call, *args, context=OUTSIDE)

    def _planned(self) -> Iterator[Any]:
        for fault in self.night.faults:
            planned = KINDS[fault.name].planned
            if planned is not None:
                yield from planned(fault, fault.at_s - self.night.start_s)

    def _strike(self, fault: Fault) -> None:
        strike = KINDS[fault.name].strike
        assert strike is not None
        strike(self, fault)

    # --- lives -----------------------------------------------------------------------------------------

    async def _night(self) -> None:
        self.network.wake()
        for fault in self.night.faults:
            if KINDS[fault.name].strike is not None:
                self.at(fault.at_s, self._strike, fault)
        self.operator.expect_quiet()
        if self.night.keeps_index:
            expect(self)
        self.at(self.night.quiet_s + LOOKS_S[1], self._look)
        while self.now_s < self.end_s:
            self.manager.started(self.loop.time())
            await self._down(await self._one_life())

    async def _down(self, status: int) -> None:
        """Let the time pass until the next start: by whoever ended it, by systemd, or by an operator who has looked."""
        asked_s, self.lives.restart_after_s = self.lives.restart_after_s, None
        next_s = self.manager.next_start_s(status, self.loop.time()) if asked_s is None else asked_s
        if self.manager.gave_up:
            self.operator.trip("nightdesk.service failed")
        left_s = max(self.end_s - self.now_s, 0.0)
        if next_s is None:
            await self._looked_after(left_s)
        else:
            await asyncio.sleep(min(next_s, left_s))

    async def _looked_after(self, left_s: float) -> None:
        """Wait until somebody has come and mended what there is to mend, or for the end when that is nearer."""
        comes_s = self.operator.comes_after_s()
        if comes_s < left_s - STARTS_WITHIN_S:
            await asyncio.sleep(comes_s)
            self.operator.mend()
        else:
            await asyncio.sleep(left_s)

    async def _one_life(self) -> int:
        """Live once; return the exit status, or SIGNALLED."""
        first = not self.lives.all
        life = Life(
            number=len(self.lives.all) + 1,
            kill_at_step=self.night.kill_at_step if first else None,
            kill_at_write=self.night.kill_at_write if first else None,
            on_kill=partial(self._life_ended, SIGNALLED),
            skew_ms=self.lives.skew_ms,
        )
        self.lives.all.append(life)
        self.lives.context = copy_context()
        self.lives.context.run(LIFE.set, life)
        self._ended = self.loop.create_future()
        task = self.loop.create_task(self._live(life), context=self.lives.context)
        task.add_done_callback(partial(self._left, life), context=OUTSIDE)
        stop = self.loop.call_later(self.end_s - self.now_s, self._stop, life, context=OUTSIDE)
        status = await self._ended
        stop.cancel()
        self.lives.running = None
        self.network.break_all(life)
        self.lives.was_killed = life.dead
        if life.dead:
            self.lives.killed_s = self.now_s if first else self.lives.killed_s
            self.lives.remains.append(asyncio.all_tasks(self.loop))
        self.disk.crash()
        life.kill()
        return status

    async def _live(self, life: Life) -> None:
        http, sockets = self.network.transports(life)
        edges = Edges(
            life=life,
            http=http,
            sockets=sockets,
            clock=WorldClock(self.loop, self.start_ms, life=life),
            directory=self.disk.directory,
            disk=self.disk.of_life(life),
            journal=partial(LateJournal, self.disk),
            config=self.config,
            keys=self.keys,
            random=Random(f"life {self.night.seed} {life.number}"),
            observe=self._observe,
            worker=self.worker,
            pulse=Pulse(self.loop, self.manager, life, partial(self._stop, life)),
            elsewhere=self.elsewhere if self.compares else None,
            index=self._index() if self.night.keeps_index else None,
        )
        daemon = self._boot(edges)
        self.lives.daemons.append(daemon)
        self.lives.running = daemon
        await daemon.run()

    def _index(self) -> IndexEdges:
        return IndexEdges(
            directory=self.disk.directory / DIRECTORY,
            data=DATA,
            prices=self.elsewhere,
            apart=self.disk.apart,
        )

    def _look(self) -> None:
        """End the night when its session has been done for a while: what would follow is the same every day."""
        self._done_s = self._done_s + 1 if self._is_done() else 0
        if self._done_s <= OVER_AFTER_S:
            self.at(self.now_s + 1.0, self._look)
        elif self.lives.current is not None:
            self.end_s = self.now_s
            self._stop(self.lives.current)

    def _is_done(self) -> bool:
        if self.running is None:
            return False
        session, orders = self.running.state.session, self.running.state.orders.open
        ended = session is not None and session.stage is Stage.DONE and session.close_ms >= self.close_ms
        return ended and not orders

    def _stop(self, life: Life) -> None:
        """SIGTERM, and SIGKILL when it does not leave in time."""
        if (daemon := self.running) is not None:
            self.tell(lambda: daemon.stop("the night is over"))
        self.loop.call_later(self.manager.unit.stop_timeout_s, life.kill, context=OUTSIDE)

    def _left(self, life: Life, task: "asyncio.Task[None]") -> None:
        """A life has left by itself, well or with an error."""
        error = None if task.cancelled() else task.exception()
        if life.dead or isinstance(error, Killed):
            return
        if error is not None and (cause := error.__cause__ if isinstance(error, Exited) else error):
            self.lives.errors.append(cause)
        self._life_ended(error.status if isinstance(error, Exited) else int(error is not None))

    def _life_ended(self, status: int) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(status)

    def _observe(self, state: State, event: AnyEvent, intents: tuple[AnyIntent, ...]) -> None:
        assert self.checkers is not None
        self.checkers.on_step(state, event, intents)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep the collector of cycles from ending a coroutine at a moment that no seed has drawn."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
