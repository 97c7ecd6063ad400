"""The calmest book between limits: minimise w'Sw with weights that sum to 1 and each stay within bounds (E0-18).

Every weight stands at its floor, at its cap, or is free; given which, the optimum is one linear system. All sides
are redrawn at once until they repeat (a primal-dual active set: Bergounioux, Ito and Kunisch 1999), which takes a
few rounds; where that goes round in circles, one name moves at a time from a feasible book (Nocedal and Wright,
section 16.5). Neither is trusted: the answer carries a bound on how far it can be from the best. The stat-arb
book's solver is another: kinks at zero and at the last weight, limits on gross, no sum to keep.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from strategies.quant.capped_weights import CappedWeights, literal_capped_weights
from strategies.quant.trailing import Floats

Sides = NDArray[np.int8]
"""-1 at the floor, 1 at the cap, 0 free."""

ROUNDS = 30
MOVES_PER_NAME = 20
RIDGE = 1e-11
"""Added to the variances, as a share of the largest: makes the answer unique where the covariance is singular."""

PRICE_TOLERANCE = 1e-13
"""Wish to leave a limit that is rounding, as a share of the largest marginal variance."""

GAP_MAX = 1e-8
"""Certified gap, as a share of the variance, above which there is no answer."""

RISKLESS = 1e-6
"""Variance, as a share of the largest of a name, under which a book counts as without risk."""

ASYMMETRY_MAX = 1e-10
LITERAL_LEAST = 0.01
"""What the brief gives a name whose unconstrained weight is negative (S0-48)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumVariance:
    """Weights (n,), their variance a period, and how far that can be above the least possible, as a share of it."""

    weights: Floats
    variance: float
    gap: float


@dataclass(frozen=True, slots=True)
class Quadratic:
    """Minimise w'Sw, sum w = 1, low <= w <= high; S is scaled so that its largest variance is 1."""

    matrix: Floats
    low: Floats
    high: Floats


def minimum_variance(covariance: Floats, *, floor: Floats | float, cap: Floats | float) -> MinimumVariance:
    """Return the weights of least variance with floor <= w <= cap and sum 1.

    covariance (n, n), positive semidefinite; floor and cap a number or (n,). Of many solutions, where it is
    singular, the one nearest to equal weights. Raises ValueError on NaN, on a matrix that is no covariance, and on
    bounds that no weights can keep (widen them with capped_weights.feasible_bounds).
    """
    low, high = _bounds(len(covariance), floor, cap)
    _check_covariance(covariance)
    scale = float(covariance.diagonal().max())
    matrix = (covariance + covariance.T) / (2 * scale) if scale > 0 else np.zeros_like(covariance)
    matrix.flat[:: len(matrix) + 1] += RIDGE
    problem = Quadratic(matrix, low, high)
    start = _shifted_into(np.full(len(low), 1 / len(low)), low, high)
    weights = _newton(problem, start)
    if weights is None:
        weights = _one_at_a_time(problem, start)
    return _certified(covariance, problem, weights)


def _bounds(n: int, floor: Floats | float, cap: Floats | float) -> tuple[Floats, Floats]:
    low, high = (np.broadcast_to(np.asarray(x, dtype=np.float64), (n,)) for x in (floor, cap))
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low <= high).all()):
        raise ValueError("bounds must be finite numbers, each floor at or below its cap")
    if low.sum() > 1 + 1e-12 or high.sum() < 1 - 1e-12:
        raise ValueError(
            f"no weights sum to 1: the floors sum to {low.sum():.6g}, the caps to {high.sum():.6g}"
        )
    return low, high


def _check_covariance(covariance: Floats) -> None:
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1] or not covariance.size:
        raise ValueError(f"covariance has shape {covariance.shape}: one row and one column a name")
    if not np.isfinite(covariance).all():
        i, j = (int(x) for x in np.argwhere(~np.isfinite(covariance))[0])
        raise ValueError(f"covariance [{i}, {j}] is {covariance[i, j]}")
    largest = float(np.abs(covariance).max())
    if np.abs(covariance - covariance.T).max() > ASYMMETRY_MAX * largest:
        raise ValueError("covariance is not symmetric")
    lifted = covariance + np.eye(len(covariance)) * (RIDGE * len(covariance) * (largest or 1.0))
    if lapack.dpotrf(lifted, overwrite_a=1, clean=0)[1]:
        raise ValueError("covariance is not positive semidefinite: repair or shrink it first")


def _shifted_into(weights: Floats, low: Floats, high: Floats) -> Floats:
    """Return the nearest weights within the bounds that sum to 1: all shifted alike, then clipped."""
    corners = np.sort(np.concatenate((low - weights, high - weights)))
    totals = np.clip(weights + corners[:, None], low, high).sum(axis=1)
    right = min(int(np.searchsorted(totals, 1.0)), len(corners) - 1)
    left = max(right - 1, 0)
    rise = totals[right] - totals[left]
    share = (1.0 - totals[left]) / rise if rise > 0 else 1.0
    shift = corners[left] + min(max(share, 0.0), 1.0) * (corners[right] - corners[left])
    return np.asarray(np.clip(weights + shift, low, high))


