"""The venue on loopback, for clients nobody here wrote: POST /info, POST /exchange, GET /ws on one port."""

import asyncio
import socket
import struct
from typing import Protocol
from weakref import WeakSet

from aiohttp import WSMsgType, hdrs, web

from adapters.ports import Clock
from sim.venue.edge import Edge, Request
from sim.venue.fault_plan import TOO_MANY, Course, Cut
from sim.venue.pump import Frames, Pump
from sim.venue.venue import Venue
from sim.venue.wire import JSON, TEXT, Close, Reply, encode

HOST = "127.0.0.1"
BODY_MAX_BYTES = 4 * 2**20
FRAMES_WAITING_MAX = 50_000
"""A client that reads slower than this is cut off, as the venue does."""

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
TOO_LARGE = Reply(413, TEXT, b"length limit exceeded")


class SpeedClock(Clock, Protocol):
    @property
    def speed(self) -> float: ...


class Server:
    """A venue that listens. url and ws are what clients are given."""

    def __init__(self, edge: Edge, clock: SpeedClock, key: str | None = None) -> None:
        self.port = 0
        self._key = key
        self.edge, self._clock = edge, clock
        self._pump = Pump(edge, clock, self._deliver)
        self._outboxes: dict[int, asyncio.Queue[str | Close]] = {}
        self._known: WeakSet[asyncio.Transport] = WeakSet()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://{HOST}:{self.port}/ws"

    @property
    def connections(self) -> int:
        """How many websockets are open."""
        return len(self._outboxes)

    async def open(self, port: int) -> None:
        """Listen on a port of this machine only; 0 picks a free one. Raises OSError when it is taken."""
        app = web.Application(client_max_size=BODY_MAX_BYTES)
        app.router.add_get("/ws", self._websocket)
        app.router.add_get("/nightdesk/clock", self._time)
        app.router.add_get("/nightdesk/account", self._account)
        app.router.add_get("/nightdesk/limits", self._limits)
        app.router.add_get("/nightdesk/faults", self._faults)
        app.router.add_get("/nightdesk/mistakes", self._mistakes)
        app.router.add_route("*", "/{path:.*}", self._http)
        app.on_response_prepare.append(_without_type_when_empty)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._pump.flush()

    async def close(self) -> None:
        """Stop at once: connections are cut, not closed."""
        for number in self._outboxes:
            self._deliver(number, (Close(1006),))
        await self._pump.close()
        if self._runner is not None:
            await self._runner.cleanup()

    # --- HTTP --------------------------------------------------------------------------------------------

    async def _http(self, request: web.Request) -> web.Response:
        if request.path in ("/info", "/exchange") and request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _response(TOO_LARGE)
        asked = Request(_ip(request), request.path, request.headers.get("Content-Type"), body)
        course = self.edge.course(asked, fresh=self._is_new(request), now_ms=self._clock.now_ms())
        if course.arrive_ms:
            await self._clock.sleep(course.arrive_ms / 1000)
        reply = await self._answer(asked, course)
        if course.leave_ms:
            await self._clock.sleep(course.leave_ms / 1000)
        return _response(reply) if isinstance(reply, Reply) else await self._cut(request, reply)

    async def _answer(self, asked: Request, course: Course) -> Reply | Cut:
        given = self.edge.arrive(asked, course, now_ms=self._clock.now_ms())
        if isinstance(given, Cut):
            self._pump.flush()
            return given
        reply = await self._pump.answer(given)
        return self.edge.leave(asked, course, reply, now_ms=self._clock.now_ms())

    def _is_new(self, request: web.Request) -> bool:
        """Say whether this is the first request of its connection."""
        connection = request.transport
        if connection is None or connection in self._known:
            return False
        self._known.add(connection)
        return True

    async def _cut(self, request: web.Request, cut: Cut) -> web.Response:
        """Reset the connection. What is returned goes nowhere."""
        await self._clock.sleep(cut.after_ms / 1000)
        _reset(request.transport)
        return web.Response()

    async def _time(self, request: web.Request) -> web.Response:
        """Our own: lets a client follow the venue's clock, and its limit of weight, instead of its own."""
        weight = self.edge.limits.limits.weight_per_min
        document = {
            "now_ms": self._clock.now_ms(),
            "speed": self._clock.speed,
            "ip_weight_per_min": weight or 0,
        }
        return _response(Reply(200, JSON, encode(document)))

    async def _account(self, request: web.Request) -> web.Response:
        """Our own: the key of the throw-away account, for a daemon that tries itself out on this venue."""
        return _response(Reply(200, JSON, encode({} if self._key is None else {"key": self._key})))

    async def _limits(self, request: web.Request) -> web.Response:
        """Our own: what every address has used of its limits."""
        return _response(Reply(200, JSON, encode(self.edge.limits.document(self._clock.now_ms()))))

    async def _faults(self, request: web.Request) -> web.Response:
        """Our own: how often each fault of the plan has struck."""
        return _response(Reply(200, JSON, encode(self.edge.plan.document())))

    async def _mistakes(self, request: web.Request) -> web.Response:
        """Our own: what the venue itself did wrong and went on after; [] of one that can be believed."""
        return _response(Reply(200, JSON, encode([repr(mistake) for mistake in self.edge.venue.mistakes])))

    # --- websockets --------------------------------------------------------------------------------------

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        course = self.edge.upgrade(now_ms=self._clock.now_ms())
        if (refusal := await self._refused(request, course)) is not None:
            return refusal
        socket = web.WebSocketResponse(compress=False, autoping=True, max_msg_size=BODY_MAX_BYTES)
        if not socket.can_prepare(request):
            return _response(Reply(400, TEXT, b"Connection header did not include 'upgrade'"))
        number = self.edge.connect(_ip(request), now_ms=self._clock.now_ms())
        if number is None:
            return _response(TOO_MANY)
        try:
            await socket.prepare(request)
            await self._converse(request, socket, number)
        finally:
            self.edge.disconnect(number)
        return socket

    async def _refused(self, request: web.Request, course: Course) -> web.Response | None:
        if course.arrive_ms:
            await self._clock.sleep(course.arrive_ms / 1000)
        if isinstance(course.instead, Reply):
            return _response(course.instead)
        return None if course.instead is None else await self._cut(request, course.instead)

    async def _converse(self, request: web.Request, socket: web.WebSocketResponse, number: int) -> None:
        outbox = self._outboxes[number] = asyncio.Queue(FRAMES_WAITING_MAX)
        writer = asyncio.create_task(_write(request, socket, outbox), name=f"venue connection {number}")
        self._pump.flush()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self.edge.receive(number, message.data, now_ms=self._clock.now_ms())
                    self._pump.flush()
        finally:
            del self._outboxes[number]
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    def _deliver(self, number: int, frames: Frames) -> None:
        outbox = self._outboxes.get(number)
        if outbox is None:
            return
        for frame in frames:
            if outbox.full():
                outbox.get_nowait()
                frame = Close(1006)
            outbox.put_nowait(frame)


async def _write(
    request: web.Request, socket: web.WebSocketResponse, outbox: asyncio.Queue[str | Close]
) -> None:
    while True:
        frame = await outbox.get()
        if isinstance(frame, Close):
            if request.transport is not None:
                request.transport.abort()
            return
        try:
            await socket.send_str(frame)
        except ConnectionError:
            return


def _ip(request: web.Request) -> str:
    return request.remote or "unknown"


def _response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, headers={"Content-Type": reply.content_type})


async def _without_type_when_empty(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """A refused method has no content, so the venue names no type for it."""
    if response.status == 405:
        response.headers.popall(hdrs.CONTENT_TYPE, None)


def _reset(transport: asyncio.Transport | None) -> None:
    """Break a connection so that the other side sees a reset, not an orderly end."""
    if transport is None:
        return
    own: socket.socket | None = transport.get_extra_info("socket")
    if own is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()


async def serve(venue: Venue | Edge, *, port: int, clock: SpeedClock, key: str | None = None) -> Server:
    """Open a server for a venue and return it listening; key is told to whoever asks on this machine.

    A venue without an edge is given one that limits nobody and has no faults.
    """
    server = Server(venue if isinstance(venue, Edge) else Edge(venue), clock, key)
    await server.open(port)
    return server
