"""Which of several instances on one host publishes: an election on the lease file, in a thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import structlog

from core.prices.tenure import BEATS, Sighting, Tenure, Term
from state.disk import OS_DISK, Disk
from state.errors import StateError
from state.lease import LeaseFile, Replaced

log = structlog.get_logger()


class _Round(NamedTuple):
    """What a round found: the token held, None for none, from when it counts, and the wait before the next round."""

    token: int | None
    sent_s: float
    wait_s: float


class _Candidate:
    """The side that waits for the disk; used by one thread at a time."""

    def __init__(self, open_file: Callable[[], LeaseFile], holder: str, lease_s: float) -> None:
        self._open_file, self._holder, self.lease_s = open_file, holder, lease_s
        self._file: LeaseFile | None = None
        self._token: int | None = None
        self._highest = 0
        self._sighting = Sighting(lease_s)
        self._refused: str | None = None

    def round(self, elapsed_s: Callable[[], float]) -> _Round:
        """Renew, or look and take. A file that refuses is nobody's fault here: it is tried again."""
        sent_s, wait_s = elapsed_s(), self.lease_s / BEATS
        try:
            token = self._hold_or_take(elapsed_s)
            self._told(None)
            return _Round(token, sent_s, wait_s)
        except StateError as error:
            self._told(str(error))
            self._close()
            # Somebody may hold the file that was here before: its lease ends before ours may begin.
            return _Round(None, sent_s, self.lease_s if isinstance(error, Replaced) else wait_s)

    def release(self) -> None:
        """Give up what is held. Where the file refuses, the lease ends by itself."""
        if self._file is not None and self._token is not None:
            try:
                self._file.release(self._token)
            except StateError as error:
                log.warning("the lease ends by itself", error=str(error))
        self._token = None
        self._sighting = Sighting(self.lease_s)

    def close(self) -> None:
        self.release()
        self._close()

    def _hold_or_take(self, elapsed_s: Callable[[], float]) -> int | None:
        file = self._file = self._file or self._open_file()
        if self._token is not None and file.renew(self._token):
            return self._token
        self._token = None
        seen = file.read()
        self._highest = max(self._highest, seen.token if seen else 0)
        has_ended = self._sighting.has_ended(seen, elapsed_s())
        if has_ended or (seen is not None and seen.holder is None):
            self._token = file.take(seen, holder=self._holder, above=self._highest)
            self._highest = max(self._highest, self._token or 0)
        return self._token

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def _told(self, refused: str | None) -> None:
        """Say it once when the file begins to refuse, and once when it ends."""
        if refused is not None and self._refused is None:
            log.warning("the lease file refuses", error=refused)
        elif refused is None and self._refused is not None:
            log.info("the lease file is back")
        self._refused = refused


class LocalElection:
    """An instance's place among those that share a lease file. See daemon.index_prices.publisher.Election."""

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        holder: str,
        lease_s: float,
        elapsed_s: Callable[[], float],
        disk: Disk = OS_DISK,
    ) -> None:
        """name is the index, holder this instance, for people to read. elapsed_s is a monotonic clock, in seconds."""

        def open_file() -> LeaseFile:
            return LeaseFile.open(path, name, busy_s=lease_s / BEATS, disk=disk)

        self._candidate = _Candidate(open_file, holder, lease_s)
        self._elapsed_s = elapsed_s
        self._tenure = Tenure()
        self._resigned = asyncio.Event()

    def term(self) -> Term | None:
        return self._tenure.at(self._elapsed_s())

    def resign(self) -> None:
        """Publish no more under this token, and let another instance go first."""
        self._tenure.give_up()
        self._resigned.set()

    async def run(self, elected: Callable[[], None]) -> None:
        """Stand for election for ever, calling elected at each renewal; the lease is given back at the end."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="lease")
        loop = asyncio.get_running_loop()
        try:
            while True:
                found = await loop.run_in_executor(thread, self._candidate.round, self._elapsed_s)
                self._apply(found, elected)
                if await self._resigns_within(found.wait_s):
                    await loop.run_in_executor(thread, self._candidate.release)
                    await asyncio.sleep(self._candidate.lease_s)
        finally:
            self._tenure.give_up()
            await loop.run_in_executor(thread, self._candidate.close)
            thread.shutdown(wait=False)

    def _apply(self, found: _Round, elected: Callable[[], None]) -> None:
        if found.token is not None:
            self._tenure.granted(found.token, sent_s=found.sent_s, lease_s=self._candidate.lease_s)
            elected()
        self.term()

    async def _resigns_within(self, wait_s: float) -> bool:
        try:
            await asyncio.wait_for(self._resigned.wait(), wait_s)
        except TimeoutError:
            return False
        self._resigned.clear()
        return True
