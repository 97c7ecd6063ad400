"""What one connection knows of one pair: its streams tell prices, book and volume in frames of their own, a tick all of
them. Prices and volumes stay as last told, so that each tick has the volume that its weight needs (E4-3).
"""

from dataclasses import dataclass

from adapters.exchanges.edge import amount, price
from adapters.exchanges.ports import ALIVE, Read
from core.prices.types import Tick

OVERLAP_MS = 1_000
"""Stamps of a venue's streams overlap by less than this: by so little the stamp of a pair does not go back, or the
slower stream would look reordered for ever. What is older than that is handed on as it came."""


@dataclass(slots=True)
class Pair:
    """The state of one pair. volume is that of 24 h in quote currency, volume_base in base currency."""

    source: str
    symbol: str
    last: float | None = None
    bid: float | None = None
    ask: float | None = None
    volume: float | None = None
    volume_base: float | None = None
    at_ms: int = 0

    def traded(self, last: object) -> None:
        """Take the price of the last trade; what is no price leaves none."""
        self.last = price(last)

    def touched(self, bid: object, ask: object) -> bool:
        """Take the best prices, None for an empty side; say whether they changed."""
        before = self.bid, self.ask
        self.bid, self.ask = price(bid), price(ask)
        return before != (self.bid, self.ask)

    def topped(self, bid: float | None, ask: float | None) -> bool:
        """Take the best prices of a book of ours; say whether they changed."""
        before = self.bid, self.ask
        self.bid, self.ask = bid, ask
        return before != (bid, ask)

    def turned(self, quote: object, base: object) -> None:
        """Take the volumes; quote is None where only base is told."""
        self.volume, self.volume_base = amount(quote), amount(base)

    @property
    def price(self) -> float | None:
        """The last trade, or the middle where there is only a book."""
        if self.last is not None or self.bid is None or self.ask is None:
            return self.last
        return (self.bid + self.ask) / 2

    def read(self, at_ms: int | None, received_ms: int) -> Read:
        """Say all that is known, as of the venue's stamp (ms, None: it sent none); alive where no price is known."""
        told = self.price
        if told is None:
            return ALIVE
        stamp = received_ms if at_ms is None else at_ms
        if not 0 < self.at_ms - stamp <= OVERLAP_MS:
            self.at_ms = stamp
        turnover = self.volume
        if turnover is None and self.volume_base is not None:
            turnover = self.volume_base * told
        tick = Tick(
            source=self.source,
            symbol=self.symbol,
            price=told,
            at_ms=self.at_ms,
            received_ms=received_ms,
            volume_24h=turnover,
            volume_24h_base=self.volume_base,
            bid=self.bid,
            ask=self.ask,
        )
        return Read(ticks=(tick,))


class Pairs:
    """The pairs of one connection, each from when it is first heard."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._known: dict[str, Pair] = {}

    def __getitem__(self, symbol: str) -> Pair:
        """Return what is known of our BASE/QUOTE."""
        return self._known.setdefault(symbol, Pair(self._source, symbol))
