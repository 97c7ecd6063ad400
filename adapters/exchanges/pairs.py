"""What the channels of one connection last said of each pair, joined into ticks.

A venue tells its book on one channel, its trades and its volumes on others, each with a stamp of its own, and the slower
one is stamped before what the quicker one has already told. A tick joins them all, so its stamp is the newest of theirs;
else the slower channel (the one with the volume) would look reordered for ever. A frame that is older than the one
before it on its own channel is reordered indeed: it is handed on as it came and not remembered.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypedDict, Unpack

import msgspec
from msgspec.structs import replace

from adapters.exchanges.ports import ALIVE, Read
from core.prices.types import Tick

AHEAD_MS = 10_000
"""A stamp further in the future is a fault of the venue's clock, and would push every later tick there too."""


class When(NamedTuple):
    """The channel of a frame, the venue's stamp (None: it sent none) and ours, both in milliseconds."""

    channel: str
    at_ms: int | None
    received_ms: int


class Said(TypedDict, total=False):
    """What one frame says of one pair; what it leaves out stands, None takes it away (a side of the book is empty).

    Volumes are those of 24 hours, in quote and in base currency.
    """

    last: float | None
    bid: float | None
    ask: float | None
    volume: float | None
    volume_base: float | None


class Known(msgspec.Struct, frozen=True):
    """What is known of a pair: all that was said last."""

    last: float | None = None
    bid: float | None = None
    ask: float | None = None
    volume: float | None = None
    volume_base: float | None = None

    @property
    def price(self) -> float | None:
        """The last trade, or the middle where there is only a book."""
        if self.last is not None or self.bid is None or self.ask is None:
            return self.last
        return (self.bid + self.ask) / 2

    def tick(self, source: str, symbol: str, at_ms: int, received_ms: int) -> Tick | None:
        """Return all that is known as a tick, None without a price. A turnover that is not told is that at the price."""
        price, turnover = self.price, self.volume
        if price is None:
            return None
        if turnover is None and self.volume_base is not None:
            turnover = self.volume_base * price
        return Tick(
            source=source,
            symbol=symbol,
            price=price,
            at_ms=at_ms,
            received_ms=received_ms,
            volume_24h=turnover,
            volume_24h_base=self.volume_base,
            bid=self.bid,
            ask=self.ask,
        )


NOTHING_KNOWN = Known()


class Pairs:
    """The pairs of one source, each from when it is first heard. Symbols are our BASE/QUOTE."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._known: dict[str, Known] = {}
        self._stamps: dict[str, dict[str, int]] = {}

    def tell(self, symbol: str, when: When, **said: Unpack[Said]) -> Tick | None:
        """Take what a frame says and return the tick of all that is known then, None where that is no price."""
        at_ms = when.received_ms if when.at_ms is None else when.at_ms
        if self._is_late(symbol, when):
            known = Known(**said)
        else:
            known = self._known[symbol] = replace(self._known.get(symbol, NOTHING_KNOWN), **said)
            stamps = self._stamps.setdefault(symbol, {})
            stamps[when.channel] = at_ms
            at_ms = max(stamps.values())
        return known.tick(self._source, symbol, at_ms, when.received_ms)

    def trade(self, symbol: str, last: float | None, when: When) -> Tick | None:
        """Take a trade. One without a price says nothing, and takes nothing away."""
        return None if last is None else self.tell(symbol, when, last=last)

    def note(self, symbol: str, **said: Unpack[Said]) -> None:
        """Take what goes with the next tick: volumes without a stamp."""
        self._known[symbol] = replace(self._known.get(symbol, NOTHING_KNOWN), **said)

    def unchanged(self, symbol: str, bid: float | None, ask: float | None) -> bool:
        """Say whether a book's top is what it was."""
        known = self._known.get(symbol)
        return known is not None and bid is not None and (known.bid, known.ask) == (bid, ask)

    def newest_ms(self, symbol: str) -> int:
        """Return the stamp of the newest frame, 0 before the first."""
        return max(self._stamps.get(symbol, {}).values(), default=0)

    def _is_late(self, symbol: str, when: When) -> bool:
        """Say whether a frame comes after a newer one of its channel, or from the far future."""
        if when.at_ms is None:
            return False
        last_ms = self._stamps.get(symbol, {}).get(when.channel, 0)
        return when.at_ms < last_ms or when.at_ms > when.received_ms + AHEAD_MS


def ticked(ticks: Sequence[Tick | None]) -> Read | None:
    """Return what a frame's rows said. No row is a sign of life; None when there are rows, and none has a price."""
    if not ticks:
        return ALIVE
    good = tuple([tick for tick in ticks if tick is not None])
    if not good:
        return None
    return Read(ticks=good, strange=None if len(good) == len(ticks) else "a row without a price")
