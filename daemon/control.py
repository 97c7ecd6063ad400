"""A unix socket in the state directory: one JSON line asks, one JSON line answers. Its owner's alone."""

import asyncio
import json
import socket
import tempfile
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger()

PATH_MAX = 100
"""The kernel takes 108 bytes; a deeper state directory gets a socket with a short name elsewhere."""
ANSWER_S = 10.0

Handler = Callable[[dict[str, Any]], dict[str, Any]]


class NotRunning(Exception):
    """No daemon answers on this state directory."""


def socket_path(directory: Path) -> Path:
    path = directory.resolve() / "control.sock"
    if len(str(path)) <= PATH_MAX:
        return path
    name = blake2b(str(path).encode(), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"nightdesk-{name}.sock"


class ControlServer:
    """Answers each request with what the handler returns; a request it cannot read gets a reason."""

    def __init__(self, directory: Path, handler: Handler) -> None:
        self._path = socket_path(directory)
        self._handler = handler
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, path=str(self._path))
        self._path.chmod(0o600)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), ANSWER_S)
            writer.write(json.dumps(self._answer(line), default=str).encode() + b"\n")
            await writer.drain()
        except (TimeoutError, ConnectionError) as error:
            log.warning("control request broken off", error=repr(error))
        finally:
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
        except ValueError as error:
            return {"error": f"not JSON: {error}"}
        if not isinstance(request, dict):
            return {"error": "a request is a JSON object with the key 'do'"}
        return self._handler(request)


def ask(directory: Path, **request: Any) -> dict[str, Any]:
    """Ask the running daemon. Raises NotRunning when nobody listens, TimeoutError when nobody answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_S)
        try:
            connection.connect(str(socket_path(directory)))
        except OSError as error:
            raise NotRunning(f"no daemon runs on {directory} ({error.strerror})") from error
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as answer:
            line = answer.readline()
    if not line:
        raise NotRunning(f"the daemon on {directory} closed the connection without an answer")
    document: dict[str, Any] = json.loads(line)
    return document
