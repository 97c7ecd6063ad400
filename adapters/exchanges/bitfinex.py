"""Bitfinex, v2: the ticker of each pair for price and volume, its book for the best prices (docs.bitfinex.com/docs).

Frames are arrays whose first element is a channel's number. The configuration asks for a sequence over all frames, a
stamp in each, and checksums of the books, so that a lost or false frame is seen at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from adapters.exchanges.bitfinex_names import Names, symbol_of
from adapters.exchanges.book import Book, Level, Unreadable
from adapters.exchanges.checksums import okx_checksum
from adapters.exchanges.edge import BAD, amount, number, price, reader, stamp_ms, strange
from adapters.exchanges.pairs import Pairs, Said, When, ticked
from adapters.exchanges.ports import ALIVE, Door, Read, WordsOf, refusal

TIMESTAMP, SEQUENCE, CHECKSUM = 32_768, 65_536, 131_072
"""Flags of the configuration."""

DEPTH_ASKED = 25
"""Levels of each side in the book, and in its checksum, which is made as OKX's was."""

DEPTH = 500
"""Levels that are kept: the venue tells which are gone, so that none is cut."""

STAMP_MIN_MS = 10**12
"""Numbers at a frame's end from here on are its stamp, lower ones its sequence."""

RECONNECT = {20051: "restarts", 20060: "enters maintenance", 20061: "comes out of maintenance"}
"""Codes of information after which a connection is to be made anew."""

SUBSCRIBED_ALREADY = 10301
KINDS = frozenset({"ticker", "book", "trades"})

_json = reader(object)


@dataclass(slots=True)
class Channel:
    """What a channel's number stands for."""

    kind: str
    symbol: str
    book: Book


