"""The venue on loopback, for clients nobody here wrote: POST /info, POST /exchange, GET /ws on one port."""

import asyncio
from typing import Protocol

from aiohttp import WSMsgType, web

from adapters.ports import Clock
from sim.venue.pump import Frames, Pump
from sim.venue.venue import Venue
from sim.venue.wire import JSON, Close, Reply, encode

HOST = "127.0.0.1"
BODY_MAX_BYTES = 4 * 2**20
FRAMES_WAITING_MAX = 50_000
"""A client that reads slower than this is cut off, as the venue does."""


class SpeedClock(Clock, Protocol):
    @property
    def speed(self) -> float: ...


class Server:
    """A venue that listens. url and ws are what clients are given."""

    def __init__(self, venue: Venue, clock: SpeedClock, key: str | None = None) -> None:
        self.port = 0
        self._key = key
        self._venue, self._clock = venue, clock
        self._pump = Pump(venue, clock, self._deliver)
        self._outboxes: dict[int, asyncio.Queue[str | Close]] = {}
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
        app.router.add_route("*", "/info", self._http)
        app.router.add_route("*", "/exchange", self._http)
        app.router.add_get("/ws", self._websocket)
        app.router.add_get("/nightdesk/clock", self._time)
        app.router.add_get("/nightdesk/account", self._account)
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
        if request.method != "POST":
            return web.Response(status=405)
        body = await request.read()
        content_type = request.headers.get("Content-Type")
        given = self._venue.submit(request.path, content_type, body, now_ms=self._clock.now_ms())
        return _response(await self._pump.answer(given))

    async def _time(self, request: web.Request) -> web.Response:
        """Our own: lets a client follow the venue's clock instead of its own."""
        document = {"now_ms": self._clock.now_ms(), "speed": self._clock.speed}
        return _response(Reply(200, JSON, encode(document)))

    async def _account(self, request: web.Request) -> web.Response:
        """Our own: the key of the throw-away account, for a daemon that tries itself out on this venue."""
        return _response(Reply(200, JSON, encode({} if self._key is None else {"key": self._key})))

    # --- websockets --------------------------------------------------------------------------------------

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, autoping=True, max_msg_size=BODY_MAX_BYTES)
        await socket.prepare(request)
        number = self._venue.connect(now_ms=self._clock.now_ms())
        outbox = self._outboxes[number] = asyncio.Queue(FRAMES_WAITING_MAX)
        writer = asyncio.create_task(_write(request, socket, outbox), name=f"venue connection {number}")
        self._pump.flush()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._venue.receive(number, message.data, now_ms=self._clock.now_ms())
                    self._pump.flush()
        finally:
            self._venue.disconnect(number)
            del self._outboxes[number]
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

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


def _response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, headers={"Content-Type": reply.content_type})


async def serve(venue: Venue, *, port: int, clock: SpeedClock, key: str | None = None) -> Server:
    """Open a server for the venue and return it listening; key is told to whoever asks on this machine."""
    server = Server(venue, clock, key)
    await server.open(port)
    return server
