"""Gemini: best prices and trades of the current interface; v1 and v2 are read where they are recorded (gemini_old).

developer.gemini.com/websocket: v1 and v2 are archived there and replaced by wss://ws.gemini.com, whose bookTicker gives
the best prices without a key. It has no heartbeat and no sequence without gaps: pings show that it lives, and an update
older than the last is a fault. No stream of Gemini tells a volume of 24 h.
"""

from collections.abc import Sequence

import msgspec

from adapters.exchanges.edge import BAD, price, reader, stamp_ms, strange
from adapters.exchanges.gemini_old import First, Second
from adapters.exchanges.pairs import Pairs, When, ticked
from adapters.exchanges.ports import ALIVE, Door, Read, WordsOf, refusal
from adapters.exchanges.symbols import Joined

NANOSECONDS = 1_000_000
"""In a millisecond: the unit of the current interface's stamps."""

_json = reader(object)


class Gemini:
    """The words of one connection to Gemini, for pairs such as "BTC/USD"."""

    source = "gemini"
    url = "wss://ws.gemini.com"
    door: Door | None = None
    silence_s = 25.0
    ping_s: float | None = 10.0

    def __init__(self, pairs: Sequence[str]) -> None:
        self._asked = [pair.replace("/", "").lower() for pair in pairs]
        self._symbol = Joined(pairs)
        self._pairs = Pairs(self.source)
        self._updates: dict[str, int] = {}
        self._first = First(self._symbol, self._pairs)
        self._second = Second(self._symbol, self._pairs)

    def hello(self) -> tuple[str, ...]:
        """Ask for each pair by itself, with its name as the request's id: a refusal says it again."""
        asked = (
            {"id": name, "method": "subscribe", "params": [f"{name}@bookTicker", f"{name}@trade"]}
            for name in self._asked
        )
        return tuple(msgspec.json.encode(one).decode() for one in asked)

    def ping(self, now_ms: int) -> str:
        return msgspec.json.encode({"id": str(now_ms), "method": "ping"}).decode()

    def read(self, frame: str | bytes, received_ms: int) -> Read:
        try:
            return self._read(_json(frame), received_ms) or strange(frame)
        except BAD:
            return strange(frame)

    def _read(self, message: object, received_ms: int) -> Read | None:
        match message:
            case {"id": name, "error": why}:
                return refusal(f"{name} {why}")
            case {"result": "error", "reason": why}:
                return refusal(f"{why}")
            case {"id": _, "status": 200} | {"id": _, "result": _}:
                return ALIVE
            case {"socket_sequence": int()}:
                return self._first.read(message, received_ms)
            case {"type": str()}:
                return self._second.read(message, received_ms)
            case {"s": name, "E": at} if symbol := self._symbol(name):
                return self._stream(symbol, message, stamp_ms(at, NANOSECONDS), received_ms=received_ms)
        return None

    def _stream(self, symbol: str, message: object, at_ms: int | None, *, received_ms: int) -> Read | None:
        match message:
            case {"u": int(update), "b": str(bid), "a": str(ask)}:
                if update < self._updates.get(symbol, update):
                    return Read(fault=f"gemini {symbol}: update {update} is older than the last")
                self._updates[symbol] = update
                when = When("bookTicker", at_ms, received_ms)
                return ticked([self._pairs.tell(symbol, when, bid=price(bid), ask=price(ask))])
            case {"t": _, "p": last, "q": _}:
                when = When("trade", at_ms, received_ms)
                return ticked([self._pairs.trade(symbol, price(last), when)])
        return None


WORDS: WordsOf = Gemini
