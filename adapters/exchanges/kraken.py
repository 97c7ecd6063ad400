"""Kraken, websocket version 2: ticker at each change of the best prices, and ten levels of the book with a checksum.

The checksum is over the venue's own digits, so numbers stay text until they are prices. Frames of version 1 (arrays,
XBT) are read by kraken_v1.py; both generations fill the same pairs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from adapters.exchanges.book import Book, Level, level_of
from adapters.exchanges.checksums import kraken_checksum
from adapters.exchanges.edge import BAD, amount, iso_ms, price, reader, strange
from adapters.exchanges.kraken_v1 import Version1
from adapters.exchanges.pairs import Pairs, Said, When, ticked
from adapters.exchanges.ports import ALIVE, Door, Read, WordsOf, refusal
from adapters.exchanges.symbols import divided
from core.prices.types import Tick

DEPTH = 10
BOOK = {"channel": "book", "depth": DEPTH}
MISTAKES_MAX = 3
"""Books of a pair that do not have their checksum, until none is asked for any more: for some pairs the venue's own are
false, as others found (ccxt issue 24461; ccxt holds them no longer).
"""

CLOSED = frozenset({"maintenance", "cancel_only"})
"""States of the venue in which nothing is traded, so that its book is no price."""

OTHER_CHANNELS = frozenset({"heartbeat", "instrument", "ohlc"})


class Frame(msgspec.Struct):
    """A message of a channel (version 2), a reply to a method, or an event (version 1)."""

    channel: str = ""
    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    method: str = ""
    success: bool = True
    event: str = ""
    status: Any = None


class Level2(msgspec.Struct):
    price: Any
    qty: Any


class BookRow(msgspec.Struct):
    symbol: str
    bids: list[Level2] = []
    asks: list[Level2] = []
    checksum: int | None = None
    timestamp: Any = None


class TickerRow(msgspec.Struct):
    symbol: str
    bid: Any = None
    ask: Any = None
    last: Any = None
    volume: Any = None
    vwap: Any = None
    timestamp: Any = None


class TradeRow(msgspec.Struct):
    symbol: str
    price: Any = None
    timestamp: Any = None


class StatusRow(msgspec.Struct):
    system: str


_frame = reader(Frame)
_books, _tickers, _trades = reader(list[BookRow]), reader(list[TickerRow]), reader(list[TradeRow])
_statuses = reader(list[StatusRow])


class Kraken:
    """The words of one connection."""

    source = "kraken"
    url = "wss://ws.kraken.com/v2"
    door: Door | None = None
    silence_s = 5.0
    ping_s: float | None = 30.0

    def __init__(self, pairs: Sequence[str]) -> None:
        self._asked = list(pairs)
        self._pairs = Pairs(self.source)
        self._books: dict[str, Book] = {}
        self._mistakes: Counter[str] = Counter()
        self._version_1 = Version1(self._pairs)

    def hello(self) -> tuple[str, ...]:
        ticker = {"channel": "ticker", "symbol": self._asked, "event_trigger": "bbo", "snapshot": True}
        return tuple(_request("subscribe", params) for params in (ticker, {**BOOK, "symbol": self._asked}))

    def ping(self, now_ms: int) -> str:
        return '{"method":"ping"}'

    def read(self, frame: str | bytes, received_ms: int) -> Read:
        try:
            if frame[:1] in ("[", b"["):
                return self._version_1.read(frame, received_ms) or strange(frame)
            said = _frame(frame)
            if said.method or said.event:
                return answer(said, frame)
            return self._channel(said, received_ms) or strange(frame)
        except BAD:
            return strange(frame)

    def _channel(self, said: Frame, received_ms: int) -> Read | None:
        match said.channel:
            case "book":
                return self._book(_books(said.data), said.type, received_ms)
            case "ticker":
                return ticked([self._ticker(row, received_ms) for row in _tickers(said.data)])
            case "trade":
                return ticked([self._trade(row, received_ms) for row in _trades(said.data)])
            case "status":
                closed = [row.system for row in _statuses(said.data) if row.system in CLOSED]
                return Read(fault=f"the venue is in {closed[0]}") if closed else ALIVE
        return ALIVE if said.channel in OTHER_CHANNELS else None

    def _book(self, rows: list[BookRow], kind: str, received_ms: int) -> Read | None:
        """Take the rows of a book. All are read before the first is taken, so a broken frame changes nothing."""
        levels = [(row, _levels(row.bids), _levels(row.asks)) for row in rows]
        ticks = []
        for row, bids, asks in levels:
            symbol = divided(row.symbol, "/")
            if symbol is None or kind not in ("snapshot", "update"):
                return None
            if kind == "snapshot":
                self._books[symbol] = Book(DEPTH, bids, asks)
            elif symbol in self._books:
                self._books[symbol].change(bids, asks)
            elif symbol in self._mistakes:
                continue
            else:
                return Read(fault=f"{symbol}: a change of a book that never came")
            book = self._books[symbol]
            if row.checksum is not None and row.checksum != kraken_checksum(book):
                return self._mistaken(symbol, row.checksum)
            if self._pairs.unchanged(symbol, book.bid, book.ask):
                continue
            when = When("book", iso_ms(row.timestamp), received_ms)
            ticks.append(self._pairs.tell(symbol, when, bid=book.bid, ask=book.ask))
        return ticked(ticks)

    def _mistaken(self, symbol: str, checksum: int) -> Read:
        """Forget a book that is not the venue's and ask for it anew; after so many times go on without.

        The ticker tells the best prices too, so that a pair whose checksums are false loses neither it nor the others.
        """
        del self._books[symbol]
        self._pairs.note(symbol, bid=None, ask=None)
        self._mistakes[symbol] += 1
        methods = ["unsubscribe", "subscribe"] if self._mistakes[symbol] < MISTAKES_MAX else ["unsubscribe"]
        return Read(
            strange=f"{symbol}: the book does not have its checksum, {checksum}",
            replies=tuple(_request(method, {**BOOK, "symbol": [symbol]}) for method in methods),
        )

    def _ticker(self, row: TickerRow, received_ms: int) -> Tick | None:
        symbol = divided(row.symbol, "/")
        if symbol is None:
            return None
        when = When("ticker", iso_ms(row.timestamp), received_ms)
        return self._pairs.tell(symbol, when, **told(row))

    def _trade(self, row: TradeRow, received_ms: int) -> Tick | None:
        symbol = divided(row.symbol, "/")
        if symbol is None:
            return None
        when = When("trade", iso_ms(row.timestamp), received_ms)
        return self._pairs.trade(symbol, price(row.price), when)


def answer(said: Frame, frame: str | bytes) -> Read:
    """Return what a reply to a request, or an event of version 1, says."""
    if not said.success or said.status == "error" or said.event == "error":
        return refusal(f"{strange(frame).strange}")
    known = ("subscribe", "unsubscribe", "pong", "heartbeat", "systemStatus", "subscriptionStatus")
    return ALIVE if (said.method or said.event) in known else strange(frame)


def told(row: TickerRow) -> Said:
    """Return a ticker's words. Base amount and average price of the day are told; their product is the turnover."""
    last, base = price(row.last), amount(row.volume)
    average = price(row.vwap) or last
    volume = None if base is None or average is None else base * average
    return Said(last=last, bid=price(row.bid), ask=price(row.ask), volume=volume, volume_base=base)


def _request(method: str, params: Mapping[str, object]) -> str:
    return msgspec.json.encode({"method": method, "params": params}).decode()


def _levels(rows: list[Level2]) -> list[Level]:
    return [level_of(row.price, row.qty) for row in rows]


WORDS: WordsOf = Kraken
