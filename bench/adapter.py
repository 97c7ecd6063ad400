"""Frames parsed and booked, and the memory it takes: `python -m bench.adapter [--frames 2000] [--nights 30] [--json]`.

The frames are our own venue's (bench/adapter_frames.py). Ours go through the reader, the feed and core.engine.step. Beside
them in the same run, on the same frames: ccxt.pro's handlers with its own caches, and the SDK's dispatch with a callback
that adds up. Then a month of nights through feed and engine, to see whether anything grows.
"""

import argparse
import asyncio
import gc
import json
import random
import statistics
import time
import tracemalloc
from array import array
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from adapters.backoff import Backoff
from adapters.hyperliquid.budget import Budget
from adapters.hyperliquid.feed import HyperliquidFeed
from adapters.hyperliquid.info import Info
from adapters.hyperliquid.reference import HyperliquidReference
from adapters.hyperliquid.universe import Universe
from adapters.hyperliquid.wire.frames import read_frame
from adapters.ports import HttpReply, Socket, Unknown
from bench.adapter_frames import COINS, SPAN_MS, START_MS, USER, Frames, collect, order, repeated
from core import orders
from core.calendar import DAY_MS
from core.config import TradingSettings
from core.engine import step
from core.events import AnyEvent, ClockTicked, FillsReceived, SnapshotReceived
from core.state import Account as Known
from core.state import Book, Orders, State
from core.types import AccountSnapshot, Coin, Instrument, Order, Side
from sim.loop import run as run_virtual

COMPARED = ("userFills", "orderUpdates", "l2Book", "allMids")
"""What ccxt.pro has handlers for; it has none for bbo, from which we trade."""
FILLS_A_FRAME = 10
SECONDS_TRADED = 300
QUIET_MINUTES = 5
WARM_NIGHTS = 5
TRACKED = 2_000
CCXT_KEEPS = 1_000
EVERY_ID = 2**48
"""A counter beyond every id: the fills of the frames count as our own, as they do in a night."""
"""Rows in each of ccxt's caches; older ones are dropped, whether or not anybody has seen them."""

Taker = Callable[[str], None]


class StandingClock:
    """Stands where the benchmark puts it."""

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        raise RuntimeError("nobody waits in a benchmark")


class NoNetwork:
    """Both transports of an adapter that is only handed frames."""

    async def connect(self) -> Socket:
        raise ConnectionError("nothing is connected here")

    async def post(self, path: str, body: bytes, *, timeout_s: float) -> HttpReply:
        raise Unknown("nothing is connected here")

    async def close(self) -> None:
        raise RuntimeError("nothing was opened")


# --- three ways to take a frame --------------------------------------------------------------------------


class Ours:
    """The reader, the feed and the engine, without the loop between them."""

    def __init__(self, listed: tuple[Instrument, ...]) -> None:
        self.clock = StandingClock(START_MS)
        self.coins = [i.coin for i in listed if not i.delisted][:COINS]
        self.feed = HyperliquidFeed(
            NoNetwork(),
            HyperliquidReference(Info(NoNetwork(), self.clock, Budget(self.clock)), Universe(listed)),
            user=USER,
            backoff=Backoff(random.Random(0)),
        )
        self.feed.watch(self.coins, mids=self.coins)
        self.feed._watchlist.due()
        self.state = State(
            settings=TradingSettings(),
            at_ms=START_MS,
            instruments={i.coin: i for i in listed},
            book=Book(opened_ms=START_MS - 60_000, covered_to_ms=START_MS),
            orders=Orders(counter=EVERY_ID),
            account=Known(
                snapshot=self.snapshot(), asked_ms=START_MS, fills_asked_ms=START_MS, stream_up=True
            ),
        )

    def snapshot(self) -> AccountSnapshot:
        return AccountSnapshot(at_ms=self.clock.ms, equity_usd=Decimal(10**8), positions={})

    def take(self, raw: str) -> None:
        frame = read_frame(raw, now_ms=self.clock.ms, user=USER)
        self.feed._take(frame, self.step)

    def step(self, event: AnyEvent) -> None:
        self.state, _ = step(self.state, event)

    def flat(self) -> None:
        """Go back to the positions from which the first of the frames starts: repeated, they would break the chain."""
        self.state = replace(self.state, book=replace(self.state.book, positions={}, chain={}, broken={}))

    def prove(self) -> None:
        """Let the ledger have been read up to now, with nothing new in it."""
        now_ms, since_ms = self.clock.ms, self.state.book.covered_to_ms
        self.step(
            FillsReceived(at_ms=now_ms, fills=(), covered_from_ms=since_ms, covered_to_ms=now_ms - 1_500)
        )


