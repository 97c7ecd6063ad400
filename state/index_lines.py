"""The lines of an index ledger: each has the SHA-256 of what follows it on its line, the hash of the line before included.

{"hash": H, "previous": P, "entry": {...}}; the first line is a header, with "ledger", "version", "digits" and "state"
for "entry". H is over all bytes of the line from "previous" on. A ledger that continues another one has in its header
the state it begins with, and as previous the hash of the other one's last line.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from core.index_level import DIGITS, applied
from core.levels.types import IndexRefused, IndexState, LedgerEntry
from state.errors import CorruptFile, DiskRefuses, NewerFile

KIND = "index level"
VERSION = 1
NOTHING = "0" * 64
"""What comes before the first line."""

_OPENING, _HASH_END, _BODY = b'{"hash":"', 73, 75
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Header(msgspec.Struct, frozen=True):
    hash: str
    previous: str
    ledger: str
    version: int
    digits: int
    state: IndexState | None


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hash: str
    previous: str
    entry: LedgerEntry


class Place(msgspec.Struct, frozen=True):
    """The index after an entry, and the hash of that entry's line."""

    state: IndexState
    head: str


def entry_line(previous: str, entry: LedgerEntry) -> bytes:
    return _line(b'"previous":"%b","entry":%b}' % (previous.encode(), msgspec.json.encode(entry)))


def header_line(begins: Place | None) -> bytes:
    """Return the first line of a ledger, which goes on from a place in another one, or is the index's first."""
    header = Header(
        "", begins.head if begins else NOTHING, KIND, VERSION, DIGITS, begins.state if begins else None
    )
    return _line(msgspec.json.encode(header)[len(b'{"hash":"",') :])


def _line(body: bytes) -> bytes:
    return b'{"hash":"%b",%b' % (sha256(body).hexdigest().encode(), body)


def hash_of(line: bytes) -> str:
    return line[len(_OPENING) : _HASH_END].decode("ascii", "replace")


def is_whole(line: bytes) -> bool:
    """Say whether a line is what its own hash says."""
    return line.startswith(_OPENING) and sha256(line[_BODY:]).hexdigest() == hash_of(line)


class LedgerLines:
    """One file, read from the first line to the last whole one, each event done again.

    After places has ended: begins is what the header goes on from, tip the hash of the last line, size the bytes up to
    its end, and torn what comes after: a line whose writing never ended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.begins: Place | None = None
        self.tip = NOTHING
        self.size = 0
        self.torn = b""

    def places(self) -> Iterator[tuple[LedgerEntry, Place]]:
        """Yield each entry and the index after it.

        Raises CorruptFile with the line where anything but a torn end is wrong, NewerFile, DiskRefuses.
        """
        *lines, torn = _bytes(self.path).split(b"\n")
        self._begin(lines[0] if lines else torn)
        place = self.begins
        for number, line in enumerate(lines[1:], start=2):
            if not is_whole(line):
                if any(map(is_whole, lines[number:])):
                    raise CorruptFile(
                        f"{self.path}: line {number} is not what its hash says, and others follow it"
                    )
                torn = b"\n".join([*lines[number - 1 :], torn])
                break
            entry, place = self._next(number, line, place)
            self._good(line)
            yield entry, place
        self.torn = torn

    def _begin(self, line: bytes) -> None:
        try:
            header = msgspec.json.decode(line, type=Header)
        except _UNREADABLE as error:
            raise CorruptFile(
                f"{self.path}: its first line is no header of an index ledger ({error})"
            ) from error
        if header.ledger != KIND or header.digits != DIGITS:
            raise CorruptFile(
                f"{self.path}: a ledger of kind {header.ledger!r} to {header.digits} digits, not an index's"
            )
        if header.version > VERSION:
            raise NewerFile(
                f"{self.path}: version {header.version} of {KIND}, but this nightdesk knows {VERSION}. "
                "Install the newer nightdesk again"
            )
        if not is_whole(line) or (header.state is None) != (header.previous == NOTHING):
            raise CorruptFile(f"{self.path}: its header is not what its hash says")
        self.begins = Place(header.state, header.previous) if header.state else None
        self._good(line)

    def _good(self, line: bytes) -> None:
        self.tip = hash_of(line)
        self.size += len(line) + 1

    def _next(self, number: int, line: bytes, place: Place | None) -> tuple[LedgerEntry, Place]:
        try:
            told = msgspec.json.decode(line, type=_Line)
        except _UNREADABLE as error:
            raise CorruptFile(f"{self.path}: line {number} is no entry ({error})") from error
        if told.previous != self.tip:
            raise CorruptFile(f"{self.path}: line {number} does not follow the line before it")
        state = _done_again(place.state if place else None, told.entry, f"{self.path}: line {number}")
        return told.entry, Place(state, told.hash)


def _done_again(state: IndexState | None, entry: LedgerEntry, where: str) -> IndexState:
    prices = {price.symbol: price for price in entry.prices}
    try:
        change = applied(state, entry.event, prices, at_ms=entry.at_ms)
    except IndexRefused as error:
        raise CorruptFile(f"{where} holds what cannot be: {error}") from error
    if change.entry != entry:
        raise CorruptFile(f"{where} is not what its event makes at its prices")
    return change.state


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DiskRefuses(f"{path}: cannot be read ({error.strerror})") from error
