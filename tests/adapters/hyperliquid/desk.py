"""An adapter wired to a scripted network: a test says only what it is about."""

import json
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NoReturn

import coincurve

from adapters.backoff import Backoff
from adapters.hyperliquid.budget import Budget
from adapters.hyperliquid.exchange import Account, Exchange
from adapters.hyperliquid.feed import HyperliquidFeed
from adapters.hyperliquid.gateway import HyperliquidGateway
from adapters.hyperliquid.info import Info
from adapters.hyperliquid.nonces import Nonces
from adapters.hyperliquid.reference import HyperliquidReference
from adapters.hyperliquid.signing import Network, Signer, action_hash, agent_digest, keccak256
from adapters.hyperliquid.universe import Universe
from adapters.ports import HttpReply
from core.types import Answer, ClientOrderId, Coin, Instrument, Order, Purpose, SessionDay, Side, Tif
from tests.adapters.scripted import (
    NOON_MS,
    HastyClock,
    ScriptedClock,
    ScriptedHttp,
    ScriptedSockets,
    reply,
    run,
)

MASTER = "0x" + "ab" * 20
KEY = "0x" + "11" * 32
BTC, ETH = Coin("BTC"), Coin("ETH")
UNIVERSE = (
    Instrument(coin=BTC, asset_id=0, size_decimals=5, leverage_max=40),
    Instrument(coin=ETH, asset_id=1, size_decimals=4, leverage_max=25),
    Instrument(coin=Coin("OLD"), asset_id=2, size_decimals=1, leverage_max=3, delisted=True),
)
TAKEN = reply({"status": "ok", "response": {"type": "default"}})
"""The venue's answer to a noop that burnt its nonce, and to any action without members."""


class KeptNonce:
    def __init__(self, highest_ms: int = 0) -> None:
        self.highest_ms = highest_ms
        self.saves = 0

    def load(self) -> int:
        return self.highest_ms

    def save(self, highest_ms: int) -> None:
        self.highest_ms = highest_ms
        self.saves += 1


def info(http: ScriptedHttp, clock: ScriptedClock) -> Info:
    return Info(http, clock, Budget(clock))


def gateway(
    http: ScriptedHttp, clock: ScriptedClock | None = None, *, account: Account | None = None
) -> HyperliquidGateway:
    clock = clock or HastyClock()
    reads = info(http, clock)
    account = account or Account(MASTER, Signer.from_key(KEY), Network.TESTNET)
    exchange = Exchange(http, account, Nonces(clock, KeptNonce()), reads.budget)
    return HyperliquidGateway(exchange, reads, Universe(UNIVERSE))


def reference(http: ScriptedHttp, universe: Universe | None = None) -> HyperliquidReference:
    return HyperliquidReference(
        info(http, HastyClock()), universe if universe is not None else Universe(UNIVERSE)
    )


def feed(
    sockets: ScriptedSockets,
    clock: ScriptedClock,
    universe: Universe | None = None,
    *,
    http: ScriptedHttp | None = None,
) -> HyperliquidFeed:
    http = http or ScriptedHttp(lambda path, question: reply(None, 500))
    listed = universe if universe is not None else Universe(UNIVERSE)
    return HyperliquidFeed(
        sockets,
        HyperliquidReference(info(http, clock), listed),
        user=MASTER,
        backoff=Backoff(random.Random(7)),
    )


def nobody(path: str, question: dict[str, Any]) -> NoReturn:
    raise AssertionError(f"nothing should have been asked, but {path} {question}")


def always(answer: HttpReply | Exception) -> ScriptedHttp:
    return ScriptedHttp(lambda path, question: answer)


def orders_ok(*statuses: Any) -> HttpReply:
    return reply({"status": "ok", "response": {"type": "order", "data": {"statuses": list(statuses)}}})


def cancels_ok(*statuses: Any) -> HttpReply:
    return reply({"status": "ok", "response": {"type": "cancel", "data": {"statuses": list(statuses)}}})


def sent_by(http: ScriptedHttp, orders: Sequence[Order]) -> Sequence[Answer]:
    async def scenario() -> Sequence[Answer]:
        desk = gateway(http)
        return await desk.send(desk.sign(orders))

    answers: Sequence[Answer] = run(scenario())
    return answers


def recovered(body: bytes) -> str:
    """Return the address that signed, as the venue finds it out."""
    envelope = json.loads(body)
    h = action_hash(
        envelope["action"],
        envelope["nonce"],
        vault=envelope["vaultAddress"],
        expires_ms=envelope["expiresAfter"],
    )
    s = envelope["signature"]
    raw = int(s["r"], 16).to_bytes(32, "big") + int(s["s"], 16).to_bytes(32, "big") + bytes([s["v"] - 27])
    public = coincurve.PublicKey.from_signature_and_message(
        raw, agent_digest(h, Network.TESTNET), hasher=None
    )
    return "0x" + keccak256(public.format(compressed=False)[1:])[12:].hex()


def name(number: int) -> ClientOrderId:
    return ClientOrderId(f"0x{number:032x}")


def order(number: int = 1, **changes: Any) -> Order:
    values: dict[str, Any] = {
        "cloid": name(number),
        "coin": ETH,
        "asset_id": 1,
        "side": Side.BUY,
        "qty": Decimal("0.5"),
        "limit_px": Decimal("2345.6"),
        "tif": Tif.IOC,
        "reduce_only": False,
        "purpose": Purpose.HEDGE,
        "session": SessionDay("2026-08-12"),
        "created_ms": NOON_MS,
        "expires_ms": NOON_MS + 10_000,
        "arrival_mid": Decimal("2345"),
    }
    return Order(**(values | changes))


def fill_row(tid: int = 1, **changes: Any) -> dict[str, Any]:
    row = {
        "coin": "ETH",
        "px": "2345.6",
        "sz": "0.5",
        "side": "B",
        "time": NOON_MS,
        "startPosition": "0.0",
        "dir": "Open Long",
        "closedPnl": "0.0",
        "hash": "0x" + "0" * 64,
        "oid": 5_000_000_001,
        "crossed": True,
        "fee": "0.52",
        "tid": tid,
        "feeToken": "USDC",
        "twapId": None,
    }
    return row | changes


def open_row(coin: str, oid: Any, cloid: ClientOrderId | None = None) -> dict[str, Any]:
    return {
        "coin": coin,
        "side": "A",
        "limitPx": "1.0",
        "sz": "0.5",
        "oid": oid,
        "timestamp": 1,
        "cloid": cloid,
    }


def fills_frame(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"channel": "userFills", "data": {"user": MASTER, "fills": list(rows)} | more}


def bbo_frame(coin: str = "ETH", bid: str = "2345.5", ask: str = "2345.7", **more: Any) -> dict[str, Any]:
    levels = [{"px": bid, "sz": "1.5", "n": 3}, {"px": ask, "sz": "2.0", "n": 1}]
    return {"channel": "bbo", "data": {"coin": coin, "time": NOON_MS, "bbo": levels} | more}


def mids_frame(**mids: str) -> dict[str, Any]:
    return {"channel": "allMids", "data": {"mids": mids or {"BTC": "64000.5"}}}
