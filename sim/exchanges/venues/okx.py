"""OKX, websocket version 5: tickers, and a book of one level a side whose changes are chained."""

from collections.abc import Mapping

from sim.exchanges.script import Answer, Reply, Say
from sim.exchanges.speech import BASE_VOLUME, Moment, Speech, answer, reply, say

NO_SEQUENCE = -1


def says(now: Moment) -> tuple[Say, ...]:
    name, old = now.named("-"), now.after(-1)
    bids, asks = [_level(now.bid, "0.5")], [_level(now.ask, "0.5")]
    if now.number:
        bids, asks = [_level(old.bid, "0"), *bids], [_level(old.ask, "0"), *asks]
    chain = {"prevSeqId": 122 + now.number if now.number else NO_SEQUENCE, "seqId": 123 + now.number}
    book = {"asks": asks, "bids": bids, "ts": f"{now.at_ms}", "checksum": 0, **chain}
    action = "update" if now.number else "snapshot"
    return (
        say({"arg": {"channel": "tickers", "instId": name}, "data": [_ticker(now)]}, '"tickers"'),
        say({"arg": {"channel": "books", "instId": name}, "action": action, "data": [book]}, '"books"'),
    )


def _level(price: float, size: str) -> list[str]:
    return [f"{price:.1f}", size, "0", "0" if size == "0" else "3"]


def _ticker(now: Moment) -> dict[str, str]:
    prices = {"last": now.price, "askPx": now.ask, "bidPx": now.bid, "open24h": now.price, "high24h": now.ask}
    prices |= {"low24h": now.bid, "sodUtc0": now.price, "sodUtc8": now.price}
    sizes = {
        "lastSz": "0.1",
        "askSz": "0.5",
        "bidSz": "0.5",
        "vol24h": f"{BASE_VOLUME}",
        "volCcy24h": f"{now.turnover}",
    }
    told = {name: f"{price:.1f}" for name, price in prices.items()}
    return {"instType": "SPOT", "instId": now.named("-"), **told, **sizes, "ts": f"{now.at_ms}"}


def answers(now: Moment) -> Mapping[str, Answer]:
    return {"/api/v5/market/ticker": answer({"code": "0", "msg": "", "data": [_ticker(now)]})}


def replies(now: Moment) -> tuple[Reply, ...]:
    def subscribed(channel: str) -> Reply:
        arg = {"channel": channel, "instId": now.named("-")}
        return reply(f'"{channel}"', {"event": "subscribe", "arg": arg, "connId": "a4d3ae55"})

    return subscribed("tickers"), subscribed("books"), Reply("ping", ("pong",))


SPEECH = Speech("BTC/USDT", "subscribe", says, answers, replies)
