"""Covariance shrunk towards a multiple of the identity."""

import numpy as np
from numpy.typing import NDArray


def ledoit_wolf(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the Ledoit-Wolf covariance (n, n) and its shrinkage in [0, 1] of observations x (t, n).

    Ledoit and Wolf (2004), "A well-conditioned estimator for large-dimensional covariance matrices", with
    scikit-learn's conventions: columns are centred, the sample covariance divides by t, and a single column
    is not shrunk. Equal to `sklearn.covariance.ledoit_wolf(x)` (O3-7). Raises ValueError on NaN or no rows.
    """
    _check(x)
    t, n = x.shape
    centred = x - x.mean(axis=0)
    sample = centred.T @ centred / t
    if n <= 1:
        return sample, 0.0
    shrinkage = _shrinkage(centred, sample)
    shrunk = (1.0 - shrinkage) * sample
    shrunk.flat[:: n + 1] += shrinkage * float(np.trace(sample)) / n
    return shrunk, shrinkage


def _check(x: NDArray[np.float64]) -> None:
    if x.ndim != 2 or not len(x):
        raise ValueError(f"observations have shape {x.shape}: one row a day and one column a name are needed")
    if not np.isfinite(x).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise ValueError(
            f"observation [{row}, {column}] is {x[row, column]}: fill or drop it before shrinking"
        )


def _shrinkage(centred: NDArray[np.float64], sample: NDArray[np.float64]) -> float:
    """Return the estimated share of the identity: noise in the sample over its distance from the target.

    The noise needs sum_t (x_t'x_t)^2, so no (n, n) matrix of fourth moments is formed.
    """
    t, n = centred.shape
    mean_variance = float(np.trace(sample)) / n
    squared = float(np.vdot(sample, sample))
    fourth = float((np.einsum("ij,ij->i", centred, centred) ** 2).sum())
    noise = (fourth / t - squared) / (n * t)
    distance = squared / n - mean_variance**2
    noise = min(noise, distance)
    return 0.0 if noise == 0 or distance <= 0 else noise / distance
