"""Gate spot, version 4: tickers and the best prices of the book."""

from collections.abc import Mapping

from sim.exchanges.script import Answer, Reply, Say
from sim.exchanges.speech import BASE_VOLUME, Moment, Speech, answer, reply, say


def says(now: Moment) -> tuple[Say, ...]:
    best = {
        "t": now.at_ms,
        "u": 48_733_182 + now.number,
        "s": now.named("_"),
        "b": f"{now.bid:.1f}",
        "B": "0.013",
    }
    best |= {"a": f"{now.ask:.1f}", "A": "0.035"}
    return (
        say(_frame(now, "spot.tickers", "update", _ticker(now)), "spot.tickers"),
        say(_frame(now, "spot.book_ticker", "update", best), "spot.book_ticker"),
    )


def _ticker(now: Moment) -> dict[str, str]:
    row = {"currency_pair": now.named("_"), "last": f"{now.price:.1f}", "lowest_ask": f"{now.ask:.1f}"}
    row |= {"highest_bid": f"{now.bid:.1f}", "change_percentage": "0.00", "base_volume": f"{BASE_VOLUME}"}
    return {
        **row,
        "quote_volume": f"{now.turnover}",
        "high_24h": f"{now.ask:.1f}",
        "low_24h": f"{now.bid:.1f}",
    }


def _frame(now: Moment, channel: str, event: str, result: object) -> dict[str, object]:
    times = {"time": now.at_ms // 1000, "time_ms": now.at_ms}
    return {**times, "channel": channel, "event": event, "result": result}


def answers(now: Moment) -> Mapping[str, Answer]:
    return {"/api/v4/spot/tickers": answer([_ticker(now)])}


def replies(now: Moment) -> tuple[Reply, ...]:
    def subscribed(channel: str) -> Reply:
        return reply(f'"{channel}"', _frame(now, channel, "subscribe", {"status": "success"}))

    pong = _frame(now, "spot.pong", "", None)
    return subscribed("spot.tickers"), subscribed("spot.book_ticker"), reply("spot.ping", pong)


SPEECH = Speech("BTC/USDT", "spot.book_ticker", says, answers, replies)
