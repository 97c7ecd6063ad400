"""Kraken, websocket version 1: arrays [channel, payload, ..., name, pair], as older recordings hold them."""

from typing import Any

from adapters.exchanges.book import Book, Level, Unreadable, level_of
from adapters.exchanges.checksums import kraken_checksum
from adapters.exchanges.edge import amount, price, reader, seconds_ms, whole
from adapters.exchanges.pairs import Pairs, Said, When, ticked
from adapters.exchanges.ports import ALIVE, Read
from adapters.exchanges.symbols import divided

SIDES = (("bs", "b"), ("as", "a"))
"""Names of bids and asks, in a snapshot and in a change."""

_array = reader(list[Any])


class Version1:
    """The books of one connection; its pairs are those of version 2."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._books: dict[str, Book] = {}

    def read(self, frame: str | bytes, received_ms: int) -> Read | None:
        """Return what an array said, None when nobody knows it. Raises one of BAD."""
        array = _array(frame)
        if len(array) < 4 or not isinstance(array[-2], str):
            return None
        name, _, depth = array[-2].partition("-")
        symbol, payload = divided(array[-1], "/"), array[1]
        when = When(name, None, received_ms)
        if symbol is None:
            return None
        match name:
            case "book":
                return self._book(symbol, array[1:-2], depth=whole(depth) or 10, received_ms=received_ms)
            case "ticker" if isinstance(payload, dict):
                return ticked([self._pairs.tell(symbol, when, **told(payload))])
            case "trade" if _rows(payload):
                last = payload[-1]
                when = when._replace(at_ms=seconds_ms(_word(last, 2)))
                return ticked([self._pairs.trade(symbol, price(_word(last, 0)), when)])
            case "spread":
                when = when._replace(at_ms=seconds_ms(_word(payload, 2)))
                bid, ask = price(_word(payload, 0)), price(_word(payload, 1))
                return ticked([self._pairs.tell(symbol, when, bid=bid, ask=ask)])
            case "ohlc":
                return ALIVE
        return None

    def _book(self, symbol: str, payloads: list[Any], *, depth: int, received_ms: int) -> Read | None:
        """Take a snapshot or a change; a change of both sides comes as two payloads."""
        if not all(isinstance(payload, dict) for payload in payloads):
            return None
        sides = {name: _rows(p[name]) for p in payloads for names in SIDES for name in names if name in p}
        bids, asks = ([level for name in names for level in _levels(sides.get(name, []))] for names in SIDES)
        if "bs" in sides or "as" in sides:
            self._books[symbol] = Book(depth, bids, asks)
        elif symbol not in self._books:
            return Read(fault=f"{symbol}: a change of a book that never came") if sides else None
        else:
            self._books[symbol].change(bids, asks)
        book = self._books[symbol]
        told_checksum = next((whole(payload["c"]) for payload in payloads if "c" in payload), None)
        if told_checksum is not None and told_checksum != kraken_checksum(book):
            return Read(fault=f"{symbol}: the book does not have its checksum, {told_checksum}")
        if self._pairs.unchanged(symbol, book.bid, book.ask):
            return ALIVE
        when = When("book", _newest(list(sides.values())), received_ms)
        return ticked([self._pairs.tell(symbol, when, bid=book.bid, ask=book.ask)])


def told(payload: dict[str, Any]) -> Said:
    """Return a ticker's words: best first in a, b and c; v and p are amount and average price, today and of 24 hours."""
    base, average = amount(_word(payload.get("v"), 1)), price(_word(payload.get("p"), 1))
    volume = None if base is None or average is None else base * average
    bid, ask, last = (price(_word(payload.get(name), 0)) for name in ("b", "a", "c"))
    return Said(last=last, bid=bid, ask=ask, volume=volume, volume_base=base)


def _rows(payload: Any) -> list[Any]:
    """Return the rows of a payload. Raises Unreadable when it has none."""
    if not isinstance(payload, list):
        raise Unreadable("no rows")
    return payload


def _word(row: Any, index: int) -> Any:
    return row[index] if isinstance(row, list) and len(row) > index else None


def _levels(rows: list[Any]) -> list[Level]:
    return [level_of(_word(row, 0), _word(row, 1)) for row in rows]


def _newest(sides: list[list[Any]]) -> int | None:
    """Return the newest stamp of the levels told."""
    return max(
        (at for rows in sides for row in rows if (at := seconds_ms(_word(row, 2))) is not None), default=None
    )
