"""What the state does to a disk, one operation at a time: a crash may come between any two of them."""

import os
import sqlite3
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

BUSY_S = 5.0
"""How long SQLite waits for another process's lock before it says that the database is locked."""

Connection: TypeAlias = sqlite3.Connection
C = TypeVar("C", bound=sqlite3.Connection)


class Disk(Protocol):
    """Everything that state/ writes goes through one of these. Files raise OSError, databases sqlite3.Error."""

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int: ...
    def write(self, handle: int, data: bytes | memoryview) -> int: ...
    def truncate(self, handle: int) -> None: ...
    def fsync(self, handle: int) -> None: ...
    def close(self, handle: int) -> None: ...
    def replace(self, source: Path, target: Path) -> None: ...
    def link(self, source: Path, target: Path) -> None: ...
    def unlink(self, path: Path) -> None: ...
    def mkdir(self, path: Path, mode: int) -> None: ...
    def connect(self, path: Path, *, mode: str) -> Connection: ...


class OsDisk:
    """The disk of this machine."""

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        return os.open(path, flags, mode)

    def write(self, handle: int, data: bytes | memoryview) -> int:
        """Write as much as the disk takes at once; return how many bytes that were."""
        return os.write(handle, data)

    def truncate(self, handle: int) -> None:
        os.ftruncate(handle, 0)

    def fsync(self, handle: int) -> None:
        os.fsync(handle)

    def close(self, handle: int) -> None:
        os.close(handle)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)

    def link(self, source: Path, target: Path) -> None:
        os.link(source, target)

    def unlink(self, path: Path) -> None:
        os.unlink(path)

    def mkdir(self, path: Path, mode: int) -> None:
        path.mkdir(mode)

    def connect(self, path: Path, *, mode: str) -> Connection:
        """Open a database; mode is SQLite's: "ro", or "rwc" to create what is missing."""
        return connect(path, mode=mode, factory=sqlite3.Connection)


OS_DISK = OsDisk()


def connect(path: Path, *, mode: str, factory: type[C]) -> C:
    """Open a database as a connection of the given class, which commits each statement outside a transaction."""
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(
        address, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False, factory=factory
    )


def sync_directory(directory: Path, disk: Disk = OS_DISK) -> None:
    """Make the directory's names durable: a rename is not until this returns."""
    handle = disk.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        disk.fsync(handle)
    finally:
        disk.close(handle)


def write_all(handle: int, data: bytes, disk: Disk) -> None:
    """Write to the last byte: a disk may take less at once."""
    rest = memoryview(data)
    while rest:
        rest = rest[disk.write(handle, rest) :]
