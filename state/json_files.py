"""Small documents as JSON: replaced whole or not at all, versioned, with a checksum over their body."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from state.disk import OS_DISK, Disk, sync_directory, write_all
from state.errors import CorruptFile, DiskRefuses, NewerFile, StateError

T = TypeVar("T")

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What bytes that are no document make the decoder raise."""


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    version: int
    sha256: str
    body: msgspec.Raw


def write_atomically(path: Path, data: bytes, disk: Disk = OS_DISK) -> None:
    """Replace the file; after a crash at any moment it holds either the old bytes or the new ones."""
    with _new_bytes(path, data, disk) as part:
        disk.replace(part, path)


@contextmanager
def _new_bytes(path: Path, data: bytes, disk: Disk) -> Iterator[Path]:
    """Yield the bytes in a file beside path, on the disk, to be put in its place. The name holds the pid:
    two processes don't meet in it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _write_new(part, data, disk)
        yield part
        sync_directory(path.parent, disk)
    except OSError as error:
        # A disk that refuses the write may refuse this too; the first refusal is the one to tell.
        with suppress(OSError):
            disk.unlink(part)
        raise _cannot_write(path, error) from error


def _write_new(path: Path, data: bytes, disk: Disk) -> None:
    handle = disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        write_all(handle, data, disk)
        disk.fsync(handle)
    finally:
        disk.close(handle)


def append_line(path: Path, line: bytes, disk: Disk = OS_DISK) -> None:
    """Add one line at the end of a file and wait until it and the file's name are on the disk.

    A last line that a crash or a full disk cut short is ended first, so that it spoils no other.
    """
    try:
        handle = disk.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            end = b"\n" if _is_cut(handle) else b""
            write_all(handle, end + line.rstrip(b"\n") + b"\n", disk)
            disk.fsync(handle)
        finally:
            disk.close(handle)
        sync_directory(path.parent, disk)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _is_cut(handle: int) -> bool:
    size = os.fstat(handle).st_size
    return size > 0 and os.pread(handle, 1, size - 1) != b"\n"


@dataclass(frozen=True, slots=True)
class JsonFile(Generic[T]):
    """One document of type kind at path; keep earlier versions stay beside it as NAME.1 (the newest), NAME.2, ..."""

    path: Path
    kind: type[T]
    format: str
    version: int = 1
    keep: int = 3
    disk: Disk = OS_DISK

    def write(self, value: T) -> None:
        """Replace the document. Raises StateError when the disk refuses; the old document stands then."""
        body = msgspec.json.format(msgspec.json.encode(value), indent=2)
        document = _Document(self.format, self.version, sha256(body).hexdigest(), msgspec.Raw(body))
        with _new_bytes(self.path, msgspec.json.encode(document) + b"\n", self.disk) as part:
            self._keep_old()
            self.disk.replace(part, self.path)

    def read(self) -> T | None:
        """Return the document, None when there is none. Raises CorruptFile or NewerFile, naming the last good one."""
        try:
            return self._read(self.path)
        except FileNotFoundError:
            return None
        except NewerFile:
            raise
        except StateError as error:
            raise CorruptFile(f"{error}. {self._way_back()}") from error

    def previous(self) -> list[tuple[Path, T]]:
        """Return the earlier versions that can be read, newest first."""
        found = []
        for number in range(1, self.keep + 1):
            try:
                found.append((self._old(number), self._read(self._old(number))))
            except (FileNotFoundError, StateError):
                continue
        return found

    def _old(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _keep_old(self) -> None:
        """Shift NAME.1 to NAME.2 and so on, then link NAME as NAME.1: NAME itself is there all the time.

        A write that failed after this has kept NAME already: a second time would push a good version out.
        """
        if not self.keep or not self.path.exists() or self._is_kept():
            return
        for number in range(self.keep - 1, 0, -1):
            if self._old(number).exists():
                self.disk.replace(self._old(number), self._old(number + 1))
        with suppress(FileNotFoundError):
            self.disk.unlink(self._old(1))
        self.disk.link(self.path, self._old(1))

    def _is_kept(self) -> bool:
        return self._old(1).exists() and self._old(1).samefile(self.path)

    def _way_back(self) -> str:
        good = self.previous()
        if good:
            return f"The last good version is {good[0][0]}: compare it, then copy it over {self.path.name}"
        return "No earlier version can be read"

    def _read(self, path: Path) -> T:
        try:
            document = msgspec.json.decode(path.read_bytes(), type=_Document)
        except _UNREADABLE as error:
            raise CorruptFile(f"{path}: not a document of nightdesk ({error})") from error
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DiskRefuses(f"{path}: cannot be read ({error.strerror})") from error
        self._check(path, document)
        try:
            return msgspec.json.decode(document.body, type=self.kind)
        except _UNREADABLE as error:
            raise CorruptFile(f"{path}: its {self.format} is not complete ({error})") from error

    def _check(self, path: Path, document: _Document) -> None:
        if document.format != self.format:
            raise CorruptFile(f"{path}: holds a {document.format!r}, expected a {self.format!r}")
        if document.version > self.version:
            raise NewerFile(
                f"{path}: version {document.version} of {self.format}, but this nightdesk knows {self.version}. "
                "Install the newer nightdesk again"
            )
        if document.version != self.version:
            raise CorruptFile(f"{path}: version {document.version} of {self.format} was never written")
        if sha256(bytes(document.body)).hexdigest() != document.sha256:
            raise CorruptFile(f"{path}: its checksum is wrong, the file was changed or cut")


def _cannot_write(path: Path, error: OSError) -> DiskRefuses:
    return DiskRefuses(
        f"{path}: cannot be written ({error.strerror}). Check the disk's free space and the directory's rights"
    )
