"""Rolling least squares of many series on the same few factors.

The factors are shared, so (X'X)^-1 X' is one small matrix a day for every series: a banded matrix times the
returns is the whole regression. A cell exists only where its whole window does (S3-23, E3-5); missing values reach exactly
the windows that hold them.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from strategies.quant.trailing import Floats, trailing_mean

SINGULAR = 1e-10
"""Determinant of the factors' correlation matrix under which a window cannot tell them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingFit:
    """alpha (t, n) and betas (k, t, n) of the window that ends on each day; NaN where it is not whole."""

    alpha: Floats
    betas: Floats


def rolling_fit(y: Floats, factors: Floats, window: int) -> RollingFit:
    """Regress each column of y (t, n) on an intercept and factors (t, k) over the last window days.

    Equals statsmodels.RollingOLS(window, min_nobs=window) (O3-3).
    """
    days, names = y.shape
    count = factors.shape[1]
    out = np.full((count + 1, days, names), np.nan)
    if days >= window:
        hat = hat_matrices(factors, window)
        rows = days - window + 1
        out[:, window - 1 :] = _banded(hat, days).dot(np.ascontiguousarray(y)).reshape(count + 1, rows, names)
    return RollingFit(alpha=out[0], betas=out[1:])


def hat_matrices(factors: Floats, window: int) -> Floats:
    """Return (X'X)^-1 X' of each window, X with an intercept first: shape (k + 1, t - window + 1, window).

    Centring first keeps the inverse small and well conditioned. Windows with a hole, or in which the
    factors move together, are NaN.
    """
    means = trailing_mean(factors, window)[window - 1 :]
    windows = np.lib.stride_tricks.sliding_window_view(factors, window, axis=0)
    centred = windows - means[:, :, None]
    inverse = _inverse(_cross_products(centred))
    slopes = np.zeros_like(centred)
    for i in range(factors.shape[1]):
        for j in range(factors.shape[1]):
            slopes[:, i] += inverse[:, i, j, None] * centred[:, j]
    level = np.full((len(means), window), 1.0 / window)
    for j in range(factors.shape[1]):
        level -= means[:, j, None] * slopes[:, j]
    return np.concatenate([level[None], slopes.transpose(1, 0, 2)])


def residual_sum_of_squares(y: Floats, factors: Floats, fit: RollingFit, window: int) -> Floats:
    """Return the sum of squared residuals of each day's own window, shape (t, n)."""
    out = np.full(y.shape, np.nan)
    rows = len(y) - window + 1
    if rows < 1:
        return out
    total = np.zeros((rows, y.shape[1]))
    for lag in range(window):
        residual = y[lag : lag + rows] - fit.alpha[window - 1 :]
        for k, beta in enumerate(fit.betas):
            residual -= beta[window - 1 :] * factors[lag : lag + rows, k, None]
        residual *= residual
        total += residual
    out[window - 1 :] = total
    return out


def _cross_products(centred: Floats) -> Floats:
    """Sums over each window of products of centred factors (rows, k, k), oldest day first."""
    total = np.zeros((len(centred), centred.shape[1], centred.shape[1]))
    for lag in range(centred.shape[2]):
        day = centred[:, :, lag]
        total += day[:, :, None] * day[:, None, :]
    return total


def _inverse(gram: Floats) -> Floats:
    scale = np.sqrt(np.einsum("tkk->tk", gram))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = gram / (scale[:, :, None] * scale[:, None, :])
        fit = np.linalg.det(np.where(np.isfinite(correlation), correlation, 0.0)) > SINGULAR
    safe = np.where(fit[:, None, None], gram, np.eye(gram.shape[1]))
    return np.where(fit[:, None, None], np.linalg.inv(safe), np.nan)


def _banded(hat: Floats, days: int) -> sparse.csr_array:
    """The hat matrices as one sparse matrix: row (coefficient, day) has its weights under its window.

    A sparse product adds each cell up by itself in window order; BLAS would not promise that (O3-1).
    """
    count, rows, window = hat.shape
    columns = np.arange(rows, dtype=np.int32)[:, None] + np.arange(window, dtype=np.int32)
    starts = np.arange(0, count * rows * window + 1, window, dtype=np.int32)
    return sparse.csr_array(
        (hat.ravel(), np.tile(columns.ravel(), count), starts), shape=(count * rows, days)
    )
