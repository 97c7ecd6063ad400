"""Bitfinex, version 2: a ticker and a book of 25 levels a side with its checksum; every frame numbered and stamped.

The book comes whole in the first round, and level by level later; a level that falls out of the 25 is told to be gone.
"""

from collections.abc import Mapping
from zlib import crc32

from sim.exchanges import ladder
from sim.exchanges.ladder import Level
from sim.exchanges.script import Answer, Reply, Say
from sim.exchanges.speech import BASE_VOLUME, Moment, Speech, answer, reply, say, text

TICKER, BOOK = 224_555, 224_556
DEPTH = 25


def says(now: Moment) -> tuple[Say, ...]:
    row = [now.bid, 31.2, now.ask, 40.6, 0.0, 0.0, now.price, BASE_VOLUME, now.ask, now.bid]
    changes = [[BOOK, change] for change in _changes(now)] if now.number else [[BOOK, _rows(now)]]
    frames: list[list[object]] = [[TICKER, row], *changes, [BOOK, "cs", checksum(now)]]
    first = 1 + sum(_frames(now.after(-rounds)) for rounds in range(1, now.number + 1))
    return tuple(say([*frame, first + place, now.at_ms]) for place, frame in enumerate(frames))


def _frames(now: Moment) -> int:
    """Return how many frames a round has: ticker and checksum, and between them the book or its changes."""
    return 2 + (len(_changes(now)) if now.number else 1)


def _rows(now: Moment) -> list[list[float]]:
    bids, asks = ladder.bids(now, DEPTH), ladder.asks(now, DEPTH)
    return [*([at, 1, size] for at, size in bids), *([at, 1, -size] for at, size in asks)]


def _changes(now: Moment) -> list[list[float]]:
    """Return rows [price, count, amount]: no count for a level that is gone, an amount below zero for an ask."""
    old, changes = now.after(-1), []
    for sign, side in ((1, ladder.bids), (-1, ladder.asks)):
        before, after = side(old, DEPTH), side(now, DEPTH)
        changes += [[level.price, 0, sign] for level in ladder.gone(before, after)]
        changes += [[level.price, 1, sign * level.size] for level in ladder.changed(before, after)]
    return changes


def checksum(now: Moment) -> int:
    """Return CRC32 over price:size of bids and asks in turn, sizes of asks below zero, as a signed number."""
    pairs = zip(ladder.bids(now, DEPTH), ladder.asks(now, DEPTH), strict=True)
    levels = (level for bid, ask in pairs for level in (bid, Level(ask.price, -ask.size)))
    told = crc32(":".join(f"{price}:{size}" for price, size in levels).encode())
    return told - 2**32 if told >= 2**31 else told


def answers(now: Moment) -> Mapping[str, Answer]:
    row = [now.bid, 31.2, now.ask, 40.6, 0.0, 0.0, now.price, BASE_VOLUME, now.ask, now.bid]
    return {"/v2/tickers": answer([[f"t{now.named('')}", *row]])}


def replies(now: Moment) -> tuple[Reply, ...]:
    def subscribed(channel: str, number: int) -> Reply:
        told = {"event": "subscribed", "channel": channel, "chanId": number, "symbol": f"t{now.named('')}"}
        return reply(f'"channel":"{channel}"', {**told, "pair": now.named("")})

    conf = {"event": "conf", "status": "OK", "flags": 229_376}
    pong = {"event": "pong", "ts": now.at_ms, "cid": 1}
    return (
        subscribed("ticker", TICKER),
        subscribed("book", BOOK),
        reply('"conf"', conf),
        reply('"ping"', pong),
    )


GREETING = text({"event": "info", "version": 2, "serverId": "6a1b0b5a", "platform": {"status": 1}})
SPEECH = Speech("BTC/USD", '"book"', says, answers, replies, (GREETING,))
