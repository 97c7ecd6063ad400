"""What a Sharpe ratio proves: its error, its probability, the record it needs, and the price of many tries.

Sharpe ratios here are those of one period (a day) unless a name says annual. Sources: Mertens (2002) for the
error under skew and fat tails; Bailey and Lopez de Prado, "The Sharpe ratio efficient frontier" (2012) for PSR and
MinTRL, "The deflated Sharpe ratio" (2014) for the correction for the number of trials.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

EULER_MASCHERONI = 0.5772156649015329


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The moments of a return series: daily Sharpe ratio, population skew and kurtosis (normal is 3)."""

    sharpe: float
    skew: float
    kurtosis: float
    days: int


def record(returns: NDArray[np.float64]) -> Record:
    """Return the record of returns (t,). Never moving is a Sharpe ratio of zero. Raises ValueError on NaN."""
    if returns.ndim != 1 or len(returns) < 2:
        raise ValueError(
            f"returns have shape {returns.shape}: a Sharpe ratio needs two days or more, one column"
        )
    if not np.isfinite(returns).all():
        i = int(np.argmin(np.isfinite(returns)))
        raise ValueError(f"return [{i}] is {returns[i]}: every day must have a finite return")
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    if np.sqrt(variance) <= 1e-15 * float(np.abs(returns).max()):
        return Record(sharpe=0.0, skew=0.0, kurtosis=3.0, days=len(returns))
    return Record(
        sharpe=float(returns.mean() / returns.std(ddof=1)),
        skew=float(np.mean(centred**3) / variance**1.5),
        kurtosis=float(np.mean(centred**4) / variance**2),
        days=len(returns),
    )


def standard_error(of: Record) -> float:
    """Return the standard error of the daily Sharpe ratio, for returns of any shape without memory."""
    return sqrt(_shape(of, of.sharpe) / (of.days - 1))


def probabilistic_sharpe(of: Record, *, benchmark: float = 0.0) -> float:
    """Return PSR: the probability that the true daily Sharpe ratio is above the benchmark."""
    return float(ndtr((of.sharpe - benchmark) / standard_error(of)))


def minimum_track_record(of: Record, *, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Return the days needed for a PSR of confidence; infinite when the ratio is not above the benchmark."""
    if of.sharpe <= benchmark:
        return float("inf")
    return 1 + _shape(of, of.sharpe) * (float(ndtri(confidence)) / (of.sharpe - benchmark)) ** 2


def expected_maximum(sharpes: NDArray[np.float64]) -> float:
    """Return the best daily Sharpe ratio to expect from as many worthless trials as there are in sharpes."""
    trials = len(sharpes)
    if trials < 2:
        return 0.0
    spread = float(np.std(sharpes, ddof=1))
    first, second = ndtri(1 - 1 / trials), ndtri(1 - 1 / (trials * np.e))
    return spread * float((1 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second)


def deflated_sharpe(of: Record, *, trials: NDArray[np.float64]) -> float:
    """Return PSR against the best of the trials' daily Sharpe ratios if none of them were worth anything."""
    return probabilistic_sharpe(of, benchmark=expected_maximum(trials))


def _shape(of: Record, sharpe: float) -> float:
    """The variance of the estimate times the days: 1 + SR^2/2 for normal returns. Never negative (K >= 1 + S^2)."""
    return max(1 - of.skew * sharpe + (of.kurtosis - 1) / 4 * sharpe**2, 0.0) or np.finfo(float).tiny
