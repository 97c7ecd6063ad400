"""Prices over HTTP while the stream's cannot be relied on, and the venue's announcements. A few requests at a time.

A price enters as QuoteReceived like one of the stream, with the venue's own time: of the book it came from, or, for the
many coins that one reply of mids has to do for, of a book read just before it.
"""

import asyncio
from collections.abc import Callable, Collection
from decimal import Decimal

import structlog
from msgspec.structs import replace

from adapters.hyperliquid.freshness import Freshness
from adapters.hyperliquid.reference import HyperliquidReference
from adapters.hyperliquid.subscriptions import Watchlist
from adapters.ports import Clock, VenueError
from core.events import AnyEvent, QuoteReceived, VenueNoticed
from core.types import HEDGE_COINS, Coin, Quote

LOOK_EVERY_S = 0.5
FILL_EVERY_MS = 2_000
DEAD_AFTER_MS = 1_000
"""How long a connection may take to bring its first price."""
BOOKS_MAX = 8
"""Books read at once: 16 of the 1,200 weight a minute; more coins than these share one reply of mids."""
MIDS_EVERY_MS = 2_000
"""How old the mids may be that traded coins are held against while a session trades; the stream's own come every 5 s."""
NOTICE_TRADING_MS = 5_000
NOTICE_IDLE_MS = 60_000
NOTHING = Decimal(0)

Sink = Callable[[AnyEvent], None]

log = structlog.get_logger(__name__)