def _held(problem: Quadratic, sides: Sides) -> Floats:
    return np.where(sides < 0, problem.low, np.where(sides > 0, problem.high, 0.0))


def _solve(problem: Quadratic, sides: Sides) -> tuple[Floats, float] | None:
    """Return the weights that are best if the sides are right, and the common marginal variance of the free."""
    free = np.flatnonzero(sides == 0)
    weights = _held(problem, sides)
    if not len(free):
        return None
    right = np.column_stack((np.ones(len(free)), problem.matrix[free] @ weights))
    _, solved, info = lapack.dposv(problem.matrix[free[:, None], free], right)
    if info:
        return None
    price = (1.0 - weights.sum() + solved[:, 1].sum()) / solved[:, 0].sum()
    weights[free] = price * solved[:, 0] - solved[:, 1]
    return weights, float(price)


def _newton(problem: Quadratic, weights: Floats) -> Floats | None:
    """Redraw all sides until they repeat; None when they do not."""
    sides = np.zeros(len(weights), dtype=np.int8)
    for _ in range(ROUNDS):
        solved = _solve(problem, sides)
        if solved is None:
            return None
        weights, price = solved
        wish = price - problem.matrix @ weights
        below = np.where(sides == 0, weights < problem.low, (sides < 0) & (wish <= 0))
        above = np.where(sides == 0, weights > problem.high, (sides > 0) & (wish >= 0))
        redrawn = (above.astype(np.int8) - below).astype(np.int8)
        if np.array_equal(redrawn, sides):
            return weights
        sides = redrawn
    return None


def _one_at_a_time(problem: Quadratic, weights: Floats) -> Floats:
    """Walk from feasible weights towards each face's optimum, taking up or letting go of one limit at a time."""
    sides = ((weights >= problem.high).astype(np.int8) - (weights <= problem.low)).astype(np.int8)
    for _ in range(MOVES_PER_NAME * len(weights) + ROUNDS):
        solved = _solve(problem, sides)
        if solved is None:
            pair = _best_exchange(problem, weights, sides)
            if pair is None:
                return weights
            sides[list(pair)] = 0
            continue
        target, price = solved
        share, name = _room(problem, weights, target, sides)
        weights = weights + share * (target - weights)
        if name is not None:
            sides[name] = 1 if target[name] > weights[name] else -1
            weights[name] = problem.high[name] if sides[name] > 0 else problem.low[name]
            continue
        wish = sides * (problem.matrix @ weights - price)
        if wish.max() <= PRICE_TOLERANCE * np.abs(problem.matrix @ weights).max():
            return weights
        sides[int(wish.argmax())] = 0
    return weights


def _room(problem: Quadratic, weights: Floats, target: Floats, sides: Sides) -> tuple[float, int | None]:
    """Return how much of the way to the target is open, and who is in the way of the rest."""
    move = np.where(sides == 0, target - weights, 0.0)
    limit = np.where(move > 0, problem.high, problem.low)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(move != 0, np.maximum((limit - weights) / move, 0.0), np.inf)
    name = int(shares.argmin())
    return (1.0, None) if shares[name] >= 1 else (float(shares[name]), name)


def _best_exchange(problem: Quadratic, weights: Floats, sides: Sides) -> tuple[int, int] | None:
    """Return who should give weight to whom when all stand at a limit; None where no exchange lowers the variance."""
    marginal = problem.matrix @ weights
    giver = int(np.where(weights > problem.low, marginal, -np.inf).argmax())
    taker = int(np.where(weights < problem.high, marginal, np.inf).argmin())
    if not (sides != 0).all() or not marginal[giver] > marginal[taker] * (1 + PRICE_TOLERANCE):
        return None
    return giver, taker


def _certified(covariance: Floats, problem: Quadratic, weights: Floats) -> MinimumVariance:
    """Give the answer its bound: the variance is convex, so no feasible book lies below its tangent here."""
    weights = np.clip(weights, problem.low, problem.high)
    marginal = problem.matrix @ weights
    best = problem.low.copy()
    left = 1.0 - float(best.sum())
    for name in np.argsort(marginal):
        best[name] += (given := min(problem.high[name] - best[name], max(left, 0.0)))
        left -= given
    size = max(float(weights @ marginal), RISKLESS)
    gap = max(2 * float(marginal @ (weights - best)) / size, 0.0)
    if not gap <= GAP_MAX or abs(weights.sum() - 1) > 1e-9:
        raise ArithmeticError(f"minimum variance of {len(weights)} names ended {gap:.1e} from the optimum")
    return MinimumVariance(weights=weights, variance=float(weights @ covariance @ weights), gap=gap)


def literal_minimum_variance(covariance: Floats, *, floor: float, cap: float) -> CappedWeights | None:
    """Return the brief's heuristic (S0-46 to S0-50), kept for comparison; None where the covariance is singular.

    The unconstrained optimum, negative weights set to 1 %, renormalised, and put through its capping loop.
    """
    try:
        raw = np.linalg.inv(covariance).sum(axis=1)
    except np.linalg.LinAlgError:
        return None
    raw = raw / raw.sum()
    clipped = np.where(raw < 0, LITERAL_LEAST, raw)
    return literal_capped_weights(clipped / clipped.sum(), floor=floor, cap=cap)
