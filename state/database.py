"""SQLite files that must survive a crash: opened, checked and brought to today's schema."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from state.disk import OS_DISK, Connection, Disk
from state.errors import CorruptFile, DiskRefuses, NewerFile, StateError

NO_SPACE = frozenset({"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"})
"""No room on the disk. The second is about the index of the write-ahead log; its text says only "disk I/O error"."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Which file this is. migrations holds NAME_001.sql, NAME_002.sql, ..., each run once and in order."""

    name: str
    application_id: int
    migrations: Traversable = files("state") / "migrations"

    def scripts(self) -> list[str]:
        """Return the migrations, oldest first; the number of a script is its place in the list, plus one."""
        found = sorted(f.name for f in self.migrations.iterdir() if f.name.startswith(f"{self.name}_"))
        expected = [f"{self.name}_{n:03}.sql" for n in range(1, len(found) + 1)]
        if not found or found != expected:
            raise StateError(f"migrations of {self.name} are {found}, expected {expected or 'at least one'}")
        return [(self.migrations / name).read_text("utf-8") for name in found]


def open_database(path: Path, schema: Schema, disk: Disk = OS_DISK) -> Connection:
    """Open or create the file for writing: WAL, every commit on the disk when it returns.

    Raises CorruptFile, NewerFile, or StateError when the place cannot be written.
    """
    with explained(path):
        connection = disk.connect(path, mode="rwc")
    try:
        with explained(path):
            _check_owner(connection, path, schema)
            _use_wal(connection, path)
            _check_pages(connection, path)
            _migrate(connection, path, schema)
    except BaseException:
        connection.close()
        raise
    return connection


def open_read_only(path: Path, schema: Schema, disk: Disk = OS_DISK) -> Connection:
    """Open an existing file for reading, also while another process writes it."""
    with explained(path):
        connection = disk.connect(path, mode="ro")
    try:
        with explained(path):
            _check_owner(connection, path, schema)
            _check_version(connection, path, schema, oldest=len(schema.scripts()))
    except BaseException:
        connection.close()
        raise
    return connection


def open_in_memory(schema: Schema) -> Connection:
    """Return a database of its own that ends with the connection; for simulations."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _migrate(connection, Path(":memory:"), schema)
    return connection


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def explain(error: sqlite3.Error, path: Path) -> StateError:
    text = str(error)
    if "full" in text or getattr(error, "sqlite_errorname", "") in NO_SPACE:
        return DiskRefuses(f"{path}: the disk is full ({text}). Free space, then start again")
    if "readonly" in text or "unable to open" in text:
        return DiskRefuses(
            f"{path}: cannot be written ({text}). Check that the directory exists, its owner and its rights"
        )
    if "locked" in text:
        return DiskRefuses(f"{path}: another process writes it ({text}). Stop that process")
    if "malformed" in text or "not a database" in text or "disk image" in text or "UTF-8" in text:
        return _corrupt(path, text)
    return DiskRefuses(f"{path}: {text}. Check the disk, then start again")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as StateError, in words that say how to mend them."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error


def _pragma(connection: Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _check_owner(connection: Connection, path: Path, schema: Schema) -> None:
    # In this order: another process may create the file between the two.
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    owner = _pragma(connection, "application_id")
    if tables and owner != schema.application_id:
        raise StateError(f"{path}: a database, but not a {schema.name} of nightdesk. Name another file")


def _use_wal(connection: Connection, path: Path) -> None:
    mode = _pragma(connection, "journal_mode = WAL")
    if mode != "wal":
        raise StateError(f"{path}: this file system keeps no write-ahead log (got {mode}). Use a local disk")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")


def _check_pages(connection: Connection, path: Path) -> None:
    found = _pragma(connection, "quick_check")
    if found != "ok":
        raise _corrupt(path, str(found))


def _corrupt(path: Path, found: str) -> CorruptFile:
    return CorruptFile(
        f"{path}: the file is damaged ({found.strip()}). Restore it from a backup, or move it aside yourself "
        "(keep it: it holds the evidence) and start with an empty one after reconciling with the venue"
    )


def _check_version(connection: Connection, path: Path, schema: Schema, *, oldest: int) -> int:
    version, known = int(str(_pragma(connection, "user_version"))), len(schema.scripts())
    if version > known:
        raise NewerFile(
            f"{path}: schema {version}, but this nightdesk knows {schema.name} schemas up to {known}. "
            "Install the newer nightdesk again; going back is not possible with this file"
        )
    if version < oldest:
        raise StateError(
            f"{path}: schema {version}, expected {oldest}. Start the daemon once to bring it up to date"
        )
    return version


def _migrate(connection: Connection, path: Path, schema: Schema) -> None:
    version = _check_version(connection, path, schema, oldest=0)
    for number, script in enumerate(schema.scripts()[version:], start=version + 1):
        stamp = f"PRAGMA application_id = {schema.application_id}; PRAGMA user_version = {number};"
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {script}; {stamp} COMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
