"""Keeps a venue moving: advances it when something is due, and hands over what it has to say."""

import asyncio
from collections.abc import Callable, Sequence

from adapters.ports import Clock
from sim.venue.blocks import BLOCK_MS, Ticket, block_end_ms
from sim.venue.edge import Edge
from sim.venue.wire import Close, Reply

AT_A_TIME_MS = 10 * BLOCK_MS
"""A venue that is behind its clock catches up in such steps, and its clients and signals are heard in between."""

Frames = Sequence[str | Close]
Deliver = Callable[[int, Frames], None]


class Pump:
    """Owns one task. flush() after every request or frame given to the venue."""

    def __init__(self, edge: Edge, clock: Clock, deliver: Deliver) -> None:
        self._edge, self._clock, self._deliver = edge, clock, deliver
        self._due_ms = 0
        self._asked: dict[int, asyncio.Future[Reply]] = {}
        self._task: asyncio.Task[None] | None = None

    def flush(self) -> None:
        """Hand over the frames there are, and be back when the venue needs it. Raises what stopped the pump."""
        self._hand_over()
        task = self._task
        if task is not None and task.done():
            task.result()
        due_ms = self._next_block_ms()
        if task is None or due_ms < self._due_ms:
            if task is not None:
                task.cancel()
            self._due_ms = due_ms
            self._task = asyncio.get_running_loop().create_task(self._run(), name="venue pump")
            self._task.add_done_callback(self._stopped)

    async def answer(self, given: Reply | Ticket) -> Reply:
        """Return the reply to what Venue.submit() gave: at once, or when the block ends. Raises as flush() does."""
        if isinstance(given, Reply):
            self.flush()
            return given
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._asked[given.number] = future
        self.flush()
        return await future

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            wait_ms = self._due_ms - self._clock.now_ms()
            if wait_ms > 0:
                await self._clock.sleep(wait_ms / 1000)
                continue
            self._edge.advance(min(self._clock.now_ms(), self._due_ms + AT_A_TIME_MS))
            self._hand_over()
            self._due_ms = self._next_block_ms()
            if self._due_ms <= self._clock.now_ms():
                await asyncio.sleep(0)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """Let nobody wait for a reply that will not come."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            asked, self._asked = self._asked, {}
            for future in asked.values():
                if not future.done():
                    future.set_exception(error)

    def _next_block_ms(self) -> int:
        """The venue speaks once a block (hyperliquid.md, wire conventions), so it is woken no more often."""
        return block_end_ms(self._edge.next_ms())

    def _hand_over(self) -> None:
        for number, reply in self._edge.take_replies():
            future = self._asked.pop(number, None)
            if future is not None and not future.done():
                future.set_result(reply)
        by_connection: dict[int, list[str | Close]] = {}
        for connection, frame in self._edge.take_frames():
            by_connection.setdefault(connection, []).append(frame)
        for connection, frames in by_connection.items():
            self._deliver(connection, frames)
