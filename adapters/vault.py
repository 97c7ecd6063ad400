"""HashiCorp Vault, key/value engine version 2, through hvac. Every call blocks: make it off the loop."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import hvac
from hvac import exceptions

from adapters.secrets import CredentialError, CredentialUnavailable, Secret

TTL_MIN_S = 60.0
"""A lease that cannot be made longer than this is at its end: we log in again."""

RENEW_AGAIN_MIN_S = 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultServer:
    """Where it is. ca_file signs its certificate, by default the system's; timeout_s to connect, and to answer."""

    address: str
    ca_file: str | None = None
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """A token that somebody else made; it is read again when Vault refuses the one we have."""

    token: Callable[[], Secret]

    def __call__(self, client: Any) -> None:
        client.token = self.token().reveal()


@dataclass(frozen=True, slots=True)
class AppRoleLogin:
    """A token for a role, made by Vault at each login. The secret id is read again each time."""

    role_id: str
    secret_id: Callable[[], Secret]

    def __call__(self, client: Any) -> None:
        try:
            found = client.auth.approle.login(self.role_id, self.secret_id().reveal(), use_token=False)
        except (exceptions.InvalidRequest, exceptions.Forbidden) as error:
            raise CredentialError(
                f"Vault refused the role and its secret id ({_words(error)}). "
                "Make a new one (vault write -f auth/approle/role/ROLE/secret-id), or mend vault.role_id"
            ) from None
        client.token = str(_part(found, "auth", "client_token"))


Login = TokenLogin | AppRoleLogin


class VaultSecrets:
    """reference: MOUNT/PATH#FIELD of the newest version. A token that is refused is replaced once, then told of."""

    def __init__(self, server: VaultServer, login: Login) -> None:
        self._server = server
        self._login = login
        self._client: Any = None
        self._lock = threading.Lock()

    def read(self, reference: str) -> Secret:
        """Return one field of a secret. Raises CredentialUnavailable when Vault is away, sealed or busy."""
        path, _, field = reference.partition("#")
        mount, _, rest = path.partition("/")
        if not (mount and rest and field):
            raise CredentialError(f"{reference}: expected MOUNT/PATH#FIELD, as in secret/nightdesk#agent_key")
        with self._lock:
            found = self._asked(lambda client: _newest(client, mount, rest), path)
        fields = _part(found, "data", "data")
        if not isinstance(fields, dict) or not isinstance(fields.get(field), str) or not fields[field]:
            names = ", ".join(sorted(fields)) if isinstance(fields, dict) else ""
            raise CredentialError(f"Vault's {path} has no text in the field {field}; its fields: {names}")
        return Secret(fields[field].strip())

    def renew(self) -> float:
        """Make our token's lease longer, or log in again at its end; return the seconds until the next renewal.

        Without a login there is nothing to renew yet: inf, as for a token that never ends.
        """
        with self._lock:
            if self._client is None:
                return inf
            ttl_s = self._asked(_renewed_s, "auth/token/renew-self")
            if ttl_s < TTL_MIN_S:
                self._told(self._signed_in, "auth")
                ttl_s = self._asked(_ttl_s, "auth/token/lookup-self")
        return max(ttl_s / 2, RENEW_AGAIN_MIN_S)

    def _asked(self, ask: Callable[[Any], T], path: str) -> T:
        """Ask with the token we have, and once more with a new one where that is refused."""
        if self._client is None:
            return self._told(lambda: ask(self._signed_in()), path)
        try:
            return self._told(lambda: ask(self._client), path)
        except Refused:
            return self._told(lambda: ask(self._signed_in()), path)

    def _signed_in(self) -> Any:
        if self._client is None:
            self._client = _client(self._server)
        self._client.token = ""
        self._login(self._client)
        return self._client

    def _told(self, ask: Callable[[], T], path: str) -> T:
        """Say in words what Vault answered. Nothing of an answer's body is repeated but Vault's own list of errors."""
        place = f"Vault at {self._server.address}"
        try:
            return ask()
        except exceptions.Forbidden as error:
            raise Refused(
                f"{place} refused our token for {path} ({_words(error)}): it has expired, or its policy does not "
                f"allow it. Give it a policy with read on {path.replace('/', '/data/', 1)}, or a new token"
            ) from None
        except exceptions.InvalidPath:
            raise CredentialError(
                f"{place} has nothing at {path}, or its newest version is deleted: vault kv get {path}"
            ) from None
        except exceptions.VaultDown as error:
            raise CredentialUnavailable(
                f"{place} is sealed or down ({_words(error)}): vault operator unseal"
            ) from None
        except exceptions.VaultError as error:
            raise CredentialUnavailable(f"{place} failed: {type(error).__name__} ({_words(error)})") from None
        except OSError as error:
            raise CredentialUnavailable(f"{place} does not answer: {type(error).__name__}") from None


class Refused(CredentialError):
    """Vault does not take our token, or not for this."""


def _client(server: VaultServer) -> Any:
    """Everything is given, for hvac would look into the environment and the home directory for what is not."""
    if server.ca_file is not None and not Path(server.ca_file).is_file():
        raise CredentialError(f"vault.ca_file = {server.ca_file}: no such file")
    client = hvac.Client(
        url=server.address,
        token="",
        verify=server.ca_file or True,
        timeout=server.timeout_s,
        allow_redirects=False,
    )
    client.adapter.session.trust_env = False
    return client


def _newest(client: Any, mount: str, path: str) -> Any:
    return client.secrets.kv.v2.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)


def _ttl_s(client: Any) -> float:
    """Return the seconds that our token has left; inf for one that never ends."""
    return _seconds(client.auth.token.lookup_self(), "data", "ttl")


def _renewed_s(client: Any) -> float:
    facts = client.auth.token.lookup_self()
    if _part(facts, "data", "renewable") is not True:
        return _seconds(facts, "data", "ttl")
    return _seconds(client.auth.token.renew_self(), "auth", "lease_duration")


def _seconds(document: Any, *path: str) -> float:
    """Vault says 0 of what never ends."""
    found = _part(document, *path)
    if not isinstance(found, int | float) or found < 0:
        raise CredentialUnavailable(f"Vault's answer has no number at {'.'.join(path)}")
    return float(found) or inf


def _part(document: Any, *path: str) -> Any:
    """Return what lies at that path of an answer; a redirect has no document at all, and is not followed."""
    for name in path:
        if not isinstance(document, dict) or name not in document:
            raise CredentialUnavailable(
                f"Vault's answer has no {'.'.join(path)}: vault.address must be the active node's own, "
                "and the mount an engine kv version 2"
            )
        document = document[name]
    return document


def _words(error: exceptions.VaultError) -> str:
    return ", ".join(map(str, error.errors or ()))[:200] or "no reason given"
