"""Bitstamp: whole books, and trades."""

from collections.abc import Mapping

from sim.exchanges.script import Answer, Reply, Say
from sim.exchanges.speech import BASE_VOLUME, Moment, Speech, answer, reply, say


def says(now: Moment) -> tuple[Say, ...]:
    name, micros, seconds = now.named("").lower(), f"{now.at_ms}000", f"{now.at_ms // 1000}"
    book: dict[str, object] = {"timestamp": seconds, "microtimestamp": micros}
    book |= {"bids": [[f"{now.bid:.2f}", "0.50000000"]], "asks": [[f"{now.ask:.2f}", "0.25000000"]]}
    trade = {"id": 324_551_127 + now.number, "timestamp": seconds, "amount": 0.01, "amount_str": "0.01000000"}
    trade |= {"price": now.price, "price_str": f"{now.price:.2f}", "type": 0, "microtimestamp": micros}
    trade |= {"buy_order_id": 1_692_112_873_000_960, "sell_order_id": 1_692_112_872_538_114}
    return (
        say({"data": book, "channel": f"order_book_{name}", "event": "data"}, "order_book_"),
        say({"data": trade, "channel": f"live_trades_{name}", "event": "trade"}, "live_trades_"),
    )


def answers(now: Moment) -> Mapping[str, Answer]:
    row = {"timestamp": f"{now.at_ms // 1000}", "open": f"{now.price:.2f}", "high": f"{now.ask:.2f}"}
    row |= {
        "low": f"{now.bid:.2f}",
        "last": f"{now.price:.2f}",
        "volume": f"{BASE_VOLUME}",
        "vwap": f"{now.price:.2f}",
    }
    row |= {"bid": f"{now.bid:.2f}", "ask": f"{now.ask:.2f}", "side": "0", "percent_change_24": "0.00"}
    return {f"/api/v2/ticker/{now.named('').lower()}": answer(row)}


def replies(now: Moment) -> tuple[Reply, ...]:
    def subscribed(kind: str) -> Reply:
        channel = f"{kind}_{now.named('').lower()}"
        return reply(channel, {"event": "bts:subscription_succeeded", "channel": channel, "data": {}})

    beat = {"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}
    return subscribed("order_book"), subscribed("live_trades"), reply("bts:heartbeat", beat)


SPEECH = Speech("BTC/USD", "bts:subscribe", says, answers, replies)
