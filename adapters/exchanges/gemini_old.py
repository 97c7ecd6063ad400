"""Gemini's archived streams, as recordings have them: v1 (multimarketdata, socket_sequence) and v2 (l2, whole books)."""

from collections.abc import Callable
from typing import Any

from adapters.exchanges.book import Book, Level, Unreadable, level_of
from adapters.exchanges.edge import price, stamp_ms, whole
from adapters.exchanges.pairs import Pairs, When, ticked
from adapters.exchanges.ports import ALIVE, Read

DEPTH = 100_000
"""Levels of each side that are kept: all, for the venue sends whole books."""

TOP = "top-of-book"
"""Why a change of v1 is sent where only best prices were asked for."""

BIDS, ASKS = ("bid", "buy"), ("ask", "sell")

Symbols = Callable[[object], str | None]


class First:
    """The streams of v1: heartbeats and updates of a connection share one sequence without gaps."""

    def __init__(self, symbol: Symbols, pairs: Pairs) -> None:
        self._symbol, self._pairs = symbol, pairs
        self._books: dict[str, Book] = {}
        self._sequence: int | None = None

    def read(self, message: object, received_ms: int) -> Read | None:
        match message:
            case {"socket_sequence": int(sequence), "type": "heartbeat"}:
                return self._gap(sequence) or ALIVE
            case {"socket_sequence": int(sequence), "type": "update", "events": list(events), **rest}:
                return self._gap(sequence) or self._update(
                    events, stamp_ms(rest.get("timestampms")), received_ms
                )
        return None

    def _gap(self, sequence: int) -> Read | None:
        last, self._sequence = self._sequence, sequence
        if last is None or sequence == last + 1:
            return None
        return Read(fault=f"gemini: message {sequence} came after {last}")

    def _update(self, events: list[Any], at_ms: int | None, received_ms: int) -> Read:
        """Take the events of a message, which may be of several pairs. One that cannot be read leaves false books."""
        symbols = []
        for event in events:
            match event:
                case {"symbol": name, "type": str(kind)} if symbol := self._symbol(name):
                    symbols.append(symbol)
                    if self._take(symbol, kind, event):
                        continue
            return Read(fault=f"gemini: message {self._sequence} has an event that cannot be read")
        when = When("update", at_ms, received_ms)
        told = (self._pairs.tell(symbol, when) for symbol in dict.fromkeys(symbols))
        ticks = tuple(tick for tick in told if tick is not None)
        return Read(ticks=ticks, alive=not ticks)

    def _take(self, symbol: str, kind: str, event: dict[str, Any]) -> bool:
        match kind, event:
            case "trade", {"price": last}:
                self._pairs.note(symbol, last=price(last))
                return True
            case "change", {"side": side, "price": at, "remaining": size}:
                return self._change(symbol, (side, at, size), top=event.get("reason") == TOP)
        return kind not in ("trade", "change")

    def _change(self, symbol: str, row: tuple[object, object, object], *, top: bool) -> bool:
        """Set a level; where only best prices are sent, one that has a size replaces those before it."""
        book = self._books.setdefault(symbol, Book(DEPTH, (), ()))
        try:
            bids, asks = _sides([row])
        except Unreadable:
            return False
        if top:
            kept_bids, kept_asks = book.top(DEPTH)
            kept_bids = [] if any(level.size for level in bids) else kept_bids
            kept_asks = [] if any(level.size for level in asks) else kept_asks
            self._books[symbol] = book = Book(DEPTH, kept_bids, kept_asks)
        book.change(bids, asks)
        self._pairs.note(symbol, bid=book.bid, ask=book.ask)
        return True


class Second:
    """The streams of v2: the first message of a pair has its book and last trades; only trades have a stamp."""

    def __init__(self, symbol: Symbols, pairs: Pairs) -> None:
        self._symbol, self._pairs = symbol, pairs
        self._books: dict[str, Book] = {}

    def read(self, message: object, received_ms: int) -> Read | None:
        match message:
            case {"type": "heartbeat", "timestamp": _}:
                return ALIVE
            case {"type": str(kind), "symbol": name} if symbol := self._symbol(name):
                if kind.startswith("candles_"):
                    return ALIVE
                return self._told(symbol, message, received_ms)
        return None

    def _told(self, symbol: str, message: object, received_ms: int) -> Read | None:
        match message:
            case {"type": "trade", "price": last, "timestamp": at}:
                when = When("trade", stamp_ms(at), received_ms)
                return ticked([self._pairs.trade(symbol, price(last), when)])
            case {"type": "l2_updates", "changes": list(changes), "trades": list(trades)}:
                self._books[symbol] = Book(DEPTH, (), ())
                self._pairs.note(symbol, last=price(_newest(trades)))
            case {"type": "l2_updates", "changes": list(changes)}:
                if symbol not in self._books:
                    return Read(fault=f"gemini {symbol}: a change of a book that never came")
            case _:
                return None
        try:
            self._books[symbol].change(*_sides(changes))
        except Unreadable:
            return Read(fault=f"gemini {symbol}: a change of the book cannot be read")
        bid, ask = self._books[symbol].bid, self._books[symbol].ask
        if self._pairs.unchanged(symbol, bid, ask):
            return ALIVE
        when = When("l2", None, received_ms)
        return ticked([self._pairs.tell(symbol, when, bid=bid, ask=ask)])


def _sides(rows: list[Any]) -> tuple[list[Level], list[Level]]:
    """Return bids and asks of rows [side, price, size]. Raises Unreadable."""
    bids: list[Level] = []
    asks: list[Level] = []
    for row in rows:
        match row:
            case [str(side), at, size, *_] if side in BIDS or side in ASKS:
                (bids if side in BIDS else asks).append(level_of(at, size))
            case _:
                raise Unreadable("not a level")
    return bids, asks


def _newest(trades: list[Any]) -> object:
    """Return the price, as it was told, of the last trade of some."""
    told = [trade for trade in trades if isinstance(trade, dict)]
    return max(told, key=lambda trade: whole(trade.get("timestamp")) or 0, default={}).get("price")
