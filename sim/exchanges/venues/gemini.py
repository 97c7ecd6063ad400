"""Gemini's current websocket API: best prices and trades, stamped in nanoseconds."""

from collections.abc import Mapping

from sim.exchanges.script import Answer, Reply, Say
from sim.exchanges.speech import BASE_VOLUME, Moment, Speech, answer, reply, say

NANOSECONDS = 1_000_000
"""In a millisecond."""


def says(now: Moment) -> tuple[Say, ...]:
    at = {"E": now.at_ms * NANOSECONDS, "s": now.named("").lower()}
    best = {
        "u": 1_751_505_576_085 + now.number,
        **at,
        "b": f"{now.bid:.2f}",
        "B": "1.5",
        "a": f"{now.ask:.2f}",
        "A": "2.1",
    }
    trade = {**at, "t": 1_234_567 + now.number, "p": f"{now.price:.2f}", "q": "0.01", "m": True}
    return say(best, "@bookTicker"), say(trade, "@trade")


def answers(now: Moment) -> Mapping[str, Answer]:
    volume = {now.base: f"{BASE_VOLUME}", now.quote: f"{now.turnover}", "timestamp": now.at_ms}
    row = {"bid": f"{now.bid:.2f}", "ask": f"{now.ask:.2f}", "volume": volume, "last": f"{now.price:.2f}"}
    return {f"/v1/pubticker/{now.named('').lower()}": answer(row)}


def replies(now: Moment) -> tuple[Reply, ...]:
    return (reply('"subscribe"', {"id": "1", "status": 200}), reply('"ping"', {"id": "2", "status": 200}))


SPEECH = Speech("BTC/USD", '"subscribe"', says, answers, replies)
