"""Frames of a night's trading, made by our own venue: what bench.adapter measures with."""

import asyncio
import json
from decimal import Decimal
from typing import Any

from adapters.hyperliquid.budget import Budget
from adapters.hyperliquid.exchange import Account, Exchange
from adapters.hyperliquid.gateway import HyperliquidGateway
from adapters.hyperliquid.info import Info
from adapters.hyperliquid.nonces import Nonces
from adapters.hyperliquid.reference import HyperliquidReference
from adapters.hyperliquid.signing import Network, Signer
from adapters.hyperliquid.universe import Universe
from adapters.ports import Socket
from core.orders import client_order_id
from core.sizing import ceil_lots, limit_price
from core.types import Instrument, Order, Purpose, Quote, SessionDay, Side, Tif
from daemon.clock import LoopClock
from daemon.data_directory import SAMPLE, checked_market
from sim.venue.memory import InMemoryVenue
from sim.venue.venue import Venue

SIGNER = Signer.from_key("0x" + "11" * 32)
USER = SIGNER.address
DAY = SessionDay("2024-12-31")
COINS = 10
BATCHES = 60
EVERY_S = 2
SPAN_MS = 1000 * EVERY_S * BATCHES
"""How long the trading went on of which the frames are: they are repeated after that time, with ids of their own."""
START_MS = 1_735_675_200_000

Frames = dict[str, list[str]]


class NoStore:
    def load(self) -> int:
        return 0

    def save(self, highest_ms: int) -> None:
        return None


async def collect() -> tuple[Frames, tuple[Instrument, ...], Any]:
    """Trade on our venue, and return the frames by channel, the instruments, and metaAndAssetCtxs as it came."""
    clock = LoopClock(START_MS)
    venue = Venue(
        checked_market(SAMPLE, seed=0), accounts={USER: Decimal(10**8)}, agents={}, start_ms=START_MS, seed=0
    )
    memory = InMemoryVenue(venue, clock, seed=0)
    universe = Universe()
    info = Info(memory, clock, Budget(clock, capacity_per_min=1e9))
    exchange = Exchange(memory, Account(USER, SIGNER, Network.TESTNET), Nonces(clock, NoStore()), info.budget)
    gateway = HyperliquidGateway(exchange, info, universe)
    listed = await HyperliquidReference(info, universe).instruments()
    market = await memory.post("/info", b'{"type":"metaAndAssetCtxs"}', timeout_s=10)
    traded = [i for i in listed if not i.delisted][:COINS]
    socket = await memory.connect()
    found: Frames = {}
    reading = asyncio.create_task(_keep(socket, found))
    for name in ("userFills", "orderUpdates"):
        await socket.send(_subscribe(type=name, user=USER))
    await socket.send(_subscribe(type="allMids"))
    for instrument in traded:
        await socket.send(_subscribe(type="bbo", coin=instrument.coin))
        await socket.send(_subscribe(type="l2Book", coin=instrument.coin))
    await clock.sleep(6)
    for n in range(BATCHES):
        mids = json.loads(found["allMids"][-1])["data"]["mids"]
        batch = [order(i, Decimal(mids[i.coin]), clock.now_ms(), n) for i in traded]
        await gateway.send(gateway.sign(batch))
        await clock.sleep(EVERY_S)
    reading.cancel()
    await memory.close()
    return found, listed, json.loads(market.body)


async def _keep(socket: Socket, found: Frames) -> None:
    while True:
        frame = await socket.receive()
        text = frame if isinstance(frame, str) else frame.decode()
        found.setdefault(json.loads(text)["channel"], []).append(text)


def _subscribe(**subscription: str) -> str:
    return json.dumps({"method": "subscribe", "subscription": subscription})


def order(instrument: Instrument, mid: Decimal, now_ms: int, n: int) -> Order:
    """An order for about a hundred dollars that takes; buys and sells take turns."""
    side = Side.BUY if n % 2 else Side.SELL
    quote = Quote(
        coin=instrument.coin,
        bid=mid,
        ask=mid,
        bid_size=Decimal(1),
        ask_size=Decimal(1),
        at_ms=now_ms,
        received_ms=now_ms,
    )
    return Order(
        cloid=client_order_id(DAY, Purpose.PROJECTED, asset_id=instrument.asset_id, counter=n),
        coin=instrument.coin,
        asset_id=instrument.asset_id,
        side=side,
        qty=ceil_lots(Decimal(100) / mid, instrument),
        limit_px=limit_price(quote, side, slippage_bps=300.0, size_decimals=instrument.size_decimals),
        tif=Tif.IOC,
        reduce_only=False,
        purpose=Purpose.PROJECTED,
        session=DAY,
        created_ms=now_ms,
        expires_ms=now_ms + 10_000,
        arrival_mid=mid,
    )


def repeated(frames: list[str], count: int) -> list[str]:
    """Return so many frames, told apart where the venue would: every fill and order has ids and a time of its own."""
    made: list[str] = []
    while len(made) < count:
        turn = len(made) // len(frames)
        made += [_renumbered(frame, turn) for frame in frames] if turn else frames
    return made[:count]


def _renumbered(frame: str, turn: int) -> str:
    document = json.loads(frame)
    data = document["data"]
    rows = data.get("fills", ()) if isinstance(data, dict) else data
    for row in rows:
        order = row.get("order", row)
        order["oid"] += turn * 10**6
        if "tid" in row:
            row["tid"] += turn * 10**9
            row["time"] += turn * SPAN_MS
    return json.dumps(document, separators=(",", ":"))
