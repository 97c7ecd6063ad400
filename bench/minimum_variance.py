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


def by_cvxpy(covariance: Floats, *, floor: float, cap: float) -> Floats:
    """Return the minimum-variance weights (n,) as cvxpy and Clarabel find them."""
    cp: Any = import_module("cvxpy")
    scaled = covariance / covariance.diagonal().max()
    w = cp.Variable(len(scaled))
    problem = cp.Problem(
        cp.Minimize(cp.quad_form(w, cp.psd_wrap(scaled))), [cp.sum(w) == 1, w >= floor, w <= cap]
    )
    problem.solve(
        solver=cp.CLARABEL, tol_gap_abs=TOLERANCE, tol_gap_rel=TOLERANCE, tol_feas=TOLERANCE, max_iter=300
    )
    return np.asarray(w.value, dtype=np.float64)


def compared(seed: int) -> dict[str, float]:
    """Solve one drawn problem both ways; every second one has the brief's limits, the others none but zero and one."""
    covariance = drawn_covariance(seed)
    bounds = feasible_bounds(len(covariance), **({} if seed % 2 else {"floor": 0.0, "cap": 1.0}))
    start = time.perf_counter()
    ours = minimum_variance(covariance, floor=bounds.floor, cap=bounds.cap)
    middle = time.perf_counter()
    theirs = by_cvxpy(covariance, floor=bounds.floor, cap=bounds.cap)
    end = time.perf_counter()
    return {
        "names": float(len(covariance)),
        "ours_ms": 1e3 * (middle - start),
        "cvxpy_ms": 1e3 * (end - middle),
        "largest_difference_of_a_weight": float(np.abs(ours.weights - theirs).max()),
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
            for name in ("largest_difference_of_a_weight", "variance_above_cvxpy_relative", "certified_gap")
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
