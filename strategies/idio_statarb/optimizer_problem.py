"""Module D's problem, what makes one well posed, and the proof that an answer to it is the best one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

VECTORS = ("mu", "cost", "previous", "cap", "beta_btc", "beta_eth")
SCALARS = ("gamma", "gross_max", "physical_gross_max")
NOT_NEGATIVE = ("cost", "cap")
ASYMMETRY_MAX = 1e-10
"""Largest difference between covariance and its transpose, as a share of its largest entry."""

NEGATIVE_EIGENVALUE_MAX = 1e-11
"""How far below zero an eigenvalue may be, as a share of the largest variance: rounding, not a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Maximise mu'w - gamma w'Sw - sum cost_i |w_i - previous_i| under three kinds of limit (S3-49 to S3-54).

    |w_i| <= cap_i, sum|w| <= gross_max, sum|w| + |w'beta_btc| + |w'beta_eth| <= physical_gross_max (E3-18).
    Vectors have shape (n,), covariance (n, n). mu is a daily return (E3-14), cost a return per unit of weight
    traded (E3-15), gamma one over a return; weights are shares of equity. A cap of zero forces a name out
    and its exit is paid for (E3-16).
    """

    mu: Vector
    covariance: Matrix
    cost: Vector
    previous: Vector
    cap: Vector
    beta_btc: Vector
    beta_eth: Vector
    gamma: float
    gross_max: float
    physical_gross_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """gap is certified: how far the objective may be from the best, over the sum of its terms' sizes (D3-12).

    duals holds what a unit more of each limit would add to the objective: gross, physical_gross, cap (a list),
    and tilt_btc and tilt_eth, the physical row's subgradients at the two betas.
    """

    weights: Vector
    status: str
    solver: str
    objective: float
    gap: float
    duals: dict[str, float | list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Multipliers:
    """Prices of the two gross limits; tilts are the physical one's times the sign of each hedge."""

    gross: float = 0.0
    physical_gross: float = 0.0
    tilt_btc: float = 0.0
    tilt_eth: float = 0.0


def check(problem: Problem) -> None:
    """Raise ValueError naming the array and the place of anything that makes the problem meaningless."""
    n = np.size(problem.mu)
    for name in (*VECTORS, "covariance"):
        _check_array(name, getattr(problem, name), (n, n) if name == "covariance" else (n,))
    for name in NOT_NEGATIVE:
        _check_not_negative(name, getattr(problem, name))
    for name in SCALARS:
        value = getattr(problem, name)
        if not 0 <= value < np.inf:
            raise ValueError(f"{name} is {value}: it must be a finite number, zero or more")
    _check_covariance(problem.covariance)


def _check_array(name: str, values: Vector, shape: tuple[int, ...]) -> None:
    if not isinstance(values, np.ndarray) or values.shape != shape:
        raise ValueError(
            f"{name} has shape {np.shape(values)}: with {shape[0]} names in mu it must be {shape}"
        )
    if not np.isfinite(values).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise ValueError(f"{name}{list(where)} is {values[where]}: every entry must be a finite number")


def _check_not_negative(name: str, values: Vector) -> None:
    if (values < 0).any():
        i = int(np.argmax(values < 0))
        raise ValueError(f"{name}[{i}] is {values[i]}: it must be zero or more")


def _check_covariance(covariance: Matrix) -> None:
    """Refuse what is not symmetric and positive semidefinite: no bound would hold."""
    if not covariance.size:
        return
    largest = float(np.abs(covariance).max())
    asymmetry = np.abs(covariance - covariance.T)
    if asymmetry.max() > ASYMMETRY_MAX * largest:
        i, j = np.unravel_index(int(asymmetry.argmax()), covariance.shape)
        raise ValueError(f"covariance is not symmetric: entries [{i}, {j}] and [{j}, {i}] differ")
    lifted = covariance.copy()
    lifted.flat[:: len(covariance) + 1] += NEGATIVE_EIGENVALUE_MAX * len(covariance) * largest
    _, info = lapack.dpotrf(lifted, overwrite_a=1, clean=0)
    if info > 0 and largest > 0:
        raise ValueError(
            f"covariance is not positive semidefinite (seen at index {info - 1}): repair it before optimising"
        )


def physical_gross(weights: Vector, beta_btc: Vector, beta_eth: Vector) -> float:
    """Return the gross of the book with its two hedges, netted (E3-18), as a share of equity."""
    return float(np.abs(weights).sum() + abs(weights @ beta_btc) + abs(weights @ beta_eth))


