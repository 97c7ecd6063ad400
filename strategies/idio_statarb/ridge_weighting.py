"""Module C: what each signal has been worth lately (S3-37 to S3-44, E3-11 to E3-13, D3-8).

Every day's pairs are reduced to their normal equations once; a pool is a sum of days, a fit a three by three
problem. That makes the daily refit and the weekly choice of the penalty exact and nearly free.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strategies.idio_statarb.parameters import FACTORS, Parameters
from strategies.quant.nonnegative_ridge import effective_freedom, nonnegative_ridge, ridge
from strategies.quant.trailing import Floats, lag_one, trailing_sum

KAPPAS = np.array([1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0])
BLOCKS = 5
PURGED_DAYS = 1
MONDAY = 0
K = len(FACTORS)
PAIRS = [(i, j) for i in range(K) for j in range(i, K)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighting:
    """fit: one row a day with the three weights, ridge_alpha (as scikit-learn counts it), kappa, rows, freedom.

    unconstrained: the same ridge without the sign constraint, a diagnostic (E3-13). Weights are NaN where the
    pool is empty: no information is not a weight of zero.
    """

    fit: pd.DataFrame
    unconstrained: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalEquations:
    """Sums over pairs: gram (m, 3, 3), moment (m, 3), square (m,) of the targets, rows (m,)."""

    gram: Floats
    moment: Floats
    square: Floats
    rows: Floats


def ridge_weighting(
    scores: Floats, targets: Floats, days: pd.DatetimeIndex, parameters: Parameters
) -> Weighting:
    """Fit the factor weights of every day on the pairs of the pool_days before it.

    scores (t, n, 3) and targets (t, n) stand at the signal's date: targets[s] is the residual of day s + 1 over the
    volatility of day s. The decision at t uses pairs t - pool_days ... t - 1 (E3-11).
    """
    daily = stack(scores, targets)
    pool = _as_equations(_before(daily, parameters.pool_days))
    kappa = _kappas(daily, days, parameters)
    alpha = kappa * pool.rows
    known = pool.rows > 0
    some = NormalEquations(
        gram=pool.gram[known], moment=pool.moment[known], square=pool.square[known], rows=pool.rows[known]
    )
    fit = pd.DataFrame(np.nan, index=days, columns=[*FACTORS, "ridge_alpha", "kappa", "rows", "freedom"])
    values = fit.to_numpy().copy()
    values[known, :K] = nonnegative_ridge(some.gram, some.moment, alpha[known])
    values[known, K] = alpha[known]
    values[:, K + 1] = kappa
    values[:, K + 2] = pool.rows
    values[known, K + 3] = effective_freedom(some.gram, alpha[known])
    free = np.full((len(days), K), np.nan)
    free[known] = ridge(some.gram, some.moment, alpha[known])
    return Weighting(
        fit=pd.DataFrame(values, index=days, columns=fit.columns),
        unconstrained=pd.DataFrame(free, index=days, columns=list(FACTORS)),
    )


def forward_targets(residual: Floats, idio_vol: Floats) -> Floats:
    """Return the next day's residual over today's volatility, at today's row; the last row is NaN (S3-39, E3-1)."""
    out = np.full(residual.shape, np.nan)
    out[:-1] = residual[1:] / idio_vol[:-1]
    return out


def stack(scores: Floats, targets: Floats) -> Floats:
    """Return each day's normal equations (t, 14): gram 9, moment 3, square, rows.

    Only pairs with all three scores and a target count (S3-41, D3-7). They are added in symbol order, so that a
    name without a pair changes no bit.
    """
    day, name = np.nonzero(np.isfinite(scores).all(axis=2) & np.isfinite(targets))
    x, y = scores[day, name], targets[day, name]
    columns = np.ascontiguousarray(x.T)
    upper = {(i, j): _by_day(columns[i] * columns[j], day, len(targets)) for i, j in PAIRS}
    sums = [upper[min(i, j), max(i, j)] for i in range(K) for j in range(K)]
    sums += [_by_day(column * y, day, len(targets)) for column in columns]
    sums += [_by_day(y * y, day, len(targets)), _by_day(np.ones_like(y), day, len(targets))]
    return np.stack(sums, axis=1)


def _by_day(values: Floats, day: NDArray[np.intp], days: int) -> Floats:
    return np.asarray(np.bincount(day, weights=values, minlength=days))


def choose_kappa(pools: Sequence[Floats]) -> Floats:
    """Return the penalty per row that predicts best inside each pool (d, 14), its days oldest first.

    Five blocks of the days that have pairs; each but the first is predicted from all before it less the last
    day, whose target overlaps; smallest mean squared error over all rows predicted; ties, and a pool too short to
    tell, go to the larger (D3-8).
    """
    folds = [fold for pool in pools for fold in _folds(pool[pool[:, -1] > 0])]
    if not folds:
        return np.zeros(0)
    errors = _squared_errors(*(np.stack(side) for side in zip(*folds, strict=True)))
    total = errors.reshape(len(pools), BLOCKS - 1, len(KAPPAS)).sum(axis=1)
    return np.asarray(KAPPAS[::-1][np.argmin(total[:, ::-1], axis=1)])


def _folds(seen: Floats) -> list[tuple[Floats, Floats]]:
    """Sums of the days learned from and of the days predicted; both empty where one of them is."""
    empty = np.zeros(seen.shape[1])
    folds = []
    for block in np.array_split(np.arange(len(seen)), BLOCKS)[1:]:
        past = seen[: max(block[0] - PURGED_DAYS, 0)] if len(block) else seen[:0]
        folds.append((past.sum(axis=0), seen[block].sum(axis=0)) if len(past) else (empty, empty))
    return folds


def _squared_errors(train: Floats, test: Floats) -> Floats:
    """Sum of squared errors on the test rows of each fold for each kappa (folds, kappas), from normal equations."""
    many = len(KAPPAS)
    seen, ahead = (_as_equations(np.repeat(side, many, axis=0)) for side in (train, test))
    known = seen.rows > 0
    weights = np.zeros_like(seen.moment)
    penalty = np.tile(KAPPAS, len(train)) * seen.rows
    weights[known] = nonnegative_ridge(seen.gram[known], seen.moment[known], penalty[known])
    fitted = np.einsum("mi,mij,mj->m", weights, ahead.gram, weights)
    explained = np.einsum("mi,mi->m", weights, ahead.moment)
    return np.asarray((ahead.square - 2 * explained + fitted).reshape(-1, many))


def _kappas(daily: Floats, days: pd.DatetimeIndex, parameters: Parameters) -> Floats:
    """The kappa in force on each day: that of the last Monday, the largest before the first one."""
    if parameters.kappa is not None:
        return np.full(len(days), parameters.kappa)
    mondays = np.flatnonzero(days.day_of_week == MONDAY)
    out = np.full(len(days), np.nan)
    out[mondays] = choose_kappa([daily[max(t - parameters.pool_days, 0) : t] for t in mondays])
    return pd.Series(out).ffill().fillna(KAPPAS[-1]).to_numpy()


def _before(daily: Floats, pool_days: int) -> Floats:
    """Sum of the pool_days days before each day; days before the first are empty."""
    padded = np.vstack([np.zeros((pool_days, daily.shape[1])), daily])
    return lag_one(trailing_sum(padded, pool_days))[pool_days:]


def _as_equations(sums: Floats) -> NormalEquations:
    return NormalEquations(
        gram=sums[:, : K * K].reshape(-1, K, K),
        moment=sums[:, K * K : K * K + K],
        square=sums[:, -2],
        rows=sums[:, -1],
    )
