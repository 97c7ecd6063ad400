"""A Vault for tests: its HTTP API as far as a reader of secrets meets it, on loopback, with its faults at hand.

Written to HashiCorp's API documentation (KV v2, token, AppRole, /sys/health's codes); it keeps no clock: leases end
when expire() is called.
"""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Document = dict[str, Any]
Answer = tuple[int, Document]

DENIED: Answer = (403, {"errors": ["permission denied"]})
NOTHING: Answer = (404, {"errors": []})
SEALED: Answer = (503, {"errors": ["Vault is sealed"]})
NOT_RENEWABLE: Answer = (400, {"errors": ["lease is not renewable"]})
BAD_ROLE: Answer = (400, {"errors": ["invalid role or secret ID"]})
ROLE_LOGIN = "/v1/auth/approle/login"


@dataclass(slots=True)
class Token:
    """ttl_s 0 never ends. A lease is made longer at most renewals times; denied: its policy allows no secret."""

    ttl_s: int = 3600
    renewable: bool = True
    renewals: int = 1_000
    denied: bool = False


@dataclass(slots=True)
class Vault:
    """versions holds every secret's versions by MOUNT/PATH, the newest last, None for a deleted one."""

    versions: dict[str, list[dict[str, str] | None]] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    of_role: Token = field(default_factory=Token)
    sealed: bool = False
    asked: list[str] = field(default_factory=list)
    logins: int = 0

    def put(self, path: str, **fields: str) -> None:
        """Write a new version of a secret."""
        self.versions.setdefault(path, []).append(fields)

    def delete(self, path: str) -> None:
        self.versions[path].append(None)

    def expire(self, *tokens: str) -> None:
        """End these tokens' leases, or all."""
        for token in tokens or tuple(self.tokens):
            del self.tokens[token]

    def answer(self, method: str, path: str, token: str, body: Document) -> Answer:
        self.asked.append(f"{method} {path}")
        if self.sealed:
            return SEALED
        if path == ROLE_LOGIN:
            return self._login(body)
        known = self.tokens.get(token)
        if known is None:
            return DENIED
        match path:
            case "/v1/auth/token/lookup-self":
                return 200, {"data": {"ttl": known.ttl_s, "renewable": known.renewable}}
            case "/v1/auth/token/renew-self":
                return self._renew(known)
        return self._secret(path, known)

    def _login(self, body: Document) -> Answer:
        role = body.get("role_id", "")
        if self.roles.get(role) != body.get("secret_id"):
            return BAD_ROLE
        self.logins += 1
        token = f"hvs.made-for-{role}-{self.logins}"
        self.tokens[token] = Token(self.of_role.ttl_s, self.of_role.renewable, self.of_role.renewals)
        return 200, {"auth": {"client_token": token, "lease_duration": self.of_role.ttl_s}}

    def _renew(self, token: Token) -> Answer:
        if not token.renewable:
            return NOT_RENEWABLE
        token.renewals -= 1
        if token.renewals < 0:
            token.ttl_s = 1
        return 200, {"auth": {"lease_duration": token.ttl_s, "renewable": True}}

    def _secret(self, path: str, token: Token) -> Answer:
        mount, data, name = path.removeprefix("/v1/").partition("/data/")
        if token.denied or not data:
            return DENIED
        versions = self.versions.get(f"{mount}/{name}")
        if not versions:
            return NOTHING
        metadata = {"version": len(versions), "deletion_time": "", "destroyed": False}
        if versions[-1] is None:
            metadata["deletion_time"] = "2025-01-01T00:00:00Z"
            return 404, {"data": {"data": None, "metadata": metadata}}
        return 200, {"data": {"data": versions[-1], "metadata": metadata}}


@contextmanager
def serving(vault: Vault) -> Iterator[str]:
    """Serve it on a free port of loopback; yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(vault))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent() -> Iterator[str]:
    """Take connections and answer nothing; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def _handler(vault: Vault) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def _serve(self, method: str) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size) or b"{}")
            path = self.path.partition("?")[0]
            status, document = vault.answer(method, path, self.headers.get("X-Vault-Token", ""), body)
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            return None

    return Handler
