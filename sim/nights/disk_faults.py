"""What a disk can do to a daemon that writes to it, as values."""

import errno
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from random import Random


class DiskFaultKind(Enum):
    FULL = "full"
    READ_ONLY = "read-only"
    LOCKED = "locked"
    """Another process holds a database's lock for writing."""
    SLOW_SYNC = "slow fsync"


@dataclass(frozen=True, slots=True)
class DiskFault:
    """One fault. file: the name it is about, "" for all. room_bytes: what still fits on a full disk.

    stall_s: how long each fsync and each commit takes while the sync is slow.
    """

    kind: DiskFaultKind
    file: str = ""
    room_bytes: int = 0
    stall_s: float = 0.0

    def is_about(self, path: Path) -> bool:
        return self.file in ("", path.name)


def os_error(number: int, path: Path, target: Path | None = None) -> OSError:
    """Return the error as the os module raises it for path, or for a rename or link from path to target."""
    names = (os.fspath(path),) if target is None else (os.fspath(path), None, os.fspath(target))
    return OSError(number, os.strerror(number), *names)


FULL, READ_ONLY = errno.ENOSPC, errno.EROFS

_CUT_MIN = 2
"""The newline at a document's end may go without harm; the byte before it may not."""


def corrupt_json(path: Path, rng: Random) -> None:
    """Cut a document at a drawn byte, or overwrite a drawn run of it with bytes that are not text."""
    data = path.read_bytes()
    if rng.random() < 0.5:
        path.write_bytes(data[: rng.randint(0, max(0, len(data) - _CUT_MIN))])
        return
    first = rng.randint(0, max(0, len(data) - _CUT_MIN))
    last = rng.randint(first + 1, max(first + 1, len(data)))
    path.write_bytes(data[:first] + bytes(rng.randrange(0xF8, 0x100) for _ in data[first:last]) + data[last:])
