"""Where consumers get the index price: HTTP and a websocket, JSON, on loopback unless told otherwise.

Nobody here can make publishing wait: values are handed over at once, and each consumer's connection has a task and a
mailbox of its own.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from aiohttp import WSCloseCode, web

from core.prices.settling import Settled
from core.prices.types import Published
from daemon.index_prices.documents import proof, told
from daemon.index_prices.mailbox import Mailbox
from daemon.index_prices.metrics import CONTENT_TYPE
from daemon.index_prices.settlements import document
from daemon.options import BadUse

log = structlog.get_logger()

CONSUMERS_MAX = 200
HEARD_MAX_BYTES = 4096
"""A consumer has nothing to say; what it says is read and forgotten."""

STUCK_S = 20.0
"""A consumer that takes nothing for so long is disconnected."""

PING_S = 20.0
CLOSING_S = 1.0

SETTLEMENTS_MAX = 100
"""Kept for those who ask later."""

PATHS = "GET /v1/index, /v1/index/BTC-USD, /v1/level, /v1/settlements, /v1/health, /metrics, and the websocket /v1/stream"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the endpoint asks of the instance: whether it publishes, how it is, its metrics; a crypto index kept beside."""

    leads: Callable[[], bool]
    health: Callable[[], Mapping[str, Any]]
    metrics: Callable[[], bytes]
    level: Callable[[], Mapping[str, Any] | None] = lambda: None


