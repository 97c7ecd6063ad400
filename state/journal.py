"""The journal: every step of the engine, durable before anything is acted on.

A row holds an event, the quotes that changed since the row before, and the intents it led to, so that a
replay is exact. Rows are chained by hash: an edit, a gap or a missing tail is found when they are read.
"""

import sqlite3
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Protocol, Self

import msgspec
from msgspec import convert
from msgspec.structs import astuple

from core.events import AnyEvent
from core.intents import AnyIntent
from core.types import Quote
from state.database import (
    Schema,
    explain,
    explained,
    open_database,
    open_in_memory,
    open_read_only,
    transaction,
)
from state.disk import OS_DISK, Disk
from state.errors import BadRecord, CorruptFile, JournalLost, StateError

SCHEMA = Schema("journal", application_id=0x6E64_4A31)
SNAPSHOTS_KEPT = 3
ROWS_PER_STATEMENT = 1000
BACKLOG_MAX = 100_000
"""Records that may wait for the disk. More means that it hangs, and that nothing is durable any more."""


class Record(msgspec.Struct, frozen=True):
    """One step: what happened at at_ms (ours), what the quotes were, what is to be done about it."""

    seq: int
    at_ms: int
    quotes: tuple[Quote, ...]
    event: AnyEvent
    intents: tuple[AnyIntent, ...]


class JournalWriter(Protocol):
    """The journal as the engine loop sees it. A future is done once its records are on the disk.

    append raises JournalLost at once when an earlier commit has failed.
    """

    def append(self, records: Sequence[Record]) -> Future[None]: ...
    def save_snapshot(self, seq: int, state: bytes) -> Future[None]: ...
    def prune(self, *, before_seq: int) -> Future[int]: ...
    def close(self) -> None: ...


_Row = tuple[int, int, bytes, str, str, bytes]
"""seq, at_ms, quotes, event, intents, hash: a row of the table."""

_encode = msgspec.json.Encoder().encode
_decode_event = msgspec.json.Decoder(AnyEvent).decode
_decode_intents = msgspec.json.Decoder(tuple[AnyIntent, ...]).decode
_decode = msgspec.json.Decoder().decode


