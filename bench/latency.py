"""Fill in to hedge out: userFills frame bytes to signed order bytes, through the real feed, inbox, engine and journal.

`python -m bench.latency [--fills 400] [--json]`. The peer in the same run is the venue's own SDK: json.loads, a position
in a dictionary, sign_l1_action, json.dumps; what it would send is sent nowhere either. Network time is not in it.
"""

import argparse
import asyncio
import gc
import json
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace as with_fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvloop
from msgspec.structs import replace

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
from adapters.ports import HttpReply, Unknown
from core.config import HedgeSettings, TradingSettings
from core.orders import client_order_id
from core.state import Account as Known
from core.state import Book, HedgeState, Orders, State
from core.types import AccountSnapshot, Coin, Instrument, Purpose, Quote, SessionDay
from daemon.app import App
from daemon.clock import WallClock
from daemon.compute import WorkerCompute
from daemon.inbox import Inbox
from daemon.outbox import Outbox
from state.journal import InlineJournal, Journal, ThreadedJournal
from state.nonces import FileNonces

COINS = 30
FILL_QTY = 300_000
NO_PRICES_COME = 1e6
"""The feed's patience with silence: only fills flow here."""
DAY = SessionDay("2025-01-01")
KEY = "0x" + "11" * 32
HEDGE_PX = {"BTC": Decimal(100_000), "ETH": Decimal(4_000)}
FILL_USD = 20_000