class Bitfinex:
    """The words of one connection to Bitfinex, for pairs such as "BTC/USD"."""

    source = "bitfinex"
    url = "wss://api-pub.bitfinex.com/ws/2"
    door: Door | None = None
    silence_s = 25.0
    ping_s: float | None = 10.0

    def __init__(self, pairs: Sequence[str]) -> None:
        self._asked = [symbol_of(pair) for pair in pairs]
        self._names = Names(pairs)
        self._pairs = Pairs(self.source)
        self._booked: set[str] = set()
        self._channels: dict[int, Channel] = {}
        self._sequence: int | None = None

    def hello(self) -> tuple[str, ...]:
        asked: list[dict[str, object]] = [{"event": "conf", "flags": TIMESTAMP | SEQUENCE | CHECKSUM}]
        book = {"channel": "book", "prec": "P0", "freq": "F0", "len": str(DEPTH_ASKED)}
        for symbol in self._asked:
            asked += [
                {"event": "subscribe", "symbol": symbol, **one} for one in ({"channel": "ticker"}, book)
            ]
        return tuple(msgspec.json.encode(one).decode() for one in asked)

    def ping(self, now_ms: int) -> str:
        return msgspec.json.encode({"event": "ping", "cid": now_ms}).decode()

    def read(self, frame: str | bytes, received_ms: int) -> Read:
        try:
            return self._read(_json(frame), received_ms) or strange(frame)
        except BAD:
            return strange(frame)

    def _read(self, message: object, received_ms: int) -> Read | None:
        match message:
            case {"event": "subscribed", "channel": str(kind), "chanId": int(channel), "symbol": str(name)}:
                return self._subscribed(kind, channel, name)
            case {"event": "error", "code": code, **rest}:
                symbol = self._names(str(rest.get("symbol"))) or ""
                why = f"{code} {rest.get('msg')} {symbol}"
                return ALIVE if code == SUBSCRIBED_ALREADY else refusal(why)
            case {"event": str(event)}:
                return event_of(event, message)
            case [int(), "hb", *tail]:
                return self._gap(tail) or ALIVE
            case [int(channel), "cs", int(checksum), *tail]:
                return self._gap(tail) or self._checked(channel, checksum)
            case [int(channel), "te" | "tu" as word, list(trade), *tail]:
                return self._gap(tail) or self._trade(channel, word, trade, received_ms=received_ms)
            case [int(channel), list(data), *tail]:
                return self._gap(tail) or self._data(channel, data, _at(tail), received_ms=received_ms)
        return None

    def _subscribed(self, kind: str, channel: int, name: str) -> Read | None:
        symbol = self._names(name)
        if symbol is None or kind not in KINDS:
            return None
        self._channels[channel] = Channel(kind, symbol, Book(DEPTH, (), ()))
        return ALIVE

    def _gap(self, tail: list[object]) -> Read | None:
        """Say that a frame is missing before this one, where frames are numbered."""
        for told in tail:
            if isinstance(told, int) and told < STAMP_MIN_MS:
                last, self._sequence = self._sequence, told
                if last is not None and told != last + 1:
                    return Read(fault=f"bitfinex: frame {told} came after {last}")
                break
        return None

    def _checked(self, channel: int, checksum: int) -> Read | None:
        told = self._channels.get(channel)
        if told is None:
            return None
        if okx_checksum(told.book) == checksum:
            return ALIVE
        return Read(fault=f"bitfinex {told.symbol}: the book does not have its checksum, {checksum}")

    def _trade(self, channel: int, word: str, trade: list[object], *, received_ms: int) -> Read | None:
        """Take a trade when it is made ("te": id, stamp, amount, price); "tu" tells the same once more."""
        match self._channels.get(channel), word, trade:
            case Channel(kind="trades", symbol=symbol), "te", [_, at, _, last, *_]:
                when = When("trades", stamp_ms(at), received_ms)
                return ticked([self._pairs.trade(symbol, price(last), when)])
            case Channel(kind="trades"), "tu", _:
                return ALIVE
        return None

    def _data(self, channel: int, data: list[object], at_ms: int | None, *, received_ms: int) -> Read | None:
        told = self._channels.get(channel)
        match told:
            case Channel(kind="ticker", symbol=symbol):
                return self._ticker(symbol, data, When("ticker", at_ms, received_ms))
            case Channel(kind="book"):
                return self._book(told, data, When("book", at_ms, received_ms))
            case Channel(kind="trades"):
                return ALIVE
        return None

    def _ticker(self, symbol: str, data: list[object], when: When) -> Read | None:
        match data:
            case [bid, _, ask, _, _, _, last, base, *_] if number(last) is not None:
                said = Said(last=price(last), volume_base=amount(base))
                if symbol not in self._booked:
                    said |= Said(bid=price(bid), ask=price(ask))
                return ticked([self._pairs.tell(symbol, when, **said)])
        return None

    def _book(self, told: Channel, data: list[object], when: When) -> Read | None:
        """Take a book (rows) or a change of it (one row). A change that cannot be read leaves a false book."""
        whole = not data or isinstance(data[0], list)
        try:
            bids, asks = _sides(data if whole else [data])
        except Unreadable:
            return Read(fault=f"bitfinex {told.symbol}: a level of the book cannot be read")
        if whole:
            told.book = Book(DEPTH, bids, asks)
        else:
            told.book.change(bids, asks)
        self._booked.add(told.symbol)
        bid, ask = told.book.bid, told.book.ask
        if self._pairs.unchanged(told.symbol, bid, ask):
            return ALIVE
        return ticked([self._pairs.tell(told.symbol, when, bid=bid, ask=ask)])


def event_of(event: str, message: object) -> Read | None:
    """Return what an event other than a subscription says; None for one that nobody knows."""
    match event, message:
        case "info", {"code": int(code)}:
            return Read(fault=f"bitfinex {RECONNECT[code]}") if code in RECONNECT else ALIVE
        case "info", {"version": 2, "platform": {"status": status}}:
            return ALIVE if status == 1 else Read(fault="bitfinex is in maintenance")
        case "conf", {"status": status}:
            return ALIVE if status == "OK" else Read(fault=f"bitfinex refused the configuration: {status}")
        case "unsubscribed", _:
            return Read(fault="bitfinex took a subscription back")
        case "pong", _:
            return ALIVE
    return None


def _at(tail: list[object]) -> int | None:
    return stamp_ms(next((one for one in tail if isinstance(one, int) and one >= STAMP_MIN_MS), None))


def _sides(rows: list[object]) -> tuple[list[Level], list[Level]]:
    """Return bids and asks of rows [price, count, amount]; amounts of asks are below zero. Raises Unreadable."""
    bids: list[Level] = []
    asks: list[Level] = []
    for row in rows:
        match row:
            case [at, int(count), amount, *_] if (told := price(at)) and (size := number(amount)):
                level = Level(told, abs(size) if count else 0.0, str(at), str(amount))
                (bids if size > 0 else asks).append(level)
            case _:
                raise Unreadable("not a level")
    return bids, asks


WORDS: WordsOf = Bitfinex
