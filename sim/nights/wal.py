"""A database and its write-ahead log as bytes, and what a crash leaves of them.

Offsets: https://www.sqlite.org/walformat.html, sections 1 (the log) and 2.1 (its index).
"""

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Self

PAGE = 4096
LOG_HEADER = 32
FRAME_HEADER = 24
_INDEX = struct.Struct("=H I 12x 8s")
"""Of the index header from byte 14 on: page size, number of the last committed frame, salt."""
INDEX_BYTES = 32_768
"""The size of an index of few frames; it is made anew when the first connection opens."""
_INDEX_AT, _BACKFILLED_AT = 14, 96


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a log. Its salt is another one each time the log begins anew, and the frames count from there."""

    salt: bytes = b""
    frames: int = 0


@dataclass(frozen=True, slots=True)
class Image:
    """A database file with its log; log is None where there is none. backfilled frames are in the database too."""

    database: bytes | None
    log: bytes | None = None
    mark: Mark = Mark()
    page: int = PAGE
    backfilled: int = 0

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read the files of an open database."""
        log, index = _read(beside(path, "-wal")), _read(beside(path, "-shm"))
        if log is None or index is None or len(index) < _BACKFILLED_AT + 4:
            return cls(_read(path), log)
        page, frames, salt = _INDEX.unpack_from(index, _INDEX_AT)
        [backfilled] = struct.unpack_from("=I", index, _BACKFILLED_AT)
        return cls(_read(path), log, Mark(salt, frames), 65536 if page == 1 else page or PAGE, backfilled)

    @property
    def end(self) -> int:
        """Where the committed frames of the log end, in bytes."""
        return self.end_of(self.mark.frames)

    def end_of(self, frames: int) -> int:
        return LOG_HEADER + frames * (FRAME_HEADER + self.page) if frames else 0

    def put(self, path: Path) -> None:
        """Leave exactly this on the disk. Nothing may have the database open."""
        for place, data in (
            (path, self.database),
            (beside(path, "-wal"), self.log),
            (beside(path, "-shm"), None),
        ):
            place.unlink(missing_ok=True)
            if data is not None:
                place.write_bytes(data)


def torn_commit(before: Image, after: Image, rng: Random) -> Image:
    """Return what a crash within a commit leaves: its frames cut at a drawn byte, or garbled in their last page."""
    if after.log is None or not after.mark.frames:
        return rng.choice((before, after))
    first = before.end if before.mark.salt == after.mark.salt else 0
    log = after.log[: after.end]
    torn = log[: rng.randint(first, len(log) - 1)] if rng.random() < 0.5 else garbled_tail(log, first, rng)
    return replace(before, log=torn, mark=replace(after.mark, frames=0))


def torn_checkpoint(before: Image, after: Image, rng: Random) -> Image:
    """Return a database of which some pages were written and one was torn; the log, still whole, has them all."""
    old, new = before.database or b"", after.database or b""
    size = before.page
    pages = [rng.choice((old, new))[at : at + size] or new[at : at + size] for at in range(0, len(new), size)]
    if pages:
        torn, at = rng.randrange(len(pages)), rng.randrange(size)
        pages[torn] = new[torn * size :][:at] + pages[torn][at:]
    return replace(before, database=b"".join(pages))


def unsynced_lost(image: Image, synced: Mark, rng: Random) -> Image:
    """Return what a power failure leaves of a log that was synced up to a mark: it ends at a drawn byte after that.

    A log that nobody has read yet has no salt in its index, and nothing new in it.
    """
    if image.log is None or not image.mark.salt:
        return image
    frames = max(synced.frames if synced.salt == image.mark.salt else 0, image.backfilled)
    first = min(image.end_of(frames), len(image.log))
    return replace(image, log=image.log[: rng.randint(first, len(image.log))])


def mark_of(path: Path) -> Mark:
    """Return where the log of an open database ends, from its index alone; an empty mark where there is no log."""
    try:
        with beside(path, "-shm").open("rb") as index:
            head = index.read(_INDEX_AT + _INDEX.size)
    except FileNotFoundError:
        return Mark()
    if len(head) < _INDEX_AT + _INDEX.size:
        return Mark()
    _, frames, salt = _INDEX.unpack_from(head, _INDEX_AT)
    return Mark(salt, frames)


def found_mark(path: Path) -> Mark:
    """Return the mark after all that the log of a closed database holds."""
    log = _read(beside(path, "-wal")) or b""
    if len(log) < LOG_HEADER:
        return Mark()
    [page] = struct.unpack_from(">I", log, 8)
    return Mark(log[16:24], (len(log) - LOG_HEADER) // (FRAME_HEADER + page))


def garbled_tail(data: bytes, keep: int, rng: Random) -> bytes:
    """Return data with a run of its last page overwritten; its first keep bytes stand."""
    first = rng.randint(max(keep, len(data) - PAGE), max(keep, len(data) - 1))
    last = rng.randint(first, max(first, len(data) - 1)) + 1
    return data[:first] + rng.randbytes(len(data[first:last])) + data[last:]


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