def ccxt_taker(market: Any) -> Taker:
    """Return ccxt.pro's path from a text frame to its caches. Called inside a running loop."""
    import ccxt.pro
    from ccxt.async_support.base.ws.client import Client

    exchange = ccxt.pro.hyperliquid()
    meta, contexts = market
    rows = [{**a, **c, "baseId": n} for n, (a, c) in enumerate(zip(meta["universe"], contexts, strict=True))]
    exchange.set_markets(exchange.parse_markets(rows))
    nothing = lambda *_: None  # noqa: E731 - three callbacks that are never called
    client = Client("ws://nowhere", exchange.handle_message, nothing, nothing, nothing)
    taker: Taker = client.handle_text_or_binary_message
    return taker


def sdk_taker(first: list[str]) -> Taker:
    """Return the SDK's dispatch with one callback, subscribed to what the frames are about; it adds up floats."""
    from hyperliquid.websocket_manager import ActiveSubscription, WebsocketManager, ws_msg_to_identifier

    sums: dict[str, float] = {}

    def callback(message: Any) -> None:
        data = message["data"]
        if message["channel"] == "userFills":
            for fill in data["fills"]:
                signed = float(fill["sz"]) * (1 if fill["side"] == "B" else -1)
                sums[fill["coin"]] = sums.get(fill["coin"], 0.0) + signed

    manager = WebsocketManager("http://nowhere")
    for raw in first:
        manager.active_subscriptions[ws_msg_to_identifier(json.loads(raw))] = [
            ActiveSubscription(callback, 1)
        ]
    return lambda raw: manager.on_message(None, raw)


# --- how fast --------------------------------------------------------------------------------------------


def night_of(ours: Ours, turn: int) -> Taker:
    """Return what takes our frames as a night does: every turn frames its time has passed, and coverage is proved."""
    left = turn

    def take(raw: str) -> None:
        nonlocal left
        ours.take(raw)
        left -= 1
        if not left:
            left = turn
            ours.clock.ms += SPAN_MS
            ours.prove()
            ours.flat()

    return take


def timed(take: Taker, frames: list[str]) -> float:
    """Return frames a second."""
    gc.collect()
    began = time.perf_counter()
    for raw in frames:
        take(raw)
    return len(frames) / (time.perf_counter() - began)


async def rates(
    found: Frames, listed: tuple[Instrument, ...], market: Any, *, count: int, rounds: int
) -> Any:
    """Return medians by channel: each round begins with fresh caches and books, and the three take turns."""
    figures: dict[str, Any] = {}
    seconds: dict[str, dict[str, float]] = {}
    for channel in (*COMPARED, "bbo"):
        frames = repeated(found[channel], count)
        taken: dict[str, list[float]] = {"ours": [], "ccxt": [], "sdk": []}
        for _ in range(rounds):
            ours = Ours(listed)
            taken["ours"].append(timed(night_of(ours, len(found[channel])), frames))
            if channel in COMPARED:
                taken["ccxt"].append(timed(ccxt_taker(market), frames))
            taken["sdk"].append(timed(sdk_taker(frames), frames))
            if channel == "userFills":
                rows = sum(len(json.loads(raw)["data"]["fills"]) for raw in frames)
                assert ours.state.book.fills_booked == rows, (
                    "every fill is booked, or the figure is worth nothing"
                )
        medians = {name: round(statistics.median(f)) for name, f in taken.items() if f}
        ratio = {"times ccxt": round(medians["ours"] / medians["ccxt"], 1)} if "ccxt" in medians else {}
        seconds[channel] = {name: len(found[channel]) / value for name, value in medians.items()}
        figures[channel] = {
            **{f"{name}_per_s": value for name, value in medians.items()},
            **ratio,
            "times sdk": round(medians["ours"] / medians["sdk"], 1),
        }
    figures["as they came"] = as_they_came(found, seconds)
    return figures


