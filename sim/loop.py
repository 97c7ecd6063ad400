"""An event loop in which waiting takes no time: when every task waits, the clock jumps to the next timer."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

RESOLUTION_S = 1e-6
"""Coarser than the loop's default, which at large times falls below a float's spacing and never fires."""

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Answers at once, and moves the clock on by the time it was asked to wait."""

    time_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("deadlock: every task waits and no timer is set")
        self.time_s += max(timeout, 0.0)
        return ready


class SimLoop(asyncio.SelectorEventLoop):
    """The standard loop on virtual time; a thread or a socket is invisible to it, and meant to be."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._clock_resolution = RESOLUTION_S

    def time(self) -> float:
        return self._jumping.time_s


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run main to its end in virtual time."""
    with asyncio.Runner(loop_factory=SimLoop) as runner:
        return runner.run(main)
