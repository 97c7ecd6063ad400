"""Small markets with known answers."""

from dataclasses import replace
from datetime import date

import numpy as np

from strategies.crypto_index.market import Market
from strategies.crypto_index.methodology import (
    Base,
    Buffer,
    CappedCap,
    Category,
    Eligibility,
    Every,
    Fixed,
    Methodology,
    Schedule,
)

FIRST = date(2021, 1, 1)


def made_up(*, days=200, coins=8, seed=0, **changed):
    """Coins C00 (the largest) to C07 that wander, each traded for ten millions a day, from 2021-01-01 on."""
    rng = np.random.default_rng(seed)
    symbols = tuple(f"C{i:02d}" for i in range(coins))
    moves = 0.02 * rng.standard_normal((days, 1)) + 0.02 * rng.standard_normal((days, coins))
    close = 100 * np.exp(np.cumsum(moves, axis=0))
    market = Market(
        days=np.datetime64(FIRST) + np.arange(days),
        symbols=symbols,
        close=close,
        supply=np.tile(1e9 / 2.0 ** np.arange(coins), (days, 1)),
        volume_usd=np.full((days, coins), 1e7),
        kinds={},
    )
    return replace(market, **changed)


def cells(array, rows, column, value):
    """Return a copy with other values in some rows of a column."""
    changed = array.copy()
    changed[rows, column] = value
    return changed


def book(**changed):
    """A rule book that asks for little: the largest four by market cap, renewed each month."""
    rules = Methodology(
        name="plain",
        base=Base(day=FIRST, level=1000.0),
        schedule=Schedule(weights=Every.MONTH, members=Every.MONTH),
        eligibility=Eligibility(mdvt_days=30, mdvt_min_usd=1e6),
        count=Fixed(k=4),
        weights=CappedCap(),
        buffer=Buffer(),
    )
    return replace(rules, **changed)


def kinds(**named):
    return {symbol: ((date(2009, 1, 3), Category(kind)),) for symbol, kind in named.items()}
