"""Module D: the book that maximises expected return less risk and trading cost, within its limits.

cvxpy is the definition; an active-set method in numpy comes first because it is a hundred times faster. Every
answer, whoever found it, is certified by a duality bound that is worked out afresh from the answer alone. An
answer that misses the bound is not used: the fast path falls back to cvxpy, cvxpy to the previous weights.
"""

import numpy as np

from strategies.idio_statarb.optimizer_cvxpy import solve_by_cvxpy
from strategies.idio_statarb.optimizer_fast import solve_fast
from strategies.idio_statarb.optimizer_problem import (
    Multipliers,
    Problem,
    Solution,
    Vector,
    cap_duals,
    certified_gap,
    check,
    made_feasible,
    objective,
    physical_gross,
)

__all__ = ["Problem", "Solution", "optimise", "optimise_by_cvxpy", "physical_gross"]

FAST_GAP_MAX = 1e-9
"""Certified relative gap that the fast path must reach, or cvxpy is asked."""

GAP_MAX = 1e-6
"""Certified relative gap above which an answer is not used at all (D3-12)."""


def optimise(problem: Problem) -> Solution:
    """Return the optimal weights with their certificate (S3-45 to S3-55, D3-12).

    The status is "optimal", or "held: ..." with the reason when nothing could be certified and the previous
    weights, clipped and shrunk into the limits, stand in. Raises ValueError when the problem makes no sense:
    NaN or infinite entries, negative caps or costs, a covariance that is not positive semidefinite.
    """
    check(problem)
    if not problem.mu.size:
        return _solution(problem, np.zeros(0), Multipliers(), solver="none")
    answer = solve_fast(problem, problem.previous)
    if answer is not None:
        solution = _solution(problem, *answer, solver="active set")
        if solution.gap <= FAST_GAP_MAX:
            return solution
    return _by_cvxpy(problem)


def optimise_by_cvxpy(problem: Problem) -> Solution:
    """Return what `optimise` returns, by cvxpy and Clarabel from the start."""
    check(problem)
    if not problem.mu.size:
        return _solution(problem, np.zeros(0), Multipliers(), solver="none")
    return _by_cvxpy(problem)


def _by_cvxpy(problem: Problem) -> Solution:
    weights, multipliers, status = solve_by_cvxpy(problem)
    if weights is None:
        return _held(problem, f"cvxpy ended with {status}")
    if not np.isfinite(weights).all():
        return _held(problem, f"cvxpy's answer ({status}) is not a number")
    solution = _solution(problem, weights, multipliers, solver="cvxpy/CLARABEL")
    if solution.gap > FAST_GAP_MAX:
        solution = min((solution, *_polished(problem, weights)), key=lambda candidate: candidate.gap)
    if not solution.gap <= GAP_MAX:
        return _held(
            problem, f"cvxpy's answer ({status}) has a gap of {solution.gap:.1e}, above {GAP_MAX:.0e}"
        )
    return solution


def _polished(problem: Problem, weights: Vector) -> list[Solution]:
    """Return the exact optimum on the active set that an interior-point answer points at, if there is one."""
    answer = solve_fast(problem, weights)
    return [] if answer is None else [_solution(problem, *answer, solver="cvxpy/CLARABEL, polished")]


def _held(problem: Problem, reason: str) -> Solution:
    weights = made_feasible(problem, problem.previous)
    return _solution(problem, weights, Multipliers(), solver="none", status=f"held: {reason}")


def _solution(
    problem: Problem, weights: Vector, multipliers: Multipliers, *, solver: str, status: str = "optimal"
) -> Solution:
    weights = made_feasible(problem, weights)
    return Solution(
        weights=weights,
        status=status,
        solver=solver,
        objective=objective(problem, weights),
        gap=certified_gap(problem, weights, multipliers),
        duals={
            "gross": multipliers.gross,
            "physical_gross": multipliers.physical_gross,
            "tilt_btc": multipliers.tilt_btc,
            "tilt_eth": multipliers.tilt_eth,
            "cap": cap_duals(problem, weights, multipliers),
        },
    )
