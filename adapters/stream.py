"""Websockets over the websockets library. It fills adapters.ports.SocketTransport; adapters.backoff has the policy."""

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
FRAME_MAX_BYTES = 16 * 2**20
"""The first userFills frame brings up to 2,000 fills."""


class WebsocketsSocket:
    """One connection. Both calls raise ConnectionError once it is closed, whoever closed it."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, text: str) -> None:
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from error

    async def receive(self) -> str | bytes:
        """Return the next frame as bytes: the decoder wants no str, and making one costs time."""
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from error

    async def close(self) -> None:
        await self._connection.close()


class WebsocketsTransport:
    """Connections to one URL. Pings are the feed's: the venue counts its own messages, not protocol pings."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("ws://", "wss://")):
            raise ValueError(f"websocket URL is {url!r}; it must begin with ws:// or wss://")
        self._url = url

    async def connect(self) -> WebsocketsSocket:
        """Raises ConnectionError when no connection came about within ten seconds."""
        try:
            return WebsocketsSocket(
                await connect(
                    self._url,
                    compression=None,
                    ping_interval=None,
                    open_timeout=OPEN_TIMEOUT_S,
                    close_timeout=CLOSE_TIMEOUT_S,
                    max_size=FRAME_MAX_BYTES,
                )
            )
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise ConnectionError(f"{self._url}: {type(error).__name__}: {error}") from error
