"""The highest nonce that may have been used, kept across restarts: the venue refuses one that was."""

from pathlib import Path

import msgspec

from state.disk import OS_DISK, Disk
from state.json_files import JsonFile


class _Highest(msgspec.Struct, frozen=True):
    highest_ms: int


class FileNonces:
    """A NonceStore in a small file of its own, so that it outlives a lost journal. Milliseconds."""

    def __init__(self, path: Path, disk: Disk = OS_DISK) -> None:
        self._file = JsonFile(path, _Highest, "nonces", keep=1, disk=disk)
        self._highest_ms: int | None = None

    def load(self) -> int:
        """Return the highest nonce saved, 0 for none. Raises CorruptFile: guessing may burn the account's nonces."""
        if self._highest_ms is None:
            found = self._file.read()
            self._highest_ms = found.highest_ms if found else 0
        return self._highest_ms

    def save(self, highest_ms: int) -> None:
        """Keep it, on the disk when this returns. It never goes back: a lower one changes nothing.

        It is written twice, so that the version beside it is as high: who puts that back after damage reuses no nonce.
        """
        if highest_ms > self.load():
            self._file.write(_Highest(highest_ms))
            self._file.write(_Highest(highest_ms))
            self._highest_ms = highest_ms
