"""Gate, spot: v4 tickers and the best prices of the book (gate.com/docs/developers/apiv4/ws/en).

Both are whole states, not changes: of a missed one nothing is left once the next comes.
"""

from collections.abc import Sequence

import msgspec

from adapters.exchanges.edge import BAD, amount, price, reader, stamp_ms, strange, whole
from adapters.exchanges.pairs import Pairs, Said, When, ticked
from adapters.exchanges.ports import ALIVE, Door, Read, WordsOf, refusal
from adapters.exchanges.symbols import divided

REQUESTED_S = 1_611_541_000
"""The time that the venue wants in each request. It is held against the clock where a request is signed, which ours are
not; words have no clock.
"""

_json = reader(object)


class Gate:
    """The words of one connection to Gate's spot market, for pairs such as "BTC/USDT"."""

    source = "gate"
    url = "wss://api.gateio.ws/ws/v4/"
    door: Door | None = None
    silence_s = 25.0
    ping_s: float | None = 10.0

    def __init__(self, pairs: Sequence[str]) -> None:
        self._asked = [pair.replace("/", "_") for pair in pairs]
        self._pairs = Pairs(self.source)
        self._updates: dict[str, int] = {}

    def hello(self) -> tuple[str, ...]:
        request = {"time": REQUESTED_S, "event": "subscribe", "payload": self._asked}
        asked = ({"channel": channel, **request} for channel in ("spot.tickers", "spot.book_ticker"))
        return tuple(msgspec.json.encode(one).decode() for one in asked)

    def ping(self, now_ms: int) -> str:
        return msgspec.json.encode({"time": now_ms // 1000, "channel": "spot.ping"}).decode()

    def read(self, frame: str | bytes, received_ms: int) -> Read:
        try:
            return self._read(_json(frame), received_ms) or strange(frame)
        except BAD:
            return strange(frame)

    def _read(self, message: object, received_ms: int) -> Read | None:
        match message:
            case {"error": {"message": why}}:
                return refusal(f"{why}")
            case {"channel": "spot.system", "result": {"type": kind, **rest}}:
                return Read(fault=f"gate is about to close: {kind} {rest.get('msg')}")
            case {"channel": "spot.pong"}:
                return ALIVE
            case {"event": "subscribe", "result": {"status": status}}:
                return ALIVE if status == "success" else refusal(f"{status}")
            case {"channel": "spot.tickers", "event": "update", "result": result}:
                return self._ticker(result, When("tickers", _at(message), received_ms))
            case {"channel": "spot.book_ticker", "event": "update", "result": result}:
                return self._book(result, When("book_ticker", _at(message), received_ms))
        return None

    def _ticker(self, result: object, when: When) -> Read | None:
        match result:
            case {"currency_pair": name, "last": last, **rest} if symbol := divided(name, "_"):
                volume, base = amount(rest.get("quote_volume")), amount(rest.get("base_volume"))
                said = Said(last=price(last), volume=volume, volume_base=base)
                if symbol not in self._updates:
                    said |= Said(bid=price(rest.get("highest_bid")), ask=price(rest.get("lowest_ask")))
                return ticked([self._pairs.tell(symbol, when, **said)])
        return None

    def _book(self, result: object, when: When) -> Read | None:
        match result:
            case {"s": name, "b": bid, "a": ask, "u": int(update)} if symbol := divided(name, "_"):
                if update < self._updates.get(symbol, update):
                    return Read(fault=f"gate {symbol}: update {update} of the book is older than the last")
                self._updates[symbol] = update
                return ticked([self._pairs.tell(symbol, when, bid=price(bid), ask=price(ask))])
        return None


def _at(envelope: object) -> int | None:
    """Return when the venue sent a message: one clock for both channels, where the book's own stamp would overlap."""
    match envelope:
        case {"time_ms": ms}:
            return stamp_ms(ms)
        case {"time": seconds}:
            told = whole(seconds)
            return None if told is None else stamp_ms(1000 * told)
    return None


WORDS: WordsOf = Gate
