"""Takes the wall clock, threads, sockets and processes away while a world runs: what reaches for one fails loudly."""

import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from sim.nights.loop import Unreachable

FORBIDDEN: tuple[tuple[object, str], ...] = (
    (time, "time"),
    (time, "time_ns"),
    (time, "monotonic"),
    (time, "monotonic_ns"),
    (time, "perf_counter"),
    (time, "perf_counter_ns"),
    (time, "sleep"),
    (threading.Thread, "start"),
    (socket, "socket"),
    (subprocess, "Popen"),
    (random, "random"),
    (random, "uniform"),
    (random, "randrange"),
    (random, "choice"),
    (random, "shuffle"),
)

HARMLESS = ("tenacity", "cvxpy")
"""Libraries that read a clock and decide nothing by it (adapters.retry counts attempts, cvxpy notes how long it took):
they are told zero."""


@contextmanager
def out_of_reach() -> Iterator[None]:
    """Within it, everything of FORBIDDEN raises Unreachable; so does its end, where somebody caught that."""
    reached: list[str] = []
    with ExitStack() as stack:
        for holder, name in FORBIDDEN:
            stack.enter_context(patch.object(holder, name, _refusing(holder, name, reached)))
        yield
    if reached:
        raise Unreachable(reached[0])


def _refusing(holder: object, name: str, reached: list[str]) -> Callable[..., float]:
    what = f"{getattr(holder, '__name__', holder)}.{name}"

    def refuse(*_: Any, **__: Any) -> float:
        caller = sys._getframe(1).f_globals["__name__"]
        if caller.partition(".")[0] in HARMLESS:
            return 0.0
        reached.append(f"{what} was called in a world, by {caller}")
        raise Unreachable(reached[-1])

    return refuse