def terms(problem: Problem, weights: Vector) -> tuple[float, float, float]:
    """Return expected return, risk charge and trading cost of the weights, each a daily return."""
    risk = problem.gamma * float(weights @ (problem.covariance @ weights))
    cost = float(problem.cost @ np.abs(weights - problem.previous))
    return float(problem.mu @ weights), risk, cost


def objective(problem: Problem, weights: Vector) -> float:
    alpha, risk, cost = terms(problem, weights)
    return alpha - risk - cost


def violation(problem: Problem, weights: Vector) -> float:
    """Return by how much the worst limit is exceeded, in weight; zero or less when all hold."""
    if not weights.size:
        return 0.0
    gross = float(np.abs(weights).sum())
    physical = physical_gross(weights, problem.beta_btc, problem.beta_eth)
    single = float((np.abs(weights) - problem.cap).max())
    return max(single, gross - problem.gross_max, physical - problem.physical_gross_max)


def made_feasible(problem: Problem, weights: Vector) -> Vector:
    """Clip to the caps, then shrink the whole book until both gross limits hold."""
    clipped = np.clip(weights, -problem.cap, problem.cap)
    share = 1.0
    for gross, limit in (
        (float(np.abs(clipped).sum()), problem.gross_max),
        (physical_gross(clipped, problem.beta_btc, problem.beta_eth), problem.physical_gross_max),
    ):
        if gross > limit:
            share = min(share, limit / gross)
    return clipped if share > 1 - 1e-13 else clipped * share


def upper_bound(problem: Problem, at: Vector, multipliers: Multipliers) -> float:
    """Return a number that no feasible book's objective exceeds, by Fenchel and Lagrange duality.

    The concave risk term lies below its tangent at `at`; the two gross limits are priced, at any prices that
    are not negative; what is left falls apart into one problem a name, piecewise linear, solved at its kinks.
    So it is valid whatever `at` and the multipliers are, and knows nothing of how they were found.
    """
    physical = max(multipliers.physical_gross, 0.0)
    gross = max(multipliers.gross, 0.0)
    tilt_btc = min(max(multipliers.tilt_btc, -physical), physical)
    tilt_eth = min(max(multipliers.tilt_eth, -physical), physical)
    marginal_risk = 2 * problem.gamma * (problem.covariance @ at)
    slope = problem.mu - marginal_risk - tilt_btc * problem.beta_btc - tilt_eth * problem.beta_eth
    reach = np.minimum(problem.cap, min(problem.gross_max, problem.physical_gross_max))
    kinks = np.empty((4, len(at)))
    kinks[0], kinks[1], kinks[2] = -reach, 0.0, reach
    kinks[3] = np.minimum(np.maximum(problem.previous, -reach), reach)
    values = (
        slope * kinks - problem.cost * np.abs(kinks - problem.previous) - (gross + physical) * np.abs(kinks)
    )
    separable = float(values.max(axis=0).sum())
    tangent = float(at @ marginal_risk) / 2
    return separable + tangent + gross * problem.gross_max + physical * problem.physical_gross_max


def certified_gap(problem: Problem, weights: Vector, multipliers: Multipliers) -> float:
    """Return how far the weights may be from optimal, relative to the sum of the terms' sizes (D3-12)."""
    alpha, risk, cost = terms(problem, weights)
    short = upper_bound(problem, weights, multipliers) - (alpha - risk - cost)
    size = abs(alpha) + risk + cost
    if short <= 0:
        return 0.0
    return short / size if size > 0 else float("inf")


def cap_duals(problem: Problem, weights: Vector, multipliers: Multipliers) -> list[float]:
    """Return what one more unit of each cap would add to the objective."""
    slope = problem.mu - 2 * problem.gamma * (problem.covariance @ weights)
    slope = slope - multipliers.tilt_btc * problem.beta_btc - multipliers.tilt_eth * problem.beta_eth
    at_cap = np.abs(weights) >= problem.cap
    gross_price = multipliers.gross + multipliers.physical_gross
    up = slope - problem.cost * np.where(weights >= problem.previous, 1.0, -1.0) - gross_price
    down = -slope - problem.cost * np.where(weights <= problem.previous, 1.0, -1.0) - gross_price
    outward = np.maximum(np.where(weights >= 0, up, 0.0), np.where(weights <= 0, down, 0.0))
    duals: list[float] = np.where(at_cap, np.maximum(outward, 0.0), 0.0).tolist()
    return duals
