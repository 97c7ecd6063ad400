"""Takes the wall clock, threads, sockets and processes away while a world runs: what reaches for one fails loudly."""

import _thread
import multiprocessing.process
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from types import ModuleType
from typing import Any, cast
from unittest.mock import patch

from sim.nights.loop import Unreachable

FORBIDDEN: tuple[tuple[object, str], ...] = (
    (time, "time"),
    (time, "time_ns"),
    (time, "monotonic"),
    (time, "monotonic_ns"),
    (time, "perf_counter"),
    (time, "perf_counter_ns"),
    (time, "clock_gettime"),
    (time, "clock_gettime_ns"),
    (time, "process_time"),
    (time, "thread_time"),
    (time, "sleep"),
    (threading.Thread, "start"),
    (_thread, "start_new_thread"),
    (socket, "socket"),
    (socket, "create_connection"),
    (socket, "getaddrinfo"),
    (subprocess, "Popen"),
    (multiprocessing.process.BaseProcess, "start"),
    (ThreadPoolExecutor, "submit"),
    (ProcessPoolExecutor, "submit"),
    (os, "fork"),
    (os, "system"),
    (os, "posix_spawn"),
    (os, "urandom"),
    (os, "getrandom"),
    (uuid, "uuid1"),
    (uuid, "uuid4"),
    (secrets, "token_bytes"),
    (secrets, "token_hex"),
    (secrets, "randbits"),
    (secrets, "randbelow"),
    (secrets, "choice"),
    (signal, "signal"),
    (signal, "alarm"),
    (signal, "setitimer"),
    (random, "random"),
    (random, "uniform"),
    (random, "randrange"),
    (random, "choice"),
    (random, "randint"),
    (random, "sample"),
    (random, "gauss"),
    (random, "getrandbits"),
    (random, "shuffle"),
)

OURS = ("core", "strategies", "adapters", "state", "sim", "research", "daemon", "tests")

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
        for module in _with_datetime():
            stack.enter_context(patch.object(module, "datetime", _without_now(reached)))
        yield
    if reached:
        raise Unreachable(reached[0])


class _LikeDatetime(type):
    """Its classes count as datetime itself for isinstance()."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


def _without_now(reached: list[str]) -> type[datetime]:
    """Return datetime without its clock: the class itself is in C and takes no patch."""
    refuse = {name: _refusing(datetime, name, reached) for name in ("now", "utcnow", "today")}
    members: dict[str, Any] = {name: staticmethod(f) for name, f in refuse.items()}
    return cast("type[datetime]", _LikeDatetime("datetime", (datetime,), members))


def _with_datetime() -> list[ModuleType]:
    """Return our own modules that have taken datetime by its name."""
    ours = [m for name, m in sorted(sys.modules.items()) if name.partition(".")[0] in OURS]
    return [module for module in ours if vars(module).get("datetime") is datetime]


def _refusing(holder: object, name: str, reached: list[str]) -> Callable[..., float]:
    what = f"{getattr(holder, '__name__', holder)}.{name}"

    def refuse(*_: Any, **__: Any) -> float:
        caller = sys._getframe(1).f_globals["__name__"]
        if caller.partition(".")[0] in HARMLESS:
            return 0.0
        reached.append(f"{what} was called in a world, by {caller}")
        raise Unreachable(reached[-1])

    return refuse
