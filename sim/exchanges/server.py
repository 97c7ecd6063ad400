"""A scripted venue on loopback, over real sockets: websockets and requests at one port, whatever the path."""

import asyncio
import socket
import struct
from contextlib import suppress

from aiohttp import WSMsgType, web

from adapters.ports import Clock
from sim.exchanges.script import (
    Await,
    Close,
    Cut,
    Flood,
    HalfOpen,
    Live,
    Mute,
    Raw,
    Refuse,
    Say,
    Scene,
    Script,
    Step,
)

HOST = "127.0.0.1"
FRAME_MAX_BYTES = 4 * 2**20
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Conversation:
    """One websocket and the scene that is played on it."""

    def __init__(self, request: web.Request, scene: Scene, clock: Clock) -> None:
        self.heard: list[str] = []
        self._request, self._scene, self._clock = request, scene, clock
        self._socket = web.WebSocketResponse(compress=False, max_msg_size=FRAME_MAX_BYTES, timeout=0.1)
        self._news = asyncio.Condition()

    async def play(self) -> web.WebSocketResponse:
        """Return when the connection is over."""
        await self._socket.prepare(self._request)
        player = asyncio.create_task(self._steps(), name="scripted venue")
        try:
            await self._listen()
        finally:
            player.cancel()
            await asyncio.gather(player, return_exceptions=True)
        return self._socket

    async def _listen(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                async with self._news:
                    self.heard.append(message.data)
                    self._news.notify_all()
                for reply in self._scene.replies:
                    if reply.when in message.data:
                        for text in reply.texts:
                            await self._socket.send_str(text)

    async def _steps(self) -> None:
        with suppress(ConnectionError):
            for step in self._scene.steps:
                await self._step(step)

    async def _step(self, step: Step) -> None:
        match step:
            case Say():
                await self._say(step)
            case Await(text=text):
                async with self._news:
                    await self._news.wait_for(lambda: self._has_heard(text))
            case Flood(text=text, times=times):
                for _ in range(times):
                    await self._socket.send_str(text)
            case Live():
                await self._live(step)
            case Close(code=code, after_s=after_s):
                await self._clock.sleep(after_s)
                await self._socket.close(code=code)
            case Mute():
                await asyncio.Event().wait()
            case Cut() | HalfOpen() | Raw():
                await self._wire(step)

    async def _say(self, say: Say) -> None:
        await self._clock.sleep(say.after_s)
        if not self._has_heard(say.wanted):
            return
        if isinstance(say.text, bytes):
            await self._socket.send_bytes(say.text)
        else:
            await self._socket.send_str(say.text)

    async def _live(self, live: Live) -> None:
        number = 0
        while True:
            for say in live.texts(number, self._clock.now_ms()):
                await self._say(say)
            number += 1
            await self._clock.sleep(live.every_s)

    async def _wire(self, step: Cut | HalfOpen | Raw) -> None:
        transport = self._request.transport
        if transport is None:
            return
        if isinstance(step, Raw):
            transport.write(step.data)
        elif isinstance(step, HalfOpen):
            transport.pause_reading()
        else:
            await self._clock.sleep(step.after_s)
            _reset(transport)
        await asyncio.Event().wait()

    def _has_heard(self, text: str) -> bool:
        return not text or any(text in frame for frame in self.heard)


class ScriptedVenue:
    """Plays a script, which may be exchanged while it runs. conversations and asked (paths) tell what clients did."""

    def __init__(self, script: Script, clock: Clock) -> None:
        self.script = script
        self.conversations: list[Conversation] = []
        self.asked: list[str] = []
        self.handshakes = 0
        self.port = 0
        self._clock = clock
        self._runner: web.AppRunner | None = None

    @property
    def host(self) -> str:
        """Host and port, as adapters.exchanges.dialing.moved_to takes them."""
        return f"{HOST}:{self.port}"

    async def open(self, port: int = 0) -> None:
        """Listen on this machine only; 0 picks a free port. Raises OSError when it is taken."""
        app = web.Application(client_max_size=FRAME_MAX_BYTES)
        app.router.add_route("*", "/{path:.*}", self._any)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop at once: connections are reset."""
        for conversation in self.conversations:
            _reset(conversation._request.transport)
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> "ScriptedVenue":
        await self.open()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()

    async def _any(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._handshake(request)
        self.asked.append(request.path_qs)
        answer = self.script.answer(request.path_qs)
        await self._clock.sleep(answer.after_s)
        return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)

    async def _handshake(self, request: web.Request) -> web.StreamResponse:
        scene = self.script.scene(self.handshakes)
        self.handshakes += 1
        if isinstance(scene, Refuse):
            if scene.status is None:
                await asyncio.Event().wait()
            return web.Response(status=scene.status or 503)
        conversation = Conversation(request, scene, self._clock)
        self.conversations.append(conversation)
        return await conversation.play()


def _reset(transport: asyncio.Transport | None) -> None:
    """Break a connection so that the other side sees a reset, not an orderly end."""
    if transport is None:
        return
    own: socket.socket | None = transport.get_extra_info("socket")
    if own is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()
