"""Index prices: the cost of a tick and of a value, and the time to publication: `python -m bench.index_price`.

Beside it in the same run, on the same ticks: the brief's rule as a loop over dictionaries, and as numpy over all symbols
at once. Neither knows states, reasons or proofs. `--json` prints the figures alone. The daemon's other work is what
bench/latency.py measures: fills booked and hedges signed in the same loop, ten fills a second.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from adapters.exchanges.coinbase import Coinbase
from bench.latency import Rig
from bench.plain_index import plain, vectorised
from core.index_price import IndexPrice
from core.prices.methodology import Methodology
from core.prices.presets import BRIEF, NIGHTDESK
from core.prices.types import Tick
from state.journal import ThreadedJournal

FEEDS = 7
SYMBOLS = 200
HZ = 10
PACED_SYMBOLS = 100
T = 1_700_000_000_000
VENUES = [f"venue{i}" for i in range(FEEDS)]


def drawn(symbols: int, rounds: int, seed: int = 1) -> list[list[Tick]]:
    """Return rounds of one tick a feed and symbol, a tenth of a second apart, each with a book."""
    rng = random.Random(seed)
    prices = [rng.uniform(1, 50_000) for _ in range(symbols)]
    made = []
    for number in range(rounds):
        prices = [price * (1 + rng.gauss(0, 1e-5)) for price in prices]
        made.append(
            [_tick(i, price, venue, number, rng) for i, price in enumerate(prices) for venue in VENUES]
        )
    return made


def _tick(symbol: int, price: float, venue: str, number: int, rng: random.Random) -> Tick:
    told, at_ms = price * (1 + rng.gauss(0, 1e-4)), T + number * 1000 // HZ
    return Tick(
        source=venue,
        symbol=f"C{symbol}/USD",
        price=told,
        at_ms=at_ms,
        received_ms=at_ms,
        volume_24h=1e9,
        bid=told * 0.9999,
        ask=told * 1.0001,
    )


def timed(work: Callable[[], object]) -> float:
    """Return the processor seconds that a piece of work took: the machine is shared."""
    began = time.process_time()
    work()
    return time.process_time() - began


def engine(methodology: Methodology, rounds: list[list[Tick]]) -> dict[str, float]:
    """Give an index each tick, and evaluate each symbol once a round."""
    indices = {tick.base: IndexPrice(f"{tick.base}/USD", methodology) for tick in rounds[0]}

    def all_rounds() -> None:
        for ticks in rounds:
            for tick in ticks:
                indices[tick.base].tick(tick)
            for index in indices.values():
                index.evaluate(ticks[0].at_ms)

    return _figures(timed(all_rounds), rounds)


def dictionaries(rounds: list[list[Tick]]) -> dict[str, float]:
    feeds: dict[str, dict[str, dict[str, float]]] = {}

    def all_rounds() -> None:
        for ticks in rounds:
            for tick in ticks:
                told = {"price": tick.price, "volume": tick.volume_24h or 0.0, "at_ms": tick.at_ms}
                feeds.setdefault(tick.base, {})[tick.source] = told
            for symbol in feeds.values():
                plain(symbol, ticks[0].at_ms)

    return _figures(timed(all_rounds), rounds)


def matrices(rounds: list[list[Tick]]) -> dict[str, float]:
    symbols = len(rounds[0]) // FEEDS
    places = {(tick.base, tick.source): divmod(i, FEEDS) for i, tick in enumerate(rounds[0])}
    prices, volumes, at_ms = (np.zeros((symbols, FEEDS)) for _ in range(3))

    def all_rounds() -> None:
        for ticks in rounds:
            for tick in ticks:
                place = places[tick.base, tick.source]
                prices[place], volumes[place], at_ms[place] = tick.price, tick.volume_24h, tick.at_ms
            vectorised(prices, volumes, at_ms, now_ms=ticks[0].at_ms)

    return _figures(timed(all_rounds), rounds)


def _figures(took_s: float, rounds: list[list[Tick]]) -> dict[str, float]:
    ticks = sum(len(one) for one in rounds)
    return {"us_a_tick": round(1e6 * took_s / ticks, 2), "ticks_a_second": round(ticks / took_s)}


def side_by_side(symbols: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return the figures of all four, medians of five runs."""
    ticks = drawn(symbols, rounds)
    works: dict[str, Callable[[], dict[str, float]]] = {
        "nightdesk": lambda: engine(NIGHTDESK, ticks),
        "nightdesk, preset brief": lambda: engine(BRIEF, ticks),
        "dictionaries": lambda: dictionaries(ticks),
        "numpy": lambda: matrices(ticks),
    }
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in works}
    for _ in range(5):
        for name, work in works.items():
            runs[name].append(work())
    return {
        name: {key: statistics.median(run[key] for run in found) for key in found[0]}
        for name, found in runs.items()
    }


