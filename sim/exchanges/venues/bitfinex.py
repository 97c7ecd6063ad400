"""Bitfinex, version 2: a ticker and a book of one level a side with its checksum; every frame numbered and stamped."""

from collections.abc import Mapping
from zlib import crc32

from sim.exchanges.script import Answer, Reply, Say
from sim.exchanges.speech import BASE_VOLUME, Moment, Speech, answer, reply, say, text

TICKER, BOOK = 224_555, 224_556
FRAMES_FIRST, FRAMES = 3, 6
"""Frames in the first round, where the book comes whole, and in each later one."""

SIZE = 1.5


def says(now: Moment) -> tuple[Say, ...]:
    row = [now.bid, 31.2, now.ask, 40.6, 0.0, 0.0, now.price, BASE_VOLUME, now.ask, now.bid]
    book: list[list[object]] = [[BOOK, [[now.bid, 1, SIZE], [now.ask, 1, -SIZE]]]]
    if now.number:
        old = now.after(-1)
        changes = [[old.bid, 0, 1], [old.ask, 0, -1], [now.bid, 1, SIZE], [now.ask, 1, -SIZE]]
        book = [[BOOK, change] for change in changes]
    frames: list[list[object]] = [[TICKER, row], *book, [BOOK, "cs", checksum(now)]]
    first = 1 + FRAMES_FIRST + FRAMES * (now.number - 1) if now.number else 1
    return tuple(say([*frame, first + place, now.at_ms]) for place, frame in enumerate(frames))


def checksum(now: Moment) -> int:
    """Return CRC32 over price:size of bid and ask, the ask's size below zero, as a signed number."""
    told = crc32(f"{now.bid}:{SIZE}:{now.ask}:{-SIZE}".encode())
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
