"""The same index as loops over pandas tables, as a notebook would have it: what bench.crypto_index compares with.

It has the same rules and no ledger, no verdicts in words, no check of what is known when; the level is a float.
"""

import pandas as pd


def plain_levels(
    close: pd.DataFrame, supply: pd.DataFrame, volume: pd.DataFrame, *, first: pd.Timestamp, k: int
) -> pd.Series:
    """Return the daily level of the k largest that trade a million a day, capped at 35 % and floored at 1 %."""
    caps = close * supply
    units: dict[str, float] = {}
    value, levels = 1000.0, {}
    for day in close.index[close.index >= first]:
        if units:
            value = sum(held * close.loc[day, symbol] for symbol, held in units.items())
        if not units or day.is_month_end:
            weights = plain_weights(caps, volume, day, k=k)
            units = {str(symbol): value * w / close.loc[day, str(symbol)] for symbol, w in weights.items()}
        levels[day] = value
    return pd.Series(levels)


def plain_weights(caps: pd.DataFrame, volume: pd.DataFrame, day: pd.Timestamp, *, k: int) -> pd.Series:
    """Return the weights of one review, from thirty days up to a day."""
    recent, traded = caps.loc[:day].tail(30), volume.loc[:day].tail(30)
    sizes = {}
    for symbol in caps.columns:
        if traded[symbol].count() >= 20 and traded[symbol].median() >= 1e6:
            sizes[symbol] = recent[symbol].mean()
    largest = pd.Series(sizes).sort_values(ascending=False).head(k)
    return capped(largest / largest.sum(), cap=0.35, floor=0.01 if k <= 100 else 0.0)


def capped(weights: pd.Series, *, cap: float, floor: float) -> pd.Series:
    """Return clip(theta w, floor, cap) that sums to 1, theta by bisection."""
    low, high = 0.0, 1e6
    for _ in range(200):
        theta = (low + high) / 2
        if (weights * theta).clip(floor, cap).sum() < 1:
            low = theta
        else:
            high = theta
    found = (weights * high).clip(floor, cap)
    return found / found.sum()