class Prices:
    """The newest price of each coin, by the time at which the venue made it: whatever way it came, none ever replaces a
    newer one. To say again that a price still stands makes it no newer.

    best holds what bbo said last, shown what the engine was told last.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.best: dict[Coin, Quote] = {}
        self.shown: dict[Coin, Quote] = {}
        self._made_ms: dict[Coin, int] = {}

    def offer(self, quote: Quote, sink: Sink, *, made_ms: int | None = None) -> None:
        """Tell the engine unless it knows a newer price; made_ms where the stamp says more than when it was made.

        The event's time is the quote's own: a journal keeps no other, and a replay must lead to the same state.
        """
        made_ms = quote.at_ms if made_ms is None else made_ms
        if made_ms >= self._made_ms.get(quote.coin, 0):
            self.shown[quote.coin], self._made_ms[quote.coin] = quote, made_ms
            sink(QuoteReceived(at_ms=quote.received_ms, quote=quote))

    def confirm(self, best: Quote, as_of_ms: int, sink: Sink) -> None:
        """Show a quote again that the venue has just said to be still so."""
        shown = self.shown.get(best.coin)
        stands = shown is not None and (shown.bid, shown.ask) == (best.bid, best.ask)
        made_ms = self._made_ms[best.coin] if stands else best.at_ms
        renewed = replace(best, at_ms=max(best.at_ms, as_of_ms), received_ms=self._clock.now_ms())
        self.offer(renewed, sink, made_ms=made_ms)

    def shift(self, coin: Coin, mid: Decimal, as_of_ms: int, sink: Sink) -> None:
        """Move the last quote onto a new mid: the spread is remembered, and no size is claimed."""
        last = self.shown.get(coin)
        if last is None or last.bid >= last.ask:
            return
        move = mid - last.mid
        quote = replace(
            last,
            bid=last.bid + move,
            ask=last.ask + move,
            bid_size=NOTHING,
            ask_size=NOTHING,
            at_ms=max(as_of_ms, last.at_ms),
            received_ms=self._clock.now_ms(),
        )
        if quote.bid > 0:
            self.offer(quote, sink)

    def value(self, coin: Coin, mid: Decimal, sink: Sink) -> None:
        """Pass on the mid of a coin that is held and not traded now, as a quote that cannot be traded on."""
        now_ms = self._clock.now_ms()
        quote = Quote(
            coin=coin,
            bid=mid,
            ask=mid,
            bid_size=NOTHING,
            ask_size=NOTHING,
            at_ms=now_ms,
            received_ms=now_ms,
        )
        self.shown.pop(coin, None)
        self._made_ms.pop(coin, None)
        sink(QuoteReceived(at_ms=now_ms, quote=quote))


class StandIn:
    """Looks twice a second for what is missing. A failed read is no information; the next look asks again."""

    def __init__(self, reference: HyperliquidReference, watchlist: Watchlist, prices: Prices) -> None:
        self._reference = reference
        self._clock = reference.clock
        self._watchlist = watchlist
        self._prices = prices
        self._fresh = Freshness()
        self._dead_ms = self._clock.now_ms()
        self._filled_ms = self._noticed_ms = 0
        self.mids_ms = 0
        self._notice = ""
        self.is_alive = False

    def connection_begun(self, fresh: Freshness) -> None:
        self._fresh = fresh
        self._prices.best.clear()

    def connection_ended(self) -> None:
        self.is_alive = False
        self._dead_ms = self._clock.now_ms()

    async def run(self, sink: Sink, take_mids: Callable[[dict[str, Decimal]], None]) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            try:
                await self._fill(sink, take_mids)
                await self._look_for_notice(sink)
            except VenueError as error:
                log.warning("read failed", error=str(error))

    async def _fill(self, sink: Sink, take_mids: Callable[[dict[str, Decimal]], None]) -> None:
        now_ms = self._clock.now_ms()
        if self.is_alive and self._watchlist.is_trading and now_ms - self.mids_ms >= MIDS_EVERY_MS:
            self.mids_ms = now_ms
            take_mids(await self._reference.mids())
        lacking = self.lacking()
        if lacking and now_ms - self._filled_ms >= FILL_EVERY_MS:
            self._filled_ms = now_ms
            await self._fill_in(lacking, sink)

    def lacking(self) -> list[Coin]:
        """Return the coins whose price in the stream is not to be relied on, the hedge assets first."""
        now_ms, listed = self._clock.now_ms(), self._watchlist.coins
        if self.is_alive:
            sick = {v.topic.coin for v in self._fresh.verdicts(now_ms)}
        else:
            sick = set(listed) if now_ms - self._dead_ms >= DEAD_AFTER_MS else set()
        known = [c for c in listed if c in sick and c in self._reference.universe]
        return sorted(known, key=lambda coin: coin not in HEDGE_COINS)

    async def _fill_in(self, coins: Collection[Coin], sink: Sink) -> None:
        """Read the books of a few, and one reply of mids for the others, stamped by the newest of those books."""
        few = list(coins)[:BOOKS_MAX]
        newest_ms = max(await asyncio.gather(*(self._read_book(coin, sink) for coin in few)))
        rest = list(coins)[BOOKS_MAX:]
        if rest and newest_ms:
            mids = await self._reference.mids()
            for coin in rest:
                if (mid := mids.get(coin)) is not None:
                    self._prices.shift(coin, mid, newest_ms, sink)

    async def _read_book(self, coin: Coin, sink: Sink) -> int:
        """Read a coin's book; it is the arbiter between bbo and whatever says otherwise. Return its time."""
        try:
            quote = await self._reference.best(coin)
        except VenueError as error:
            log.warning("a price could not be read", coin=coin, error=str(error))
            return 0
        if quote is None:
            return 0
        self._fresh.book(quote, self._prices.best.get(coin), self._clock.now_ms())
        self._prices.offer(quote, sink)
        return quote.at_ms

    async def _look_for_notice(self, sink: Sink) -> None:
        """Ask for the venue's announcement, and tell when it has changed."""
        now_ms = self._clock.now_ms()
        every_ms = NOTICE_TRADING_MS if self._watchlist.is_trading else NOTICE_IDLE_MS
        if now_ms - self._noticed_ms < every_ms:
            return
        self._noticed_ms = now_ms
        notice = await self._reference.notice()
        if notice != self._notice:
            self._notice = notice
            sink(VenueNoticed(at_ms=self._clock.now_ms(), notice=notice))
