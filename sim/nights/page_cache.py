"""What the operating system holds of files and directories before the disk does: it is lost with the power."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sim.nights.wal import Mark, garbled_tail


@dataclass(eq=False, slots=True)
class Content:
    """What a name stands for. now: what a reader finds; synced: what is on the disk. None in now: a directory."""

    now: bytes | None
    synced: bytes = b""

    def survives(self, rng: Random) -> bytes | None:
        """Return what is left after the power failed: the synced bytes, all, or a torn part of what was added."""
        if self.now is None or self.now == self.synced:
            return self.now
        kept = _alike(self.synced, self.now)
        match rng.choice(("synced", "all", "cut", "garbled")):
            case "synced":
                return self.synced
            case "all":
                return self.now
            case "cut":
                return self.now[: rng.randint(kept, len(self.now))]
            case _:
                return garbled_tail(self.now, kept, rng)


def _alike(one: bytes, other: bytes) -> int:
    """Return how many bytes both begin with."""
    if other.startswith(one):
        return len(one)
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(other))


Names = Mapping[Path, Content | None]
"""Names and what they stand for after a change; None where there is nothing by that name any more."""


@dataclass(slots=True)
class PageCache:
    """Of the names touched so far: what they stand for now, on the disk, and the changes not yet there, in order.

    logs: how far the write-ahead logs of databases that a killed process left are on the disk.
    """

    now: dict[Path, Content | None] = field(default_factory=dict)
    synced: dict[Path, Content | None] = field(default_factory=dict)
    waiting: list[Names] = field(default_factory=list)
    logs: dict[Path, Mark] = field(default_factory=dict)

    def content(self, path: Path) -> Content | None:
        """Return what path stands for. What was there before anything was touched is on the disk."""
        if path not in self.now:
            self.now[path] = self.synced[path] = _on_disk(path)
        return self.now[path]

    def change(self, names: Names) -> None:
        for path in names:
            self.content(path)
        self.now.update(names)
        self.waiting.append(names)

    def sync_names(self, directory: Path) -> None:
        """Put the changes of names in directory on the disk."""
        still: list[Names] = []
        for names in self.waiting:
            if any(path.parent == directory for path in names):
                self.synced.update(names)
            else:
                still.append(names)
        self.waiting = still

    def lose(self, rng: Random) -> None:
        """The power fails: leave on the real disk what a drawn part of the unsynced changes makes of it."""
        final = dict(self.synced)
        for names in self._drawn(rng):
            final.update(names)
        _put(final, {id(content): content.survives(rng) for content in _once(final)})
        self.now, self.synced, self.waiting, self.logs = {}, {}, [], {}

    def reread(self, path: Path) -> None:
        """Take what was put at path from outside for what is on the disk."""
        found, known = _on_disk(path), self.content(path)
        if found is not None and known is not None:
            known.now, known.synced = found.now, found.synced

    def _drawn(self, rng: Random) -> list[Names]:
        """Return which unsynced changes of names reached the disk. Their order is kept, but not every one is."""
        match rng.choice(("none", "all", "first", "some")):
            case "none":
                return []
            case "all":
                return self.waiting
            case "first":
                return self.waiting[: rng.randint(0, len(self.waiting))]
            case _:
                return [names for names in self.waiting if rng.random() < 0.5]


def _on_disk(path: Path) -> Content | None:
    if path.is_dir():
        return Content(None)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return Content(data, data)


def _once(names: Names) -> list[Content]:
    """Return the contents in the order of their names, each once however many names it has."""
    found: dict[int, Content] = {}
    for path in sorted(names):
        content = names[path]
        if content is not None:
            found.setdefault(id(content), content)
    return list(found.values())


def _put(names: Names, left: Mapping[int, bytes | None]) -> None:
    """Make the real disk hold exactly these names; names of one content stay links to one file."""
    for path in names:
        if path.is_dir():
            if names[path] is None:
                shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    written: dict[int, Path] = {}
    for path in sorted(names):
        content = names[path]
        if content is None or content.now is None or not path.parent.is_dir():
            continue
        if id(content) in written:
            os.link(written[id(content)], path)
        else:
            path.write_bytes(left[id(content)] or b"")
            written[id(content)] = path
