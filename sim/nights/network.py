"""The network between a life of the daemon and the venue: seeded latency, and what is on its way survives its sender.

Limits and faults of requests and frames are those of sim.venue.edge; here are a cable that is out and sockets that are
half open.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from adapters.mock_websocket import MockWebsocket
from adapters.ports import Clock, HttpReply, Socket, Unknown
from sim.nights.life import OUTSIDE, Life
from sim.venue.blocks import Ticket, block_end_ms
from sim.venue.edge import Edge, Request
from sim.venue.fault_plan import SMOOTH, Course, Cut
from sim.venue.holding import channel_of
from sim.venue.venue import Venue
from sim.venue.wire import JSON, Close, Reply

LATENCY_S = (0.03, 0.06)
"""One way, as measured to the venue (hyperliquid.md 4.1 has 0.2 s for a round trip with its block)."""


@dataclass(slots=True, eq=False)
class _Exchange:
    """A request on its way, and who waits for its reply."""

    request: Request
    course: Course
    answer: "asyncio.Future[HttpReply | Cut]"


@dataclass(slots=True, eq=False)
class _Connection:
    """A websocket as both ends see it. free_s: when the last thing on its way arrives, for each direction.

    mute_until_s: channels that say nothing on it meanwhile.
    """

    number: int
    life: Life
    socket: MockWebsocket
    up_free_s: float = 0.0
    down_free_s: float = 0.0
    deaf: bool = False
    mute_until_s: dict[str, float] = field(default_factory=dict)


class Network:
    """Owned by the world: a life is given transports, and when it dies its connections break."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, edge: Edge, clock: Clock, *, random: Random, speed: float = 1.0
    ) -> None:
        self.edge = edge
        self._loop, self._clock, self._random = loop, clock, random
        self._latency_s = tuple(s / speed for s in LATENCY_S)
        self._waiting: dict[int, _Exchange] = {}
        self._asked: dict[asyncio.Future[HttpReply | Cut], None] = {}
        self._open: dict[int, _Connection] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due_ms = 0
        self._down_until_s = 0.0
        self.submitted = 0
        self._fresh = True

    def transports(self, life: Life) -> tuple["WorldHttp", "WorldSockets"]:
        return WorldHttp(self, life), WorldSockets(self, life)

    # --- faults ----------------------------------------------------------------------------------------

    def go_down(self, seconds: float) -> None:
        """Lose everything, both ways, without a word: requests time out, sockets are deaf."""
        self._down_until_s = max(self._down_until_s, self._loop.time() + seconds)

    def half_open(self) -> None:
        """Let every connection that stands be one of which the other side knows nothing any more."""
        for connection in list(self._open.values()):
            connection.deaf = True
            self.edge.disconnect(connection.number)

    def mute(self, channel: str, seconds: float) -> None:
        """Let a channel say nothing on the connections that stand; they answer pings, and new ones are whole."""
        for connection in self._open.values():
            connection.mute_until_s[channel] = self._loop.time() + seconds

    def cut(self) -> None:
        """Reset every connection that stands, and the requests on it; what has arrived is done all the same."""
        for connection in list(self._open.values()):
            self._left(connection.number)
            connection.socket.drop()
        for answer in list(self._asked):
            _deliver(answer, Cut())
        self._fresh = True

    def submit(self, body: bytes) -> None:
        """Take an action of somebody else's client: over no cable of ours, and nobody waits for its reply here."""
        self.submitted += 1
        self.edge.arrive(Request("elsewhere", "/exchange", JSON, body), SMOOTH, now_ms=self._clock.now_ms())
        self._hand_over()

    def order(self, call: Callable[[Venue], object]) -> None:
        """Have something done to the venue that no client asks for."""
        self.edge.order(call, now_ms=self._clock.now_ms())
        self._hand_over()

    def break_all(self, life: Life) -> None:
        """Reset the connections of a life that has ended: the kernel does so for it."""
        for number, connection in list(self._open.items()):
            if connection.life is life:
                self._left(number)
        self._fresh = True

    @property
    def _is_down(self) -> bool:
        return self._loop.time() < self._down_until_s

    # --- requests --------------------------------------------------------------------------------------

    async def post(self, path: str, body: bytes, *, timeout_s: float) -> HttpReply:
        """Raises Unknown when no complete reply came within timeout_s; the venue may have acted on it, or may yet."""
        request = Request("memory", path, JSON, body)
        course = self.edge.course(request, fresh=self._fresh, now_ms=self._clock.now_ms())
        exchange = _Exchange(request, course, self._loop.create_future())
        if not self._is_down:
            self._later(self._delay_s() + course.arrive_ms / 1000, self._arrive, exchange)
        timer = self._loop.call_later(timeout_s, _expire, exchange.answer)
        self._asked[exchange.answer] = None
        try:
            reply = await exchange.answer
        finally:
            timer.cancel()
            self._asked.pop(exchange.answer, None)
        self._fresh = isinstance(reply, Cut)
        if isinstance(reply, Cut):
            why = f"no complete reply within {timeout_s} s" if reply is TOO_LATE else "connection reset"
            raise Unknown(f"POST {path}: {why}")
        return reply

    def _arrive(self, exchange: _Exchange) -> None:
        given = self.edge.arrive(exchange.request, exchange.course, now_ms=self._clock.now_ms())
        if isinstance(given, Ticket):
            self._waiting[given.number] = exchange
        else:
            self._reply(exchange, given)
        self._hand_over()

    def _reply(self, exchange: _Exchange, given: Reply | Cut) -> None:
        reply = given
        if isinstance(given, Reply):
            reply = self.edge.leave(exchange.request, exchange.course, given, now_ms=self._clock.now_ms())
        late_ms = exchange.course.leave_ms if isinstance(reply, Reply) else reply.after_ms
        if not self._is_down:
            self._later(self._delay_s() + late_ms / 1000, _deliver, exchange.answer, reply)

    # --- websockets ------------------------------------------------------------------------------------

    async def connect(self, life: Life) -> Socket:
        """Raises ConnectionError where the upgrade is refused, by a limit, a fault, or a cable that is out."""
        await asyncio.sleep(self._delay_s())
        if self._is_down:
            raise ConnectionError("no route to the venue")
        course = self.edge.upgrade(now_ms=self._clock.now_ms())
        if course.arrive_ms:
            await asyncio.sleep(course.arrive_ms / 1000)
        number = None
        if course.instead is None:
            number = self.edge.connect("memory", now_ms=self._clock.now_ms())
        if number is None:
            raise ConnectionError("the venue refused the connection")
        connection = self._opened(number, life)
        self._hand_over()
        await asyncio.sleep(self._delay_s())
        return connection.socket

    def _opened(self, number: int, life: Life) -> _Connection:
        socket = MockWebsocket(
            on_send=lambda text: self._sent(number, text), on_close=lambda: self._left(number)
        )
        self._open[number] = connection = _Connection(number, life, socket)
        return connection

    def _sent(self, number: int, text: str) -> None:
        connection = self._open.get(number)
        if connection is None or connection.deaf or connection.life.dead or self._is_down:
            return
        connection.up_free_s = max(connection.up_free_s, self._loop.time() + self._delay_s())
        self._at(connection.up_free_s, self._received, number, text)

    def _received(self, number: int, text: str) -> None:
        if number in self._open:
            self.edge.receive(number, text, now_ms=self._clock.now_ms())
            self._hand_over()

    def _show(self, connection: _Connection, frames: list[str | Close]) -> None:
        if connection.deaf:
            return
        for frame in frames:
            if isinstance(frame, Close):
                self._open.pop(connection.number, None)
                connection.socket.drop(frame.code)
            elif not self._is_mute(connection, frame):
                connection.socket.deliver(frame)

    def _is_mute(self, connection: _Connection, frame: str) -> bool:
        until_s = connection.mute_until_s
        return bool(until_s) and self._loop.time() < until_s.get(channel_of(frame), 0.0)

    def _left(self, number: int) -> None:
        if self._open.pop(number, None) is not None:
            self.edge.disconnect(number)

    # --- the venue's time ------------------------------------------------------------------------------

    def wake(self) -> None:
        """Let the venue do what has come due, and be back when it next has something to do."""
        self._timer = None
        self.edge.advance(self._clock.now_ms())
        self._hand_over()

    def _hand_over(self) -> None:
        """Put what the venue has to say on its way."""
        for number, reply in self.edge.take_replies():
            exchange = self._waiting.pop(number, None)
            if exchange is not None:
                self._reply(exchange, reply)
        by_connection: dict[int, list[str | Close]] = {}
        for number, frame in self.edge.take_frames():
            by_connection.setdefault(number, []).append(frame)
        for number, frames in by_connection.items():
            self._send_down(number, frames)
        self._schedule()

    def _send_down(self, number: int, frames: list[str | Close]) -> None:
        connection = self._open.get(number)
        if connection is not None and not connection.deaf and not self._is_down:
            connection.down_free_s = max(connection.down_free_s, self._loop.time() + self._delay_s())
            self._at(connection.down_free_s, self._show, connection, frames)

    def _schedule(self) -> None:
        due_ms = block_end_ms(self.edge.next_ms())
        if self._timer is not None:
            if due_ms == self._due_ms:
                return
            self._timer.cancel()
        self._due_ms = due_ms
        wait_s = max(due_ms - self._clock.now_ms(), 0) / 1000
        self._timer = self._later(wait_s, self.wake)

    def _later(self, seconds: float, call: Callable[..., None], *args: Any) -> asyncio.TimerHandle:
        return self._at(self._loop.time() + seconds, call, *args)

    def _at(self, when_s: float, call: Callable[..., None], *args: Any) -> asyncio.TimerHandle:
        return self._loop.call_at(when_s, call, *args, context=OUTSIDE)

    def _delay_s(self) -> float:
        return self._random.uniform(*self._latency_s)


@dataclass(frozen=True, slots=True)
class WorldHttp:
    """adapters.ports.HttpTransport of one life."""

    network: Network
    life: Life

    async def post(self, path: str, body: bytes, *, timeout_s: float) -> HttpReply:
        return await self.network.post(path, body, timeout_s=timeout_s)

    async def close(self) -> None:
        self.network.break_all(self.life)


@dataclass(frozen=True, slots=True)
class WorldSockets:
    """adapters.ports.SocketTransport of one life."""

    network: Network
    life: Life

    async def connect(self) -> Socket:
        return await self.network.connect(self.life)


TOO_LATE = Cut()


def _expire(answer: "asyncio.Future[HttpReply | Cut]") -> None:
    if not answer.done():
        answer.set_result(TOO_LATE)


def _deliver(answer: "asyncio.Future[HttpReply | Cut]", reply: Reply | Cut) -> None:
    if answer.done():
        return
    if isinstance(reply, Reply):
        answer.set_result(HttpReply(reply.status, reply.content_type, reply.body))
    else:
        answer.set_result(reply)
