"""What the coins of a world are worth elsewhere: an index of them that follows the venue's true prices, until it is bent.

A daemon is given it only in a night that bends it: all others play as they did before there was one.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from adapters.ports import Clock
from core.prices.types import Cause, Published, State
from sim.venue.price_source import PriceSource

EVERY_S = 1.0
FEEDS = 5
RECENT = 8
THOUSAND = 1000

Take = Callable[[Sequence[Published]], None]


class Elsewhere:
    """An index of each coin in USD; of one that is quoted by the thousand (kPEPE) of a single unit (PEPE).

    said are the prices of the newest round, in USD for the venue's unit, by the coin's name; rounds is how many there were,
    recent those of the last ones, oldest first; there a coin without a price keeps the one it had.
    """

    def __init__(self, market: PriceSource, clock: Clock) -> None:
        self._market, self._clock = market, clock
        self._bent: dict[str, list[float]] = {}
        self.said: dict[str, float] = {}
        self.rounds = 0
        self.recent: deque[Mapping[str, float]] = deque(maxlen=RECENT)

    def bend(self, coin: str, fraction: float) -> None:
        """Let the index of a coin stand a fraction above what it is worth, or below; the last bend of a coin counts."""
        self._bent.setdefault(coin, []).append(fraction)

    def straighten(self, coin: str, fraction: float) -> None:
        """Take such a bend back."""
        self._bent[coin].remove(fraction)

    def off(self, coin: str) -> float:
        """Return the fraction by which the index of a coin is bent now."""
        return next(reversed(self._bent.get(coin, [])), 0.0)

    async def run(self, take: Take) -> None:
        """Tell the value of every index, once a second, for ever."""
        while True:
            self.rounds += 1
            values = tuple(self._values())
            self.recent.append({**self.recent[-1], **self.said} if self.recent else self.said)
            take(values)
            await asyncio.sleep(EVERY_S)

    def _values(self) -> Iterator[Published]:
        """Yield the values of now; none of a coin whose book has a side too few."""
        now_ms = self._clock.now_ms()
        self.said = {}
        for asset in self._market.assets:
            best = self._market.best(asset.asset_id, now_ms)
            if best is None:
                continue
            px = float(best[0].px + best[1].px) / 2 * (1 + self.off(asset.name))
            self.said[asset.name] = px
            base = asset.name.removeprefix("k")
            yield value_of(base, px if base == asset.name else px / THOUSAND, now_ms)


def value_of(base: str, px: float, at_ms: int) -> Published:
    """Return an index value of a coin in USD that nothing is wrong with."""
    return Published(
        symbol=f"{base}/USD",
        at_ms=at_ms,
        sequence=0,
        token=0,
        state=State.OK,
        cause=Cause.NONE,
        price=px,
        candidate=px,
        median=px,
        confidence=0.0,
        spread=0.0,
        good_ms=at_ms,
        active_feeds=FEEDS,
        accepted=False,
        methodology="world",
        inputs=(),
    )