class Endpoint:
    """A sink of published values that serves them. Values of a time in which another instance led are not told."""

    def __init__(self, about: About) -> None:
        self.port = 0
        self._about = about
        self._newest: dict[str, Published] = {}
        self._settled: deque[Settled] = deque(maxlen=SETTLEMENTS_MAX)
        self._mailboxes: set[Mailbox] = set()
        self._sockets: set[web.WebSocketResponse] = set()
        self._overtaken = 0
        self._runner: web.AppRunner | None = None

    @property
    def overtaken(self) -> int:
        """Values that slow consumers were not sent, because a newer one was there."""
        return self._overtaken + sum(box.overtaken for box in self._mailboxes)

    @property
    def consumers(self) -> int:
        return len(self._mailboxes)

    async def open(self, host: str, port: int) -> None:
        """Listen; 0 picks a free port. Raises BadUse where the place is taken or no address of this machine."""
        app = web.Application(middlewares=[_explained], client_max_size=HEARD_MAX_BYTES)
        app.router.add_get("/v1/index", self._index)
        app.router.add_get("/v1/index/{symbol}", self._symbol)
        app.router.add_get("/v1/level", self._level)
        app.router.add_get("/v1/settlements", self._settlements)
        app.router.add_get("/v1/health", self._health)
        app.router.add_get("/v1/stream", self._stream)
        app.router.add_get("/metrics", self._metrics)
        app.on_shutdown.append(self._farewell)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSING_S, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self.close()
            raise BadUse(f"index_price.host {host}, port {port}: cannot listen ({error.strerror})") from None
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Say farewell to every consumer and stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def publish(self, values: Sequence[Published]) -> None:
        for value in values:
            self._newest[value.symbol] = value
            if self._mailboxes:
                text = encoded(proof(value))
                for box in self._mailboxes:
                    box.put(value.symbol, text)

    def settled(self, settled: Settled) -> None:
        """Tell a settlement to those who asked for them, and keep it for those who ask."""
        self._settled.append(settled)
        text = encoded({"settlement": document(settled)})
        for box in self._mailboxes:
            box.put_settlement(settled.symbol, settled.end_ms, text)

    def silent(self) -> None:
        """This instance does not publish any more: what it published is told to nobody who comes now."""
        self._newest.clear()

    # --- what is asked ---------------------------------------------------------------------------------------

    async def _index(self, _: web.Request) -> web.Response:
        self._refuse_unless_leading()
        return _json({"values": [told(value) for _, value in sorted(self._newest.items())]})

    async def _symbol(self, request: web.Request) -> web.Response:
        name = request.match_info["symbol"]
        self._refuse_unless_leading()
        value = self._newest.get(name.upper().replace("-", "/"))
        if value is None:
            known = ", ".join(sorted(self._newest)).replace("/", "-") or "none yet"
            raise _fault(web.HTTPNotFound, f"no index {name[:40]}; published are {known}")
        return _json(proof(value))

    async def _level(self, _: web.Request) -> web.Response:
        shown = self._about.level()
        if shown is None:
            raise _fault(
                web.HTTPNotFound,
                "no crypto index is kept here, it is not launched yet, or it does not run now",
            )
        return _json(dict(shown))

    async def _settlements(self, request: web.Request) -> web.Response:
        """Every instance answers: what it published of them stays true when another one leads."""
        wanted = request.query.get("symbol", "").upper().replace("-", "/")
        found = [document(one) for one in reversed(self._settled) if wanted in ("", one.symbol)]
        return _json({"settlements": found})

    async def _health(self, _: web.Request) -> web.Response:
        found = self._about.health()
        return _json(found, status=200 if found["healthy"] else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._about.metrics(), headers={"Content-Type": CONTENT_TYPE})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if len(self._mailboxes) >= CONSUMERS_MAX:
            raise _fault(web.HTTPServiceUnavailable, f"{CONSUMERS_MAX} consumers are connected already")
        wanted = request.query.get("symbols", "").upper().replace("-", "/")
        box = Mailbox(
            [name for name in wanted.split(",") if name], settlements="settlements" in request.query
        )
        # aiohttp writes at most 64 KiB ahead of a consumer, then its sending waits; compression would need more.
        socket = web.WebSocketResponse(
            heartbeat=PING_S, max_msg_size=HEARD_MAX_BYTES, compress=False, timeout=CLOSING_S
        )
        if not socket.can_prepare(request):
            raise _fault(web.HTTPUpgradeRequired, "/v1/stream is a websocket: connect with ws://")
        await socket.prepare(request)
        await self._serve(request, socket, box)
        return socket

    async def _serve(self, request: web.Request, socket: web.WebSocketResponse, box: Mailbox) -> None:
        if self._about.leads():
            for symbol, value in sorted(self._newest.items()):
                box.put(symbol, encoded(proof(value)))
        self._mailboxes.add(box)
        self._sockets.add(socket)
        sending = asyncio.create_task(_send(request, socket, box), name="consumer")
        try:
            async for _ in socket:
                pass
        finally:
            self._mailboxes.discard(box)
            self._sockets.discard(socket)
            self._overtaken += box.overtaken
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _farewell(self, _: web.Application) -> None:
        await asyncio.gather(
            *(socket.close(code=WSCloseCode.GOING_AWAY) for socket in tuple(self._sockets)),
            return_exceptions=True,
        )

    def _refuse_unless_leading(self) -> None:
        if not self._about.leads():
            raise _fault(
                web.HTTPServiceUnavailable, "this instance does not publish: it does not hold the lease"
            )


async def _send(request: web.Request, socket: web.WebSocketResponse, box: Mailbox) -> None:
    """Send what comes. A consumer that does not take it is cut off: closing in order would wait for it as well."""
    with suppress(ConnectionError):
        while True:
            for text in await box.take():
                try:
                    async with asyncio.timeout(STUCK_S):
                        await socket.send_str(text.decode())
                except TimeoutError:
                    log.warning("a consumer takes nothing and is disconnected", for_s=STUCK_S)
                    if request.transport is not None:
                        request.transport.abort()
                    return


@web.middleware
async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what is wrong with one message, as JSON."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        text = f"{request.method[:20]} is not allowed on {request.path[:80]}: {allowed} are"
        return _json({"error": text}, status=405, headers={"Allow": allowed})
    except web.HTTPNotFound as error:
        if error.content_type == "application/json":
            raise
        return _json({"error": f"there is no {request.path[:80]}; there are {PATHS}"}, status=404)


def encoded(document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON, which has no NaN: msgspec writes null."""
    return msgspec.json.encode(document)


def _json(
    document: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=encoded(document), status=status, content_type="application/json", headers=headers
    )


def _fault(kind: type[web.HTTPException], text: str) -> web.HTTPException:
    return kind(text=encoded({"error": text}).decode(), content_type="application/json")
