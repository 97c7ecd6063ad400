"""What the channels of one connection last said of each pair, joined into ticks.

A venue tells its book on one channel and its trades on another, each with a stamp of its own, and the slower one is
stamped before what the quicker one has already told. A tick joins both, so its stamp is the newest of theirs; else the
slower channel (the one with the volume) would look reordered for ever. A frame that is older than the one before it on
its own channel is reordered indeed: it is handed on as it came and not remembered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from adapters.exchanges.ports import ALIVE, Read
from core.prices.types import Tick

AHEAD_MS = 10_000
"""A stamp further in the future is a fault of the venue's clock, and would push every later tick there too."""


class When(NamedTuple):
    """The channel of a frame, the venue's stamp (None: it sent none) and ours, both in milliseconds."""

    channel: str
    at_ms: int | None
    received_ms: int


class Said(NamedTuple):
    """What one frame said of one pair. Volumes are those of 24 hours, in quote and in base currency."""

    bid: float | None = None
    ask: float | None = None
    last: float | None = None
    volume: float | None = None
    volume_base: float | None = None


NO_VOLUME = Said()


@dataclass(slots=True)
class _Pair:
    bid: float | None = None
    ask: float | None = None
    last: float | None = None
    stamps: dict[str, int] = field(default_factory=dict)


class Quotes:
    """The pairs of one source."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._pairs: dict[str, _Pair] = {}

    def book(self, symbol: str, bid: float | None, ask: float | None, *, when: When) -> Tick | None:
        """Return the tick of a book's top, None when a side is missing: what is known of the book is then forgotten."""
        if bid is None or ask is None:
            bid = ask = None
        known, at_ms, late = self._at(symbol, when)
        if late:
            known = _Pair()
        known.bid, known.ask = bid, ask
        return None if bid is None else self._tick(symbol, known, at_ms, when=when)

    def unchanged(self, symbol: str, bid: float | None, ask: float | None) -> bool:
        """Say whether a book's top is what it was."""
        known = self._pairs.get(symbol)
        return known is not None and bid is not None and (known.bid, known.ask) == (bid, ask)

    def trade(self, symbol: str, last: float | None, *, when: When) -> Tick | None:
        """Return the tick of a trade, None when it has no price."""
        if last is None:
            return None
        known, at_ms, late = self._at(symbol, when)
        if late:
            known = _Pair()
        known.last = last
        return self._tick(symbol, known, at_ms, when=when)

    def ticker(self, symbol: str, said: Said, *, when: When) -> Tick | None:
        """Return the tick of a ticker, which says all by itself; None when it has neither a trade nor a whole book."""
        if said.last is None and (said.bid is None or said.ask is None):
            return None
        known, at_ms, late = self._at(symbol, when)
        if late:
            known = _Pair()
        known.bid, known.ask, known.last = said.bid, said.ask, said.last
        return self._tick(symbol, known, at_ms, when=when, said=said)

    def _at(self, symbol: str, when: When) -> tuple[_Pair, int, bool]:
        """Return the pair, the stamp of its next tick and whether this frame comes after a newer one."""
        known = self._pairs.setdefault(symbol, _Pair())
        others = max((at for channel, at in known.stamps.items() if channel != when.channel), default=None)
        if when.at_ms is None:
            return known, when.received_ms if others is None else others, False
        if when.at_ms > when.received_ms + AHEAD_MS or when.at_ms < known.stamps.get(when.channel, 0):
            return known, when.at_ms, True
        known.stamps[when.channel] = when.at_ms
        return known, when.at_ms if others is None else max(others, when.at_ms), False

    def _tick(self, symbol: str, known: _Pair, at_ms: int, *, when: When, said: Said = NO_VOLUME) -> Tick:
        bid, ask = known.bid, known.ask
        middle = 0.0 if bid is None or ask is None else (bid + ask) / 2
        return Tick(
            source=self._source,
            symbol=symbol,
            price=middle if known.last is None else known.last,
            at_ms=at_ms,
            received_ms=when.received_ms,
            volume_24h=said.volume,
            volume_24h_base=said.volume_base,
            bid=bid,
            ask=ask,
        )


def ticked(ticks: Sequence[Tick | None]) -> Read | None:
    """Return what a frame's rows said. No row is a sign of life; None when there are rows, and none has a price."""
    if not ticks:
        return ALIVE
    good = tuple(tick for tick in ticks if tick is not None)
    if not good:
        return None
    return Read(ticks=good, strange=None if len(good) == len(ticks) else "a row without a price")
