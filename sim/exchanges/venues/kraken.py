"""Kraken, websocket version 2: tickers, and a book of ten levels a side with its checksum.

A level that falls out of the ten is not told to be gone; one that comes into them is told.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from zlib import crc32

from sim.exchanges import ladder
from sim.exchanges.ladder import BEST_SIZE, Level
from sim.exchanges.script import Answer, Reply, Say
from sim.exchanges.speech import BASE_VOLUME, Moment, Speech, answer, reply, say, text

DEPTH = 10
GONE = 0.0


def says(now: Moment) -> tuple[Say, ...]:
    at = (
        datetime.fromtimestamp(now.at_ms / 1000, UTC)
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z")
    )
    kind = "update" if now.number else "snapshot"
    ticker = {"symbol": now.pair, "bid": now.bid, "bid_qty": BEST_SIZE, "ask": now.ask, "ask_qty": BEST_SIZE}
    ticker |= {"last": now.price, "volume": BASE_VOLUME, "vwap": now.price, "low": now.bid, "high": now.ask}
    ticker |= {"change": 0.0, "change_pct": 0.0, "timestamp": at}
    bids, asks = (changes(now, side) for side in (ladder.bids, ladder.asks))
    book = {"symbol": now.pair, "bids": bids, "asks": asks, "checksum": checksum(now), "timestamp": at}
    return (
        say({"channel": "ticker", "type": kind, "data": [ticker]}, '"ticker"'),
        say({"channel": "book", "type": kind, "data": [book]}, '"book"'),
        say({"channel": "heartbeat"}),
    )


def changes(now: Moment, side: Callable[[Moment, int], list[Level]]) -> list[dict[str, float]]:
    """Return the levels of a side: all in the first round, those that changed in later ones."""
    levels = side(now, DEPTH)
    if now.number == 0:
        return [_level(*level) for level in levels]
    old = side(now.after(-1), DEPTH)
    traded = [level.price for level in ladder.gone(old, levels) if abs(level.price - now.price) < DEPTH]
    changed = [_level(*level) for level in ladder.changed(old, levels)]
    return [*(_level(price, GONE) for price in traded), *changed]


def checksum(now: Moment) -> int:
    levels = (*ladder.asks(now, DEPTH), *ladder.bids(now, DEPTH))
    return digest([f"{word}" for level in levels for word in level])


def digest(words: Sequence[str]) -> int:
    """Return CRC32 over price and size of asks from the lowest, then bids from the highest, points and zeros ahead cut."""
    return crc32("".join(word.replace(".", "").lstrip("0") for word in words).encode())


def _level(price: float, size: float) -> dict[str, float]:
    return {"price": price, "qty": size}


def answers(now: Moment) -> Mapping[str, Answer]:
    prices = {"a": [f"{now.ask:.5f}", "1", "1.000"], "b": [f"{now.bid:.5f}", "1", "1.000"]}
    prices |= {
        "c": [f"{now.price:.5f}", "0.01"],
        "p": [f"{now.price:.5f}"] * 2,
        "v": [f"{BASE_VOLUME:.8f}"] * 2,
    }
    day = {
        "t": [39_000, 56_000],
        "l": [f"{now.bid:.5f}"] * 2,
        "h": [f"{now.ask:.5f}"] * 2,
        "o": f"{now.price:.5f}",
    }
    return {"/0/public/Ticker": answer({"error": [], "result": {"XXBTZUSD": {**prices, **day}}})}


def replies(now: Moment) -> tuple[Reply, ...]:
    times = {"time_in": "2026-03-01T00:00:00.000000Z", "time_out": "2026-03-01T00:00:00.000100Z"}
    result = {"snapshot": True, "symbol": now.pair}
    return (
        *(
            reply(
                f'"{name}"',
                {"method": "subscribe", "result": {"channel": name, **result}, "success": True, **times},
            )
            for name in ("ticker", "book")
        ),
        reply('"ping"', {"method": "pong", **times}),
    )


STATUS = {
    "version": "2.0.10",
    "system": "online",
    "api_version": "v2",
    "connection_id": 12_393_906_104_898_154_338,
}
GREETING = text({"channel": "status", "type": "update", "data": [STATUS]})
SPEECH = Speech("BTC/USD", "subscribe", says, answers, replies, (GREETING,))