def frame(symbol: int, price: float) -> bytes:
    """Return a ticker frame as Coinbase sends it."""
    words = {
        "type": "ticker",
        "sequence": 1,
        "product_id": f"C{symbol}-USD",
        "price": f"{price:.2f}",
        "volume_24h": "15000.5",
        "best_bid": f"{price * 0.9999:.2f}",
        "best_ask": f"{price * 1.0001:.2f}",
        "time": "2023-11-14T22:13:20.000000Z",
        "trade_id": 1,
    }
    return json.dumps(words).encode()


async def paced(seconds: float) -> dict[str, float]:
    """A hundred symbols of seven feeds at ten a second, frames parsed, each symbol evaluated at its last feed's tick.

    Latency is from when the frame was due to the value: what the loop was busy with counts.
    """
    words = {venue: Coinbase([f"C{i}/USD" for i in range(PACED_SYMBOLS)]) for venue in VENUES}
    indices = [IndexPrice(f"C{i}/USD", NIGHTDESK) for i in range(PACED_SYMBOLS)]
    frames = [[frame(i, 100.0 + i + 0.01 * n) for n in range(5)] for i in range(PACED_SYMBOLS)]
    late_s: list[float] = []
    loop, busy_s = asyncio.get_running_loop(), 0.0
    began = due = loop.time()
    turn = 0
    while due < began + seconds:
        for i, index in enumerate(indices):
            due = began + (turn * PACED_SYMBOLS + i) / (HZ * PACED_SYMBOLS)
            await asyncio.sleep(max(0.0, due - loop.time()))
            before_s = time.thread_time()
            for venue in VENUES:
                read = words[venue].read(frames[i][turn % 5], T + 100 * turn)
                for tick in read.ticks:
                    index.tick(_as_from(tick, venue, T + 100 * turn))
            index.evaluate(T + 100 * turn)
            busy_s += time.thread_time() - before_s
            late_s.append(loop.time() - due)
        turn += 1
    ranked = sorted(late_s)
    return {
        "p50_ms": round(1000 * ranked[len(ranked) // 2], 3),
        "p99_ms": round(1000 * ranked[len(ranked) * 99 // 100], 3),
        "worst_ms": round(1000 * ranked[-1], 3),
        "share_of_a_core": round(busy_s / seconds, 3),
    }


def _as_from(tick: Tick, venue: str, at_ms: int) -> Tick:
    return Tick(
        source=venue,
        symbol=tick.symbol,
        price=tick.price,
        at_ms=at_ms,
        received_ms=at_ms,
        volume_24h=tick.volume_24h,
        bid=tick.bid,
        ask=tick.ask,
    )


async def beside_the_daemon(seconds: float) -> dict[str, float]:
    """The same while the daemon books ten fills a second and signs their hedges in this loop, its journal on the disk."""
    with tempfile.TemporaryDirectory() as name:
        rig = Rig(Path(name), ThreadedJournal, Path(name) / "journal")
        found, hedged = await asyncio.gather(paced(seconds), rig.measure(int(9 * seconds), 0.1))
    return {**found, "hedges": len(hedged)}


def measure(seconds: float) -> dict[str, Any]:
    return {
        "7 feeds, 1 symbol": side_by_side(1, 2_000),
        "7 feeds, 200 symbols": side_by_side(SYMBOLS, 20),
        "paced, alone": uvloop.run(paced(seconds)),
        "paced, beside the daemon's work": uvloop.run(beside_the_daemon(seconds)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.seconds)
    print(json.dumps(figures) if arguments.json else json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
