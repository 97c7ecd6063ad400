"""The secrets that the configuration names: which source each lies in, and what its text must look like."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from adapters.secrets import (
    CredentialError,
    CredentialUnavailable,
    EnvironmentSecrets,
    FileSecrets,
    Secret,
    SecretProvider,
    Sources,
    SystemdCredentials,
)
from daemon.settings import AccountSettings, AlertSettings, Settings, VaultSettings

if TYPE_CHECKING:
    from adapters.vault import Login, VaultServer

__all__ = ["CredentialError", "CredentialUnavailable", "Secret", "SecretProvider"]

_KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}")
_URLS = {
    "alerts.webhook_secrets": (re.compile(r"https?://[^\s/]+(/\S*)?"), "an http(s) URL"),
    "alerts.service_secrets": (re.compile(r"[a-z][a-z0-9+.-]*://\S+"), "the URL of a service"),
}
"""What lies at the references of a setting, and in words."""

Renewal = Callable[[], float]
"""Keeps alive what reading needs; returns the seconds until it is to be called again. Blocks. Raises CredentialError."""


def sources(vault: VaultSettings, environ: Mapping[str, str]) -> tuple[SecretProvider, Renewal | None]:
    """Return what reads "SOURCE:NAME", and what keeps it able to. Vault is asked for nothing before the first reading."""
    local: dict[str, SecretProvider] = {
        "credential": SystemdCredentials(environ),
        "file": FileSecrets(),
        "env": EnvironmentSecrets(environ),
    }
    if vault.address is None:
        return Sources(local), None
    from adapters.vault import VaultSecrets  # 0.2 s that a daemon without it need not spend

    kept = VaultSecrets(*_vault(vault, Sources(local)))
    return Sources(local | {"vault": kept}), kept.renew


def key_reference(account: AccountSettings) -> tuple[str, str]:
    """Return the configuration's key that says where the signing key lies, and the reference."""
    for found in _key_references(account):
        return found
    raise CredentialError(
        "no signing key: set account.key_credential, account.key_file, account.key_env or account.key_vault"
    )


def _key_references(account: AccountSettings) -> Iterator[tuple[str, str]]:
    for source in ("credential", "file", "env", "vault"):
        name = getattr(account, f"key_{source}")
        if name is not None:
            yield f"account.key_{source}", f"{source}:{name}"


def signing_key(account: AccountSettings, secrets: SecretProvider) -> Secret:
    """Return the key as 0x and 64 hex digits. Raises CredentialError."""
    setting, reference = key_reference(account)
    text = _read(secrets, setting, reference).reveal()
    if not _KEY.fullmatch(text):
        raise CredentialError(
            f"{setting} does not hold a private key: expected 0x and 64 hex digits, got {len(text)} characters"
        )
    return Secret(f"0x{text.removeprefix('0x').lower()}")


def alert_references(alerts: AlertSettings) -> Iterator[tuple[str, str]]:
    """Yield where the URLs of alerts lie that are secrets: the configuration's key, and the reference."""
    yield from (("alerts.webhook_secrets", reference) for reference in alerts.webhook_secrets)
    yield from (("alerts.service_secrets", reference) for reference in alerts.service_secrets)


def alert_url(setting: str, reference: str, secrets: SecretProvider) -> Secret:
    """Return the URL that an alert is sent to. Raises CredentialError."""
    found, (form, what) = _read(secrets, setting, reference), _URLS[setting]
    if not form.fullmatch(found.reveal()):
        raise CredentialError(f"{setting}: {reference} does not hold {what}")
    return found


def named(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield every secret that the configuration names: its key, and the reference."""
    yield from _key_references(settings.account)
    yield from alert_references(settings.alerts)
    own = (("vault.token", settings.vault.token), ("vault.secret_id", settings.vault.secret_id))
    yield from ((setting, reference) for setting, reference in own if reference is not None)


def _read(secrets: SecretProvider, setting: str, reference: str) -> Secret:
    try:
        return secrets.read(reference)
    except CredentialError as error:
        raise type(error)(f"{setting}: {error}") from None


def _vault(vault: VaultSettings, local: SecretProvider) -> "tuple[VaultServer, Login]":
    from adapters.vault import AppRoleLogin, TokenLogin, VaultServer

    assert vault.address is not None
    server = VaultServer(address=vault.address, ca_file=vault.ca_file, timeout_s=vault.timeout_s)
    if vault.token is not None:
        return server, TokenLogin(partial(_read, local, "vault.token", vault.token))
    assert vault.role_id is not None
    assert vault.secret_id is not None
    return server, AppRoleLogin(vault.role_id, partial(_read, local, "vault.secret_id", vault.secret_id))
