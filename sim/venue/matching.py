"""One coin's book: the market's synthetic ladder, dented by takers, with the accounts' resting orders laid over it.

A taker eats the ladder from the top, and what it ate comes back over a few seconds: that is its impact.
At one price the synthetic size goes first, then resting orders by age.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from sim.venue.assets import VenueAsset
from sim.venue.book import Ladder, Level
from sim.venue.order import Order
from sim.venue.price_source import PriceSource

RECOVERY_MS = 5_000
DEPTH = 20
ZERO = Decimal(0)
EMPTY = Ladder(0, (), ())


@dataclass(frozen=True, slots=True)
class Take:
    """A piece of an execution: against the synthetic ladder, or against a resting order (maker)."""

    px: Decimal
    size: Decimal
    maker: Order | None


@dataclass(frozen=True, slots=True)
class Match:
    takes: tuple[Take, ...]
    self_trades: tuple[Order, ...]


def _age(order: Order) -> tuple[Decimal, int]:
    return (-order.px if order.buy else order.px, order.oid)


class Bites:
    """What takers ate of one side: each bite comes back evenly over RECOVERY_MS.

    Two running sums, exact in Decimal, say what is gone however many bites there were.
    """

    def __init__(self) -> None:
        self._bites: deque[tuple[int, Decimal]] = deque()
        self._size = self._size_ms = ZERO

    def __bool__(self) -> bool:
        return bool(self._bites)

    def add(self, size: Decimal, now_ms: int) -> None:
        self._bites.append((now_ms, size))
        self._size += size
        self._size_ms += size * now_ms

    def gone(self, now_ms: int) -> Decimal:
        """Return what has not come back by now. Time never goes back."""
        while self._bites and now_ms - self._bites[0][0] >= RECOVERY_MS:
            at_ms, size = self._bites.popleft()
            self._size -= size
            self._size_ms -= size * at_ms
        return (self._size * (RECOVERY_MS - now_ms) + self._size_ms) / RECOVERY_MS


class Book:
    def __init__(self, asset: VenueAsset) -> None:
        self.asset = asset
        self.next_tick_ms = 0
        self._prices: PriceSource | None = None
        self._read_ms = 0
        self._ladder: Ladder | None = EMPTY
        self.bids: list[Order] = []
        self.asks: list[Order] = []
        self._lot = Decimal(1).scaleb(-asset.size_decimals)
        self._eaten_bids, self._eaten_asks = Bites(), Bites()

    def refresh(self, prices: PriceSource, now_ms: int) -> None:
        """Take the market's book of now; it holds until next_tick_ms, and is read when somebody looks."""
        self._prices, self._read_ms, self._ladder = prices, now_ms, None
        self.next_tick_ms = prices.next_tick_ms(self.asset.asset_id, now_ms)

    @property
    def ladder(self) -> Ladder:
        if self._ladder is None:
            assert self._prices is not None
            self._ladder = self._prices.ladder(self.asset.asset_id, self._read_ms)
        return self._ladder

    # --- resting orders ------------------------------------------------------------------------------

    @property
    def has_resting(self) -> bool:
        return bool(self.bids or self.asks)

    def rest(self, order: Order) -> None:
        insort(self.bids if order.buy else self.asks, order, key=_age)

    def remove(self, order: Order) -> None:
        (self.bids if order.buy else self.asks).remove(order)

    # --- what can be seen ----------------------------------------------------------------------------

    def synthetic(self, now_ms: int, *, of_bids: bool) -> Sequence[Level]:
        """Return one side of the ladder, best first, less what takers ate and has not come back."""
        levels = self.ladder.bids if of_bids else self.ladder.asks
        eaten = self._eaten(now_ms, of_bids=of_bids)
        return levels if eaten == 0 else _without_top(levels, eaten)

    def levels(self, now_ms: int, *, of_bids: bool, depth: int = DEPTH) -> list[Level]:
        """Return one side as everyone sees it, resting orders included."""
        synthetic = self.synthetic(now_ms, of_bids=of_bids)
        resting = self.bids if of_bids else self.asks
        if not resting:
            return list(synthetic[:depth])
        by_px = {level.px: level for level in synthetic}
        for order in resting:
            seen = by_px.get(order.px, Level(order.px, ZERO, 0))
            by_px[order.px] = Level(order.px, seen.size + order.size, seen.orders + 1)
        return [by_px[px] for px in sorted(by_px, reverse=of_bids)[:depth]]

    def best(self, now_ms: int, *, of_bids: bool) -> Level | None:
        """Return the best level of one side as everyone sees it; most ticks need no more of the book."""
        untouched = self._ladder is None and not (self._eaten_bids or self._eaten_asks or self.has_resting)
        if untouched and self._prices is not None:
            both = self._prices.best(self.asset.asset_id, self._read_ms)
            if both is not None:
                return both[0 if of_bids else 1]
        levels = self.levels(now_ms, of_bids=of_bids, depth=1)
        return levels[0] if levels else None

    # --- matching ------------------------------------------------------------------------------------

    def match(self, taker: Order, now_ms: int) -> Match:
        """Return what the taker would execute now. Nothing changes but by settle()."""
        takes: list[Take] = []
        own: list[Order] = []
        wanted = taker.size
        for px, size, maker in self._opposite(now_ms, taker_buys=taker.buy):
            if wanted == 0 or (px > taker.px if taker.buy else px < taker.px):
                break
            if maker is not None and maker.address == taker.address:
                own.append(maker)
                continue
            takes.append(Take(px, min(size, wanted), maker))
            wanted -= takes[-1].size
        return Match(tuple(takes), tuple(own))

    def crossed(self, now_ms: int) -> list[tuple[Order, Decimal]]:
        """Return the resting orders that the ladder has come through, and how much of each it fills."""
        fills: list[tuple[Order, Decimal]] = []
        for resting, buys in ((self.bids, True), (self.asks, False)):
            if resting:
                fills += self._crossed_side(resting, now_ms, buys=buys)
        return fills

    def eat(self, size: Decimal, now_ms: int, *, of_bids: bool) -> None:
        """Take size off the top of the ladder; it comes back over RECOVERY_MS."""
        (self._eaten_bids if of_bids else self._eaten_asks).add(size, now_ms)

    def _crossed_side(
        self, resting: Sequence[Order], now_ms: int, *, buys: bool
    ) -> Iterator[tuple[Order, Decimal]]:
        opposite = self.synthetic(now_ms, of_bids=not buys)
        used = ZERO
        for order in resting:
            reach = [lv.size for lv in opposite if (lv.px <= order.px if buys else lv.px >= order.px)]
            size = min(order.size, sum(reach, ZERO) - used)
            if size <= 0:
                return
            used += size
            yield order, size

    def _opposite(self, now_ms: int, *, taker_buys: bool) -> Iterator[tuple[Decimal, Decimal, Order | None]]:
        levels = self.synthetic(now_ms, of_bids=not taker_buys)
        resting = self.asks if taker_buys else self.bids
        i = 0
        for order in resting:
            while i < len(levels) and (levels[i].px <= order.px if taker_buys else levels[i].px >= order.px):
                yield levels[i].px, levels[i].size, None
                i += 1
            yield order.px, order.size, order
        for level in levels[i:]:
            yield level.px, level.size, None

    def _eaten(self, now_ms: int, *, of_bids: bool) -> Decimal:
        eaten = self._eaten_bids if of_bids else self._eaten_asks
        if not eaten:
            return ZERO
        return eaten.gone(now_ms).quantize(self._lot, rounding=ROUND_DOWN)


def _without_top(levels: Sequence[Level], eaten: Decimal) -> Sequence[Level]:
    """Return the levels that are left, as they are but for the first."""
    for n, level in enumerate(levels):
        if eaten < level.size:
            first = Level(level.px, level.size - eaten, level.orders) if eaten else level
            return (first, *levels[n + 1 :])
        eaten -= level.size
    return ()
