"""How venues are reached: the transports, the clock, and where a venue's addresses lead."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from adapters.exchanges.blame import blamed
from adapters.exchanges.ports import Door, Words
from adapters.http import AiohttpTransport
from adapters.ports import Clock, HttpTransport, Socket, SocketTransport
from adapters.stream import WebsocketsTransport

T = TypeVar("T")

PLAIN = {"wss": "ws", "https": "http", "ws": "ws", "http": "http"}
HTTP = {"wss": "https", "https": "https", "ws": "http", "http": "http"}


def as_it_is(url: str) -> str:
    return url


def moved_to(host: str) -> Callable[[str], str]:
    """Return what leads every address to a host ("127.0.0.1:8080") without TLS, path and query kept: loopback servers."""

    def moved(url: str) -> str:
        parts = urlsplit(url)
        return parts._replace(scheme=PLAIN.get(parts.scheme, parts.scheme), netloc=host).geturl()

    return moved


@dataclass(frozen=True, slots=True)
class Network:
    """The way out. place turns a venue's address, of its stream as of its HTTP, into the one that is used."""

    clock: Clock
    sockets: Callable[[str], SocketTransport] = WebsocketsTransport
    http: Callable[[str], HttpTransport] = AiohttpTransport
    place: Callable[[str], str] = as_it_is


async def dial(words: Words, network: Network, *, timeout_s: float) -> Socket:
    """Return an open socket to where words want to talk. Raises VenueError, also when that takes longer than timeout_s."""
    url = words.url
    if words.door is not None:
        with blamed(f"asking {words.source} where to connect"):
            url = await within(
                network.clock, timeout_s, _asked(words.door, url, network, timeout_s=timeout_s)
            )
    with blamed("connecting"):
        return await within(network.clock, timeout_s, network.sockets(network.place(url)).connect())


async def _asked(door: Door, url: str, network: Network, *, timeout_s: float) -> str:
    """Return the URL for one connection: the door's path is relative to the words' own URL, or a whole URL."""
    parts = urlsplit(urljoin(HTTP.get(urlsplit(url).scheme, "https") + url[url.find(":") :], door.path))
    http = network.http(network.place(f"{parts.scheme}://{parts.netloc}"))
    try:
        reply = await http.post(parts._replace(scheme="", netloc="").geturl(), b"", timeout_s=timeout_s)
    finally:
        await http.close()
    if reply.status != 200:
        raise ConnectionError(f"{parts.geturl()}: HTTP {reply.status}")
    return door.url_of(reply.body)


async def within(clock: Clock, seconds: float, work: Coroutine[object, object, T]) -> T:
    """Return what work returns. Raises TimeoutError, and cancels work, when it takes longer than seconds of the clock."""
    task, timer = asyncio.ensure_future(work), asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((task, timer), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError(f"nothing within {seconds} s")
        return task.result()
    finally:
        task.cancel()
        timer.cancel()
        await asyncio.gather(task, timer, return_exceptions=True)
