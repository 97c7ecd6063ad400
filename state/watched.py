"""A database connection that asks a watcher about every statement: for simulated disks that fail and forget."""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar
from weakref import WeakSet

from state.disk import connect

T = TypeVar("T")
SqliteError: TypeAlias = sqlite3.Error


class Step(Enum):
    """What a statement does to the file."""

    READ = "read"
    HOLD = "hold"
    """Takes the lock for writing; also a write within a transaction, which the log does not hold yet."""
    COMMIT = "commit"
    CLOSE = "close"
    """The last connection writes the log into the database and removes it."""


@dataclass(frozen=True, slots=True)
class Statement:
    connection: "WatchedConnection"
    step: Step


class Watcher(Protocol):
    def __call__(self, statement: Statement, run: Callable[[], T]) -> T:
        """Return run(), or raise in its place."""


class WatchedConnection(sqlite3.Connection):
    """Every statement is run by its watcher."""

    path: Path
    watcher: Watcher
    cursors: "WeakSet[sqlite3.Cursor]"

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return self._watched(self._step(sql), partial(self._run, super().execute, sql, parameters))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        return self._watched(self._step(sql), partial(self._run, super().executemany, sql, parameters))

    def executescript(self, script: str, /) -> sqlite3.Cursor:
        return self._watched(Step.COMMIT, partial(super().executescript, script))

    def close(self) -> None:
        self._watched(Step.CLOSE, super().close)

    def close_unwatched(self) -> None:
        """Close for good: SQLite keeps the file open for as long as a statement of a forgotten cursor is."""
        for cursor in list(self.cursors):
            cursor.close()
        super().close()

    def pragma(self, name: str) -> object:
        """Return the value of a setting, unwatched."""
        return super().execute(f"PRAGMA {name}").fetchone()[0]

    def _run(self, execute: Callable[[str, Any], sqlite3.Cursor], sql: str, values: Any) -> sqlite3.Cursor:
        cursor = execute(sql, values)
        self.cursors.add(cursor)
        return cursor

    def _watched(self, step: Step, run: Callable[[], T]) -> T:
        return self.watcher(Statement(self, step), run)

    def _step(self, sql: str) -> Step:
        words = sql.upper().replace("=", " ").split()
        match words:
            case ["PRAGMA", "JOURNAL_MODE", "WAL"]:
                return Step.READ if self.pragma("journal_mode") == "wal" else Step.COMMIT
            case ["SELECT" | "PRAGMA" | "ROLLBACK", *_]:
                return Step.READ
            case ["BEGIN", *_]:
                return Step.HOLD
            case ["COMMIT" | "END", *_]:
                return Step.COMMIT
            case _:
                return Step.HOLD if self.in_transaction else Step.COMMIT


def connect_watched(path: Path, *, mode: str, watcher: Watcher) -> WatchedConnection:
    """Open a database as OsDisk does, but watched."""
    connection = connect(path, mode=mode, factory=WatchedConnection)
    connection.path, connection.watcher, connection.cursors = path, watcher, WeakSet()
    return connection


class Refusal(Enum):
    """What SQLite says when it cannot write: its words, its code and the code's name."""

    FULL = ("database or disk is full", sqlite3.SQLITE_FULL, "SQLITE_FULL")
    READ_ONLY = ("attempt to write a readonly database", sqlite3.SQLITE_READONLY, "SQLITE_READONLY")
    CANNOT_OPEN = ("unable to open database file", sqlite3.SQLITE_CANTOPEN, "SQLITE_CANTOPEN")
    NO_INDEX = ("disk I/O error", sqlite3.SQLITE_IOERR_SHMSIZE, "SQLITE_IOERR_SHMSIZE")
    """A full disk has no room for the index of the write-ahead log, which opening makes anew."""
    LOCKED = ("database is locked", sqlite3.SQLITE_BUSY, "SQLITE_BUSY")


def refusal(kind: Refusal) -> sqlite3.OperationalError:
    """Return the error as the sqlite3 module raises it."""
    text, code, name = kind.value
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode, error.sqlite_errorname = code, name
    return error
