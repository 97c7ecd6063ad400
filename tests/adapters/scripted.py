"""A network that does what a test says, and a clock that moves when it is told to."""

import asyncio
import heapq
import json
from collections.abc import Callable, Coroutine
from typing import Any

from adapters.ports import HttpReply

NOON_MS = 1_786_536_000_000


async def settle() -> None:
    """Let every task run until it waits for something that only the test can give."""
    for _ in range(50):
        await asyncio.sleep(0)


class ScriptedClock:
    """Stands still until advanced; then sleepers wake in order, each at its own moment."""

    def __init__(self, now_ms: int = NOON_MS) -> None:
        self.ms = float(now_ms)
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self.slept: list[float] = []

    def now_ms(self) -> int:
        return int(self.ms)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._count += 1
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.ms + 1000 * seconds, self._count, future))
        await future

    async def advance(self, seconds: float) -> None:
        until = self.ms + 1000 * seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            at, _, future = heapq.heappop(self._sleepers)
            self.ms = max(self.ms, at)
            if not future.done():
                future.set_result(None)
            await settle()
        self.ms = until


class HastyClock(ScriptedClock):
    """Every sleep is over at once, and the time it took has passed."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ms += 1000 * seconds
        await asyncio.sleep(0)


def reply(body: Any, status: int = 200, content_type: str = "application/json") -> HttpReply:
    return HttpReply(status, content_type, body if isinstance(body, bytes) else json.dumps(body).encode())


Answering = Callable[[str, dict[str, Any]], HttpReply | Exception]


class ScriptedHttp:
    """Answers by a function of path and question; keeps what was asked."""

    def __init__(self, answer: Answering) -> None:
        self._answer = answer
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def post(self, path: str, body: bytes, *, timeout_s: float) -> HttpReply:
        question = json.loads(body)
        self.asked.append((path, question))
        await asyncio.sleep(0)
        answer = self._answer(path, question)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        pass


class ScriptedSocket:
    """The test says what comes and sees what was sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self._frames: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.closed = False

    def say(self, frame: Any) -> None:
        self._frames.put_nowait(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    def drop(self) -> None:
        self.closed = True
        self._frames.put_nowait(None)

    async def send(self, text: str) -> None:
        if self.closed:
            raise ConnectionError("closed by the test")
        self.sent.append(json.loads(text))

    async def receive(self) -> str | bytes:
        frame = await self._frames.get()
        if frame is None:
            raise ConnectionError("1006")
        return frame

    async def close(self) -> None:
        self.closed = True

    @property
    def subscribed(self) -> list[dict[str, Any]]:
        return [m["subscription"] for m in self.sent if m["method"] == "subscribe"]


class ScriptedSockets:
    """Gives a new socket each time, or refuses while refusing is set."""

    def __init__(self, clock: ScriptedClock) -> None:
        self._clock = clock
        self.opened: list[ScriptedSocket] = []
        self.tried_ms: list[int] = []
        self.refusing = False

    @property
    def last(self) -> ScriptedSocket:
        return self.opened[-1]

    async def connect(self) -> ScriptedSocket:
        self.tried_ms.append(self._clock.now_ms())
        if self.refusing:
            raise ConnectionError("refused by the test")
        self.opened.append(ScriptedSocket())
        return self.last


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 20))
