"""The daemon wired into a world of sim.world: real code throughout, on the world's edges."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any
from unittest.mock import patch

import numpy as np
import structlog

from adapters.hyperliquid.exchange import Account
from adapters.hyperliquid.signing import Network, Signer
from adapters.ports import Clock
from core.state import State
from daemon import config_file
from daemon.__main__ import CODES, HALTED
from daemon.clock import SteadyClock
from daemon.compute import TIMEOUT_S, ComputeFailed, call
from daemon.index_in_world import LOADED, kept_with, reviewed, short
from daemon.logs import Context, Logs
from daemon.price_check import Place
from daemon.run import answer
from daemon.scheduler import ClockAlarms
from daemon.settings import Settings
from daemon.wiring import NO_LIMIT_PER_MIN, Ends, LevelEnds, Wired, wire
from sim.nights.elsewhere import Elsewhere
from sim.nights.kept_index import IndexEdges, Shown
from sim.nights.service_manager import Exited
from sim.nights.worker import Trouble, Worker
from sim.world import Edges
from state.store import Store
from strategies.idio_statarb import optimizer
from strategies.idio_statarb.optimizer_problem import Multipliers, Problem

SOLVES_S = (0.2, 2.0)
PAGE = "research.night_page:page"

Called = Callable[[str, Any], Any]


class WorldCompute:
    """The worker's functions in the caller; the result comes after a drawn time of the world's clock."""

    def __init__(self, edges: Edges, clock: Clock, called: Called = call) -> None:
        self._edges, self._clock, self._called = edges, clock, called
        self._turn = asyncio.Lock()

    async def warm(self) -> None:
        await self.run("daemon.night_pipeline:warm", None)

    async def run(self, function: str, request: Any, *, timeout_s: float = TIMEOUT_S) -> Any:
        """Raises ComputeFailed as a worker does; also for the page of a night, which a world does not draw."""
        async with self._turn:
            return await self._computed(function, request, timeout_s)

    async def _computed(self, function: str, request: Any, timeout_s: float) -> Any:
        clock, worker = self._clock, self._edges.worker
        if worker.trouble is Trouble.HANGS:
            worker.struck += 1
            await clock.sleep(timeout_s)
            raise ComputeFailed(f"no result within {timeout_s:.0f} s")
        await clock.sleep(self._edges.random.uniform(*SOLVES_S))
        if worker.trouble is Trouble.DIES:
            worker.struck += 1
            raise ComputeFailed("the worker process died")
        if function == PAGE:
            raise ComputeFailed("a world draws no page")
        try:
            with _solver(worker):
                return self._called(function, request)
        except Exception as error:
            raise ComputeFailed(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        return None


@contextmanager
def _solver(worker: Worker) -> Iterator[None]:
    """Let the solvers of the pipeline end as the worker's trouble says."""
    if worker.trouble not in (Trouble.INFEASIBLE, Trouble.NAN):
        yield
        return

    def solved(problem: Problem, *_: Any) -> Any:
        worker.struck += 1
        if worker.trouble is Trouble.INFEASIBLE:
            return None, Multipliers(), "infeasible"
        return np.full(problem.mu.size, np.nan), Multipliers(), "optimal"

    with (
        patch.object(optimizer, "solve_fast", lambda *_: None),
        patch.object(optimizer, "solve_by_cvxpy", solved),
    ):
        yield


class InWorld:
    """One life: fills sim.world.Daemon."""

    def __init__(self, edges: Edges) -> None:
        with _exits():
            self._wired = _wired(edges)
        self._wired.service._shell.app.observers.append(edges.observe)

    @property
    def state(self) -> State:
        return self._wired.service.state

    @property
    def reports(self) -> list[dict[str, Any]]:
        return self._wired.desk.reports

    @property
    def alerts(self) -> tuple[str, ...]:
        """The codes of alerts that are not over."""
        return tuple(alert.code for alert in self._wired.service._shell.parts.alerts.active())

    @property
    def index(self) -> Shown | None:
        """What is told of the kept crypto index, None where nothing is."""
        levels = self._wired.service._shell.levels
        return None if levels is None else levels.shown

    async def run(self) -> None:
        """Raises Exited with the status that the command has for what happened."""
        with _exits():
            try:
                await self._wired.service.run()
            finally:
                self._wired.close()
        if self.state.halt_reason:
            raise Exited(HALTED)

    def stop(self, reason: str) -> None:
        self._wired.service.stop(reason)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return answer(self._wired.service, request, lambda: short(config_file.parse(request["text"])))


def _wired(edges: Edges) -> Wired:
    settings = short(config_file.parse(edges.config))
    signer = Signer.from_key(edges.keys.agent)
    clock = SteadyClock(edges.clock, asyncio.get_running_loop().time)
    ends = Ends(
        http=edges.http,
        sockets=edges.sockets,
        account=Account(edges.keys.address, signer, Network.TESTNET),
        network="world",
        clock=clock,
        compute=WorldCompute(edges, clock),
        journal=edges.journal,
        alarms=lambda _, hourly: ClockAlarms(clock, hourly=hourly),
        pulse=edges.pulse,
        weight_per_min=NO_LIMIT_PER_MIN,
        elapsed_ms=lambda: 0.0,
        index=None if edges.elsewhere is None else partial(_compared, edges.elsewhere),
        levels=None if edges.index is None else _levels(edges, edges.index, settings, clock),
    )
    return wire(ends, settings, Store(edges.directory, edges.disk), Logs([], Context()))


def _levels(edges: Edges, index: IndexEdges, settings: Settings, clock: Clock) -> LevelEnds:
    """Where prices are compared, the index takes the same values; else it has them to itself."""
    kept = kept_with(index, settings)
    return LevelEnds(
        settings=lambda _: kept,
        compute=lambda: WorldCompute(edges, clock, reviewed),
        apart=index.apart,
        prices=index.prices.run if edges.elsewhere is None else None,
    )


async def _compared(elsewhere: Elsewhere, place: Place) -> None:
    await elsewhere.run(place.take)


@contextmanager
def _exits() -> Iterator[None]:
    """Turn what the command turns into an exit status into that status."""
    try:
        yield
    except tuple(kind for kind, _ in CODES) as error:
        raise Exited(next(code for kind, code in CODES if isinstance(error, kind))) from error


def _drop(_logger: object, _method: str, _line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent


def prepare() -> None:
    """Make this process ready for worlds: load what a worker loads. An import reads the wall clock."""
    call("daemon.night_pipeline:warm", None)
    for module in LOADED:
        import_module(module)


@contextmanager
def silence() -> Iterator[None]:
    """Let nothing be logged within: thousands of nights have nothing to say but their failures."""
    level, before = logging.root.manager.disable, structlog.get_config()
    logging.disable(logging.CRITICAL)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), processors=[_drop]
    )
    try:
        yield
    finally:
        logging.disable(level)
        structlog.configure(**before)