def as_they_came(found: Frames, seconds: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the rates for the channels that ccxt reads, in the proportions in which the venue sent them."""
    frames = sum(len(found[channel]) for channel in COMPARED)
    ours, ccxt = (sum(seconds[channel][name] for channel in COMPARED) for name in ("ours", "ccxt"))
    return {
        "ours_per_s": round(frames / ours),
        "ccxt_per_s": round(frames / ccxt),
        "times ccxt": round(ccxt / ours, 1),
    }


# --- how much memory -------------------------------------------------------------------------------------


def bytes_each(grow: Callable[[], Any], count: int) -> int:
    """Return what each of the things that grow() makes and returns takes, by tracemalloc."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    kept = grow()
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return round((after - before) / count)


def memory(found: Frames, listed: tuple[Instrument, ...], market: Any) -> dict[str, int]:
    """Return bytes for each order on record and each fill remembered, and for each trade and order in ccxt's caches."""
    fills, updates = repeated(found["userFills"], 1_000), repeated(found["orderUpdates"], 1_000)
    rows = sum(len(json.loads(raw)["data"]["fills"]) for raw in fills)

    def tracked() -> State:
        made = [
            replace(order(listed[0], Decimal(100), START_MS, n), qty=Decimal(n + 1)) for n in range(TRACKED)
        ]
        return orders.register(Ours(listed).state, made)

    def cached(frames: list[str]) -> Taker:
        take = ccxt_taker(market)
        for raw in frames:
            take(raw)
        return take

    def booked() -> State:
        ours = Ours(listed)
        for raw in fills:
            ours.take(raw)
        return ours.state

    empty = bytes_each(lambda: cached([]), 1)
    return {
        "tracked order": bytes_each(tracked, TRACKED),
        "booked fill": bytes_each(booked, rows),
        "ccxt order": round((bytes_each(lambda: cached(updates), 1) - empty) / CCXT_KEEPS),
        "ccxt trade": round((bytes_each(lambda: cached(fills), 1) - empty) / min(CCXT_KEEPS, rows)),
    }


# --- a month ---------------------------------------------------------------------------------------------


class Month:
    """Nights of fills, order updates, prices and proofs of coverage through one feed and one engine."""

    def __init__(self, listed: tuple[Instrument, ...], found: Frames) -> None:
        self.ours, self.found, self.tid = Ours(listed), found, 10**14
        self.listed = {i.coin: i for i in listed}

    def night(self, number: int) -> None:
        for second in range(SECONDS_TRADED):
            self.ours.clock.ms = START_MS + number * DAY_MS + 1000 * second
            self._second(second)

    def _second(self, second: int) -> None:
        ours = self.ours
        self._trade(second)
        for channel in ("bbo", "allMids"):
            frames = self.found[channel]
            ours.take(frames[second % len(frames)])
        ours.step(ClockTicked(at_ms=ours.clock.ms))
        ours.feed._fresh.verdicts(ours.clock.ms)
        if second % 60 == 59:
            ours.prove()

    def _trade(self, second: int) -> None:
        """Put a batch of orders on record, take its fills and updates; buys and sells take turns, as a book does."""
        ours, now_ms = self.ours, self.ours.clock.ms
        side = Side.BUY if second % 2 else Side.SELL
        batch = [self._order(coin, side, now_ms) for coin in ours.coins[:FILLS_A_FRAME]]
        ours.state = orders.register(ours.state, batch)
        ours.take(
            json.dumps(
                {"channel": "userFills", "data": {"user": USER, "fills": [self._fill(o) for o in batch]}}
            )
        )
        ours.take(json.dumps({"channel": "orderUpdates", "data": [self._update(o) for o in batch]}))

    def _order(self, coin: Coin, side: Side, now_ms: int) -> Order:
        self.tid += 1
        made = order(self.listed[coin], Decimal(100), now_ms, self.tid)
        return replace(made, side=side, qty=Decimal(2))

    def _fill(self, made: Order) -> dict[str, Any]:
        """A row of the venue's ledger: the second half of the order's number names the trade."""
        number = int(made.cloid[-12:], 16)
        return {
            "coin": made.coin,
            "px": "100.5",
            "sz": "2.0",
            "side": "B" if made.side is Side.BUY else "A",
            "time": self.ours.clock.ms,
            "startPosition": "0.0",
            "dir": "Open Long",
            "closedPnl": "0.0",
            "hash": "0x" + "0" * 64,
            "oid": number,
            "crossed": True,
            "fee": "0.0905",
            "tid": number,
            "feeToken": "USDC",
            "cloid": made.cloid,
            "twapId": None,
        }

    def _update(self, made: Order) -> dict[str, Any]:
        side = "B" if made.side is Side.BUY else "A"
        row = {
            "coin": made.coin,
            "side": side,
            "limitPx": "100.5",
            "sz": "0.0",
            "origSz": "2.0",
            "cloid": made.cloid,
        }
        return {"order": row | {"oid": int(made.cloid[-12:], 16)}, "status": "filled", "statusTimestamp": 1}

    def rest_of_day(self, number: int) -> None:
        """The rest of the day: a tick, prices and coverage every few minutes, the account once an hour."""
        ours, begin_ms = self.ours, START_MS + number * DAY_MS
        for minute in range(SECONDS_TRADED // 60, 1440, QUIET_MINUTES):
            ours.clock.ms = begin_ms + 60_000 * minute
            ours.take(self.found["allMids"][minute % len(self.found["allMids"])])
            ours.step(ClockTicked(at_ms=ours.clock.ms))
            ours.prove()
            if minute % 60 == 0:
                ours.step(SnapshotReceived(at_ms=ours.clock.ms, snapshot=ours.snapshot()))


def month(listed: tuple[Instrument, ...], found: Frames, *, nights: int) -> dict[str, Any]:
    """Return what is held at the end of each night's trading, and how much it grew (fractions).

    Growth is the median of the last third over that of the first third after the warm-up: single nights differ by what
    the decoder's own cache of strings happens to hold.
    """
    traced, resident = (array("q", bytes(8 * nights)) for _ in range(2))
    gc.collect()
    tracemalloc.start()
    played = Month(listed, found)
    for number in range(nights):
        played.night(number)
        gc.collect()
        traced[number] = tracemalloc.get_traced_memory()[0]
        resident[number] = resident_bytes()
        played.rest_of_day(number)
    tracemalloc.stop()
    book = played.ours.state.book
    return {
        "nights": nights,
        "fills_booked": book.fills_booked,
        "orders_open": len(played.ours.state.orders.open),
        "traced_kb": [round(t / 1024) for t in traced],
        "resident_mb": round(resident[-1] / 2**20, 1),
        "traced_growth": round(growth(traced), 4),
        "resident_growth": round(growth(resident), 4),
    }


def growth(held: Sequence[int]) -> float:
    warm = held[WARM_NIGHTS:] if len(held) > 2 * WARM_NIGHTS else held
    third = max(len(warm) // 3, 1)
    return statistics.median(warm[-third:]) / statistics.median(warm[:third]) - 1


def resident_bytes() -> int:
    """Return what this process holds of the machine's memory now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


# --- all of it -------------------------------------------------------------------------------------------


def measure(*, frames: int, rounds: int, nights: int) -> dict[str, Any]:
    found, listed, market = run_virtual(collect())
    figures: dict[str, Any] = {
        "frames": asyncio.run(rates(found, listed, market, count=frames, rounds=rounds)),
        "month": month(listed, found, nights=nights),
    }

    async def weighed() -> dict[str, int]:
        return memory(found, listed, market)

    figures["bytes"] = asyncio.run(weighed())
    return figures


def show(figures: dict[str, Any]) -> None:
    for part, values in figures.items():
        for name, value in values.items():
            print(f"{part:8} {name:20} {value}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(frames=arguments.frames, rounds=arguments.rounds, nights=arguments.nights)
    print(json.dumps(figures)) if arguments.json else show(figures)


if __name__ == "__main__":
    main()
