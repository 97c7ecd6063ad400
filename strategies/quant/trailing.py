"""Trailing windows that are causal to the last bit.

Running sums carry rounding from one day into the next and library reductions choose their order by shape.
Here each cell is added up on its own, oldest first, so that it is the same number however many days follow
and however many names stand beside it (O3-1).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def trailing_sum(x: Floats, window: int) -> Floats:
    """Return the sum of the last window rows at each row, NaN where one is missing. Shape (t, ...) kept."""
    out = np.full(x.shape, np.nan)
    rows = len(x) - window + 1
    if rows < 1:
        return out
    total = x[:rows].copy()
    for lag in range(1, window):
        total += x[lag : lag + rows]
    out[window - 1 :] = total
    return out


def trailing_mean(x: Floats, window: int) -> Floats:
    return trailing_sum(x, window) / window


def trailing_std(x: Floats, window: int) -> Floats:
    """Return the sample standard deviation (n - 1) of the last window rows, NaN where one is missing."""
    out = np.full(x.shape, np.nan)
    rows = len(x) - window + 1
    if rows < 1:
        return out
    mean = trailing_mean(x, window)[window - 1 :]
    total = np.zeros_like(mean)
    for lag in range(window):
        total += (x[lag : lag + rows] - mean) ** 2
    out[window - 1 :] = np.sqrt(total / (window - 1))
    return out


def run_length(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many rows in a row have been True, up to and including each row."""
    out = np.zeros(mask.shape, dtype=np.int64)
    run = np.zeros(mask.shape[1:], dtype=np.int64)
    for t, row in enumerate(mask):
        run = (run + 1) * row
        out[t] = run
    return out


def lag_one(x: Floats) -> Floats:
    """Return x one row later; the first row is NaN."""
    out = np.full(x.shape, np.nan)
    out[1:] = x[:-1]
    return out
