"""The file of a live ledger, written by a thread of its own: a disk that is slow, full or gone stops nobody.

What was put is with the operating system within a second, and on the disk (fsync) within ten. A disk that refuses is
tried again each second for as long as what waits fits in WAITING_MAX_BYTES. Then the ledger ends at what it has: a line
that is missing in the middle would make all after it worthless.
"""

import errno
import os
import threading
from collections.abc import Iterable
from itertools import count, groupby
from os import write
from pathlib import Path

import structlog

log = structlog.get_logger()

WAITING_MAX_BYTES = 64 * 2**20
FLUSH_S = 1.0
SYNC_ROUNDS = 10
BLOCK_BYTES = 2**20
ROOM_BYTES = 2**28
"""Left on the disk for others: a journal may be on it."""

NEXT = None
"""Among what waits: the next file begins here."""

LEAVING_S = 5.0
"""Longest that close waits for the disk."""


class LedgerFile:
    """Opened where nothing is: what was there is kept beside it. trouble is why it is not written now, None when it is."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where the file cannot be made."""
        self.trouble: str | None = None
        self.ended = False
        self._path = path
        self._file = _new(path)
        self._waiting: list[bytes | None] = []
        self._rest: list[bytes | None] = []
        self._bytes = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def put(self, text: bytes) -> None:
        """Take text to write; it returns at once. When more waits than may, nothing is taken any more."""
        with self._lock:
            self.ended = self.ended or self._bytes + len(text) > WAITING_MAX_BYTES
            if not self.ended:
                self._waiting.append(text)
                self._bytes += len(text)

    def rotate(self) -> None:
        """Let what is put from now on go to a new file; the one before it gets a number."""
        with self._lock:
            self._waiting.append(NEXT)

    def close(self) -> None:
        """Write what waits, for as long as LEAVING_S."""
        self._closing.set()
        self._thread.join(LEAVING_S)

    def _run(self) -> None:
        rounds, closing = 0, False
        while not closing:
            closing = self._closing.wait(FLUSH_S)
            rounds += 1
            try:
                self._write()
                if closing or rounds % SYNC_ROUNDS == 0:
                    os.fsync(self._file)
                self.trouble = None
            except OSError as error:
                self.trouble = error.strerror or type(error).__name__
        os.close(self._file)

    def _write(self) -> None:
        """Write all that waits. Raises OSError; what the disk did not take is kept, and goes on in mid-line."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        self._rest += _blocks(waiting)
        while self._rest:
            block = self._rest[0]
            rest = self._renewed() if block is NEXT else block[self._put_down(block) :]
            self._rest[:1] = [rest] if rest else []

    def _put_down(self, text: bytes) -> int:
        """Write a part of a text; return how much. Raises OSError, also where little room is left for others."""
        room = os.fstatvfs(self._file)
        if room.f_bavail * room.f_frsize < ROOM_BYTES:
            raise OSError(errno.ENOSPC, f"less than {ROOM_BYTES // 2**20} MB are free")
        done = write(self._file, text)
        with self._lock:
            self._bytes -= done
        return done

    def _renewed(self) -> bytes:
        """Go on in a new file; return what is left to write of that. Raises OSError."""
        os.fsync(self._file)
        new = _new(self._path)
        os.close(self._file)
        self._file = new
        return b""


def _blocks(waiting: Iterable[bytes | None]) -> list[bytes | None]:
    """Return texts joined to what is written at once; NEXT stands for itself."""
    blocks: list[bytes | None] = []
    for following, texts in groupby(waiting, key=lambda text: text is NEXT):
        whole = b"".join(text for text in texts if text is not NEXT)
        blocks += [whole[at : at + BLOCK_BYTES] for at in range(0, len(whole), BLOCK_BYTES)]
        blocks += [NEXT] if following else []
    return blocks


def _new(path: Path) -> int:
    """Open a file where nothing is; what was there is set aside. Raises OSError."""
    _set_aside(path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _set_aside(path: Path) -> None:
    """Move a file out of the way, to the first free name with a number. Raises OSError."""
    if not path.is_file():
        return
    number = next(n for n in count(1) if not path.with_name(f"{path.name}.{n}").exists())
    aside = path.rename(path.with_name(f"{path.name}.{number}"))
    log.info("an earlier ledger is kept", path=str(aside))
