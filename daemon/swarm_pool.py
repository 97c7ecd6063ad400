"""Processes that play nights: each imports once and plays many. One that dies or hangs is a failure of its night."""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Self

import msgspec

from daemon.clock import monotonic_s
from sim.checkers import Failure
from sim.night import Night, Outcome

NIGHT_MAX_S = 300.0
"""A night takes about a second; one that takes this long is in a loop that virtual time does not see."""

PROCESS, WORLD = "the process", "the world"
"""What stands for a checker where a night has no outcome: its process ended, or the world raised an error."""

ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Each process has one core; threads of its own would take the others' away."""

Play = Callable[[Night], Outcome]
"""A function of a module, so that another process can import it."""


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """A night that was played: its outcome, or none where it had none, what failed in it, and how long it took."""

    night: Night
    outcome: Outcome | None
    failures: tuple[Failure, ...]
    took_s: float = 0.0


@dataclass(slots=True, eq=False)
class _Worker:
    """A process, our end of its pipe, and the night that it plays."""

    process: BaseProcess
    pipe: Connection
    night: Night | None = None
    since_s: float = 0.0


class Pool:
    """At most jobs nights at once. A context: its processes end with it."""

    def __init__(self, play: Play, jobs: int, *, night_max_s: float = NIGHT_MAX_S) -> None:
        self._play, self._jobs, self._night_max_s = play, jobs, night_max_s
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in list(self._workers):
            self._end(worker)

    def played(self, nights: Iterable[Night]) -> Iterator[Played]:
        """Play the nights and yield each when it is done; not in their order."""
        waiting = iter(nights)
        self._hand_out(waiting)
        while self._busy():
            yield from self._some_done()
            self._hand_out(waiting)

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.night is not None]

    def _hand_out(self, waiting: Iterator[Night]) -> None:
        while len(self._busy()) < self._jobs and (night := next(waiting, None)) is not None:
            idle = [worker for worker in self._workers if worker.night is None]
            worker = idle[0] if idle else self._start()
            worker.night, worker.since_s = night, monotonic_s()
            worker.pipe.send(night)

    def _some_done(self) -> Iterator[Played]:
        """Wait until something is done or a night has taken too long."""
        busy = self._busy()
        first_s = min(worker.since_s for worker in busy) + self._night_max_s
        ready = wait([worker.pipe for worker in busy], max(first_s - monotonic_s(), 0.0))
        for worker in busy:
            if worker.pipe in ready:
                yield self._done(worker)
            elif monotonic_s() - worker.since_s >= self._night_max_s:
                yield self._lost(worker, f"no end after {self._night_max_s:.0f} s of real time")

    def _done(self, worker: _Worker) -> Played:
        try:
            played: Played = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            worker.process.join()
            return self._lost(worker, f"ended with exit code {worker.process.exitcode}")
        worker.night = None
        return played

    def _lost(self, worker: _Worker, text: str) -> Played:
        assert worker.night is not None
        failure = Failure(checker=PROCESS, at_s=worker.night.start_s, text=text)
        took_s = monotonic_s() - worker.since_s
        self._end(worker)
        return Played(night=worker.night, outcome=None, failures=(failure,), took_s=took_s)

    def _start(self) -> _Worker:
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_work, args=(theirs, self._play), daemon=True)
        with _environment(ONE_THREAD):
            process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _end(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.kill()
        worker.process.join()


def _work(pipe: Connection, play: Play) -> None:
    """Play what comes through the pipe until its other end is closed. Ctrl-C is for who started us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            night: Night = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        pipe.send(_played(play, night))


def _played(play: Play, night: Night) -> Played:
    began_s = monotonic_s()
    try:
        outcome = play(night)
    except Exception as error:  # noqa: BLE001 - whatever a world raises is a failure of its night, and is told as one
        failure = Failure(checker=WORLD, at_s=night.start_s, text=_where(error))
        return Played(night=night, outcome=None, failures=(failure,), took_s=monotonic_s() - began_s)
    return Played(night=night, outcome=outcome, failures=outcome.failures, took_s=monotonic_s() - began_s)


def _where(error: Exception) -> str:
    """Return what was raised, and where: a world's error has no other witness."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({os.path.basename(frame.filename)}:{frame.lineno})"


@contextmanager
def _environment(more: dict[str, str]) -> Iterator[None]:
    """Give processes started within it more environment."""
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
