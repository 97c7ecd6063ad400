"""Bybit, spot: v5 tickers and the best level of the book; of the recordings of 2021, books of 25 levels and trades.

bybit-exchange.github.io/docs/v5/websocket/public. The book of one level is sent anew after 3 s without a change.
"""

from collections.abc import Sequence

import msgspec

from adapters.exchanges.book import Book, Level, Unreadable, level_of
from adapters.exchanges.edge import BAD, amount, price, reader, stamp_ms, strange
from adapters.exchanges.pairs import Pairs, When, ticked
from adapters.exchanges.ports import ALIVE, Door, Read, WordsOf, refusal
from adapters.exchanges.symbols import Joined

ARGS_MAX = 10
"""Topics in one subscription."""

DEPTH, DEPTH_OF_2021 = 1, 500
"""Levels that are kept. The old book tells which are gone, so that none is cut."""

_json = reader(object)


class Bybit:
    """The words of one connection to Bybit's spot market, for pairs such as "BTC/USDT"."""

    source = "bybit"
    url = "wss://stream.bybit.com/v5/public/spot"
    door: Door | None = None
    silence_s = 15.0
    ping_s: float | None = 10.0

    def __init__(self, pairs: Sequence[str]) -> None:
        self._asked = [pair.replace("/", "") for pair in pairs]
        self._symbol = Joined(pairs)
        self._pairs = Pairs(self.source)
        self._books: dict[str, Book] = {}
        self._updates: dict[str, int] = {}

    def hello(self) -> tuple[str, ...]:
        topics = [f"{kind}.{name}" for name in self._asked for kind in ("tickers", "orderbook.1")]
        parts = [topics[start : start + ARGS_MAX] for start in range(0, len(topics), ARGS_MAX)]
        return tuple(msgspec.json.encode({"op": "subscribe", "args": part}).decode() for part in parts)

    def ping(self, now_ms: int) -> str:
        return msgspec.json.encode({"req_id": str(now_ms), "op": "ping"}).decode()

    def read(self, frame: str | bytes, received_ms: int) -> Read:
        try:
            return self._read(_json(frame), received_ms) or strange(frame)
        except BAD:
            return strange(frame)

    def _read(self, message: object, received_ms: int) -> Read | None:
        match message:
            case {"topic": str(topic)}:
                kind, _, name = topic.rpartition(".")
                symbol = self._symbol(name)
                return None if symbol is None else self._topic(kind, symbol, message, received_ms=received_ms)
            case {"op": "pong"} | {"success": True}:
                return ALIVE
            case {"success": False, **rest}:
                return refusal(f"{rest.get('ret_msg')}")
        return None

    def _topic(self, kind: str, symbol: str, message: object, *, received_ms: int) -> Read | None:
        match kind:
            case "tickers":
                return self._ticker(symbol, message, received_ms)
            case "orderbook.1":
                return self._book(symbol, message, received_ms)
            case "orderBookL2_25":
                return self._book_of_2021(symbol, message, received_ms)
            case "trade":
                return self._trades_of_2021(symbol, message, received_ms)
        return None

    def _book(self, symbol: str, message: object, received_ms: int) -> Read | None:
        match message:
            case {"type": kind, "data": {"b": list(bids), "a": list(asks), "u": int(update)}, "ts": ts}:
                sides = _levels(bids), _levels(asks)
            case _:
                return None
        if kind == "snapshot":
            self._books[symbol] = Book(DEPTH, *sides)
        elif kind != "delta":
            return None
        elif symbol not in self._books or update != self._updates[symbol] + 1:
            return Read(fault=f"bybit {symbol}: update {update} of the book does not follow the last")
        else:
            self._books[symbol].change(*sides)
        self._updates[symbol] = update
        return self._topped(symbol, stamp_ms(ts), received_ms)

    def _book_of_2021(self, symbol: str, message: object, received_ms: int) -> Read | None:
        match message:
            case {"type": "snapshot", "data": {"order_book": list(rows)}, "timestamp_e6": ts}:
                self._books[symbol] = Book(DEPTH_OF_2021, *_sides_of_2021(rows))
            case {
                "type": "delta",
                "data": {"delete": gone, "update": changed, "insert": new},
                "timestamp_e6": ts,
            }:
                if symbol not in self._books:
                    return Read(fault=f"bybit {symbol}: a change of a book that never came")
                for rows in (gone, changed, new):
                    self._books[symbol].change(*_sides_of_2021(rows))
            case _:
                return None
        book = self._books[symbol]
        if self._pairs.unchanged(symbol, book.bid, book.ask):
            return ALIVE
        return self._topped(symbol, stamp_ms(ts, 1000), received_ms)

    def _topped(self, symbol: str, at_ms: int | None, received_ms: int) -> Read | None:
        book, when = self._books[symbol], When("orderbook", at_ms, received_ms)
        return ticked([self._pairs.tell(symbol, when, bid=book.bid, ask=book.ask)])

    def _ticker(self, symbol: str, message: object, received_ms: int) -> Read | None:
        match message:
            case {"data": {"lastPrice": last, **data}, "ts": ts}:
                volume, base = amount(data.get("turnover24h")), amount(data.get("volume24h"))
                when = When("tickers", stamp_ms(ts), received_ms)
                tick = self._pairs.tell(symbol, when, last=price(last), volume=volume, volume_base=base)
                return ticked([tick])
        return None

    def _trades_of_2021(self, symbol: str, message: object, received_ms: int) -> Read | None:
        match message:
            case {"data": [*_, {"price": last, "trade_time_ms": ts}]}:
                when = When("trade", stamp_ms(ts), received_ms)
                return ticked([self._pairs.trade(symbol, price(last), when)])
        return None


def _levels(rows: list[object]) -> list[Level]:
    """Return the levels of rows [price, size]; one without members is an empty side. Raises Unreadable."""
    levels = []
    for row in rows:
        match row:
            case [at, size, *_]:
                levels.append(level_of(at, size))
            case []:
                continue
            case _:
                raise Unreadable("not a level")
    return levels


def _sides_of_2021(rows: object) -> tuple[list[Level], list[Level]]:
    """Return bids and asks of rows with a price and a side, without a size where the level is gone. Raises Unreadable."""
    sides: dict[str, list[Level]] = {"Buy": [], "Sell": []}
    for row in rows if isinstance(rows, list) else [rows]:
        match row:
            case {"side": "Buy" | "Sell" as side, "price": at, **rest}:
                sides[side].append(level_of(at, rest.get("size", 0)))
            case _:
                raise Unreadable("not a level")
    return sides["Buy"], sides["Sell"]


WORDS: WordsOf = Bybit
