"""HTTP over aiohttp: one kept-alive session. It fills adapters.ports.HttpTransport."""

import aiohttp

from adapters.ports import HttpReply, Unknown

HEADERS = {"Content-Type": "application/json"}
KEEPALIVE_S = 60.0
"""Below the three minutes after which the venue's edge drops an idle connection: a POST on a connection that
the other side has just dropped is an order of which nobody knows."""

CONNECTIONS_MAX = 16


class AiohttpTransport:
    """POSTs of JSON to one base URL. TCP_NODELAY is aiohttp's own default; a POST is never sent twice by it."""

    def __init__(self, base_url: str) -> None:
        if not base_url.startswith(("http://", "https://")) or base_url.endswith("/"):
            raise ValueError(
                f"base URL is {base_url!r}; it must begin with http:// or https:// and end without a slash"
            )
        self._base_url = base_url
        self._session: aiohttp.ClientSession | None = None

    async def post(self, path: str, body: bytes, *, timeout_s: float) -> HttpReply:
        """Return the complete reply. Raises Unknown for whatever kept it from coming."""
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._open().post(path, data=body, timeout=timeout, allow_redirects=False) as reply:
                return HttpReply(reply.status, reply.content_type, await reply.read())
        except TimeoutError:
            raise Unknown(f"POST {path}: no complete reply within {timeout_s} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unknown(f"POST {path}: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        """The session belongs to the running loop, so it is made at the first request."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=KEEPALIVE_S)
            self._session = aiohttp.ClientSession(
                self._base_url, headers=HEADERS, connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session
