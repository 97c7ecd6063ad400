"""The databases that one life of the daemon has open, and what is left of each when that life ends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sim.nights.wal import Image, Mark, mark_of, torn_checkpoint, torn_commit, unsynced_lost
from state.watched import SqliteError, Step, WatchedConnection

NORMAL, FULL = 1, 2
"""Values of PRAGMA synchronous: the log is synced at each checkpoint, and at each commit too."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A statement that had begun when the daemon died, and what finishes it."""

    path: Path
    step: Step
    finish: Callable[[], object]


@dataclass(slots=True)
class Database:
    """synced: how far the log is on the disk. was_there: the file's name is on the disk."""

    path: Path
    synced: Mark
    was_there: bool
    connections: list[WatchedConnection] = field(default_factory=list)
    sync_level: int = FULL

    def committed(self, connection: WatchedConnection) -> None:
        """A commit returned: with FULL, it and all before it is on the disk."""
        self.sync_level = int(str(connection.pragma("synchronous")))
        if self.sync_level >= FULL:
            self.synced = mark_of(self.path)
        self.was_there = self.was_there or self.sync_level >= NORMAL

    def settle(self, unfinished: Unfinished | None, rng: Random, *, power: bool) -> None:
        """Close everything and leave on the disk what the crash left."""
        image = before = Image.of(self.path)
        if unfinished is not None:
            image = self._cut_short(before, unfinished, rng)
        if power:
            image = unsynced_lost(image, self._synced_with(image, before), rng)
            if not self.was_there and rng.random() < 0.5:
                image = Image(None)
        for connection in self.connections:
            connection.close_unwatched()
        image.put(self.path)

    def close_without_checkpoint(self, connection: WatchedConnection) -> None:
        """Close a connection on a disk that takes no write: the log stays beside the database."""
        image = Image.of(self.path)
        connection.close_unwatched()
        self.connections.remove(connection)
        if not self.connections:
            image.put(self.path)

    def _cut_short(self, before: Image, unfinished: Unfinished, rng: Random) -> Image:
        outcome = rng.choice(("lost", "torn", "whole"))
        if outcome == "lost":
            return before
        try:
            unfinished.finish()
        except SqliteError:
            return before
        after = Image.of(self.path)
        if outcome == "whole":
            return after
        torn = torn_checkpoint if unfinished.step is Step.CLOSE else torn_commit
        return torn(before, after, rng)

    def _synced_with(self, image: Image, before: Image) -> Mark:
        """Return how far the log is on the disk: a checkpoint syncs it before it touches the database."""
        if image.database != before.database and self.sync_level >= NORMAL:
            return before.mark
        return self.synced
