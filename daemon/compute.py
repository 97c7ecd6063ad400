"""Long computations away from the event loop: a warmed worker process, or the caller where time is virtual."""

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, Protocol, TypeVar

import structlog

from adapters.ports import Clock

log = structlog.get_logger()

T = TypeVar("T")

TIMEOUT_S = 30.0
"""More than a whole night of 102 names takes, both pro formas and the venue included (docs/roadmap.md)."""
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
NICENESS = 10
PR_SET_PDEATHSIG = 1


class ComputeFailed(Exception):
    """The computation gave no result: it raised, took too long, or its process died."""


class Compute(Protocol):
    """Runs the named function of a module with one request, given up after timeout_s. function is "module:name"."""

    async def run(self, function: str, request: Any, *, timeout_s: float = TIMEOUT_S) -> Any: ...
    async def warm(self) -> None: ...
    def close(self) -> None: ...


class WorkerCompute:
    """One process, started by spawn and warmed, so that a solve never holds the loop's GIL (cvxpy does).

    It is given one computation at a time: the time of one that waits for its turn does not run yet, and a worker that
    is given up takes nobody else along.
    """

    def __init__(self) -> None:
        self._pool = self._new_pool()
        self._turn = asyncio.Lock()
        self._is_closed = False

    @staticmethod
    def _new_pool() -> ProcessPoolExecutor:
        for name in BLAS_THREADS:
            os.environ.setdefault(name, "1")
        spawn = get_context("spawn")
        return ProcessPoolExecutor(
            max_workers=1, mp_context=spawn, initializer=step_back, initargs=(os.getpid(),)
        )

    async def warm(self) -> None:
        await self.run("daemon.night_pipeline:warm", None)

    async def run(self, function: str, request: Any, *, timeout_s: float = TIMEOUT_S) -> Any:
        """Return the result; raise ComputeFailed otherwise, with a fresh worker in place of a dead or hung one."""
        async with self._turn:
            return await self._computed(function, request, timeout_s)

    async def _computed(self, function: str, request: Any, timeout_s: float) -> Any:
        loop = asyncio.get_running_loop()
        try:
            future = loop.run_in_executor(self._pool, call, function, request)
            return await asyncio.wait_for(future, timeout_s)
        except BrokenProcessPool as error:
            self._replace()
            raise ComputeFailed("the worker process died") from error
        except TimeoutError as error:
            self._replace()
            raise ComputeFailed(f"no result within {timeout_s:.0f} s") from error
        except Exception as error:
            raise ComputeFailed(f"{type(error).__name__}: {error}") from error

    def _replace(self) -> None:
        self._end()
        if not self._is_closed:
            log.warning("worker process replaced")
            self._pool = self._new_pool()

    def close(self) -> None:
        """End the worker, whatever it computes: nobody waits for it any more, and a stop has ten seconds."""
        self._is_closed = True
        self._end()

    def _end(self) -> None:
        for process in list((self._pool._processes or {}).values()):
            process.kill()
        self._pool.shutdown(wait=False, cancel_futures=True)


class InlineCompute:
    """The same functions in the caller, for the virtual loop: the result comes after takes_s of its clock."""

    def __init__(self, clock: Clock, *, takes_s: float = 2.0) -> None:
        self._clock = clock
        self._takes_s = takes_s

    async def warm(self) -> None:
        return None

    async def run(self, function: str, request: Any, *, timeout_s: float = TIMEOUT_S) -> Any:
        await self._clock.sleep(self._takes_s)
        try:
            return call(function, request)
        except Exception as error:
            raise ComputeFailed(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        return None


def step_back(daemon_pid: int) -> None:
    """Let the event loop have the processor first, and die with the daemon, however it dies (Linux).

    A solve can wait a millisecond, a hedge should not. A worker that outlives kill -9 would wait for ever; the
    daemon may have died already, while this process was starting.
    """
    os.nice(NICENESS)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != daemon_pid:
        os._exit(1)


def call(function: str, request: Any) -> Any:
    """Import the module in this process, which may be the worker, and call its function."""
    from importlib import import_module

    module, name = function.split(":")
    target: Callable[..., Any] = getattr(import_module(module), name)
    return target() if request is None else target(request)
