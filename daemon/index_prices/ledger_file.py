"""The file of a live ledger, written by a thread of its own: a disk that is slow, full or gone stops nobody.

What was put is with the operating system within a second, and on the disk (fsync) within ten. A disk that refuses is
tried again each second for as long as what waits fits in WAITING_MAX_BYTES. Then the ledger ends at what it has: a line
that is missing in the middle would make all after it worthless.
"""

import os
import threading
from itertools import count
from os import write
from pathlib import Path

import structlog

log = structlog.get_logger()

WAITING_MAX_BYTES = 64 * 2**20
FLUSH_S = 1.0
SYNC_ROUNDS = 10
BLOCK_BYTES = 2**20
LEAVING_S = 5.0
"""Longest that close waits for the disk."""


class LedgerFile:
    """Opened where nothing is: what was there is kept beside it. trouble is why it is not written now, None when it is."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where the file cannot be made."""
        self.trouble: str | None = None
        self.ended = False
        _set_aside(path)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._waiting: list[bytes] = []
        self._rest = b""
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
        self._rest = b"".join([self._rest, *waiting])
        while self._rest:
            done = write(self._file, self._rest[:BLOCK_BYTES])
            self._rest = self._rest[done:]
            with self._lock:
                self._bytes -= done


def _set_aside(path: Path) -> None:
    """Move a file out of the way, to the first free name with a number. Raises OSError."""
    if not path.is_file():
        return
    number = next(n for n in count(1) if not path.with_name(f"{path.name}.{n}").exists())
    aside = path.rename(path.with_name(f"{path.name}.{number}"))
    log.info("an earlier ledger is kept", path=str(aside))