class Wire:
    """Both ends of the network: frames put in, bodies of orders caught as they go out."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[bytes] = asyncio.Queue()
        self.out: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def connect(self) -> "Wire":
        return self

    async def send(self, text: str) -> None:
        return None

    async def receive(self) -> bytes:
        return await self.frames.get()

    async def close(self) -> None:
        return None

    async def post(self, path: str, body: bytes, *, timeout_s: float) -> HttpReply:
        if path == "/info":
            raise Unknown("nothing is asked on this path")
        self.out.put_nowait((time.perf_counter(), body))
        await asyncio.sleep(0)
        orders = json.loads(body)["action"]["orders"]
        statuses = [{"filled": {"totalSz": o["s"], "avgPx": o["p"], "oid": 1}} for o in orders]
        reply = {"status": "ok", "response": {"type": "order", "data": {"statuses": statuses}}}
        return HttpReply(200, "application/json", json.dumps(reply).encode())


class NoDesk:
    """Errands that a benchmark has none of."""

    async def preflight(self, intent: object) -> None:
        return None

    async def pipeline(self, intent: object) -> None:
        return None

    async def report(self, intent: object) -> None:
        return None

    def halt(self, reason: str) -> None:
        raise RuntimeError(reason)

    def alert(self, intent: object) -> None:
        return None


def instruments() -> dict[Coin, Instrument]:
    names = ["BTC", "ETH", *(f"C{i:02d}" for i in range(COINS))]
    return {
        Coin(n): Instrument(coin=Coin(n), asset_id=i, size_decimals=5 if n == "BTC" else 2, leverage_max=20)
        for i, n in enumerate(names)
    }


def desk(now_ms: int) -> State:
    """A book of thirty coins, as a night trades, every price known, every beta in force, nothing in flight."""
    listed = instruments()
    px = {c: HEDGE_PX.get(c, Decimal(10)) for c in listed}
    quotes = {
        c: Quote(
            coin=c,
            bid=px[c] * Decimal("0.9999"),
            ask=px[c] * Decimal("1.0001"),
            bid_size=Decimal(1),
            ask_size=Decimal(1),
            at_ms=now_ms + 3_600_000,
            received_ms=now_ms + 3_600_000,
        )
        for c in listed
    }
    alts = [c for c in listed if c not in HEDGE_PX]
    positions = {c: Decimal(100 if i % 2 else -100) for i, c in enumerate(alts)}
    hedge = HedgeSettings(min_interval_s=0.0, turnover_max_per_min=10.0, failures_max=100)
    return State(
        settings=with_fields(TradingSettings(), hedge=hedge),
        instruments=listed,
        quotes=quotes,
        mids_usd={c: float(q.mid) for c, q in quotes.items()},
        book=Book(positions=positions, opened_ms=1, covered_to_ms=now_ms, last_fill_ms=now_ms),
        orders=Orders(counter=2**40),
        hedge=HedgeState(betas=dict.fromkeys(alts, (0.9, 0.4))),
        account=Known(
            snapshot=AccountSnapshot(at_ms=now_ms, equity_usd=Decimal(1_000_000_000), positions={}),
            asked_ms=now_ms,
            fills_asked_ms=now_ms,
            stream_up=True,
        ),
    )


def start_position(n: int) -> int:
    """Return what the coin of fill n holds whenever a fill comes: what desk() gives it."""
    return 100 if n % COINS % 2 else -100


def fill_frame(n: int, now_ms: int, user: str) -> bytes:
    """One alt fill of our own, large enough to leave the band on its own; buys and sells take turns."""
    side = "B" if n % 2 else "A"
    fill = {
        "coin": f"C{n % COINS:02d}",
        "px": "10.0",
        "sz": f"{FILL_QTY}.0",
        "side": side,
        "time": now_ms,
        "startPosition": f"{start_position(n)}.0",
        "dir": "Open Long",
        "closedPnl": "0.0",
        "hash": "0x" + "0" * 64,
        "oid": 10**11 + n,
        "crossed": True,
        "fee": "1.0",
        "tid": 10**14 + n,
        "cloid": client_order_id(DAY, Purpose.PROJECTED, asset_id=2 + n % COINS, counter=n),
        "feeToken": "USDC",
        "twapId": None,
    }
    return json.dumps({"channel": "userFills", "data": {"user": user, "fills": [fill]}}).encode()


class Rig:
    """The daemon's own path, with the network's two ends in our hands."""

    def __init__(self, directory: Path, journal: Callable[[Journal], Any], path: Path | None) -> None:
        clock = WallClock()
        signer = Signer.from_key(KEY)
        self.user = signer.address
        self.wire = Wire()
        universe = Universe()
        state = desk(clock.now_ms())
        universe.replace(tuple(state.instruments.values()))
        info = Info(self.wire, clock, Budget(clock, capacity_per_min=1e9))
        account = Account(signer.address, signer, Network.TESTNET)
        exchange = Exchange(self.wire, account, Nonces(clock, FileNonces(directory / "n.json")), info.budget)
        self.inbox = Inbox()
        self.journal = journal(Journal.open(path) if path else Journal.in_memory())
        self.app = App(state=state, next_seq=1, inbox=self.inbox, journal=self.journal, clock=clock)
        self.gateway = HyperliquidGateway(exchange, info, universe)
        self.outbox = Outbox(gateway=self.gateway, desk=NoDesk(), clock=clock, put=self.inbox.put)
        backoff = Backoff(random.Random(0))
        self.feed = HyperliquidFeed(
            self.wire,
            HyperliquidReference(info, universe),
            user=signer.address,
            backoff=backoff,
            patience=NO_PRICES_COME,
        )
        self.clock = clock

    async def measure(self, fills: int, idle_s: float) -> list[float]:
        """Return microseconds from a frame's arrival to its order's bytes, once for each fill."""
        tasks = [
            asyncio.create_task(self.app.engine(self.outbox, self.feed)),
            asyncio.create_task(self.feed.run(self.inbox.put)),
        ]
        taken: list[float] = []
        await asyncio.sleep(0.05)
        for n in range(fills):
            frame = fill_frame(n, self.clock.now_ms(), self.user)
            if idle_s:
                await asyncio.sleep(idle_s)
            began = time.perf_counter()
            self.wire.frames.put_nowait(frame)
            ended, _ = await asyncio.wait_for(self.wire.out.get(), 10)
            taken.append(1e6 * (ended - began))
            await self._settle()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.journal.close()
        return taken

    async def _settle(self) -> None:
        """Let the answer be booked, and put the book back: each fill begins from the same state."""
        await self.outbox.drain()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        state = self.app.state
        hedge = replace(state.hedge, turnover=(), reaction_ms=(), outside_since_ms=None)
        orders = replace(state.orders, recent_ms=(), open={})
        positions = desk(self.clock.now_ms()).book.positions
        book = replace(state.book, positions=positions, chain={}, broken={})
        self.app.state = replace(state, hedge=hedge, orders=orders, book=book)


def sdk_path(fills: int, user: str) -> list[float]:
    """The same work by the SDK as its users do it: parse, add up, sign two orders, write the body."""
    from eth_account import Account as Wallet
    from hyperliquid.utils.signing import (
        get_timestamp_ms,
        order_request_to_order_wire,
        order_wires_to_order_action,
        sign_l1_action,
    )

    wallet, taken, position = Wallet.from_key(KEY), [], 0.0
    for n in range(fills):
        frame = fill_frame(n, get_timestamp_ms(), user)
        began = time.perf_counter()
        for fill in json.loads(frame)["data"]["fills"]:
            position += float(fill["sz"]) * (1 if fill["side"] == "B" else -1)
        requests = [
            {
                "coin": c,
                "is_buy": True,
                "sz": 0.5,
                "limit_px": 100_500.0,
                "order_type": {"limit": {"tif": "Ioc"}},
            }
            | {"reduce_only": False, "cloid": None}
            for c in HEDGE_PX
        ]
        wires = [order_request_to_order_wire(r, i) for i, r in enumerate(requests)]
        action, nonce = order_wires_to_order_action(wires), get_timestamp_ms() + n
        signature = sign_l1_action(wallet, action, None, nonce, None, False)
        json.dumps({"action": action, "nonce": nonce, "signature": signature, "vaultAddress": None})
        taken.append(1e6 * (time.perf_counter() - began))
    return taken


def summary(taken: list[float]) -> dict[str, float]:
    ordered = sorted(taken)
    return {
        "n": len(ordered),
        "p50_us": round(ordered[len(ordered) // 2], 1),
        "p99_us": round(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 1),
    }


def solve_for(seconds: float) -> int:
    """Solve one pipeline after the other for a while: what the worker does at 23:50."""
    import pandas as pd

    from bench.pipeline import PARAMETERS, synthetic_panel
    from strategies.idio_statarb.pipeline import run

    panel, ended, solved = synthetic_panel(150), time.perf_counter() + seconds, 0
    while time.perf_counter() < ended:
        run(panel, panel.days[-1], parameters=PARAMETERS, previous=pd.Series(dtype=float))
        solved += 1
    return solved


def measure(fills: int) -> dict[str, Any]:
    """Return every figure of the run; each case has a rig of its own."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        gc.collect()
        gc.freeze()
        figures["sdk"] = summary(sdk_path(min(fills, 200), "0x" + "22" * 20))
        figures["warm, journal in memory"] = _case(directory, InlineJournal, None, fills, 0.0)
        figures["warm, journal on disk"] = _case(directory, ThreadedJournal, directory / "a", fills, 0.0)
        figures["after 50 ms idle"] = _case(directory, ThreadedJournal, directory / "b", fills // 4, 0.05)
        figures["while solving"] = uvloop.run(_while_solving(directory, fills))
    sdk = figures["sdk"]["p50_us"]
    figures["times faster than the sdk, warm, journal in memory"] = round(
        sdk / figures["warm, journal in memory"]["p50_us"], 1
    )
    return figures


def _case(directory: Path, journal: Any, path: Path | None, fills: int, idle_s: float) -> dict[str, float]:
    async def case() -> list[float]:
        rig = Rig(directory, journal, path)
        await rig.measure(20, 0.0) if path is None else None
        fresh = Rig(directory, journal, path)
        return await fresh.measure(fills, idle_s)

    return summary(uvloop.run(case()))


async def _while_solving(directory: Path, fills: int) -> dict[str, float]:
    compute = WorkerCompute()
    await compute.warm()
    solving = asyncio.create_task(compute.run("bench.latency:solve_for", 8.0))
    await asyncio.sleep(1.0)
    taken = await Rig(directory, ThreadedJournal, directory / "c").measure(fills, 0.005)
    solved = await solving
    compute.close()
    return {**summary(taken), "pipelines_solved_meanwhile": solved}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fills", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.fills)
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:55} {value}")


if __name__ == "__main__":
    main()
