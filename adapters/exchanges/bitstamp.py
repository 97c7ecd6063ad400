"""Bitstamp: the first hundred levels of the book at each change, and every trade.

Its streams do not tell the volume of 24 hours, so ticks have none. Each book is whole, so nothing can be missing from
it. Recorded changes of the book (diff_order_book) say nothing without the book that they change: the venue lives.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from adapters.exchanges.edge import BAD, price, reader, stamp_ms, strange
from adapters.exchanges.pairs import Pairs, When, ticked
from adapters.exchanges.ports import ALIVE, Door, Read, WordsOf, refusal
from adapters.exchanges.symbols import Joined

BOOK, TRADES, CHANGES = "order_book", "live_trades", "diff_order_book"
ANSWERS = frozenset({"bts:subscription_succeeded", "bts:heartbeat"})


class Data(msgspec.Struct):
    """A book (bids and asks, best first) or a trade."""

    microtimestamp: Any = None
    bids: list[list[Any]] | None = None
    asks: list[list[Any]] | None = None
    price: Any = None
    price_str: Any = None


class Frame(msgspec.Struct):
    event: str
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


_decode, _data = reader(Frame), reader(Data)


class Bitstamp:
    """The words of one connection."""

    source = "bitstamp"
    url = "wss://ws.bitstamp.net"
    door: Door | None = None
    silence_s = 15.0
    ping_s: float | None = 5.0

    def __init__(self, pairs: Sequence[str]) -> None:
        self._asked = [pair.replace("/", "").lower() for pair in pairs]
        self._symbol = Joined(pairs)
        self._pairs = Pairs(self.source)

    def hello(self) -> tuple[str, ...]:
        channels = [f"{kind}_{name}" for name in self._asked for kind in (BOOK, TRADES)]
        words = [{"event": "bts:subscribe", "data": {"channel": channel}} for channel in channels]
        return tuple(msgspec.json.encode(word).decode() for word in words)

    def ping(self, now_ms: int) -> str:
        return '{"event":"bts:heartbeat"}'

    def read(self, frame: str | bytes, received_ms: int) -> Read:
        try:
            said = _decode(frame)
            if said.event == "bts:request_reconnect":
                return Read(fault="the venue asks to connect anew")
            if said.event in ("bts:error", "bts:unsubscription_succeeded"):
                return refusal(f"{strange(frame).strange}")
            if said.event in ANSWERS or said.channel.startswith(CHANGES):
                return ALIVE
            return self._price(said, received_ms) or strange(frame)
        except BAD:
            return strange(frame)

    def _price(self, said: Frame, received_ms: int) -> Read | None:
        channel, _, name = said.channel.rpartition("_")
        symbol = self._symbol(name)
        if symbol is None or (channel, said.event) not in {(BOOK, "data"), (TRADES, "trade")}:
            return None
        data = _data(said.data)
        when = When(channel, stamp_ms(data.microtimestamp, per_ms=1000), received_ms)
        if channel == TRADES:
            told = data.price if data.price_str is None else data.price_str
            return ticked([self._pairs.trade(symbol, price(told), when)])
        bid, ask = _best(data.bids), _best(data.asks)
        if self._pairs.unchanged(symbol, bid, ask):
            return ALIVE
        return ticked([self._pairs.tell(symbol, when, bid=bid, ask=ask)])


def _best(levels: list[list[Any]] | None) -> float | None:
    return price(levels[0][0]) if levels and levels[0] else None


WORDS: WordsOf = Bitstamp
