"""The venue in this process: adapters.ports transports with seeded latency, on the loop and clock at hand."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from adapters.mock_websocket import MockWebsocket
from adapters.ports import Clock, HttpReply, Socket, Unknown
from sim.venue.pump import Frames, Pump
from sim.venue.venue import Venue
from sim.venue.wire import JSON, Close, Reply

LATENCY_MS = (30.0, 60.0)

T = TypeVar("T")


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
    """

    def __init__(
        self, venue: Venue, clock: Clock, *, seed: int, latency_ms: tuple[float, float] = LATENCY_MS
    ) -> None:
        self.sockets: dict[int, MockWebsocket] = {}
        self._venue, self._clock = venue, clock
        self._random = random.Random(f"latency {seed}")
        self._latency_ms = latency_ms
        self._lanes: dict[int, Lane] = {}
        self._pump = Pump(venue, clock, self._deliver)

    # --- adapters.ports.HttpTransport ------------------------------------------------------------------------

    async def post(self, path: str, body: bytes, *, timeout_s: float) -> HttpReply:
        """Raises Unknown when the reply would come after timeout_s; the venue may have acted on it."""
        out_s, back_s = self._latency_s(), self._latency_s()
        late = Unknown(f"POST {path}: no complete reply within {timeout_s} s")
        if out_s >= timeout_s:
            await self._clock.sleep(timeout_s)
            raise late
        await self._clock.sleep(out_s)
        now_ms = self._clock.now_ms()
        given = self._venue.submit(path, JSON, body, now_ms=now_ms)
        wait_s = 0.0 if isinstance(given, Reply) else (given.due_ms - now_ms) / 1000
        if out_s + wait_s + back_s > timeout_s:
            self._pump.flush()
            await self._clock.sleep(timeout_s - out_s)
            raise late
        reply = await self._pump.answer(given)
        await self._clock.sleep(back_s)
        return HttpReply(reply.status, reply.content_type, reply.body)

    async def close(self) -> None:
        """End every connection and the venue's own time."""
        for number in list(self.sockets):
            self._lanes[number].cut()
            self._left(number).drop()
        await self._pump.close()

    # --- adapters.ports.SocketTransport ----------------------------------------------------------------------

    async def connect(self) -> Socket:
        await self._clock.sleep(self._latency_s())
        number = self._venue.connect(now_ms=self._clock.now_ms())
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
            self._venue.disconnect(number)
            self._lanes[number].cut()
            self._left(number).drop()

    # --- the way between -------------------------------------------------------------------------------------

    def _latency_s(self) -> float:
        return self._random.uniform(*self._latency_ms) / 1000

    def _receive(self, number: int, frame: str | Close) -> None:
        if number in self.sockets and isinstance(frame, str):
            self._venue.receive(number, frame, now_ms=self._clock.now_ms())
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
        self._venue.disconnect(number)
        self._left(number)

    def _left(self, number: int) -> MockWebsocket:
        self._lanes.pop(number).cut()
        return self.sockets.pop(number)
