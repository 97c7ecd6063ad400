"""Coinbase Exchange: tickers and heartbeats of the market data feed; requests go to Advanced Trade, as ccxt's do."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sim.exchanges.script import Answer, Reply, Say
from sim.exchanges.speech import BASE_VOLUME, Moment, Speech, answer, reply, say

FIRST_TRADE = 370_843_401


def says(now: Moment) -> tuple[Say, ...]:
    trade, product = FIRST_TRADE + now.number, now.named("-")
    at = datetime.fromtimestamp(now.at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
    ticker = {"type": "ticker", "sequence": 37_475_248_783 + 3 * now.number, "product_id": product}
    ticker |= {
        "price": f"{now.price:.2f}",
        "open_24h": f"{now.price:.2f}",
        "volume_24h": f"{BASE_VOLUME:.8f}",
    }
    ticker |= {"low_24h": f"{now.bid:.2f}", "high_24h": f"{now.ask:.2f}", "volume_30d": "41000.5"}
    ticker |= {"best_bid": f"{now.bid:.2f}", "best_bid_size": "0.46688654", "best_ask": f"{now.ask:.2f}"}
    ticker |= {
        "best_ask_size": "1.56637040",
        "side": "buy",
        "time": at,
        "trade_id": trade,
        "last_size": "0.1",
    }
    beat = {"type": "heartbeat", "last_trade_id": trade, "product_id": product, "sequence": trade, "time": at}
    return say(ticker, "ticker"), say(beat, "heartbeat")


def answers(now: Moment) -> Mapping[str, Answer]:
    product = {"product_id": now.named("-"), "price": f"{now.price:.2f}", "volume_24h": f"{BASE_VOLUME:.8f}"}
    product |= {
        "status": "online",
        "product_type": "SPOT",
        "quote_currency_id": now.quote,
        "base_currency_id": now.base,
    }
    product |= {"approximate_quote_24h_volume": f"{now.turnover:.2f}"}
    return {"/api/v3/brokerage/market/products": answer({"products": [product], "num_products": 1})}


def replies(now: Moment) -> tuple[Reply, ...]:
    channels = [{"name": name, "product_ids": [now.named("-")]} for name in ("ticker", "heartbeat")]
    return (reply('"subscribe"', {"type": "subscriptions", "channels": channels}),)


SPEECH = Speech("BTC/USD", '"subscribe"', says, answers, replies)
