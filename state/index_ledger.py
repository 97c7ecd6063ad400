"""An index that survives a crash: its ledger, to which lines are only added, and beside it the state as a document.

An entry is on the disk in the ledger before it is in the document, and the ledger is what counts. A start does every
event of it again: a line whose writing never ended is cut off, and a document that is behind or damaged is written
anew. The document is the witness that no entry is gone: a ledger that ends before it is refused, as is all else.
"""

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Self

from core.index_level import applied, correction
from core.levels.types import Change, Correction, Event, IndexRefused, IndexState, Price, Restate
from core.levels.vector import Prices
from state.disk import OS_DISK, Disk, sync_directory
from state.errors import CorruptFile, DiskRefuses, NewerFile, StateError
from state.index_lines import NOTHING, LedgerLines, Place, entry_line, hash_of, header_line
from state.json_files import JsonFile, append_line, write_atomically
from state.lock import InstanceLock

LEDGER, DOCUMENT = "ledger.jsonl", "index_state.json"


class IndexLedger:
    """The index of one directory, for the one process that may write it.

    state: the index after the last entry, None before its launch. messages: what the start had to mend.
    behind: why the document could not be written after the last entry; it is tried again with the next.
    """

    def __init__(self, directory: Path, lock: InstanceLock, disk: Disk) -> None:
        self.state: IndexState | None = None
        self.head = NOTHING
        self.messages: list[str] = []
        self.behind: StateError | None = None
        self._path, self._disk, self._lock = directory / LEDGER, disk, lock
        self._document = document_of(directory, disk)
        self._tip: str | None = None
        self._size = self._first = 0
        self._is_torn = False

    @classmethod
    def open(
        cls, directory: Path, disk: Disk = OS_DISK, *, heard: Callable[[Change], None] = lambda _: None
    ) -> Self:
        """Take the directory, which is made if it is missing, and bring the index back; heard is told each entry of it.

        Raises AlreadyRunning where another process writes it, CorruptFile or NewerFile where it is not to be used as
        it is, DiskRefuses where the disk refuses.
        """
        _make(directory, disk)
        lock = InstanceLock.acquire(directory, disk)
        ledger = cls(directory, lock, disk)
        try:
            ledger._recover(heard)
        except BaseException:
            lock.release()
            raise
        return ledger

    def close(self) -> None:
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def record(self, event: Event, prices: Prices, *, at_ms: int) -> Change:
        """Do an event; its entry is on the disk when this returns.

        Raises IndexRefused where the event cannot be, StateError where the disk refuses: nothing has changed then. After
        a kill in the middle the entry is there or not, and level, divisor and ledger agree.
        """
        change = applied(self.state, event, prices, at_ms=at_ms)
        self._mend()
        if self._tip is None:
            self._begin(None)
        assert self._tip is not None
        line = entry_line(self._tip, change.entry)
        self._append(line)
        self.state, self._tip, self.head = change.state, hash_of(line), hash_of(line)
        self._size += len(line) + 1
        self._write_document()
        return change

    def roll(self) -> Path | None:
        """Keep the ledger under the number of its first entry and go on in a new one, of which a start does less again.

        Return the kept one's path, None where the ledger has no entry yet. Raises StateError where the disk refuses.
        """
        self._mend()
        if self.state is None or self.state.sequence < self._first:
            return None
        kept = self._path.with_name(f"ledger-{self._first:09}.jsonl")
        try:
            if not (kept.exists() and kept.samefile(self._path)):
                self._disk.link(self._path, kept)
            sync_directory(kept.parent, self._disk)
        except OSError as error:
            raise DiskRefuses(
                f"{kept}: cannot be made ({error.strerror}). Check the disk's free space"
            ) from error
        self._begin(Place(self.state, self.head))
        return kept

    # --- bringing it back ----------------------------------------------------------------------------------

    def _recover(self, heard: Callable[[Change], None]) -> None:
        witness, is_damaged = self._witness()
        if not self._path.exists():
            if witness is not None or is_damaged:
                raise CorruptFile(
                    f"{self._path}: is gone, but {self._document.path.name} is there. Put it back"
                )
            return
        self._sync()
        lines = LedgerLines(self._path)
        seen = self._replay(lines, witness, heard)
        if lines.torn and is_damaged:
            raise CorruptFile(
                f"{self._path}: its last line is not whole, and {self._document.path} cannot be read, which would say "
                "whether it ever was. Put one of them back from a copy"
            )
        if witness is not None and not seen:
            raise CorruptFile(
                f"{self._path}: does not lead to entry {witness.state.sequence} as {self._document.path} has it. "
                "Put the ledger back that does"
            )
        self._tip, self._size = lines.tip, lines.size
        self._first = lines.begins.state.sequence + 1 if lines.begins else 0
        if lines.torn:
            self._is_torn = True
            self._mend()
            self.messages.append(
                f"{self._path}: cut off a last line that was never written whole, {len(lines.torn)} bytes"
            )
        if self.state is not None and (witness is None or witness.head != self.head):
            self._document.write(Place(self.state, self.head))
            self.messages.append(f"{self._document.path}: written anew from the ledger")

    def _sync(self) -> None:
        """Put on the disk what an earlier life wrote: the document must not be ahead of it after a loss of power."""
        try:
            handle = self._disk.open(self._path, os.O_RDONLY)
            try:
                self._disk.fsync(handle)
            finally:
                self._disk.close(handle)
            sync_directory(self._path.parent, self._disk)
        except OSError as error:
            raise DiskRefuses(f"{self._path}: cannot be synced ({error.strerror}). Check the disk") from error

    def _witness(self) -> tuple[Place | None, bool]:
        """Return what the document or its newest version before says, and whether the document is damaged."""
        try:
            return self._document.read(), False
        except (NewerFile, DiskRefuses):
            raise
        except CorruptFile:
            return next((place for _, place in self._document.previous()), None), True

    def _replay(self, lines: LedgerLines, witness: Place | None, heard: Callable[[Change], None]) -> bool:
        """Do every event again; return whether the witness's place was passed."""
        seen = False
        for entry, place in lines.places():
            seen = seen or place == witness
            self.state, self.head = place.state, place.head
            heard(Change(state=place.state, entry=entry))
        if lines.begins is not None and self.state is None:
            self.state, self.head = lines.begins.state, lines.begins.head
        return seen or lines.begins == witness

    # --- writing -------------------------------------------------------------------------------------------

    def _begin(self, place: Place | None) -> None:
        """Put a ledger without entries in the file's place. What is in its place counts, even if the disk refused after."""
        line = header_line(place) + b"\n"
        try:
            write_atomically(self._path, line, self._disk)
        finally:
            if self._path.exists() and self._path.read_bytes() == line:
                self._tip, self._size = hash_of(line), len(line)
                self._first = place.state.sequence + 1 if place else 0

    def _append(self, line: bytes) -> None:
        size = self._path.stat().st_size if self._path.exists() else 0
        if size != self._size:
            raise CorruptFile(
                f"{self._path}: has {size} bytes, must have {self._size}: somebody else wrote it"
            )
        self._is_torn = True
        append_line(self._path, line, self._disk)
        self._is_torn = False

    def _mend(self) -> None:
        """Cut off what a write that failed may have left, by the whole good part put in the file's place."""
        if not self._is_torn:
            return
        try:
            good = self._path.read_bytes()[: self._size]
        except OSError as error:
            raise DiskRefuses(f"{self._path}: cannot be read ({error.strerror})") from error
        write_atomically(self._path, good, self._disk)
        self._is_torn = False

    def _write_document(self) -> None:
        assert self.state is not None
        self.behind = None
        try:
            self._document.write(Place(self.state, self.head))
        except DiskRefuses as error:
            self.behind = error


