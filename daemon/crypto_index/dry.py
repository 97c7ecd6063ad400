"""What a dry run's index is made of: prices of the simulated venue each second, and market caps made from its data."""

from collections.abc import Callable, Iterator, Sequence

from adapters.ports import Clock
from core.prices.types import Published
from sim.nights.elsewhere import value_of
from sim.venue.price_source import PriceSource

EVERY_S = 1.0
THOUSAND = 1000

Take = Callable[[Sequence[Published]], None]


async def run_prices(market: PriceSource, clock: Clock, take: Take) -> None:
    """Tell the middle of each book as an index value, once a second of the clock, for ever."""
    while True:
        take(tuple(values(market, clock.now_ms())))
        await clock.sleep(EVERY_S)


def values(market: PriceSource, now_ms: int) -> Iterator[Published]:
    """Yield an index value of each coin whose book has two sides; kPEPE is a thousand PEPE."""
    for asset in market.assets:
        best = market.best(asset.asset_id, now_ms)
        if best is None:
            continue
        px = float(best[0].px + best[1].px) / 2
        base = asset.name.removeprefix("k")
        yield value_of(base, px if base == asset.name else px / THOUSAND, now_ms)
