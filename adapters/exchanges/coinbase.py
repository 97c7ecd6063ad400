"""Coinbase Exchange: ticker and heartbeats of its market data feed.

This feed and not Advanced Trade's: it is the one documented as open to all, while for the other the venue recommends a
key. Its tickers skip sequence numbers by design, so a gap shows elsewhere: a heartbeat names the last trade, and a trade
that was named a second ago must have come as a ticker since.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from adapters.exchanges.edge import BAD, amount, iso_ms, price, reader, strange, whole
from adapters.exchanges.pairs import Pairs, Said, When, ticked
from adapters.exchanges.ports import ALIVE, Door, Read, WordsOf, refusal
from adapters.exchanges.symbols import divided

OTHER_TYPES = frozenset(
    {"subscriptions", "status", "snapshot", "l2update", "received", "open", "change", "done"}
)
"""Messages of channels we do not ask for (and the answer to the subscription): the venue lives."""


class Message(msgspec.Struct):
    type: str
    product_id: str = ""
    sequence: Any = None
    price: Any = None
    best_bid: Any = None
    best_ask: Any = None
    volume_24h: Any = None
    time: Any = None
    trade_id: Any = None
    last_trade_id: Any = None
    message: Any = None
    reason: Any = None


_decode = reader(Message)


class Coinbase:
    """The words of one connection."""

    source = "coinbase"
    url = "wss://ws-feed.exchange.coinbase.com"
    door: Door | None = None
    silence_s = 5.0
    ping_s: float | None = None

    def __init__(self, pairs: Sequence[str]) -> None:
        self._products = [pair.replace("/", "-") for pair in pairs]
        self._pairs = Pairs(self.source)
        self._heard: dict[str, int] = {}
        self._named: dict[str, int] = {}

    def hello(self) -> tuple[str, ...]:
        words = {"type": "subscribe", "product_ids": self._products, "channels": ["ticker", "heartbeat"]}
        return (msgspec.json.encode(words).decode(),)

    def ping(self, now_ms: int) -> str:
        """Return nothing: heartbeats come each second."""
        return ""

    def read(self, frame: str | bytes, received_ms: int) -> Read:
        try:
            message = _decode(frame)
        except BAD:
            return strange(frame)
        if message.type == "error":
            return refusal(f"{strange(frame).strange}")
        if message.type in OTHER_TYPES:
            return ALIVE
        symbol = divided(message.product_id, "-")
        if symbol is None:
            return strange(frame)
        if message.type == "heartbeat":
            return self._heartbeat(symbol, message)
        return self._price(symbol, message, received_ms) or strange(frame)

    def _price(self, symbol: str, message: Message, received_ms: int) -> Read | None:
        when = When(message.type, iso_ms(message.time), received_ms)
        if message.type in ("match", "last_match"):
            tick = self._pairs.trade(symbol, price(message.price), when._replace(channel="match"))
        elif message.type == "ticker":
            tick = self._pairs.tell(symbol, when, **told(message))
            self._heard[symbol] = max(whole(message.trade_id) or 0, self._heard.get(symbol, 0))
        else:
            return None
        return ticked([tick])

    def _heartbeat(self, symbol: str, message: Message) -> Read:
        """Compare what the heartbeat before this one named with what came since."""
        named, last = self._named.get(symbol), whole(message.last_trade_id)
        if last is not None:
            self._named[symbol] = last
        heard = self._heard.get(symbol)
        if named is not None and heard is not None and heard < named:
            return Read(fault=f"{symbol}: trade {named} never came, the last one is {heard}")
        return ALIVE


def told(message: Message) -> Said:
    """Return a ticker's words. Only the base amount is told."""
    bid, ask = price(message.best_bid), price(message.best_ask)
    return Said(last=price(message.price), bid=bid, ask=ask, volume_base=amount(message.volume_24h))


WORDS: WordsOf = Coinbase