def document_of(directory: Path, disk: Disk = OS_DISK) -> JsonFile[Place]:
    """Return the document that has the state, for who only reads it; three versions before it are kept."""
    return JsonFile(directory / DOCUMENT, Place, "index_state", disk=disk)


def corrected(path: Path, sequence: int, usd: Mapping[str, Decimal]) -> Correction:
    """Return the correction of a level that a ledger holds, as it stands after the corrections it has had.

    usd: of each member that stood at a wrong price, the right one. Raises IndexRefused where there is no such level,
    or one of them was no member then.
    """
    past: IndexState | None = None
    standing = Decimal(0)
    for entry, place in LedgerLines(path).places():
        if entry.sequence == sequence and entry.level is not None:
            past, standing = place.state, entry.level
        if isinstance(entry.event, Restate):
            standing = next((c.new for c in entry.event.corrections if c.sequence == sequence), standing)
    if past is None:
        raise IndexRefused(f"{path}: has no level with the number {sequence}")
    members = {member.symbol for member in past.members}
    if strangers := sorted(usd.keys() - members):
        raise IndexRefused(
            f"{', '.join(strangers)}: no member at entry {sequence}, of {', '.join(sorted(members))}"
        )
    return correction(past, standing, (Price(symbol, px, past.at_ms) for symbol, px in sorted(usd.items())))


def _make(directory: Path, disk: Disk) -> None:
    if directory.is_dir():
        return
    try:
        disk.mkdir(directory, 0o700)
        sync_directory(directory.parent, disk)
    except OSError as error:
        raise DiskRefuses(f"{directory}: cannot be made ({error.strerror}). Name another one") from error
