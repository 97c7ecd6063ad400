"""The optimizer as cvxpy states it: the definition that every faster path is held against (S3-49, S3-72).

cvxpy is imported when the first problem is solved, not before: it costs 0.8 s and 110 MB.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from strategies.idio_statarb.optimizer_problem import Matrix, Multipliers, Problem, Vector

TOLERANCE = 1e-12
"""Clarabel's gap and feasibility tolerances on the scaled problem; its default of 1e-8 leaves errors of 1e-4."""

SIZES_KEPT = 4
SOLVED = ("optimal", "optimal_inaccurate")


@dataclass(frozen=True, slots=True)
class Statement:
    """One problem of a size, stated once; its parameters are set before each solve."""

    problem: Any
    weights: Any
    parameters: dict[str, Any]
    constraints: dict[str, Any]


@lru_cache(maxsize=SIZES_KEPT)
def _state(n: int) -> Statement:
    """State the problem for n names in weights and money of order one (see `_scales`).

    The risk is written as a sum of squares, |root w|^2 with root'root = gamma S, and trades are a variable:
    so no two parameters are multiplied, and cvxpy compiles the statement once. Each |w'beta| gets a variable
    whose two constraints carry its multiplier.
    """
    cp: Any = import_module("cvxpy")
    w, trades, hedges = cp.Variable(n), cp.Variable(n), cp.Variable(2)
    shapes = {"mu": n, "cost": n, "traded_from": n, "cap": n, "gross_max": (), "physical_gross_max": ()}
    p = {
        name: cp.Parameter(shape, nonneg=name in ("cost", "cap"), name=name) for name, shape in shapes.items()
    }
    p["root"] = cp.Parameter((n, n), name="root")
    p["betas"] = cp.Parameter((2, n), name="betas")
    worth = p["mu"] @ w - cp.sum_squares(p["root"] @ w) - p["cost"] @ cp.abs(trades)
    constraints = {
        "trades": trades == w - p["traded_from"],
        "cap": cp.abs(w) <= p["cap"],
        "gross": cp.norm1(w) <= p["gross_max"],
        "physical_gross": cp.norm1(w) + cp.sum(hedges) <= p["physical_gross_max"],
        "up": p["betas"] @ w <= hedges,
        "down": -(p["betas"] @ w) <= hedges,
    }
    return Statement(cp.Problem(cp.Maximize(worth), list(constraints.values())), w, p, constraints)


def solve_by_cvxpy(problem: Problem) -> tuple[Vector | None, Multipliers, str]:
    """Return weights as the solver left them, multipliers, and its status; no weights when it has none."""
    cp: Any = import_module("cvxpy")
    statement = _state(len(problem.mu))
    weight_scale, money_scale = _scales(problem)
    _set(statement.parameters, problem, weight_scale, money_scale)
    try:
        statement.problem.solve(
            solver=cp.CLARABEL,
            warm_start=False,
            tol_gap_abs=TOLERANCE,
            tol_gap_rel=TOLERANCE,
            tol_feas=TOLERANCE,
            max_iter=200,
        )
    except cp.SolverError as e:
        return None, Multipliers(), f"solver error: {e}"
    status = str(statement.problem.status)
    if status not in SOLVED or statement.weights.value is None:
        return None, Multipliers(), status
    weights = np.array(statement.weights.value, dtype=np.float64) * weight_scale
    return weights, _multipliers(statement.constraints, money_scale / weight_scale), status


def _scales(problem: Problem) -> tuple[float, float]:
    """Return the size of a weight and of the objective, so that the solver works with numbers near one."""
    weight = min(float(problem.cap.max(initial=0.0)), problem.gross_max) or 1.0
    slopes = np.abs(problem.mu) + problem.cost
    variance = float(problem.covariance.diagonal().max(initial=0.0))
    money = max(float(slopes.max(initial=0.0)) * weight, problem.gamma * variance * weight**2)
    return weight, money or 1.0


def _set(parameters: dict[str, Any], problem: Problem, weight_scale: float, money_scale: float) -> None:
    per_weight = weight_scale / money_scale
    parameters["mu"].value = problem.mu * per_weight
    parameters["cost"].value = problem.cost * per_weight
    parameters["traded_from"].value = problem.previous / weight_scale
    parameters["cap"].value = problem.cap / weight_scale
    parameters["gross_max"].value = problem.gross_max / weight_scale
    parameters["physical_gross_max"].value = problem.physical_gross_max / weight_scale
    parameters["betas"].value = np.vstack((problem.beta_btc, problem.beta_eth))
    risk = problem.gamma * weight_scale * per_weight
    parameters["root"].value = _root(problem.covariance * risk)


def _root(matrix: Matrix) -> Matrix:
    """Return R with R'R = matrix; by eigenvalues, because a singular covariance has no Cholesky factor."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    root: Matrix = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    return root


def _multipliers(constraints: dict[str, Any], scale: float) -> Multipliers:
    def dual(name: str) -> Vector:
        return np.atleast_1d(np.asarray(constraints[name].dual_value, dtype=np.float64)) * scale

    tilts = dual("up") - dual("down")
    return Multipliers(
        gross=float(dual("gross")[0]),
        physical_gross=float(dual("physical_gross")[0]),
        tilt_btc=float(tilts[0]),
        tilt_eth=float(tilts[1]),
    )
