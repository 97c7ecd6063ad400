"""One daemon a state directory."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from state.disk import OS_DISK, Disk, write_all
from state.errors import AlreadyRunning, DiskRefuses

PID_FILE = "nightdesk.pid"
PID_DIGITS = 10
"""Of one length whatever the number: what a full disk still takes does not depend on it."""
_TRIES = 5
_WAIT_S = 0.02
"""A status command holds the file for a moment to see whether it is free; a start must not fail for that."""


class InstanceLock:
    """Held from acquire to release, or until the process ends in any way. The kernel keeps it, not the file.

    A child made by fork without exec inherits it: start workers by spawn or forkserver.
    """

    def __init__(self, handle: int, disk: Disk = OS_DISK) -> None:
        self._handle = handle
        self._disk = disk

    @classmethod
    def acquire(cls, directory: Path, disk: Disk = OS_DISK) -> Self:
        """Take the directory. Raises AlreadyRunning with the pid that has it, DiskRefuses where the disk refuses."""
        path = directory / PID_FILE
        try:
            handle = disk.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise DiskRefuses(
                f"{path}: cannot be opened ({error.strerror}). Check the state directory"
            ) from error
        if not _locked(handle):
            pid = _pid(handle)
            disk.close(handle)
            raise AlreadyRunning(
                f"{directory} is in use by process {pid or 'unknown'}. Stop it, or name another state directory",
                pid=pid,
            )
        try:
            disk.truncate(handle)
            write_all(handle, f"{os.getpid():>{PID_DIGITS}}\n".encode(), disk)
        except OSError as error:
            disk.close(handle)
            raise DiskRefuses(
                f"{path}: cannot be written ({error.strerror}). Check the disk's free space, then start again"
            ) from error
        return cls(handle, disk)

    def release(self) -> None:
        # A pid that a failing disk keeps means nothing without the lock, and must not hide why the run ended.
        with suppress(OSError):
            self._disk.truncate(self._handle)
        self._disk.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def running_pid(directory: Path) -> int | None:
    """Return the pid of the daemon that holds the directory, None when there is none."""
    try:
        handle = os.open(directory / PID_FILE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid(handle)
    else:
        return None
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    for turn in range(_TRIES):
        if turn:
            time.sleep(_WAIT_S)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False


def _pid(handle: int) -> int | None:
    text = os.pread(handle, 32, 0).strip()
    return int(text) if text.isdigit() else None
