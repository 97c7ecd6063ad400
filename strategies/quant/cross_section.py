"""Scores across names on one day."""

import numpy as np
from numpy.typing import NDArray

from strategies.quant.trailing import Floats

FLAT = 1e-12
"""Standard deviation, relative to the largest value, under which a cross-section has no spread."""


def zscores(x: Floats, mask: NDArray[np.bool_], *, min_names: int, winsor: float) -> Floats:
    """Standardise each row of x (t, n) over the names in mask, then clip at plus and minus winsor (E3-10).

    NaN is ignored and stays NaN; population standard deviation; fewer than min_names values give NaN, no spread
    gives 0. Sums run over the values that exist, in column order, so that a column of NaN changes no bit.
    """
    day, name = np.nonzero(mask & np.isfinite(x))
    value = x[day, name]
    count = np.bincount(day, minlength=len(x))
    with np.errstate(invalid="ignore"):
        deviation = value - (np.bincount(day, weights=value, minlength=len(x)) / count)[day]
        spread = np.sqrt(np.bincount(day, weights=deviation**2, minlength=len(x)) / count)
    size = np.zeros(len(x))
    np.maximum.at(size, day, np.abs(value))
    flat = spread <= FLAT * size
    z = np.where(flat[day], 0.0, deviation / np.where(flat, 1.0, spread)[day])
    out = np.full(x.shape, np.nan)
    out[day, name] = np.where(count[day] >= min_names, np.clip(z, -winsor, winsor), np.nan)
    return out
