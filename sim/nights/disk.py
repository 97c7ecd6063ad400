"""A disk for one life of the daemon in this process: it can be killed at any write, and the disk can fail and forget.

The files are real, in a directory that the caller keeps in memory. Reads are not watched: what a reader finds
is always what the operating system would show.
"""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

from sim.nights.databases import Database, Unfinished
from sim.nights.disk_faults import (
    FULL,
    READ_ONLY,
    DiskFault,
    DiskFaultKind,
    corrupt_json,
    os_error,
)
from sim.nights.page_cache import Content, PageCache
from sim.nights.wal import INDEX_BYTES, found_mark
from state.disk import BUSY_S, OS_DISK
from state.watched import Refusal, Statement, Step, WatchedConnection, connect_watched, refusal

T = TypeVar("T")

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_PART = re.compile(r"^\.(.*)\.\d+\.part$")


@dataclass(slots=True)
class _Handle:
    path: Path
    content: Content


class WorldDisk:
    """See state.disk.Disk. on_write is told of each write before it begins and, with ": done", after it.

    Whatever on_write raises kills this life: from then on everything raises it again, and nothing is written.
    stall moves the world's clock on by that many seconds. cache: what an earlier life of the same machine left
    unsynced. After the life, however it ended, crash says what is left on the disk.
    """

    def __init__(
        self,
        directory: Path,
        *,
        on_write: Callable[[str], None],
        stall: Callable[[float], None],
        cache: PageCache | None = None,
    ) -> None:
        self.cache = cache or PageCache()
        self._directory = directory
        self._on_write = on_write
        self._stall = stall
        self._faults: list[DiskFault] = []
        self._room: dict[DiskFault, int] = {}
        self._handles: dict[int, _Handle] = {}
        self._databases: dict[Path, Database] = {}
        self._killed: BaseException | None = None
        self._unfinished: Callable[[Random], object] | Unfinished | None = None

    # --- the world's side ----------------------------------------------------------------------------------

    def begin(self, fault: DiskFault) -> None:
        self._faults.append(fault)
        self._room[fault] = fault.room_bytes

    def end(self, fault: DiskFault) -> None:
        self._faults.remove(fault)

    def kill(self, killed: BaseException) -> None:
        """End the life between two writes: everything raises killed from now on."""
        self._killed = killed

    def crash(self, rng: Random, *, power: bool) -> None:
        """Leave on the real disk what outlives the process or, with power, the machine's loss of power.

        The write that was under way is lost, torn or whole, as drawn. With power, so is everything unsynced.
        """
        self._killed = self._killed or RuntimeError("this life of the daemon is over")
        statement = self._unfinished if isinstance(self._unfinished, Unfinished) else None
        if callable(self._unfinished):
            self._unfinished(rng)
        for path, database in sorted(self._databases.items()):
            mine = statement if statement is not None and statement.path == path else None
            database.settle(mine, rng, power=power)
            self.cache.logs[path] = database.synced
        for handle in self._handles:
            os.close(handle)
        self._handles, self._databases, self._unfinished = {}, {}, None
        if power:
            self.cache.lose(rng)

    def corrupt_json(self, name: str, rng: Random) -> None:
        """Cut or garble a document of the state directory between two lives."""
        path = self._directory / name
        corrupt_json(path, rng)
        self.cache.reread(path)

    # --- files: state.disk.Disk ----------------------------------------------------------------------------

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        self._refuse_dead()
        if flags & _WRITING:
            self._refuse_read_only(path)
        content = self.cache.content(path)
        if content is None and flags & os.O_CREAT:
            return self._write(f"create {self._label(path)}", partial(self._create, path, flags, mode))
        if content is not None and content.now and flags & os.O_TRUNC:
            return self._write(f"empty {self._label(path)}", partial(self._create, path, flags, mode))
        return self._opened(path, flags, mode)

    def write(self, handle: int, data: bytes | memoryview) -> int:
        self._refuse_dead()
        path = self._handles[handle].path
        self._refuse_read_only(path)
        some = bytes(data)[: self._fits(path, len(data))]
        put = partial(self._put, handle, some)
        return self._write(f"write {self._label(path)}", put, torn=partial(self._put_some, handle, some))

    def truncate(self, handle: int) -> None:
        self._refuse_dead()
        path = self._handles[handle].path
        self._refuse_read_only(path)
        self._write(f"truncate {self._label(path)}", partial(self._truncate, handle))

    def fsync(self, handle: int) -> None:
        self._refuse_dead()
        path = self._handles[handle].path
        self._slow(path)
        self._write(f"fsync {self._label(path)}", partial(self._fsync, handle))

    def close(self, handle: int) -> None:
        self._refuse_dead()
        del self._handles[handle]
        os.close(handle)

    def replace(self, source: Path, target: Path) -> None:
        self._rename("replace", source, target)

    def link(self, source: Path, target: Path) -> None:
        self._rename("link", source, target)

    def unlink(self, path: Path) -> None:
        self._refuse_dead()
        self._refuse_read_only(path)
        if self.cache.content(path) is None:
            return OS_DISK.unlink(path)
        return self._write(f"unlink {self._label(path)}", partial(self._unlink, path))

    def mkdir(self, path: Path, mode: int) -> None:
        self._refuse_dead()
        self._refuse_read_only(path)
        self._write(f"mkdir {self._label(path)}", partial(self._mkdir, path, mode))

    # --- databases -----------------------------------------------------------------------------------------

    def connect(self, path: Path, *, mode: str) -> WatchedConnection:
        self._refuse_dead()
        if mode != "ro" and self._fault(DiskFaultKind.READ_ONLY, path):
            raise refusal(Refusal.CANNOT_OPEN)
        full = self._fault(DiskFaultKind.FULL, path)
        if full is not None and self._room[full] < INDEX_BYTES and path not in self._databases:
            raise refusal(Refusal.NO_INDEX)
        was_there = path.exists() and path.stat().st_size > 0
        connection = connect_watched(path, mode=mode, watcher=self._watch)
        if path not in self._databases:
            synced = self.cache.logs.get(path) or found_mark(path)
            self._databases[path] = Database(path, synced, was_there)
        self._databases[path].connections.append(connection)
        return connection

    def _watch(self, statement: Statement, run: Callable[[], T]) -> T:
        """Run a statement as the disk lets it."""
        self._refuse_dead()
        connection, step = statement.connection, statement.step
        database = self._databases[connection.path]
        if step is Step.READ:
            return run()
        if step is Step.CLOSE:
            return self._close(database, connection, run)
        self._refuse_statement(connection.path, step)
        if step is Step.HOLD:
            return run()
        name = f"commit {self._label(connection.path)}"
        self._begin(name, Unfinished(connection.path, step, run))
        self._slow(connection.path)
        result = run()
        database.committed(connection)
        self._begin(f"{name}: done")
        return result

    def _close(self, database: Database, connection: WatchedConnection, run: Callable[[], T]) -> T:
        path = database.path
        if self._fault(DiskFaultKind.FULL, path) or self._fault(DiskFaultKind.READ_ONLY, path):
            database.close_without_checkpoint(connection)
            return run()
        name = f"close {self._label(path)}"
        self._begin(name, Unfinished(path, Step.CLOSE, run))
        result = run()
        database.connections.remove(connection)
        self._begin(f"{name}: done")
        return result

    def _refuse_statement(self, path: Path, step: Step) -> None:
        if self._fault(DiskFaultKind.READ_ONLY, path):
            raise refusal(Refusal.READ_ONLY)
        if self._fault(DiskFaultKind.LOCKED, path):
            self._stall(BUSY_S)
            if self._fault(DiskFaultKind.LOCKED, path):
                raise refusal(Refusal.LOCKED)
        if step is Step.COMMIT and self._fault(DiskFaultKind.FULL, path):
            raise refusal(Refusal.FULL)

    # --- what each write does, and may do in part ----------------------------------------------------------

    def _write(self, name: str, do: Callable[[], T], *, torn: Callable[[Random], object] | None = None) -> T:
        self._begin(name, torn or partial(_done_or_not, do))
        result = do()
        self._begin(f"{name}: done")
        return result

    def _begin(self, name: str, unfinished: Callable[[Random], object] | Unfinished | None = None) -> None:
        try:
            self._on_write(name)
        except BaseException as killed:
            self._killed, self._unfinished = killed, unfinished
            raise

    def _create(self, path: Path, flags: int, mode: int) -> int:
        handle = self._opened(path, flags, mode)
        content = self._handles[handle].content
        if flags & os.O_TRUNC:
            content.now = b""
        return handle

    def _opened(self, path: Path, flags: int, mode: int) -> int:
        handle = OS_DISK.open(path, flags, mode)
        if self.cache.content(path) is None:
            self.cache.change({path: Content(b"")})
        content = self.cache.content(path)
        assert content is not None
        self._handles[handle] = _Handle(path, content)
        return handle

    def _put(self, handle: int, data: bytes) -> int:
        """Write at the end, which is where state/ writes."""
        count = OS_DISK.write(handle, data)
        content = self._handles[handle].content
        assert content.now is not None
        content.now += data[:count]
        return count

    def _put_some(self, handle: int, data: bytes, rng: Random) -> None:
        done = rng.choice((0, len(data), rng.randint(0, len(data))))
        self._put(handle, data[:done])

    def _truncate(self, handle: int) -> None:
        OS_DISK.truncate(handle)
        self._handles[handle].content.now = b""

    def _fsync(self, handle: int) -> None:
        file = self._handles[handle]
        if file.content.now is None:
            self.cache.sync_names(file.path)
        else:
            file.content.synced = file.content.now

    def _rename(self, how: str, source: Path, target: Path) -> None:
        self._refuse_dead()
        if self._fault(DiskFaultKind.READ_ONLY, target):
            raise os_error(READ_ONLY, source, target)
        do = partial(self._replace if how == "replace" else self._link, source, target)
        self._write(f"{how} {self._label(target)}", do)

    def _replace(self, source: Path, target: Path) -> None:
        content, before = self.cache.content(source), self.cache.content(target)
        OS_DISK.replace(source, target)
        if content is not before:
            self.cache.change({source: None, target: content})

    def _link(self, source: Path, target: Path) -> None:
        content = self.cache.content(source)
        self.cache.content(target)
        OS_DISK.link(source, target)
        self.cache.change({target: content})

    def _unlink(self, path: Path) -> None:
        OS_DISK.unlink(path)
        self.cache.change({path: None})

    def _mkdir(self, path: Path, mode: int) -> None:
        self.cache.content(path)
        OS_DISK.mkdir(path, mode)
        self.cache.change({path: Content(None)})

    # --- faults --------------------------------------------------------------------------------------------

    def _refuse_dead(self) -> None:
        if self._killed is not None:
            raise self._killed

    def _fault(self, kind: DiskFaultKind, path: Path) -> DiskFault | None:
        return next((f for f in self._faults if f.kind is kind and f.is_about(path)), None)

    def _refuse_read_only(self, path: Path) -> None:
        if self._fault(DiskFaultKind.READ_ONLY, path):
            raise os_error(READ_ONLY, path)

    def _fits(self, path: Path, size: int) -> int:
        """Return how many of size bytes the disk takes. Raises ENOSPC when it is none."""
        full = self._fault(DiskFaultKind.FULL, path)
        if full is None:
            return size
        taken = min(size, self._room[full])
        if size and not taken:
            raise OSError(FULL, os.strerror(FULL))
        self._room[full] -= taken
        return taken

    def _slow(self, path: Path) -> None:
        slow = self._fault(DiskFaultKind.SLOW_SYNC, path)
        if slow is not None:
            self._stall(slow.stall_s)

    def _label(self, path: Path) -> str:
        """Name a file the same in every process: from the state directory on, and without a pid."""
        place = Path(os.path.relpath(path, self._directory))
        return place.with_name(_PART.sub(r"\1.part", place.name)).as_posix() if place.name else "."


def _done_or_not(do: Callable[[], object], rng: Random) -> None:
    if rng.random() < 0.5:
        # What the disk would have refused was not done.
        with suppress(OSError):
            do()
