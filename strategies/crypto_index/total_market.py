"""The index of all priced coins, by market cap: what every other index is measured against."""

import numpy as np

from strategies.crypto_index.market import Floats, Market


def total_market_returns(market: Market) -> Floats:
    """Return its simple daily returns (t,), zero on the first day and where no coin has two prices in a row.

    Each day holds every coin in proportion to its market cap at the close before, at the supply known then: a new
    supply moves no return, and a coin counts on days that it has a price before and after.
    """
    before, after = market.close[:-1], market.close[1:]
    held = before * market.supply[:-1]
    known = np.isfinite(held) & np.isfinite(after)
    weight = np.where(known, held, 0.0)
    whole = weight.sum(axis=1)
    growth = np.where(known, after, 0.0) / np.where(known, before, 1.0)
    earned = (weight * growth).sum(axis=1)
    moved = np.where(whole > 0, earned / np.where(whole > 0, whole, 1.0) - 1.0, 0.0)
    return np.concatenate(([0.0], moved))
