"""The adapter on a network that says what the fuzzer wants: its feed and its gateway, with nothing behind them."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from adapters.backoff import Backoff
from adapters.hyperliquid.budget import Budget
from adapters.hyperliquid.exchange import Account, Exchange
from adapters.hyperliquid.feed import HyperliquidFeed
from adapters.hyperliquid.gateway import HyperliquidGateway
from adapters.hyperliquid.info import Info
from adapters.hyperliquid.nonces import Nonces
from adapters.hyperliquid.reference import HyperliquidReference
from adapters.hyperliquid.signing import Network, Signer
from adapters.hyperliquid.universe import Universe
from adapters.hyperliquid.wire.frames import read_frame
from adapters.ports import HttpReply, Socket, Unknown, VenueError
from core.events import AnyEvent
from core.types import ClientOrderId, Coin, Instrument, Order, Purpose, SessionDay, Side, Tif
from fuzz.readers import NAMES
from fuzz.samples import USER, T
from tests.adapters.hyperliquid.desk import KeptNonce

ETH = Coin("ETH")
LISTED = (
    Instrument(coin=Coin("BTC"), asset_id=0, size_decimals=5, leverage_max=40),
    Instrument(coin=ETH, asset_id=1, size_decimals=4, leverage_max=25),
)
REQUESTS_MAX = 60
"""Questions that one call may ask of a venue that answers nonsense before the network ends."""
SIGNER = Signer.from_key("0x" + "11" * 32)


class StillClock:
    def __init__(self) -> None:
        self.ms = T

    def now_ms(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        self.ms += max(int(1000 * seconds), 1)


class SameReply:
    """Answers every request alike, until it has been asked too often or is closed; keeps the nonces it was sent."""

    def __init__(self, status: int, body: bytes) -> None:
        self.reply = HttpReply(status, "application/json", body)
        self.left = REQUESTS_MAX
        self.nonces: list[int] = []

    async def post(self, path: str, body: bytes, *, timeout_s: float) -> HttpReply:
        if not self.left:
            raise Unknown("the network ended")
        self.left -= 1
        if path == "/exchange":
            self.nonces.append(json.loads(body)["nonce"])
        return self.reply

    async def close(self) -> None:
        self.left = 0

    async def connect(self) -> Socket:
        raise ConnectionError("no sockets here")


def feed(sink: Callable[[AnyEvent], None]) -> Callable[[bytes | str], None]:
    """Return what takes a raw frame as the feed's receiving loop does, with a watched coin and a valued one."""
    clock, universe = StillClock(), Universe(LISTED)
    network = SameReply(200, b"")
    reference = HyperliquidReference(Info(network, clock, Budget(clock)), universe)
    made = HyperliquidFeed(network, reference, user=USER, backoff=Backoff(random.Random(0)))
    made.watch([ETH], mids=[Coin("BTC")])
    made._watchlist.due()

    def take(raw: bytes | str) -> None:
        made._take(read_frame(raw, now_ms=clock.now_ms(), user=USER), sink)

    return take


def order(name: ClientOrderId) -> Order:
    return Order(
        cloid=name,
        coin=ETH,
        asset_id=1,
        side=Side.BUY,
        qty=Decimal("0.5"),
        limit_px=Decimal("2345.6"),
        tif=Tif.IOC,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        session=SessionDay("2026-08-12"),
        created_ms=T,
        expires_ms=T + 10**9,
        arrival_mid=Decimal(2345),
    )


Call = Callable[[HyperliquidGateway, HyperliquidReference], Awaitable[Any]]

CALLS: dict[str, Call] = {
    "send": lambda g, r: g.send(g.sign([order(name) for name in NAMES])),
    "cancel": lambda g, r: g.cancel([(1, name) for name in NAMES]),
    "cancel_open": lambda g, r: g.cancel_open(),
    "set_leverage": lambda g, r: g.set_leverage(1, 5),
    "schedule_cancel": lambda g, r: g.schedule_cancel(T + 10**6),
    "order_status": lambda g, r: g.order_status(NAMES[0]),
    "snapshot": lambda g, r: g.snapshot(),
    "fills": lambda g, r: g.fills(from_ms=T - 1000),
    "fundings": lambda g, r: g.fundings(from_ms=T - 1000),
    "facts": lambda g, r: g.facts(),
    "instruments": lambda g, r: r.instruments(),
    "venue_time_ms": lambda g, r: r.venue_time_ms(),
    "day_volume_usd": lambda g, r: r.day_volume_usd(),
    "daily_candles": lambda g, r: r.daily_candles(ETH, from_ms=0),
    "hourly_funding": lambda g, r: r.hourly_funding(ETH, from_ms=0),
}


def call(name: str, status: int, body: bytes) -> Any:
    """Call the adapter on a venue that always answers so; return what it gave, or the VenueError it raised."""
    clock, http, universe = StillClock(), SameReply(status, body), Universe(LISTED)
    info, kept = Info(http, clock, Budget(clock, capacity_per_min=1e9)), KeptNonce()
    account = Account(USER, SIGNER, Network.TESTNET)
    gateway = HyperliquidGateway(Exchange(http, account, Nonces(clock, kept), info.budget), info, universe)

    async def ask() -> Any:
        return await CALLS[name](gateway, HyperliquidReference(info, universe))

    try:
        found = asyncio.run(ask())
    except VenueError as error:
        return error
    finally:
        assert max(http.nonces, default=0) <= kept.highest_ms, "a restart would use a nonce again"
    if name in ("send", "cancel"):
        assert {answer.cloid for answer in found} == set(NAMES), "an answer for every order"
    return found
