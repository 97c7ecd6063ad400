"""OKX, websocket version 5: tickers, and the book of 400 levels whose changes are chained by sequence numbers.

The book's checksum is no longer computed by the venue: since 2026 it is 0 in every frame, and missing in books5 and
bbo-tbt. Where it is told and not 0, as in older recordings, it is held against our book; the chain of seqId and
prevSeqId is held wherever it is told. Only spot is read: an instrument of more than two parts is a future or a swap.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from adapters.exchanges.book import Book, Level, Unreadable, level_of
from adapters.exchanges.checksums import okx_checksum
from adapters.exchanges.edge import BAD, amount, price, reader, stamp_ms, strange
from adapters.exchanges.pairs import Pairs, When, ticked
from adapters.exchanges.ports import ALIVE, Door, Read, WordsOf, refusal
from adapters.exchanges.symbols import divided
from core.prices.types import Tick

DEPTH = 400
CHAINED = frozenset({"books", "books-l2-tbt", "books50-l2-tbt"})
WHOLE = frozenset({"books5", "bbo-tbt"})
ANSWERS = frozenset({"subscribe", "channel-conn-count"})


class Arg(msgspec.Struct):
    channel: str
    instId: str = ""


class Frame(msgspec.Struct):
    """A push of a channel (arg, data), or an event."""

    arg: Arg | None = None
    data: msgspec.Raw = msgspec.Raw(b"[]")
    action: str = ""
    event: str = ""


class BookRow(msgspec.Struct):
    asks: list[list[Any]]
    bids: list[list[Any]]
    ts: Any = None
    checksum: int | None = None
    seqId: int | None = None
    prevSeqId: int | None = None


class TickerRow(msgspec.Struct):
    last: Any = None
    askPx: Any = None
    bidPx: Any = None
    vol24h: Any = None
    volCcy24h: Any = None
    ts: Any = None


class TradeRow(msgspec.Struct):
    px: Any = None
    ts: Any = None


_frame = reader(Frame)
_books, _tickers, _trades = reader(list[BookRow]), reader(list[TickerRow]), reader(list[TradeRow])


class Okx:
    """The words of one connection."""

    source = "okx"
    url = "wss://ws.okx.com:443/ws/v5/public"
    door: Door | None = None
    silence_s = 25.0
    ping_s: float | None = 10.0

    def __init__(self, pairs: Sequence[str]) -> None:
        self._instruments = [pair.replace("/", "-") for pair in pairs]
        self._pairs = Pairs(self.source)
        self._books: dict[str, Book] = {}
        self._sequence: dict[str, int | None] = {}

    def hello(self) -> tuple[str, ...]:
        channels = ("tickers", "books")
        args = [{"channel": channel, "instId": name} for name in self._instruments for channel in channels]
        return (msgspec.json.encode({"op": "subscribe", "args": args}).decode(),)

    def ping(self, now_ms: int) -> str:
        return "ping"

    def read(self, frame: str | bytes, received_ms: int) -> Read:
        if frame in ("pong", b"pong"):
            return ALIVE
        try:
            said = _frame(frame)
            if said.event:
                return ALIVE if said.event in ANSWERS else event_of(said, frame)
            if said.arg is None:
                return strange(frame)
            return self._push(said.arg, said, received_ms) or strange(frame)
        except BAD:
            return strange(frame)

    def _push(self, arg: Arg, said: Frame, received_ms: int) -> Read | None:
        symbol = divided(arg.instId, "-")
        if symbol is None:
            return ALIVE if arg.instId.count("-") > 1 else None
        if arg.channel in CHAINED or arg.channel in WHOLE:
            kind = "snapshot" if arg.channel in WHOLE else said.action
            return self._book(symbol, kind, _books(said.data), received_ms=received_ms)
        if arg.channel == "tickers":
            return ticked([self._ticker(symbol, row, received_ms) for row in _tickers(said.data)])
        if arg.channel in ("trades", "trades-all"):
            return ticked([self._trade(symbol, row, received_ms) for row in _trades(said.data)])
        return None

    def _book(self, symbol: str, kind: str, rows: list[BookRow], *, received_ms: int) -> Read | None:
        """Take the rows of a book. All are read before the first is taken, so a broken frame changes nothing."""
        told = [(row, _levels(row.bids), _levels(row.asks)) for row in rows]
        if kind not in ("snapshot", "update"):
            return None
        ticks = []
        for row, bids, asks in told:
            if kind == "snapshot":
                self._books[symbol] = Book(DEPTH, bids, asks)
            else:
                broken = self._gap(symbol, row)
                if broken is not None:
                    return Read(fault=f"{symbol}: {broken}")
                self._books[symbol].change(bids, asks)
            self._sequence[symbol] = row.seqId
            book = self._books[symbol]
            if row.checksum and row.checksum != okx_checksum(book):
                return Read(fault=f"{symbol}: the book does not have its checksum, {row.checksum}")
            if self._pairs.unchanged(symbol, book.bid, book.ask):
                continue
            when = When("books", stamp_ms(row.ts), received_ms)
            ticks.append(self._pairs.tell(symbol, when, bid=book.bid, ask=book.ask))
        return ticked(ticks)

    def _gap(self, symbol: str, row: BookRow) -> str | None:
        """Say what is missing before a change. A number may fall (maintenance): only the chain counts."""
        if symbol not in self._books:
            return "a change of a book that never came"
        last = self._sequence[symbol]
        if row.prevSeqId is None or last is None or row.prevSeqId == last:
            return None
        return f"a change follows {row.prevSeqId}, the last one was {last}"

    def _ticker(self, symbol: str, row: TickerRow, received_ms: int) -> Tick | None:
        when = When("tickers", stamp_ms(row.ts), received_ms)
        volume, base = amount(row.volCcy24h), amount(row.vol24h)
        bid, ask, last = price(row.bidPx), price(row.askPx), price(row.last)
        return self._pairs.tell(symbol, when, last=last, bid=bid, ask=ask, volume=volume, volume_base=base)

    def _trade(self, symbol: str, row: TradeRow, received_ms: int) -> Tick | None:
        return self._pairs.trade(symbol, price(row.px), When("trades", stamp_ms(row.ts), received_ms))


def event_of(said: Frame, frame: str | bytes) -> Read:
    """Return what an event other than an answer says: an error, or the notice before the venue closes."""
    if said.event == "error":
        return refusal(f"{strange(frame).strange}")
    if said.event in ("notice", "unsubscribe", "channel-conn-count-error"):
        return Read(fault=f"{said.event}: {strange(frame).strange}")
    return strange(frame)


def _levels(rows: list[list[Any]]) -> list[Level]:
    if any(len(row) < 2 for row in rows):
        raise Unreadable("a level of one word")
    return [level_of(row[0], row[1]) for row in rows]


WORDS: WordsOf = Okx
