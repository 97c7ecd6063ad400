"""One connection to one venue. It ends with the reason, and nothing of it is used again."""

import asyncio
from collections.abc import Callable

from adapters.exchanges.blame import blamed
from adapters.exchanges.ports import Read, Words
from adapters.exchanges.refusals import Refused
from adapters.ports import Clock, Socket, VenueError

ASLEEP_S = 1.0
"""Silence that is found so late says something about us and nothing about the venue."""
BURST_FRAMES = 32
"""So many frames that have already come are read in a row before others get their turn."""

Take = Callable[[Read, int], None]


class Connection:
    """An open socket and the words that belong to it."""

    def __init__(self, words: Words, socket: Socket, clock: Clock, take: Take) -> None:
        self._words, self._socket, self._clock, self._take = words, socket, clock, take
        self._heard_ms = clock.now_ms()

    async def use(self) -> None:
        """Give every frame's meaning to take, with its time of arrival. Raises VenueError when the connection is done for.

        What take itself raises is our own fault and passes. No TaskGroup: when one is cancelled in the moment in which a
        task of it fails, Python before 3.13 raises the failure and forgets the cancellation.
        """
        tasks = [asyncio.create_task(work) for work in (self._listen(), self._speak(), self._watch())]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in ended:
            task.result()

    async def _listen(self) -> None:
        frames = 0
        while True:
            with blamed("stream ended"):
                frame = await self._socket.receive()
            now_ms = self._heard_ms = self._clock.now_ms()
            with blamed("words could not read"):
                read = self._words.read(frame, now_ms)
            if read.fault is not None:
                raise Refused(read.fault) if read.refused else VenueError(read.fault)
            self._take(read, now_ms)
            for reply in read.replies:
                await self._send(reply)
            frames += 1
            if frames % BURST_FRAMES == 0:
                await asyncio.sleep(0)

    async def _speak(self) -> None:
        """Subscribe, then ping for ever."""
        with blamed("words could not greet"):
            hello = self._words.hello()
        for text in hello:
            await self._send(text)
        while self._words.ping_s is not None:
            await self._clock.sleep(self._words.ping_s)
            with blamed("words could not ping"):
                text = self._words.ping(self._clock.now_ms())
            await self._send(text)

    async def _send(self, text: str) -> None:
        with blamed("sending"):
            await self._socket.send(text)

    async def _watch(self) -> None:
        """End the connection when no frame came for silence_s, whatever TCP says (S4-34)."""
        silence_ms = round(1000 * self._words.silence_s)
        while True:
            due_ms = self._heard_ms + silence_ms
            await self._clock.sleep((due_ms - self._clock.now_ms()) / 1000)
            if self._clock.now_ms() - due_ms > 1000 * ASLEEP_S:
                self._heard_ms = self._clock.now_ms()
            elif self._clock.now_ms() - self._heard_ms >= silence_ms:
                raise VenueError(f"no frame for {self._words.silence_s} s")
