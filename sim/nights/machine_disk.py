"""The disk of the daemon's machine over all its lives: what it holds, what is wrong with it, and what a crash leaves."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TypeVar

from sim.nights.disk import WorldDisk
from sim.nights.disk_faults import DiskFault
from sim.nights.life import OUTSIDE, Life
from sim.nights.loop import WorldLoop
from sim.nights.page_cache import PageCache
from state.errors import StateError
from state.journal import InlineJournal, Journal, Record

T = TypeVar("T")

GARBAGE = b'{"format": "kill_sw\xff'


class MachineDisk:
    """cache: what no life has synced yet."""

    def __init__(self, directory: Path, loop: WorldLoop, random: Random) -> None:
        self.directory = directory
        self.cache = PageCache()
        self._loop, self._random = loop, random
        self._faults: dict[DiskFault, float] = {}
        self._now: WorldDisk | None = None
        self._life: Life | None = None
        self._in_thread_s: float | None = None
        self._power_fails = False

    # --- one life ----------------------------------------------------------------------------------------

    def of_life(self, life: Life) -> WorldDisk:
        """Return the disk as a new life finds it; every write counts as one of its."""
        self._life = life
        self._now = WorldDisk(
            self.directory, on_write=lambda _: life.write(), stall=self._takes, cache=self.cache
        )
        for fault in self._faults:
            self._now.begin(fault)
        return self._now

    def crash(self) -> None:
        """Leave what the life that ended leaves: a write may be half done, and unsynced ones lost with the power."""
        if self._now is not None:
            self._now.crash(self._random, power=self._power_fails)
        self._now, self._power_fails = None, False

    def outside(self) -> WorldDisk:
        """Return the same disk for somebody else on the machine, whom no fault concerns."""
        return WorldDisk(self.directory, on_write=_nothing, stall=_nothing, cache=self.cache)

    # --- faults ------------------------------------------------------------------------------------------

    def begin(self, fault: DiskFault, for_s: float) -> None:
        self._faults[fault] = self._loop.time() + for_s
        if self._now is not None:
            self._now.begin(fault)
        self._loop.call_later(for_s, self.end, fault, context=OUTSIDE)

    def end(self, fault: DiskFault) -> None:
        """End a fault, if it is not over."""
        if self._faults.pop(fault, None) is not None and self._now is not None:
            self._now.end(fault)

    def end_all(self) -> None:
        for fault in list(self._faults):
            self.end(fault)

    def lose_power(self) -> None:
        """Have the crash to come be one of the whole machine."""
        self._power_fails = True

    def garble(self, name: str) -> None:
        """Overwrite a document with bytes that are none, while whoever reads it goes on."""
        path = self.directory / name
        path.write_bytes(GARBAGE)
        self.cache.reread(path)

    def corrupt(self, name: str) -> None:
        """Cut or garble a document between two lives, if it is there."""
        if (self.directory / name).exists():
            self.outside().corrupt_json(name, self._random)

    def _takes(self, seconds: float) -> None:
        """Let an operation take its time: the caller's, or that of the journal's thread. A lock may go meanwhile."""
        for fault, until_s in list(self._faults.items()):
            if until_s <= self._loop.time() + seconds:
                self.end(fault)
        if self._in_thread_s is not None:
            self._in_thread_s += seconds
        elif self._life is not None:
            self._loop.stall(self._life, seconds)

    async def apart(self, do: Callable[[], T]) -> T:
        """Do what waits for the disk as a thread of its own would: the caller alone waits for as long as it took."""
        took_s = _no_time
        try:
            with self.in_thread() as took_s:
                return do()
        finally:
            await asyncio.sleep(took_s())

    @contextmanager
    def in_thread(self) -> Iterator[Callable[[], float]]:
        """Within it, what takes time takes a thread's and not the loop's; gives what tells how long it took (s)."""
        self._in_thread_s = 0.0
        took = [0.0]
        try:
            yield lambda: took[0]
        finally:
            took[0], self._in_thread_s = self._in_thread_s, None


class LateJournal:
    """Commits in the caller, but says so when a thread would have: fills state.journal.JournalWriter.

    What is written during a slow commit waits for it, as it does in ThreadedJournal.
    """

    def __init__(self, disk: MachineDisk, journal: Journal) -> None:
        self._disk, self._journal = disk, InlineJournal(journal)
        self._refuse_if_lost = journal.refuse_if_lost
        self._free_s = 0.0

    def append(self, records: Sequence[Record]) -> Future[None]:
        self._refuse_if_lost()
        return self._late(lambda: self._journal.append(records))

    def save_snapshot(self, seq: int, state: bytes) -> Future[None]:
        return self._late(lambda: self._journal.save_snapshot(seq, state))

    def prune(self, *, before_seq: int) -> Future[int]:
        return self._late(lambda: self._journal.prune(before_seq=before_seq))

    def close(self) -> None:
        self._journal.close()

    def _late(self, do: Callable[[], Future[T]]) -> Future[T]:
        loop = asyncio.get_running_loop()
        with self._disk.in_thread() as took_s:
            done = _outcome(do)
        self._free_s = max(self._free_s, loop.time()) + took_s()
        if self._free_s <= loop.time():
            return done
        later: Future[T] = Future()
        loop.call_at(self._free_s, _pass_on, done, later)
        return later


def _outcome(do: Callable[[], Future[T]]) -> Future[T]:
    try:
        return do()
    except StateError as error:
        failed: Future[T] = Future()
        failed.set_exception(error)
        return failed


def _pass_on(done: Future[T], later: Future[T]) -> None:
    if (error := done.exception()) is not None:
        later.set_exception(error)
    else:
        later.set_result(done.result())


def _no_time() -> float:
    return 0.0


def _nothing(_: object) -> None:
    """Told of a write, or of time that passes, where neither matters."""
