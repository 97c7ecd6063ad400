"""What a world's crypto index is kept with: made market caps, a window of a minute, and reviews made once a process."""

import tempfile
from dataclasses import replace
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from daemon.compute import call
from daemon.crypto_index.asking import BLACKLIST
from daemon.data_directory import SAMPLE
from daemon.settings import CryptoIndexSettings, Settings
from sim import market_caps
from sim.nights import kept_index
from sim.nights.kept_index import IndexEdges
from sim.nights.listings import listed

LOADED = ("daemon.crypto_index.keeper", "daemon.crypto_index.reviews", "daemon.index_prices.settlements")
"""What a life imports when it keeps an index: in a world an import would read the wall clock."""

WINDOW_S = 60
LOOK_S = 5.0
HISTORY_DAYS = 120
GROWN = 0.01
"""By how much more of its supply each next coin has on the last day, so that the night's review changes weights."""

_made: list[tempfile.TemporaryDirectory[str]] = []
"""Removed when the process ends."""


def short(settings: Settings) -> Settings:
    """Return a configuration whose settlement windows are as short as the nights."""
    settlement = replace(settings.index_price.settlement, window_s=WINDOW_S)
    return replace(settings, index_price=replace(settings.index_price, settlement=settlement))


def kept_with(index: IndexEdges, settings: Settings) -> CryptoIndexSettings:
    return replace(settings.crypto_index, dir=str(index.directory), data=str(index.data), data_every_s=LOOK_S)


def reviewed(function: str, request: Any) -> Any:
    """Call a function of reviews: in a process once for the same question of the same files, whose function it is."""
    files = request if function == BLACKLIST else request.files
    return _reviewed(function, request, _digest(files.data))


@lru_cache(maxsize=512)
def _reviewed(function: str, request: Any, _files: str) -> Any:
    return call(function, request)


def _digest(data: Path) -> str:
    found = sha256()
    for path in sorted(data.iterdir()):
        if path.name != kept_index.TOMORROW:
            found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


@cache
def market_caps_of(coins: int, close_ms: int) -> Path:
    """Return market caps of a world's coins, made once a process: DAILY to the day before the close's, TOMORROW to it."""
    import pandas as pd

    kept = tempfile.TemporaryDirectory(prefix="nightdesk-market-caps-")
    _made.append(kept)
    out = market_caps.build(SAMPLE, Path(kept.name))
    table = pd.read_parquet(out / kept_index.DAILY)
    closes = pd.Timestamp(close_ms, unit="ms")
    names = [coin.asset.name.removeprefix("k") for coin in listed()[:coins]]
    recent = (table["date"] < closes) & (table["date"] >= closes - pd.Timedelta(days=HISTORY_DAYS))
    table = table[recent & table["symbol"].isin(names)].copy()
    last = table["date"] == closes - pd.Timedelta(days=1)
    places = table["symbol"].map({name: place for place, name in enumerate(names)})
    table.loc[last, "supply_pit"] *= 1 + GROWN * places[last]
    table.to_parquet(out / kept_index.TOMORROW, index=False)
    table[~last].to_parquet(out / kept_index.DAILY, index=False)
    return out
