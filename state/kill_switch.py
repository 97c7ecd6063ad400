"""The latch that stops trading until a person takes it back. What cannot be read counts as tripped."""

from contextlib import suppress
from pathlib import Path

import msgspec

from state.disk import OS_DISK, Disk, sync_directory
from state.errors import StateError
from state.json_files import JsonFile, append_line

UNREADABLE = "unreadable latch"
"""by of a latch that nobody can read."""


class Latch(msgspec.Struct, frozen=True):
    reason: str
    by: str
    at_ms: int


class _Entry(msgspec.Struct, frozen=True):
    """A line of the history: what was done, and to which latch."""

    action: str
    at_ms: int
    reason: str
    by: str
    latch: Latch | None = None


class KillSwitch:
    """A file that is there while the switch is tripped; beside it NAME.history, one JSON line for each change."""

    def __init__(self, path: Path, disk: Disk = OS_DISK) -> None:
        self._path = path
        self._disk = disk
        self._file = JsonFile(path, Latch, "kill_switch", keep=0, disk=disk)
        self._history = path.with_name(f"{path.name}.history")

    def trip(self, reason: str, *, by: str, at_ms: int) -> Latch:
        """Latch, and return what is latched: the first reason stands until the reset. Raises StateError if it cannot.

        The history comes second: a full disk must not keep the latch from being tried.
        """
        before = self.read()
        latch = before if before and before.by != UNREADABLE else Latch(reason, by, at_ms)
        if latch is not before:
            self._file.write(latch)
        self._note(_Entry("trip", at_ms, reason, by, before))
        return latch

    def read(self) -> Latch | None:
        """Return the latch, None when trading is allowed. Never raises: a doubt is a latch."""
        try:
            return self._file.read()
        except StateError as error:
            return Latch(f"{error}. Until somebody resets it, this counts as tripped", UNREADABLE, 0)

    def reset(self, reason: str, *, at_ms: int) -> Latch | None:
        """Take the latch back, for a reason; return what it was, None when nothing was latched."""
        if not reason.strip():
            raise ValueError("a reset needs a reason: why is it safe to trade again?")
        latch = self.read()
        if latch is None:
            return None
        self._note(_Entry("reset", at_ms, reason, "operator", latch))
        try:
            self._disk.unlink(self._path)
            sync_directory(self._path.parent, self._disk)
        except OSError as error:
            raise StateError(
                f"{self._path}: cannot be removed ({error.strerror}), so it stays tripped"
            ) from error
        return latch

    def history(self) -> list[dict[str, object]]:
        """Return every change, oldest first. A line that a crash cut short is left out."""
        if not self._history.exists():
            return []
        entries = []
        for line in self._history.read_bytes().splitlines():
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                entries.append(msgspec.json.decode(line))
        return entries

    def _note(self, entry: _Entry) -> None:
        append_line(self._history, msgspec.json.encode(entry), self._disk)