class Journal:
    """The file and its one writer. Not for two threads at once: see ThreadedJournal."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._failure: JournalLost | None = None
        self._seq, self._hash = self._end()

    @classmethod
    def open(cls, path: Path, disk: Disk = OS_DISK) -> Self:
        """Open or create the journal. Raises CorruptFile, NewerFile or StateError, and changes nothing then."""
        return cls._checked(open_database(path, SCHEMA, disk), path)

    @classmethod
    def open_read_only(cls, path: Path, disk: Disk = OS_DISK) -> Self:
        """Open an existing journal beside its writer, to follow it."""
        return cls._checked(open_read_only(path, SCHEMA, disk), path)

    @classmethod
    def in_memory(cls) -> Self:
        return cls(open_in_memory(SCHEMA), Path(":memory:"))

    @classmethod
    def _checked(cls, connection: sqlite3.Connection, path: Path) -> Self:
        try:
            with explained(path):
                return cls(connection, path)
        except BaseException:
            connection.close()
            raise

    @property
    def failure(self) -> JournalLost | None:
        """Why the journal is lost, once it is."""
        return self._failure

    @property
    def committed_seq(self) -> int:
        """The number of the last record that this writer knows to be on the disk; costs nothing."""
        return self._seq

    def close(self) -> None:
        self._connection.close()

    def append(self, records: Sequence[Record]) -> None:
        """Commit the records in one transaction; they are on the disk when it returns.

        Numbers go on from last_seq without a gap. After any failure, every later append raises JournalLost.
        """
        self.refuse_if_lost()
        try:
            rows = self._rows(records)
            self._commit(rows)
        except sqlite3.Error as error:
            raise self._lost(JournalLost(str(explain(error, self._path)))) from error
        except (ValueError, TypeError, msgspec.MsgspecError) as error:
            raise self._lost(BadRecord(f"{self._path}: record cannot be written: {error}")) from error

    def refuse_if_lost(self) -> None:
        if self._failure is not None:
            raise type(self._failure)(f"the journal was lost earlier: {self._failure}")

    def _lost(self, why: JournalLost) -> JournalLost:
        self._failure = why
        return why

    def _rows(self, records: Sequence[Record]) -> list[_Row]:
        rows: list[_Row] = []
        seq, chained = self._seq, self._hash
        for record in records:
            if record.seq != seq + 1:
                raise ValueError(f"seq {record.seq} does not follow {seq}")
            row = _written(record, chained)
            rows.append(row)
            seq, chained = record.seq, row[-1]
        return rows

    def _commit(self, rows: list[_Row]) -> None:
        """Write the rows as one transaction; one statement if they fit, so that the GIL is let go of once."""
        if not rows:
            return
        if len(rows) <= ROWS_PER_STATEMENT:
            self._insert(rows)
        else:
            with transaction(self._connection):
                for first in range(0, len(rows), ROWS_PER_STATEMENT):
                    self._insert(rows[first : first + ROWS_PER_STATEMENT])
        self._seq, self._hash = rows[-1][0], rows[-1][-1]

    def _insert(self, rows: list[_Row]) -> None:
        marks = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(rows))
        self._connection.execute(f"INSERT INTO record VALUES {marks}", list(chain.from_iterable(rows)))

    def _end(self) -> tuple[int, bytes]:
        """Return seq and hash of the newest row; raise CorruptFile when the table ends elsewhere."""
        seq, chained = self._chain("end")
        newest = self._connection.execute("SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1").fetchone()
        if (newest or self._chain("start")) != (seq, chained):
            found = newest[0] if newest else "nothing"
            raise self._damaged(f"its last record should be {seq}, found {found}")
        return seq, chained

    def _chain(self, place: str) -> tuple[int, bytes]:
        found = self._connection.execute("SELECT seq, hash FROM chain WHERE place = ?", (place,)).fetchone()
        if found is None:
            raise self._damaged(f"the {place} of its chain is missing")
        return int(found[0]), bytes(found[1])

    def _damaged(self, found: str) -> CorruptFile:
        return CorruptFile(
            f"{self._path}: {found}. Somebody or something changed the file: restore it from a backup, "
            "or move it aside and start with an empty one after reconciling with the venue"
        )

    def last_seq(self) -> int:
        """Return the number of the newest record, 0 for none; a reader beside the writer sees it move."""
        return self._chain("end")[0]

    def read(self, *, after_seq: int = 0) -> Iterator[Record]:
        """Yield the records kept after after_seq, in order. Raises CorruptFile at the first that was changed."""
        with explained(self._path):
            seq, chained = self._before(after_seq)
            rows = self._connection.execute("SELECT * FROM record WHERE seq > ? ORDER BY seq", (seq,))
            for row in rows:
                if row[0] != seq + 1 or _hash(chained, row[:5]) != row[5]:
                    raise self._damaged(f"record {seq + 1} is missing or was changed")
                seq, chained = row[0], row[5]
                yield self._read_row(row)

    def _before(self, after_seq: int) -> tuple[int, bytes]:
        start = self._chain("start")
        if after_seq <= start[0]:
            return start
        found = self._connection.execute(
            "SELECT seq, hash FROM record WHERE seq = ?", (after_seq,)
        ).fetchone()
        if found is None and after_seq <= self.last_seq():
            raise self._damaged(f"record {after_seq} is missing")
        return found or self._chain("end")

    def _read_row(self, row: _Row) -> Record:
        try:
            return Record(
                row[0], row[1], _read_quotes(row[2]), _decode_event(row[3]), _decode_intents(row[4])
            )
        except msgspec.MsgspecError as error:
            raise StateError(
                f"{self._path}: record {row[0]} is whole, but this nightdesk cannot read it ({error}). "
                "Start the version that wrote it"
            ) from error

    def verify(self) -> int:
        """Read everything; return the number of records. Raises CorruptFile naming the first that is wrong."""
        count, seq = 0, self._chain("start")[0]
        for record in self.read():
            count, seq = count + 1, record.seq
        if seq != self.last_seq():
            raise self._damaged(f"its records end at {seq}, should end at {self.last_seq()}")
        return count

    def save_snapshot(self, seq: int, state: bytes) -> None:
        """Keep the state as of a committed record, and the two snapshots before it."""
        self.refuse_if_lost()
        if not self._chain("start")[0] <= seq <= self._seq:
            raise ValueError(f"snapshot of record {seq}, but the journal ends at {self._seq}")
        try:
            with transaction(self._connection):
                self._connection.execute(
                    "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?)", (seq, state, _checksum(seq, state))
                )
                self._connection.execute(
                    "DELETE FROM snapshot WHERE seq NOT IN (SELECT seq FROM snapshot ORDER BY seq DESC LIMIT ?)",
                    (SNAPSHOTS_KEPT,),
                )
        except sqlite3.Error as error:
            raise self._lost(JournalLost(str(explain(error, self._path)))) from error

    def latest_snapshot(self) -> tuple[int, bytes] | None:
        """Return the newest snapshot whose checksum is right, as (seq, state); None: replay from the first record.

        Raises CorruptFile when there is none and the first records were pruned away: no replay would be right.
        """
        with explained(self._path):
            for seq, state, checksum in self._connection.execute("SELECT * FROM snapshot ORDER BY seq DESC"):
                if checksum == _checksum(seq, state):
                    return seq, state
            pruned = self._chain("start")[0]
        if pruned:
            raise self._damaged(f"none of its snapshots is whole, and the records up to {pruned} were pruned")
        return None

    def snapshots(self) -> list[tuple[int, bytes]]:
        """Return the snapshots whose checksums are right, oldest first, as (seq, state)."""
        with explained(self._path):
            rows = self._connection.execute("SELECT * FROM snapshot ORDER BY seq").fetchall()
        return [(seq, state) for seq, state, checksum in rows if checksum == _checksum(seq, state)]

    def first_seq(self) -> int:
        """Return the number of the oldest record that was not pruned; 1 where none was."""
        return self._chain("start")[0] + 1

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy into a new file, also beside a writer. Raises StateError when it cannot."""
        with explained(path):
            copy = sqlite3.connect(path)
            try:
                self._connection.backup(copy)
            finally:
                copy.close()

    def prune(self, *, before_seq: int) -> int:
        """Remove records before before_seq; return how many. What the oldest kept snapshot needs stays.

        Raises StateError when the disk refuses; nothing is lost then.
        """
        with explained(self._path):
            oldest = self._connection.execute("SELECT min(seq) FROM snapshot").fetchone()[0] or 0
            last = min(before_seq - 1, oldest)
            if last <= self._chain("start")[0]:
                return 0
            with transaction(self._connection):
                self._connection.execute(
                    "UPDATE chain SET (seq, hash) = (SELECT seq, hash FROM record WHERE seq = ?) WHERE place = 'start'",
                    (last,),
                )
                return self._connection.execute("DELETE FROM record WHERE seq <= ?", (last,)).rowcount


