"""Binance spot: combined streams of book tickers and 24 hour tickers."""

from collections.abc import Mapping

from sim.exchanges.script import Answer, Reply, Say
from sim.exchanges.speech import BASE_VOLUME, Moment, Speech, answer, reply, say

DAY_MS = 86_400_000


def says(now: Moment) -> tuple[Say, ...]:
    name = now.named("").lower()
    best = {"u": 400_900_217 + now.number, "s": now.named(""), "b": f"{now.bid:.8f}", "B": "31.21000000"}
    best |= {"a": f"{now.ask:.8f}", "A": "40.66000000"}
    return (
        say({"stream": f"{name}@bookTicker", "data": best}, "@bookTicker"),
        say({"stream": f"{name}@ticker", "data": _ticker(now)}, "@ticker"),
    )


def _ticker(now: Moment) -> dict[str, object]:
    times = {"O": now.at_ms - DAY_MS, "C": now.at_ms, "F": 0, "L": 18_150, "n": 18_151}
    prices = {"p": "94.99999800", "P": "95.960", "w": f"{now.price:.8f}", "x": f"{now.price:.8f}"}
    prices |= {"c": f"{now.price:.8f}", "Q": "10.00000000", "b": f"{now.bid:.8f}", "B": "31.21000000"}
    prices |= {"a": f"{now.ask:.8f}", "A": "40.66000000", "o": f"{now.price:.8f}", "h": f"{now.ask:.8f}"}
    volumes = {"l": f"{now.bid:.8f}", "v": f"{BASE_VOLUME:.8f}", "q": f"{now.turnover:.8f}"}
    return {"e": "24hrTicker", "E": now.at_ms, "s": now.named(""), **prices, **volumes, **times}


def answers(now: Moment) -> Mapping[str, Answer]:
    row = {"symbol": now.named(""), "lastPrice": f"{now.price:.8f}", "bidPrice": f"{now.bid:.8f}"}
    row |= {
        "askPrice": f"{now.ask:.8f}",
        "volume": f"{BASE_VOLUME:.8f}",
        "quoteVolume": f"{now.turnover:.8f}",
    }
    return {"/api/v3/ticker/24hr": answer([{**row, "openTime": now.at_ms - DAY_MS, "closeTime": now.at_ms}])}


def replies(now: Moment) -> tuple[Reply, ...]:
    return (reply("SUBSCRIBE", {"result": None, "id": 1}),)


SPEECH = Speech("BTC/USDT", "SUBSCRIBE", says, answers, replies)
