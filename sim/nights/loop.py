"""The event loop of a world: virtual time, ready tasks in a drawn order, lives that can be stalled and killed.

It has no selector, so that no socket or thread can reach it; what tries is told so.
"""

import asyncio
import heapq
import sys
from contextlib import suppress
from random import Random
from threading import get_ident
from typing import Any, NoReturn

from sim.nights.life import LIFE, Killed, Life

RESOLUTION_S = 1e-6


class Unreachable(RuntimeError):
    """Something in a world reached for a thread, a socket or the wall clock."""


class Deadlock(RuntimeError):
    """Everything waits, and no timer is set."""


class WorldLoop(asyncio.BaseEventLoop):
    """Handles run in the order asyncio has them, but for steps of tasks, which are shuffled as trio does."""

    _ready: Any
    _scheduled: list[Any]
    _timer_cancelled_count: int

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._clock_resolution = RESOLUTION_S
        self._time_s = 0.0
        self._random = random
        self._thread = get_ident()
        self.handles_run = 0

    def time(self) -> float:
        return self._time_s

    def _run_once(self) -> None:
        self._let_time_pass()
        batch = list(self._ready)
        self._ready.clear()
        if len(batch) > 1:
            self._shuffle(batch)
        for handle in batch:
            self._run(handle)

    def _let_time_pass(self) -> None:
        """Take up the timers that are due; when nothing else is ready, jump to the first."""
        scheduled = self._scheduled
        while scheduled and scheduled[0]._cancelled:
            self._forget(heapq.heappop(scheduled))
        if not self._ready and not self._stopping:  # type: ignore[attr-defined]
            if not scheduled:
                raise Deadlock("every task waits and no timer is set")
            self._time_s = max(self._time_s, scheduled[0].when())
        end_s = self._time_s + RESOLUTION_S
        while scheduled and scheduled[0].when() < end_s:
            handle = heapq.heappop(scheduled)
            self._forget(handle)
            self._ready.append(handle)

    def _forget(self, handle: Any) -> None:
        if handle._cancelled:
            self._timer_cancelled_count -= 1
        handle._scheduled = False

    def _shuffle(self, batch: list[Any]) -> None:
        """Shuffle the steps of tasks among their places; a callback keeps its own, which asyncio promises."""
        places = [i for i, handle in enumerate(batch) if _is_step(handle._callback)]
        if len(places) < 2:
            return
        steps = [batch[i] for i in places]
        self._random.shuffle(steps)
        for i, handle in zip(places, steps, strict=True):
            batch[i] = handle

    def _run(self, handle: Any) -> None:
        if handle._cancelled:
            return
        life: Life | None = handle._context.get(LIFE)
        if life is not None:
            if life.dead:
                return
            if life.stalled_until_s > self._time_s:
                life.held.append(handle)
                return
            if not life.step():
                return
        self.handles_run += 1
        handle._run()

    def stall(self, life: Life, seconds: float) -> None:
        """Let nothing of a life run for some seconds; what comes due meanwhile runs when they are over."""
        life.stalled_until_s = max(life.stalled_until_s, self._time_s + seconds)
        self.call_at(life.stalled_until_s, self._release, life)

    def _release(self, life: Life) -> None:
        if life.stalled_until_s < self._time_s + RESOLUTION_S:
            life.stalled_until_s = min(life.stalled_until_s, self._time_s)
            held, life.held = life.held, []
            self._ready.extend(held)

    def default_exception_handler(self, context: Any) -> None:
        """Say nothing of exceptions that nobody asked for: a dead life leaves them behind; checkers hear of others."""

    # --- what a world does not have --------------------------------------------------------------------

    def _process_events(self, event_list: object) -> None:
        raise Unreachable("a world has no selector")

    def _write_to_self(self) -> NoReturn:
        raise Unreachable("a thread called into a world")

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """From the loop's own thread it is call_soon: a future of concurrent.futures that is done here says so with it."""
        if get_ident() != self._thread:
            raise Unreachable(f"a thread called {callback!r} in a world")
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, *args: Any, **_: Any) -> NoReturn:  # type: ignore[override]
        raise Unreachable(f"{args} was to run in another thread or process")

    def add_signal_handler(self, *args: Any, **_: Any) -> NoReturn:  # type: ignore[override]
        raise Unreachable("a world has no signals")


def _is_step(callback: Any) -> bool:
    """Say whether a handle's callback is the next step of a task, begun or woken."""
    return type(callback).__name__ == "TaskStepMethWrapper" or isinstance(
        getattr(callback, "__self__", None), asyncio.Task
    )


def abandon(loop: WorldLoop) -> None:
    """Close a loop whose lives were killed. What their coroutines would still have done is done in vain."""
    told, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with suppress(RuntimeError, Killed):
                task.get_coro().close()
        loop._ready.clear()
        loop._scheduled.clear()
        loop.close()
    finally:
        sys.unraisablehook = told