class InlineJournal:
    """Commits in the caller: for the virtual loop, which cannot see a thread."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def append(self, records: Sequence[Record]) -> Future[None]:
        self._journal.refuse_if_lost()
        done: Future[None] = Future()
        try:
            self._journal.append(records)
        except JournalLost as error:
            done.set_exception(error)
        else:
            done.set_result(None)
        return done

    def save_snapshot(self, seq: int, state: bytes) -> Future[None]:
        self._journal.save_snapshot(seq, state)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def prune(self, *, before_seq: int) -> Future[int]:
        done: Future[int] = Future()
        done.set_result(self._journal.prune(before_seq=before_seq))
        return done

    def close(self) -> None:
        self._journal.close()


class ThreadedJournal:
    """Commits in one thread of its own: what arrives during a commit goes into the next one together."""

    def __init__(self, journal: Journal, *, backlog_max: int = BACKLOG_MAX) -> None:
        self._journal = journal
        self._backlog_max = backlog_max
        self._waiting: deque[Record] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    @property
    def backlog(self) -> int:
        """Records that wait for the disk."""
        return len(self._waiting)

    def append(self, records: Sequence[Record]) -> Future[None]:
        """Hand the records over; costs microseconds. Raises JournalLost when a commit failed or the disk hangs."""
        self._journal.refuse_if_lost()
        if len(self._waiting) + len(records) > self._backlog_max:
            raise JournalLost(f"{len(self._waiting)} records wait for the disk; it hangs")
        self._waiting.extend(records)
        return self._thread.submit(self._commit, records[-1].seq if records else 0)

    def _commit(self, upto_seq: int) -> None:
        """Commit all that waits. An earlier turn may have done it: then only say how that went."""
        group = [self._waiting.popleft() for _ in range(len(self._waiting))]
        self._journal.append(group)
        if self._journal.committed_seq < upto_seq:
            raise JournalLost(f"record {upto_seq} was not committed")

    def save_snapshot(self, seq: int, state: bytes) -> Future[None]:
        return self._thread.submit(self._journal.save_snapshot, seq, state)

    def prune(self, *, before_seq: int) -> Future[int]:
        return self._thread.submit(self._journal.prune, before_seq=before_seq)

    def close(self) -> None:
        """Commit what waits, then close the file."""
        self._thread.shutdown(wait=True)
        self._journal.close()


def _written(record: Record, chained: bytes) -> _Row:
    event, intents = _encode(record.event), _encode(record.intents)
    _refuse_lost_numbers(event, intents)
    row = (record.seq, record.at_ms, _written_quotes(record.quotes), event.decode(), intents.decode())
    return (*row, _hash(chained, row))


def _refuse_lost_numbers(event: bytes, intents: bytes) -> None:
    """JSON writes NaN and infinity as null. A null is only right where it can be read back."""
    if b"null" in event:
        _decode_event(event)
    if b"null" in intents:
        _decode_intents(intents)


def _written_quotes(quotes: tuple[Quote, ...]) -> bytes:
    if not quotes:
        return b""
    return zlib.compress(_encode([astuple(quote) for quote in quotes]), level=1)


def _read_quotes(blob: bytes) -> tuple[Quote, ...]:
    if not blob:
        return ()
    names = Quote.__struct_fields__
    return tuple(
        convert(dict(zip(names, row, strict=False)), Quote) for row in _decode(zlib.decompress(blob))
    )


def _hash(chained: bytes, row: tuple[int, int, bytes, str, str]) -> bytes:
    """Hash of a row and of all rows before it. Lengths go in, so that no byte can move between columns."""
    seq, at_ms, quotes, event, intents = row
    digest = blake2b(chained, digest_size=16)
    digest.update(b"%d %d %d %d " % (seq, at_ms, len(quotes), len(event)))
    digest.update(quotes)
    digest.update(event.encode())
    digest.update(intents.encode())
    return digest.digest()


def _checksum(seq: int, state: bytes) -> bytes:
    return blake2b(b"%d " % seq + state, digest_size=16).digest()
