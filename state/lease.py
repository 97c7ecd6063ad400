"""The lease that lets one of several instances on this host publish an index: a row of a SQLite file.

No time is in it. Whoever looks tells by its own clock for how long the row has not changed (core.prices.tenure), so that
neither a step of a clock, nor a reboot, nor a clock of another container's gives two holders.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from state.database import Schema, explained, open_database, transaction
from state.disk import OS_DISK, Connection, Disk
from state.errors import StateError

SCHEMA = Schema("lease", application_id=0x6E64_4C31)


@dataclass(frozen=True, slots=True)
class Row:
    """The lease as it stands. holder is for people, and None once it was given back; token names one leadership."""

    holder: str | None
    token: int
    renewals: int


class Replaced(StateError):
    """Another file lies where the lease was: what is held here holds nothing."""


class LeaseFile:
    """One index's row. Every call raises StateError where the disk, or another's lock, refuses it."""

    def __init__(self, connection: Connection, path: Path, name: str) -> None:
        self._connection, self._path, self._name = connection, path, name
        self._inode = path.stat().st_ino

    @classmethod
    def open(cls, path: Path, name: str, *, busy_s: float, disk: Disk = OS_DISK) -> Self:
        """Open or create the file; busy_s is how long a call waits for another process's lock."""
        connection = open_database(path, SCHEMA, disk)
        try:
            connection.execute(f"PRAGMA busy_timeout = {int(1000 * busy_s)}")
            return cls(connection, path, name)
        except BaseException:
            connection.close()
            raise

    def read(self) -> Row | None:
        """Return the lease, None where nobody ever had it."""
        with explained(self._path):
            self._check_file()
            return self._row()

    def take(self, seen: Row | None, *, holder: str, above: int) -> int | None:
        """Take a lease that is still as it was seen; return the new token, or None where somebody was quicker.

        The token is above the row's and above the one given, and on the disk when this returns.
        """
        with self._written("FULL"):
            if self._row() != seen:
                return None
            token = max(seen.token if seen else 0, above) + 1
            self._connection.execute(
                "INSERT INTO lease VALUES (?1, ?2, ?3, 0)"
                " ON CONFLICT (name) DO UPDATE SET holder = ?2, token = ?3, renewals = 0",
                (self._name, holder, token),
            )
        return token

    def renew(self, token: int) -> bool:
        """Change the row, so that nobody sees it unchanged for a whole lease; False where it is another's."""
        # Whoever is stopped in here has the file's lock: no wait for the disk makes that longer. What a loss of power
        # takes is a renewal of a process that is gone too.
        with self._written("NORMAL"):
            done = self._connection.execute(
                "UPDATE lease SET renewals = renewals + 1 WHERE name = ? AND token = ? AND holder IS NOT NULL",
                (self._name, token),
            )
            return done.rowcount == 1

    def release(self, token: int) -> None:
        """Give the lease back, so that the next may take it at once. Another's stays as it is."""
        with self._written("NORMAL"):
            self._connection.execute(
                "UPDATE lease SET holder = NULL WHERE name = ? AND token = ?", (self._name, token)
            )

    def close(self) -> None:
        self._connection.close()

    def _row(self) -> Row | None:
        found = self._connection.execute(
            "SELECT holder, token, renewals FROM lease WHERE name = ?", (self._name,)
        ).fetchone()
        return None if found is None else Row(*found)

    @contextmanager
    def _written(self, synchronous: str) -> Iterator[None]:
        with explained(self._path):
            self._connection.execute(f"PRAGMA synchronous = {synchronous}")
            with transaction(self._connection):
                self._check_file()
                yield

    def _check_file(self) -> None:
        try:
            inode = os.stat(self._path).st_ino
        except FileNotFoundError:
            inode = None
        if inode != self._inode:
            raise Replaced(
                f"{self._path}: removed or replaced while it was in use. Leave the file alone; "
                "instances go on with the one that is there now, after a whole lease"
            )
