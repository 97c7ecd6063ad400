"""What a review decided, line by line, in a file of its day: the log has the outcome, here are the reasons (S0-30)."""

from pathlib import Path

from daemon.crypto_index.asking import Review
from state.disk import Disk, sync_directory
from state.errors import DiskRefuses
from state.json_files import write_atomically

REVIEWS = "reviews"


def keep(directory: Path, found: Review, disk: Disk) -> Path:
    """Write a review's lines and return the file; one of the same day is replaced. Raises DiskRefuses."""
    folder = directory / REVIEWS
    path = folder / f"{found.day}.txt"
    try:
        if not folder.is_dir():
            disk.mkdir(folder, 0o700)
            sync_directory(directory, disk)
    except OSError as error:
        raise DiskRefuses(
            f"{folder}: cannot be made ({error.strerror}). Check the disk's free space"
        ) from error
    write_atomically(path, "".join(f"[{tag}] {text}\n" for tag, text in found.lines).encode("utf-8"), disk)
    return path
