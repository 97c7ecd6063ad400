"""KuCoin spot: an address by request, a welcome, then tickers and snapshots."""

from collections.abc import Mapping

from sim.exchanges.script import Answer, Reply, Say
from sim.exchanges.speech import BASE_VOLUME, Moment, Speech, answer, reply, say, text

SERVER = {"endpoint": "wss://ws-api-spot.kucoin.com/", "encrypt": True, "protocol": "websocket"}
SERVER |= {"pingInterval": 18_000, "pingTimeout": 10_000}


def says(now: Moment) -> tuple[Say, ...]:
    name = now.named("-")
    data = {
        "bestAsk": f"{now.ask:.1f}",
        "bestAskSize": "0.38",
        "bestBid": f"{now.bid:.1f}",
        "bestBidSize": "0.1",
    }
    data |= {"price": f"{now.price:.1f}", "sequence": f"{14_610_502_970 + now.number}", "size": "0.0001"}
    ticker = {"topic": f"/market/ticker:{name}", "type": "message", "subject": "trade.ticker"}
    day = {
        "symbol": name,
        "lastTradedPrice": now.price,
        "buy": now.bid,
        "sell": now.ask,
        "datetime": now.at_ms,
    }
    day |= {"vol": BASE_VOLUME, "volValue": now.turnover, "trading": True, "high": now.ask, "low": now.bid}
    snapshot = {"topic": f"/market/snapshot:{name}", "type": "message", "subject": "trade.snapshot"}
    told = {"sequence": f"{14_610_502_970 + now.number}", "data": day}
    return (
        say({**ticker, "data": {**data, "time": now.at_ms}}, "/market/ticker:"),
        say({**snapshot, "data": told}, "/market/snapshot:"),
    )


def answers(now: Moment) -> Mapping[str, Answer]:
    row = {"time": now.at_ms, "symbol": now.named("-"), "buy": f"{now.bid:.1f}", "sell": f"{now.ask:.1f}"}
    row |= {"changeRate": "0", "changePrice": "0", "high": f"{now.ask:.1f}", "low": f"{now.bid:.1f}"}
    row |= {"vol": f"{BASE_VOLUME}", "volValue": f"{now.turnover}", "last": f"{now.price:.1f}"}
    address = {"token": "2neAiuYvAU61ZDXANAGAsiL4", "instanceServers": [SERVER]}
    return {
        "/api/v1/market/stats": answer({"code": "200000", "data": row}),
        "/api/v1/bullet-public": answer({"code": "200000", "data": address}),
    }


def replies(now: Moment) -> tuple[Reply, ...]:
    pong = {"id": "1", "type": "pong", "timestamp": now.at_ms * 1000}
    return reply('"subscribe"', {"id": "1", "type": "ack"}), reply('"ping"', pong)


SPEECH = Speech(
    "BTC/USDT", "/market/snapshot:", says, answers, replies, (text({"id": "h", "type": "welcome"}),)
)
