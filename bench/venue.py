"""The loopback venue: orders a second with their signatures verified, and frames a second to one websocket client.

`python -m bench.venue [--orders 1000] [--rounds 5] [--json]`. The venue is a process of its own on the sample. Bodies are
signed beforehand by the adapter's signer and sent by aiohttp: one after the other, many at a time, and in batches of
forty; every order executes. The peer in the same run is the venue's own SDK on the same venue, which signs as it sends.
Frames: best prices and contexts of every coin, at rising speeds of the venue's clock; the highest rate that came counts.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import uvloop
import websockets

from adapters.hyperliquid.signing import Network, Signer, action_hash

START = "2024-12-31T12:00:00+00:00"
COIN = "BTC"
SIZE = "0.001"
AT_ONCE = 64
BATCHES_AT_ONCE = 16
BATCH = 40
"""One at a time a client hears once a block, 14 times a second at most; the venue's own rate shows when blocks are full."""
LISTEN_S = 3.0
SPEEDS = (5.0, 10.0, 20.0, 40.0)
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Place:
    """A venue that runs: where it is, and the key of its funded account."""

    url: str
    ws: str
    key: str


@contextmanager
def running(speed: float) -> Iterator[Place]:
    """Run `nightdesk venue` on the sample, without limits of an address."""
    words = [
        sys.executable,
        "-m",
        "daemon",
        "venue",
        "--start",
        START,
        "--ip-weight",
        "0",
        "--speed",
        str(speed),
    ]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        said = json.loads(process.stdout.readline())
        yield Place(said["url"], said["ws"], said["key"])
    finally:
        process.terminate()
        try:
            process.wait(10)
        finally:
            process.kill()


class Bodies:
    """Signed orders, ready to send: small ones that execute at once, bought and sold in turn."""

    def __init__(self, place: Place, asset_id: int, px: float) -> None:
        self._signer = Signer.from_key(place.key)
        self._asset_id = asset_id
        self._prices = {True: f"{px * 1.03:.0f}", False: f"{px * 0.97:.0f}"}
        self._nonce = int(_venue_ms(place))

    def next_nonce(self) -> int:
        """One counter for every client of the account: the venue keeps the hundred highest."""
        self._nonce += 1
        return self._nonce

    def signed(self, members: int) -> bytes:
        self.next_nonce()
        buys = [bool((self._nonce + i) % 2) for i in range(members)]
        orders = [self._order(buy) for buy in buys]
        action = {"type": "order", "orders": orders, "grouping": "na"}
        r, s, v = self._signer.sign_hash(action_hash(action, self._nonce), Network.TESTNET)
        signature = {"r": r, "s": s, "v": v}
        envelope = {"action": action, "nonce": self._nonce, "signature": signature, "vaultAddress": None}
        return json.dumps(envelope | {"expiresAfter": None}, separators=(",", ":")).encode()

    def _order(self, buy: bool) -> dict[str, Any]:
        kind = {"limit": {"tif": "Ioc"}}
        return {"a": self._asset_id, "b": buy, "p": self._prices[buy], "s": SIZE, "r": False, "t": kind}


def _venue_ms(place: Place) -> float:
    import urllib.request

    with urllib.request.urlopen(f"{place.url}/nightdesk/clock", timeout=10) as reply:
        return float(json.load(reply)["now_ms"])


# --- orders ----------------------------------------------------------------------------------------------


async def orders_a_second(place: Place, bodies: Sequence[bytes], *, at_once: int, members: int) -> float:
    """Send every body, so many at once, and return orders executed a second. Raises where one was not executed."""
    waiting = iter(bodies)
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(place.url, connector=connector, headers=JSON) as session:

        async def send() -> None:
            for body in waiting:
                async with session.post("/exchange", data=body) as reply:
                    said = await reply.read()
                if said.count(b'"filled"') != members:
                    raise RuntimeError(f"not executed: {said[:300]!r}")

        began = time.perf_counter()
        await asyncio.gather(*(send() for _ in range(at_once)))
        return len(bodies) * members / (time.perf_counter() - began)


