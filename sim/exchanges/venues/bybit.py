"""Bybit spot, version 5: tickers and the best level of the book, which is sent whole each time."""

from collections.abc import Mapping

from sim.exchanges.script import Answer, Reply, Say
from sim.exchanges.speech import BASE_VOLUME, Moment, Speech, answer, reply, say


def says(now: Moment) -> tuple[Say, ...]:
    name = now.named("")
    data = {"symbol": name, "lastPrice": f"{now.price:.2f}", "highPrice24h": f"{now.ask:.2f}"}
    data |= {
        "lowPrice24h": f"{now.bid:.2f}",
        "prevPrice24h": f"{now.price:.2f}",
        "volume24h": f"{BASE_VOLUME}",
    }
    data |= {"turnover24h": f"{now.turnover}", "price24hPcnt": "0.0", "usdIndexPrice": f"{now.price}"}
    ticker = {
        "topic": f"tickers.{name}",
        "ts": now.at_ms,
        "type": "snapshot",
        "cs": 2_588_407_389,
        "data": data,
    }
    best: dict[str, object] = {
        "s": name,
        "b": [[f"{now.bid:.2f}", "0.006"]],
        "a": [[f"{now.ask:.2f}", "0.029"]],
    }
    best |= {"u": 18_521_288 + now.number, "seq": 7_961_638_724 + now.number}
    book = {
        "topic": f"orderbook.1.{name}",
        "ts": now.at_ms,
        "type": "snapshot",
        "data": best,
        "cts": now.at_ms,
    }
    return say(ticker, "tickers."), say(book, "orderbook.1.")


def answers(now: Moment) -> Mapping[str, Answer]:
    row = {
        "symbol": now.named(""),
        "bid1Price": f"{now.bid:.2f}",
        "bid1Size": "2",
        "ask1Price": f"{now.ask:.2f}",
    }
    row |= {"ask1Size": "1.862172", "lastPrice": f"{now.price:.2f}", "turnover24h": f"{now.turnover}"}
    row |= {"volume24h": f"{BASE_VOLUME}", "prevPrice24h": f"{now.price:.2f}", "price24hPcnt": "0.0"}
    result = {"category": "spot", "list": [row]}
    told = {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now.at_ms}
    return {"/v5/market/tickers": answer(told)}


def replies(now: Moment) -> tuple[Reply, ...]:
    ids = {"success": True, "conn_id": "2324d924-aa4d-45b0-a858-7b8be29ab52b", "req_id": "1"}
    return (
        reply('"subscribe"', {**ids, "ret_msg": "subscribe", "op": "subscribe"}),
        reply('"ping"', {**ids, "ret_msg": "pong", "op": "ping"}),
    )


SPEECH = Speech("BTC/USDT", '"subscribe"', says, answers, replies)
