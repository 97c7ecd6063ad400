"""The venue in this process: adapters.ports transports with seeded latency, on the loop and clock at hand.

Limits and faults are those of the edge, the same as over sockets.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import NoReturn

from adapters.mock_websocket import MockWebsocket
from adapters.ports import Clock, HttpReply, Socket, Unknown
from sim.venue.blocks import Ticket
from sim.venue.edge import Edge, Request
from sim.venue.fault_plan import Course, Cut
from sim.venue.pump import Frames, Pump
from sim.venue.venue import Venue
from sim.venue.wire import JSON, Close, Reply

LATENCY_MS = (30.0, 60.0)
ADDRESS = "memory"
"""The IP address of everybody in this process."""


class Lane:
    """One direction of one connection: everything arrives later, and in the order in which it was sent:
    what is first in the queue holds up the rest."""

    def __init__(
        self, clock: Clock, latency_s: Callable[[], float], arrive: Callable[[str | Close], None]
    ) -> None:
        self._clock, self._latency_s, self._arrive = clock, latency_s, arrive
        self._waiting: deque[tuple[int, Frames]] = deque()
        self._task: asyncio.Task[None] | None = None

    def send(self, frames: Frames) -> None:
        """Put frames on their way together, as one segment."""
        self._waiting.append((self._clock.now_ms() + round(1000 * self._latency_s()), frames))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="venue lane")

    def cut(self) -> None:
        """Lose what is on its way."""
        self._waiting.clear()

    async def _run(self) -> None:
        while self._waiting:
            wait_ms = self._waiting[0][0] - self._clock.now_ms()
            if wait_ms > 0:
                await self._clock.sleep(wait_ms / 1000)
                continue
            for frame in self._waiting.popleft()[1]:
                self._arrive(frame)
        self._task = None


class InMemoryVenue:
    """The peer for one HTTP client and any number of websockets; the adapter's two transports.

    Requests, replies and frames travel between the bounds of latency_ms each way, in seconds of the clock.
    A venue without an edge is given one that limits nobody and has no faults.
    """

    def __init__(
        self, venue: Venue | Edge, clock: Clock, *, seed: int, latency_ms: tuple[float, float] = LATENCY_MS
    ) -> None:
        self.sockets: dict[int, MockWebsocket] = {}
        self.edge = venue if isinstance(venue, Edge) else Edge(venue)
        self._clock, self._connected = clock, False
        self._random = random.Random(f"latency {seed}")
        self._latency_ms = latency_ms
        self._lanes: dict[int, Lane] = {}
        self._late: set[asyncio.Task[None]] = set()
        self._pump = Pump(self.edge, clock, self._deliver)

    # --- adapters.ports.HttpTransport ------------------------------------------------------------------------

    async def post(self, path: str, body: bytes, *, timeout_s: float) -> HttpReply:
        """Raises Unknown when no complete reply came within timeout_s; the venue may have acted on it, or may yet."""
        request = Request(ADDRESS, path, JSON, body)
        sent_ms, out_s, back_s = self._clock.now_ms(), self._latency_s(), self._latency_s()
        course = self.edge.course(request, fresh=not self._connected, now_ms=self._clock.now_ms())
        self._connected = True
        out_s += course.arrive_ms / 1000
        if out_s >= timeout_s:
            self._arrive_late(request, course, out_s)
            await self._too_late(path, timeout_s, timeout_s)
        await self._clock.sleep(out_s)
        now_ms = self._clock.now_ms()
        given = self._arrive(request, course)
        out_s += (given.due_ms - now_ms) / 1000 if isinstance(given, Ticket) else 0.0
        if out_s + back_s > timeout_s:
            await self._too_late(path, timeout_s - (now_ms - sent_ms) / 1000, timeout_s)
        reply = await self._reply(request, course, given)
        back_s += (course.leave_ms if isinstance(reply, Reply) else reply.after_ms) / 1000
        if out_s + back_s > timeout_s:
            await self._too_late(path, timeout_s - out_s, timeout_s)
        await self._clock.sleep(back_s)
        if isinstance(reply, Cut):
            self._connected = False
            raise Unknown(f"POST {path}: connection reset by the other side")
        return HttpReply(reply.status, reply.content_type, reply.body)

    def _arrive(self, request: Request, course: Course) -> Reply | Cut | Ticket:
        given = self.edge.arrive(request, course, now_ms=self._clock.now_ms())
        self._pump.flush()
        return given

    async def _reply(self, request: Request, course: Course, given: Reply | Cut | Ticket) -> Reply | Cut:
        if isinstance(given, Cut):
            return given
        reply = await self._pump.answer(given)
        return self.edge.leave(request, course, reply, now_ms=self._clock.now_ms())

    def _arrive_late(self, request: Request, course: Course, out_s: float) -> None:
        """What is on its way arrives, though its sender has given up waiting."""

        async def arrive() -> None:
            await self._clock.sleep(out_s)
            self._arrive(request, course)

        task = asyncio.get_running_loop().create_task(arrive(), name="late request")
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _too_late(self, path: str, wait_s: float, timeout_s: float) -> NoReturn:
        await self._clock.sleep(wait_s)
        self._connected = False
        raise Unknown(f"POST {path}: no complete reply within {timeout_s} s")

    async def close(self) -> None:
        """End every connection and the venue's own time."""
        for number in list(self.sockets):
            self._lanes[number].cut()
            self._left(number).drop()
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        await self._pump.close()

    # --- adapters.ports.SocketTransport ----------------------------------------------------------------------

    async def connect(self) -> Socket:
        """Raises ConnectionError where the upgrade is refused, by a limit or a fault."""
        await self._clock.sleep(self._latency_s())
        course = self.edge.upgrade(now_ms=self._clock.now_ms())
        if course.arrive_ms:
            await self._clock.sleep(course.arrive_ms / 1000)
        if course.instead is not None:
            said = (
                f"HTTP {course.instead.status}" if isinstance(course.instead, Reply) else "connection reset"
            )
            raise ConnectionError(f"the venue refused the connection: {said}")
        number = self.edge.connect(ADDRESS, now_ms=self._clock.now_ms())
        if number is None:
            raise ConnectionError("the venue refused the connection: HTTP 429")
        upstream = Lane(self._clock, self._latency_s, lambda frame: self._receive(number, frame))
        socket = MockWebsocket(
            on_send=lambda text: upstream.send((text,)), on_close=lambda: self._closed_by_client(number)
        )
        self.sockets[number] = socket
        self._lanes[number] = Lane(self._clock, self._latency_s, lambda frame: self._show(number, frame))
        self._pump.flush()
        await self._clock.sleep(self._latency_s())
        return socket

    def drop_sockets(self) -> None:
        """Break every connection at once, as a deploy of the venue does. What was on its way is lost."""
        for number in list(self.sockets):
            self.edge.disconnect(number)
            self._lanes[number].cut()
            self._left(number).drop()

    # --- the way between -------------------------------------------------------------------------------------

    def _latency_s(self) -> float:
        return self._random.uniform(*self._latency_ms) / 1000

    def _receive(self, number: int, frame: str | Close) -> None:
        if number in self.sockets and isinstance(frame, str):
            self.edge.receive(number, frame, now_ms=self._clock.now_ms())
            self._pump.flush()

    def _deliver(self, number: int, frames: Frames) -> None:
        lane = self._lanes.get(number)
        if lane is not None:
            lane.send(frames)

    def _show(self, number: int, frame: str | Close) -> None:
        socket = self.sockets.get(number)
        if socket is None:
            return
        if isinstance(frame, Close):
            self._left(number).drop(frame.code)
        else:
            socket.deliver(frame)

    def _closed_by_client(self, number: int) -> None:
        self.edge.disconnect(number)
        self._left(number)

    def _left(self, number: int) -> MockWebsocket:
        self._lanes.pop(number).cut()
        return self.sockets.pop(number)
