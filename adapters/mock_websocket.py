"""The in-memory end of a websocket: adapters.ports.Socket without a network (S3-74).

Whoever made it holds the far end: deliver() brings frames in, drop() breaks the connection, and what the near
end sends goes to on_send. It knows nothing of who is there.
"""

import asyncio
from collections import deque
from collections.abc import Callable


class MockWebsocket:
    """One connection with one reader. Like the real thing, it lets frames that have arrived be read after a break."""

    def __init__(
        self,
        *,
        on_send: Callable[[str], None] | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        """on_send hears every frame sent (they are kept in sent if nobody does); on_close that the near end left."""
        self.sent: list[str] = []
        self.closed: str | None = None
        self._on_send = self.sent.append if on_send is None else on_send
        self._on_close = on_close
        self._arrived: deque[str | bytes] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._silent = False

    # --- the near end: adapters.ports.Socket -----------------------------------------------------------------

    async def send(self, text: str) -> None:
        """Raises ConnectionError once the connection is closed."""
        if self.closed is not None:
            raise ConnectionError(self.closed)
        self._on_send(text)

    async def receive(self) -> str | bytes:
        """Return the next frame. Raises ConnectionError once the connection is closed and everything is read."""
        while not self._arrived:
            if self.closed is not None:
                raise ConnectionError(self.closed)
            if self._reader is not None:
                raise RuntimeError("two tasks read one websocket; it has one reader")
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._arrived.popleft()

    async def close(self) -> None:
        if self.closed is None:
            self._end("closed by us")
            if self._on_close is not None:
                self._on_close()

    # --- the far end -----------------------------------------------------------------------------------------

    def deliver(self, frame: str | bytes) -> None:
        """Bring a frame in. After the connection is closed, or while it is silent, it is lost."""
        if self.closed is None and not self._silent:
            self._arrived.append(frame)
            self._wake()

    def drop(self, code: int = 1006) -> None:
        """Break the connection from the far end; 1006 is a break without a close frame."""
        if self.closed is None:
            self._end(f"connection closed by the other side, code {code}")

    def fall_silent(self) -> None:
        """Lose everything from here on without closing: a half-open connection."""
        self._silent = True

    def _end(self, reason: str) -> None:
        self.closed = reason
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