def sdk_orders_a_second(place: Place, bodies: Bodies, orders: int, px: float) -> float:
    """The same orders by the SDK, one after the other, as its users send them."""
    import hyperliquid.exchange as sdk
    from eth_account import Account
    from hyperliquid.exchange import Exchange

    exchange = Exchange(Account.from_key(place.key), place.url)
    asset_id = exchange.info.name_to_asset(COIN)
    exchange.info.name_to_asset = lambda _: asset_id
    sdk.get_timestamp_ms = bodies.next_nonce
    began = time.perf_counter()
    for i in range(orders):
        limit = round(px * (1.03 if i % 2 else 0.97))
        reply = exchange.order(COIN, bool(i % 2), float(SIZE), limit, {"limit": {"tif": "Ioc"}})
        if "filled" not in reply["response"]["data"]["statuses"][0]:
            raise RuntimeError(f"not executed: {reply}")
    return orders / (time.perf_counter() - began)


async def measure_orders(orders: int, rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {
        name: [] for name in ("one at a time", "many at a time", "batches, many at a time", "sdk")
    }
    with running(1.0) as place:
        asset_id, px = await _market(place)
        bodies = Bodies(place, asset_id, px)
        cases = {
            "one at a time": (1, 1),
            "many at a time": (AT_ONCE, 1),
            "batches, many at a time": (BATCHES_AT_ONCE, BATCH),
        }
        await orders_a_second(place, [bodies.signed(1) for _ in range(200)], at_once=1, members=1)
        for _ in range(rounds):
            for name, (at_once, members) in cases.items():
                count = orders // 10 if at_once == 1 else orders // members
                signed = [bodies.signed(members) for _ in range(max(at_once, count))]
                rate = await orders_a_second(place, signed, at_once=at_once, members=members)
                found[name].append(rate)
            found["sdk"].append(
                await asyncio.to_thread(sdk_orders_a_second, place, bodies, max(1, orders // 10), px)
            )
    return found


async def _market(place: Place) -> tuple[int, float]:
    """Return the coin's asset id and its price."""
    async with aiohttp.ClientSession(place.url, headers=JSON) as session:
        async with session.post("/info", json={"type": "meta"}) as reply:
            names = [coin["name"] for coin in (await reply.json())["universe"]]
        async with session.post("/info", json={"type": "allMids"}) as reply:
            return names.index(COIN), float((await reply.json())[COIN])


# --- frames ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def listening(place: Place) -> AsyncIterator[websockets.ClientConnection]:
    """Subscribe best prices and context of every coin on one connection."""
    async with (
        aiohttp.ClientSession(place.url, headers=JSON) as session,
        session.post("/info", json={"type": "meta"}) as reply,
    ):
        names = [c["name"] for c in (await reply.json())["universe"] if "isDelisted" not in c]
    async with websockets.connect(place.ws, compression=None, ping_interval=None, max_queue=None) as socket:
        for kind in ("bbo", "activeAssetCtx"):
            for name in names:
                await socket.send(
                    json.dumps({"method": "subscribe", "subscription": {"type": kind, "coin": name}})
                )
        yield socket


async def measure_frames() -> dict[float, tuple[float, float]]:
    """Return (frames, MB) a second by the speed of the venue's clock; beyond what it can do they come down again."""
    found = {}
    for speed in SPEEDS:
        with running(speed) as place:
            async with listening(place) as socket:
                await _received(socket, 1.0)
                frames, size = await _received(socket, LISTEN_S)
        found[speed] = (frames / LISTEN_S, size / LISTEN_S / 1e6)
    return found


async def _received(socket: websockets.ClientConnection, seconds: float) -> tuple[int, int]:
    """Return how many frames and bytes come in a time."""
    frames = size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                size += len(await socket.recv(decode=False))
                frames += 1
    return frames, size


# --- all of it -------------------------------------------------------------------------------------------


def measure(orders: int, rounds: int) -> dict[str, Any]:
    """Return medians of the rounds, and the ratios to the SDK of the same run."""
    by_case = uvloop.run(measure_orders(orders, rounds))
    by_speed = uvloop.run(measure_frames())
    rates = {f"orders a second, {name}": round(statistics.median(r)) for name, r in by_case.items()}
    figures: dict[str, Any] = dict(rates)
    sdk = statistics.median(by_case["sdk"])
    for name, values in by_case.items():
        if name != "sdk":
            figures[f"times the sdk, {name}"] = round(statistics.median(values) / sdk, 1)
    frames, megabytes = max(by_speed.values())
    figures["frames a second, one client"] = round(frames)
    figures["MB a second, one client"] = round(megabytes, 1)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.orders, arguments.rounds)
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:45} {value:>10,}")


if __name__ == "__main__":
    main()
