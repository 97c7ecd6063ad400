"""What a dry run's index is made of: prices of the simulated venue each second, and market caps made from its data."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from adapters.ports import Clock
from core.prices.types import Published
from daemon.settings import CryptoIndexSettings
from sim import market_caps
from sim.market_caps import coins
from sim.nights.elsewhere import value_of
from sim.venue.price_source import PriceSource

EVERY_S = 1.0
THOUSAND = 1000

T = TypeVar("T")

MARKET_CAPS = "market-caps"

Take = Callable[[Sequence[Published]], None]


async def run_prices(market: PriceSource, clock: Clock, take: Take) -> None:
    """Tell the middle of each book as an index value, once a second of the clock, for ever."""
    while True:
        take(tuple(values(market, clock.now_ms())))
        await clock.sleep(EVERY_S)


async def at_once(function: Callable[[], T]) -> T:
    """Run a function in the loop, for virtual time, where a thread is invisible."""
    return function()


def settings_of(settings: CryptoIndexSettings, data: Path, directory: Path) -> CryptoIndexSettings:
    """Return the configuration of a dry run's index: its own directory, market caps made from the venue's data."""
    made = market_caps.build(data, directory / MARKET_CAPS)
    return replace(settings, dir=None, data=str(made))


def values(market: PriceSource, now_ms: int) -> Iterator[Published]:
    """Yield an index value of each coin whose book has two sides; kPEPE is a thousand PEPE."""
    for asset in market.assets:
        base = asset.name.removeprefix("k")
        if base not in coins():
            continue
        best = market.best(asset.asset_id, now_ms)
        if best is None:
            continue
        px = float(best[0].px + best[1].px) / 2
        yield value_of(base, px if base == asset.name else px / THOUSAND, now_ms)
