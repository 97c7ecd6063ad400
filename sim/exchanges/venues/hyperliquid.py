"""Hyperliquid's spot market: best prices, book and context of UBTC in USDC, which the venue calls @142."""

from collections.abc import Mapping

from sim.exchanges.script import Answer, Reply, Say
from sim.exchanges.speech import BASE_VOLUME, Moment, Speech, answer, reply, say

COIN = "@142"


def says(now: Moment) -> tuple[Say, ...]:
    bids, asks = _levels(now)
    at = {"coin": COIN, "time": now.at_ms}
    return (
        say(
            {"channel": "activeSpotAssetCtx", "data": {"coin": COIN, "ctx": _context(now)}}, "activeAssetCtx"
        ),
        say({"channel": "bbo", "data": {**at, "bbo": bids + asks}}, '"bbo"'),
        say({"channel": "l2Book", "data": {**at, "levels": [bids, asks]}}, '"l2Book"'),
    )


def _context(now: Moment) -> dict[str, str]:
    row = {"prevDayPx": f"{now.price:.1f}", "dayNtlVlm": f"{now.turnover}", "markPx": f"{now.price:.1f}"}
    return {
        **row,
        "midPx": f"{now.price:.1f}",
        "circulatingSupply": "3000.0",
        "coin": COIN,
        "dayBaseVlm": f"{BASE_VOLUME}",
    }


def answers(now: Moment) -> Mapping[str, Answer]:
    return {"/info": answer({"coin": COIN, "time": now.at_ms, "levels": _levels(now)})}


def _levels(now: Moment) -> list[list[dict[str, object]]]:
    return [[{"px": f"{now.bid:.1f}", "sz": "0.5", "n": 2}], [{"px": f"{now.ask:.1f}", "sz": "0.4", "n": 1}]]


def replies(now: Moment) -> tuple[Reply, ...]:
    def subscribed(kind: str) -> Reply:
        subscription = {"type": kind, "coin": COIN}
        told = {
            "channel": "subscriptionResponse",
            "data": {"method": "subscribe", "subscription": subscription},
        }
        return reply(f'"{kind}"', told)

    kinds = (subscribed(kind) for kind in ("bbo", "l2Book", "activeAssetCtx"))
    return (*kinds, reply('"ping"', {"channel": "pong"}))


SPEECH = Speech("BTC/USDC", "activeAssetCtx", says, answers, replies)
