"""Our minimum variance against cvxpy, in the same run: `python -m bench.minimum_variance [--matrices 1000] [--json]` (M0-7).

Matrices are Ledoit-Wolf covariances of drawn returns, 2 to 100 names: factors, fat tails, fewer days than names at
times. The reference is the same problem stated to cvxpy and solved by Clarabel.
"""

import argparse
import json
import time
from importlib import import_module
from typing import Any

import numpy as np

from strategies.quant.capped_weights import feasible_bounds
from strategies.quant.minimum_variance import minimum_variance
from strategies.quant.shrinkage import ledoit_wolf
from strategies.quant.trailing import Floats

NAMES_MAX = 100
TOLERANCE = 1e-13


def drawn_covariance(seed: int) -> Floats:
    """Return the shrunk daily covariance (n, n) of drawn coins, the n drawn too."""
    rng = np.random.default_rng(seed)
    names, days, factors = rng.integers(2, NAMES_MAX + 1), rng.integers(30, 200), rng.integers(1, 4)
    loadings = rng.normal(1.0, 0.5, (factors, names)) / factors
    own = rng.standard_t(4, (days, names)) * rng.uniform(0.005, 0.08, names)
    return ledoit_wolf(0.03 * rng.standard_t(4, (days, factors)) @ loadings + own)[0]


def by_cvxpy(covariance: Floats, *, floor: float, cap: float) -> tuple[Floats, Floats]:
    """Return the minimum-variance weights (n,) as cvxpy and Clarabel find them, and the same polished.

    An interior-point answer is off by the root of its gap where a weight barely touches a limit. Polished is the
    linear system on the limits that its multipliers name: the same answer to rounding, none of it ours.
    """
    cp: Any = import_module("cvxpy")
    scaled = covariance / covariance.diagonal().max()
    w = cp.Variable(len(scaled))
    limits = [w >= floor, w <= cap]
    problem = cp.Problem(cp.Minimize(cp.quad_form(w, cp.psd_wrap(scaled))), [cp.sum(w) == 1, *limits])
    problem.solve(
        solver=cp.CLARABEL, tol_gap_abs=TOLERANCE, tol_gap_rel=TOLERANCE, tol_feas=TOLERANCE, max_iter=300
    )
    raw = np.asarray(w.value, dtype=np.float64)
    prices = [np.asarray(limit.dual_value, dtype=np.float64) for limit in limits]
    low, high = prices[0] > raw - floor, prices[1] > cap - raw
    return raw, _polished(scaled, np.where(low, floor, np.where(high, cap, np.nan)))


def _polished(covariance: Floats, held: Floats) -> Floats:
    """Solve for the weights that are not held (NaN) by the conditions of the optimum."""
    free = np.isnan(held)
    weights = np.where(free, 0.0, held)
    count = int(free.sum())
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = covariance[np.ix_(free, free)]
    system[count, count] = 0.0
    right = np.append(-covariance[free] @ weights, 1.0 - weights.sum())
    weights[free] = np.linalg.solve(system, right)[:count] if count else 0.0
    return weights


def compared(seed: int) -> dict[str, float]:
    """Solve one drawn problem both ways; every second one has the brief's limits, the others none but zero and one."""
    covariance = drawn_covariance(seed)
    bounds = feasible_bounds(len(covariance), **({} if seed % 2 else {"floor": 0.0, "cap": 1.0}))
    start = time.perf_counter()
    ours = minimum_variance(covariance, floor=bounds.floor, cap=bounds.cap)
    middle = time.perf_counter()
    raw, theirs = by_cvxpy(covariance, floor=bounds.floor, cap=bounds.cap)
    end = time.perf_counter()
    return {
        "names": float(len(covariance)),
        "ours_ms": 1e3 * (middle - start),
        "cvxpy_ms": 1e3 * (end - middle),
        "largest_difference_of_a_weight": float(np.abs(ours.weights - theirs).max()),
        "largest_difference_to_unpolished": float(np.abs(ours.weights - raw).max()),
        "variance_above_cvxpy_relative": ours.variance / float(theirs @ covariance @ theirs) - 1,
        "certified_gap": ours.gap,
    }


def measured(matrices: int) -> dict[str, float]:
    """Return medians of the times and the worst of everything else."""
    minimum_variance(np.eye(2), floor=0.0, cap=1.0)
    rows = [compared(seed) for seed in range(matrices)]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    large = columns["names"] > NAMES_MAX * 0.9
    return {
        "matrices": float(matrices),
        "ours_ms_median": float(np.median(columns["ours_ms"])),
        "ours_ms_median_above_90_names": float(np.median(columns["ours_ms"][large])) if large.any() else 0.0,
        "ours_ms_max": float(columns["ours_ms"].max()),
        "cvxpy_ms_median": float(np.median(columns["cvxpy_ms"])),
        **{
            f"{name}_max": float(columns[name].max())
            for name in rows[0]
            if not name.endswith(("names", "ms"))
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench.minimum_variance", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--matrices", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measured(options.matrices)
    print(json.dumps(found) if options.json else "\n".join(f"{k:45} {v:.3g}" for k, v in found.items()))


if __name__ == "__main__":
    main()
