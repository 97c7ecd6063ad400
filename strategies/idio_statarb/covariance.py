"""How the hedged returns of the book's names move together (S3-48, E3-17, D3-9)."""

import numpy as np

from strategies.quant.shrinkage import ledoit_wolf
from strategies.quant.trailing import Floats


def idio_covariance(hedged_returns: Floats, idio_vol: Floats) -> Floats:
    """Return the covariance (n, n) of daily hedged returns (t, n), in squared daily returns.

    Each name is divided by its idio_vol (n,) of the decision day, shrunk with Ledoit-Wolf among the names that have
    every row, and multiplied back. A name that lacks a row gets variance idio_vol squared and no correlation.
    """
    whole = np.isfinite(hedged_returns).all(axis=0)
    scaled = np.diag(np.ones(len(idio_vol)))
    if whole.any():
        shrunk, _ = ledoit_wolf(np.ascontiguousarray(hedged_returns[:, whole] / idio_vol[whole]))
        scaled[np.ix_(whole, whole)] = shrunk
    return np.asarray(scaled * idio_vol[:, None] * idio_vol[None, :])
