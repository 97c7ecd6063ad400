"""How many constituents an index needs: CRIX's sequential rule, a hold-out rule, and the brief's AIC (E0-5).

The market is all priced coins; the candidate of k holds the k largest of them and is never the market itself.
Columns are coins, largest first (E0-8). Quantities stay as they were at the last reweighting (Laspeyres), so a coin's
market value is its price times a constant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from strategies.quant.kernel_density import log_densities, plug_in_bandwidth
from strategies.quant.trailing import Floats

COUNT_MAX = 55
LITERAL_START = 5
RSS_LEAST = 1e-10
"""The brief's grid ends at 55 (S0-38), starts with 5 (S0-40), and takes no residual sum below 1e-10 (S0-36)."""

FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A count and its score, lower is better: an AIC, or an annual tracking error with its standard error."""

    count: int
    score: float
    error: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """The number chosen, and everything that was looked at, in that order."""

    count: int
    trials: tuple[Trial, ...]


def tracking_differences(values: Floats, counts: Sequence[int]) -> Floats:
    """Return the market's log return less that of the index of the k largest, for each k: shape (len(counts), t - 1).

    values (t, n): market values at quantities held fixed, largest first. Raises ValueError unless all are positive
    and every count lies between 1 and n - 1: an index that holds the market tracks it by definition.
    """
    days, coins = values.shape
    if days < 3:
        raise ValueError(f"{days} days of market values: three are needed")
    if not (np.isfinite(values) & (values > 0)).all():
        row, column = (int(i) for i in np.argwhere(~(np.isfinite(values) & (values > 0)))[0])
        raise ValueError(f"market value [{row}, {column}] is {values[row, column]}: it must be positive")
    if not counts or min(counts) < 1 or max(counts) >= coins:
        raise ValueError(f"counts {list(counts)} of {coins} coins: each must leave one coin out, at least")
    market = np.diff(np.log(values.sum(axis=1)))
    parts = np.cumsum(values, axis=1)[:, np.asarray(counts) - 1]
    return np.asarray(market - np.diff(np.log(parts), axis=0).T)


def sequential_count(values: Floats, *, start: int = 5, step: int = 5, most: int = COUNT_MAX) -> Count:
    """Return CRIX's choice: the first count whose difference to the market the next step coins do not explain.

    The difference is regressed, without an intercept, on the log returns of the next step coins. They explain it when
    AIC falls: -2 log likelihood + 2 step, the density a kernel's on the differences of the first count. Local and
    sequential (Trimborn and Haerdle 2018); the last count there is, when every step explains. values as above.
    """
    counts = list(range(start, min(most, values.shape[1] - 1) + 1, step))
    if not counts or step < 1:
        raise ValueError(f"no count between {start} and {most} leaves one of {values.shape[1]} coins out")
    differences = tracking_differences(values, counts)
    returns = np.diff(np.log(values), axis=0)
    sample = differences[0]
    width = plug_in_bandwidth(sample)
    trials = []
    for count, left in zip(counts, differences, strict=True):
        nearer = returns[:, count : min(count + step, values.shape[1])]
        explained = nearer @ np.linalg.lstsq(nearer, left, rcond=None)[0]
        without = -2 * float(log_densities(left, sample, width).sum())
        with_them = -2 * float(log_densities(left - explained, sample, width).sum()) + 2 * nearer.shape[1]
        trials.append(Trial(count=count, score=without))
        if with_them >= without:
            break
    return Count(count=trials[-1].count, trials=tuple(trials))


def hold_out_count(
    values: Floats, counts: Sequence[int], *, periods_a_year: float = 365.0, folds: int = FOLDS
) -> Count:
    """Return the least count that tracks as well, out of sample, as the best does within one standard error.

    In each of folds stretches of days, the market's returns are foretold from those of the k largest coins with
    weights fitted on all other days; score is the annual root mean square of what is left. Fitting many names costs
    out of sample, so more is not always better. values and counts as in tracking_differences.
    """
    tracking_differences(values, counts)
    market = np.diff(np.log(values.sum(axis=1)))
    returns = np.diff(np.log(values), axis=0)
    blocks = [block for block in np.array_split(np.arange(len(market)), folds) if len(block)]
    squares = np.array([_left_out_squares(returns[:, :k], market, blocks) for k in counts])
    best = int(squares.mean(axis=1).argmin())
    error = squares.std(axis=1, ddof=1) / sqrt(squares.shape[1])
    trials = tuple(
        Trial(count=k, score=sqrt(mean * periods_a_year), error=_delta(mean, spread, periods_a_year))
        for k, mean, spread in zip(counts, squares.mean(axis=1), error, strict=True)
    )
    enough = squares.mean(axis=1) <= squares[best].mean() + error[best]
    return Count(count=min(k for k, good in zip(counts, enough, strict=True) if good), trials=trials)


def _left_out_squares(returns: Floats, market: Floats, blocks: Sequence[NDArray[np.int_]]) -> Floats:
    """Return the squared error of each day, foretold by weights of the other blocks' days."""
    out = np.empty_like(market)
    for block in blocks:
        others = np.ones(len(market), dtype=bool)
        others[block] = False
        weights = np.linalg.lstsq(returns[others], market[others], rcond=None)[0]
        out[block] = (market[block] - returns[block] @ weights) ** 2
    return out


def _delta(mean: float, spread: float, periods_a_year: float) -> float:
    """Return the standard error of sqrt(mean * periods) given that of mean."""
    return spread * sqrt(periods_a_year) / (2 * sqrt(mean)) if mean > 0 else 0.0


def literal_grid(coins: int) -> range:
    """Return the counts that the brief tries (S0-38)."""
    return range(1 if coins < 10 else 5, min(coins, COUNT_MAX) + 1, 1 if coins < 20 else 5)


def literal_count(returns: Floats) -> Count:
    """Return the brief's choice (S0-34 to S0-40) from simple returns (t, n): always n where its grid reaches n.

    Both market and candidate are equal-weighted means, so at n nothing is left but the floor under the residual sum.
    """
    days, coins = returns.shape
    market = returns.mean(axis=1)
    best, least, trials = LITERAL_START, np.inf, []
    for count in literal_grid(coins):
        rss = max(float(((market - returns[:, :count].mean(axis=1)) ** 2).sum()), RSS_LEAST)
        aic = days * float(np.log(rss / days)) + 2 * count
        trials.append(Trial(count=count, score=aic))
        if aic < least:
            best, least = count, aic
    return Count(count=best, trials=tuple(trials))
