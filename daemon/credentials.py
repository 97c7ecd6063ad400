"""The signing key: read from where the configuration says, and shown nowhere."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from daemon.settings import AccountSettings


class CredentialError(Exception):
    """The signing key cannot be had; the text says where it was looked for and how to mend it."""


class Secret:
    """A value that prints as nothing. reveal() is called in one place: where the signer is made."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret([hidden])"


def signing_key(account: AccountSettings, environ: Mapping[str, str]) -> Secret:
    """Return the key as 0x and 64 hex digits. Raises CredentialError."""
    place, text = _found(account, environ)
    digits = text.strip().removeprefix("0x")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", digits):
        raise CredentialError(
            f"{place} does not hold a private key: expected 0x and 64 hex digits, got {len(digits)} characters"
        )
    return Secret(f"0x{digits.lower()}")


def _found(account: AccountSettings, environ: Mapping[str, str]) -> tuple[str, str]:
    if account.key_credential is not None:
        directory = environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise CredentialError(
                f"account.key_credential = {account.key_credential}: systemd handed over no credentials. "
                f"Start by the unit, with LoadCredential={account.key_credential}:/path/to/file"
            )
        path = Path(directory) / account.key_credential
        return f"credential {account.key_credential}", _read(path)
    if account.key_file is not None:
        path = Path(account.key_file).expanduser()
        _refuse_if_others_read(path)
        return str(path), _read(path)
    if account.key_env is not None:
        if account.key_env not in environ:
            raise CredentialError(f"account.key_env = {account.key_env}: no such variable in the environment")
        return f"${account.key_env}", environ[account.key_env]
    raise CredentialError("no signing key: set account.key_credential, account.key_file or account.key_env")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise CredentialError(f"{path}: the signing key cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise CredentialError(f"{path} does not hold a private key: it is not text") from error


def _refuse_if_others_read(path: Path) -> None:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise CredentialError(f"{path}: the signing key cannot be read ({error.strerror})") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CredentialError(f"{path} can be read by others (mode {stat.S_IMODE(mode):o}). chmod 600 {path}")
