"""Binance spot: best bid and ask of each change, and the 24 hour ticker each second, from the public streams.

The spot book ticker has no stamp, so every tick of spot is stamped at receipt: two clocks in one stream would make the
slower one look reordered. Recordings of the USD-M and COIN-M futures are read too: their frames carry what spot's do
not, and their ticks are those of other sources, since a perpetual's price is not spot's.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from adapters.exchanges.edge import BAD, amount, price, reader, stamp_ms, strange
from adapters.exchanges.pairs import Pairs, Said, When, ticked
from adapters.exchanges.ports import ALIVE, Door, Read, WordsOf, refusal
from adapters.exchanges.symbols import Joined
from core.prices.types import Tick

SPOT, USD_M, COIN_M = "binance", "binance_usdm", "binance_coinm"
COIN_M_MARK = "_PERP"
MARKET = "MARKET"
"""The kind of a futures' trade that is one; others are the insurance fund's and of positions taken over."""

OTHER_EVENTS = frozenset(
    {"aggTrade", "depthUpdate", "kline", "avgPrice", "markPriceUpdate", "24hrMiniTicker"}
)
"""Events we do not ask for and take no price from: the venue lives."""


class Event(msgspec.Struct):
    """Any event, with the venue's one-letter names; which ones are there says what it is."""

    e: str = ""
    s: str = ""
    E: Any = None
    T: Any = None
    X: Any = None
    b: Any = None
    a: Any = None
    c: Any = None
    p: Any = None
    q: Any = None
    v: Any = None


class Frame(Event):
    """A raw event, a combined one (stream and data), or a reply to a request (id)."""

    stream: str = ""
    data: Event | None = None
    id: Any = None
    code: Any = None
    error: Any = None
    lastUpdateId: Any = None


_decode = reader(Frame)


class Binance:
    """The words of one connection."""

    source = SPOT
    url = "wss://stream.binance.com:9443/stream"
    door: Door | None = None
    silence_s = 15.0
    ping_s: float | None = None

    def __init__(self, pairs: Sequence[str]) -> None:
        self._asked = [pair.replace("/", "").lower() for pair in pairs]
        self._symbol = Joined(pairs)
        self._pairs = {source: Pairs(source) for source in (SPOT, USD_M, COIN_M)}

    def hello(self) -> tuple[str, ...]:
        streams = [f"{name}@{kind}" for name in self._asked for kind in ("bookTicker", "ticker")]
        return (msgspec.json.encode({"method": "SUBSCRIBE", "params": streams, "id": 1}).decode(),)

    def ping(self, now_ms: int) -> str:
        """Return nothing: the venue pings, in the websocket's own frames."""
        return ""

    def read(self, frame: str | bytes, received_ms: int) -> Read:
        try:
            said = _decode(frame)
        except BAD:
            return strange(frame)
        event = said.data or said
        if event.e == "serverShutdown":
            return Read(fault="the venue shuts this connection down")
        if said.error is not None or said.code is not None:
            return refusal(f"{strange(frame).strange}")
        if event.e in OTHER_EVENTS or said.lastUpdateId is not None or (said.id is not None and not event.s):
            return ALIVE
        if event.e == "trade" and event.X not in (None, MARKET):
            return ALIVE
        return ticked([self._tick(event, received_ms)]) or strange(frame)

    def _tick(self, event: Event, received_ms: int) -> Tick | None:
        source = source_of(event)
        symbol = self._symbol(event.s.removesuffix(COIN_M_MARK))
        if symbol is None:
            return None
        pairs = self._pairs[source]
        when = When(event.e, None if source == SPOT else stamp_ms(event.T or event.E), received_ms)
        if event.e in ("", "bookTicker"):
            bid, ask = price(event.b), price(event.a)
            return None if bid is None or ask is None else pairs.tell(symbol, when, bid=bid, ask=ask)
        if event.e == "trade":
            return pairs.trade(symbol, price(event.p), when)
        if event.e == "24hrTicker" and source == SPOT:
            return pairs.tell(symbol, when, **told(event))
        return None


def source_of(event: Event) -> str:
    """Say whose event it is: COIN-M marks its names; USD-M stamps its book and says a trade's kind, as spot does not."""
    if event.s.endswith(COIN_M_MARK):
        return COIN_M
    futures = event.X is not None or (event.e == "bookTicker" and event.T is not None)
    return USD_M if futures else SPOT


def told(event: Event) -> Said:
    prices = Said(last=price(event.c), bid=price(event.b), ask=price(event.a))
    return {**prices, "volume": amount(event.q), "volume_base": amount(event.v)}


WORDS: WordsOf = Binance
