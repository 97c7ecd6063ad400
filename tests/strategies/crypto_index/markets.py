"""Markets with known properties, and where the recorded one is."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

SHARED = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).resolve().parents[3] / "../shared"))
CAPS = SHARED / "data/crypto_mcap/derived_daily_2020_2025.parquet"
needs_caps = pytest.mark.skipif(
    not CAPS.is_file(), reason="the recorded market caps are not beside the repository"
)
NO_COINS = ("stablecoin", "wrapped_or_staked", "gold_token")


def drawn_values(seed, *, coins=30, days=91, factors=1):
    """Market values (days, coins), largest first on the first day: common factors, own noise, steep sizes."""
    rng = np.random.default_rng(seed)
    common = 0.03 * rng.standard_t(4, (days - 1, factors)) @ rng.normal(1, 0.3, (factors, coins))
    returns = np.clip(common + 0.03 * rng.standard_t(4, (days - 1, coins)), -0.6, 0.6)
    sizes = 1 / np.arange(1, coins + 1) ** 1.5
    return sizes * np.exp(np.vstack((np.zeros(coins), np.cumsum(returns, axis=0))))


def recorded_values(ends):
    """Yield the quarter's market values before each day, at the supplies known then, by cap of the last month."""
    table = pd.read_parquet(CAPS, columns=["date", "symbol", "category", "close", "supply_pit"])
    table = table[~table.category.isin(NO_COINS)]
    for end in pd.to_datetime(ends):
        quarter = table[(table.date < end) & (table.date >= end - pd.Timedelta(days=91))]
        close = quarter.pivot(index="date", columns="symbol", values="close")
        supply = quarter.pivot(index="date", columns="symbol", values="supply_pit").iloc[-1]
        values = (close * supply).dropna(axis=1)
        yield values[values.tail(30).mean().sort_values(ascending=False).index].to_numpy()
