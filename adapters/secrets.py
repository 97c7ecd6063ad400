"""Secrets: a value that shows itself nowhere, the port that reads one, and the sources on this machine."""

import hmac
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn, Protocol

FILE_MAX_BYTES = 65_536
"""No secret is longer; whatever is was named by mistake."""


class CredentialError(Exception):
    """A secret cannot be had; the text says where it was looked for, what is allowed and how to mend it."""


class CredentialUnavailable(CredentialError):
    """It cannot be had now, and may be had later: its server is away, sealed or busy."""


class Secret:
    """A value that prints as nothing and is never pickled. reveal() is called where it is used, and nowhere else."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret([hidden])"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled or copied: it would lie readable wherever that goes")


class SecretProvider(Protocol):
    """Resolves a reference to the value that it stands for now. Blocks. Raises CredentialError."""

    def read(self, reference: str) -> Secret: ...


class EnvironmentSecrets:
    """reference: the name of a variable. A process never sees a change of its environment: nothing rotates here."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def read(self, reference: str) -> Secret:
        if reference not in self._environ:
            raise CredentialError(
                f"${reference}: no such variable in the environment. Set it for the daemon, or name another source"
            )
        return _not_empty(self._environ[reference], f"${reference}")


class FileSecrets:
    """reference: a path. The file is the owner's alone (mode 600 or 400), or it is refused."""

    def read(self, reference: str) -> Secret:
        path = Path(reference).expanduser()
        return _not_empty(_text(path, forbidden=stat.S_IRWXG | stat.S_IRWXO), str(path))


class SystemdCredentials:
    """reference: the name of a credential that systemd handed over, in a directory that is the unit's alone."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def read(self, reference: str) -> Secret:
        directory = self._environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise CredentialError(
                f"credential {reference}: systemd handed over no credentials. "
                f"Start by the unit, with LoadCredential={reference}:/path/to/file"
            )
        what = f"credential {reference}"
        return _not_empty(_text(Path(directory) / reference, forbidden=0), what)


class Sources:
    """reference: SOURCE:NAME, as in "file:/etc/nightdesk/token". Each source reads its own names."""

    def __init__(self, sources: Mapping[str, SecretProvider]) -> None:
        self._sources = sources

    def read(self, reference: str) -> Secret:
        source, _, name = reference.partition(":")
        if source not in self._sources:
            known = ", ".join(self._sources)
            raise CredentialError(f"source {source!r} is not configured; there are {known}")
        return self._sources[source].read(name)


def _not_empty(text: str, place: str) -> Secret:
    if not text.strip():
        raise CredentialError(f"{place} is empty: put the secret there")
    return Secret(text.strip())


def _text(path: Path, *, forbidden: int) -> str:
    """Return what is in a plain file none of whose mode bits is forbidden, judged and read through one descriptor."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise CredentialError(f"{path} is no plain file: name the file that holds the secret")
            if found.st_mode & forbidden:
                mode = stat.S_IMODE(found.st_mode)
                raise CredentialError(f"{path} can be read by others (mode {mode:o}). chmod 600 {path}")
            return _decoded(file.read(FILE_MAX_BYTES + 1), path)
    except OSError as error:
        raise CredentialError(f"{path}: the secret cannot be read ({error.strerror})") from error


def _without_waiting(path: str, flags: int) -> int:
    """A pipe without a writer would hold up whoever opens it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _decoded(data: bytes, path: Path) -> str:
    if len(data) > FILE_MAX_BYTES:
        raise CredentialError(f"{path} is longer than {FILE_MAX_BYTES} bytes: it does not hold a secret")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CredentialError(f"{path} does not hold a secret: it is not text") from None
