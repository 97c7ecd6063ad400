"""A file system of a few megabytes, so that a test can fill it from outside."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

SIZE_MB = 24
PIECE = 1 << 16
UNMOUNT_S = 5.0


class MayNotMount(Exception):
    """This user, or this container, may not mount a file system."""


@dataclass
class SmallDisk:
    """A tmpfs mounted over an empty directory, from mount to unmount. Linux, and a user who may mount."""

    directory: Path

    @classmethod
    def mount(cls, directory: Path) -> "SmallDisk":
        directory.mkdir(mode=0o700)
        words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=700", "nightdesk-test", str(directory)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise MayNotMount(str(error)) from error
        if done.returncode:
            raise MayNotMount(done.stderr.strip())
        return cls(directory)

    @property
    def _filler(self) -> Path:
        return self.directory / "somebody-elses-big-file"

    @property
    def is_full(self) -> bool:
        return self._filler.exists()

    def fill(self, *, left_bytes: int) -> None:
        """Take every byte that is free, then give so many back."""
        handle = os.open(self._filler, os.O_WRONLY | os.O_CREAT)
        try:
            size = 0
            for piece in (PIECE, 1):
                while written := _written(handle, piece):
                    size += written
            os.ftruncate(handle, max(size - left_bytes, 0))
        finally:
            os.close(handle)

    def free(self) -> None:
        self._filler.unlink()

    def unmount(self) -> None:
        """Give it back. A process that died a moment ago may still hold it; one that holds it for long is a fault."""
        deadline = time.monotonic() + UNMOUNT_S
        while (
            done := subprocess.run(
                ["umount", str(self.directory)], capture_output=True, text=True, check=False
            )
        ).returncode:
            if time.monotonic() > deadline:
                subprocess.run(["umount", "--lazy", str(self.directory)], check=False)
                raise AssertionError(f"somebody still holds the state directory: {done.stderr}")
            time.sleep(0.05)


def _written(handle: int, size: int) -> int:
    """Return how many bytes the disk took, 0 when it is full."""
    try:
        return os.write(handle, b"\0" * size)
    except OSError:
        return 0
