"""Modules A to D against the plain-library way, in the same run: `python -m bench.pipeline [--assets 50,150,300] [--json]`.

Every candidate runs once a round, in an order that rotates; a figure is the median over the rounds. Answers are compared
first: betas, idio_vol, factor weights, expected returns and covariance to 1e-9, weights by objective (D3-12).
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import fields, replace
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from sklearn.covariance import LedoitWolf

from bench.plain_pipeline import (
    PlainResult,
    plain_betas,
    plain_regressions,
    plain_ridge,
    plain_run,
    rebuilt_cvxpy,
)
from strategies.idio_statarb.factor_model import factor_model, simple_returns
from strategies.idio_statarb.optimizer import optimise
from strategies.idio_statarb.optimizer_problem import objective, terms, violation
from strategies.idio_statarb.panel import HEDGES, Panel
from strategies.idio_statarb.parameters import FACTORS, Parameters
from strategies.idio_statarb.pipeline import PipelineResult, run
from strategies.idio_statarb.ridge_weighting import forward_targets, ridge_weighting
from strategies.quant.rolling_regression import rolling_fit
from strategies.quant.shrinkage import ledoit_wolf

DAYS = 400
ROUNDS = 5
ROUNDS_LARGE = 3
LARGE = 300
FAST_MS = 20.0
"""A call faster than this is repeated until it has taken as long, so that the clock and a cold cache matter less."""
PARAMETERS = Parameters(min_volume_usd=0.0)
FLAT = pd.Series(dtype=float)
Candidates = dict[str, tuple[Callable[[], object], Callable[[], object]]]


def synthetic_panel(assets: int, *, seed: int = 1) -> Panel:
    """Fat tails, a quarter of the names listed late, gaps, and a planted reversal so that the book trades."""
    rng = np.random.default_rng(seed)
    factors = 0.025 * rng.standard_t(4, (DAYS, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    own = 0.04 * rng.standard_t(4, (DAYS, assets))
    own[1:] -= 0.15 * own[:-1]
    returns = np.hstack([np.clip(factors @ rng.uniform(0, 1.2, (2, assets)) + own, -0.5, 0.9), factors])
    live = np.ones(returns.shape, dtype=bool)
    for column in range(assets // 4):
        live[: rng.integers(1, DAYS - 120), column] = False
    for column in range(assets // 4, assets // 4 + assets // 10):
        live[rng.integers(50, DAYS - 100), column] = False
    close = 100 * np.cumprod(1 + returns, axis=0)
    values = {
        "volume": 10 ** rng.uniform(4.5, 6.5, assets + 2) * rng.uniform(0.5, 1.5, returns.shape),
        "live": live,
        "funding": rng.normal(1e-4, 3e-4, returns.shape),
        "funding_n": np.full(returns.shape, 24.0),
        "high": close * 1.02,
        "low": close * 0.98,
    }
    days = pd.date_range("2024-01-01", periods=DAYS, unit="ms", name="date")
    symbols = pd.Index([f"A{i:03d}" for i in range(assets)] + list(HEDGES), name="symbol")
    return Panel(**{f.name: pd.DataFrame(values.get(f.name, close), days, symbols) for f in fields(Panel)})


def median_ms(candidates: Candidates, rounds: int) -> dict[str, tuple[float, float]]:
    """Time ours and the peer of every stage, once a round, in an order that rotates."""
    calls = [(stage, side, pair[side]) for stage, pair in candidates.items() for side in (0, 1)]
    taken: dict[tuple[str, int], list[float]] = {(stage, side): [] for stage, side, _ in calls}
    for turn in range(rounds):
        for stage, side, call in calls[turn % len(calls) :] + calls[: turn % len(calls)]:
            taken[stage, side].append(call_ms(call))
    return {s: (float(np.median(taken[s, 0])), float(np.median(taken[s, 1]))) for s in candidates}


def call_ms(call: Callable[[], object]) -> float:
    """Median time of one call, over as many as fit in FAST_MS and at least one."""
    taken: list[float] = []
    while not taken or sum(taken) < FAST_MS:
        start = time.perf_counter()
        call()
        taken.append(1e3 * (time.perf_counter() - start))
    return float(np.median(taken))


def stages(panel: Panel, ours: PipelineResult) -> Candidates:
    """Ours and the peer, stage by stage and as a whole."""
    returns = pd.DataFrame(simple_returns(panel), panel.days, panel.symbols)
    names = returns.drop(columns=list(HEDGES)).to_numpy()
    factors = returns[list(HEDGES)].to_numpy()
    scores = ours.frames.signals.matrix
    targets = forward_targets(ours.frames.model.target.to_numpy(), ours.frames.model.idio_vol.to_numpy())
    lookback = PARAMETERS.pool_days
    refits = slice(DAYS - 60 - lookback, DAYS)
    fixed = replace(PARAMETERS, kappa=0.1)
    window = ours.frames.model.target.tail(PARAMETERS.cov_days).dropna(axis=1).to_numpy()
    problem = ours.targets.problem
    return {
        "rolling regression, betas": (
            lambda: rolling_fit(names, factors, PARAMETERS.window_days),
            lambda: plain_betas(returns, PARAMETERS.window_days),
        ),
        "module A, betas, residuals and vol": (
            lambda: factor_model(panel, PARAMETERS),
            lambda: plain_regressions(returns, PARAMETERS.window_days),
        ),
        "ridge, sixty daily refits": (
            lambda: ridge_weighting(scores[refits], targets[refits], panel.days[refits], fixed),
            lambda: [
                plain_ridge(scores[t - lookback : t], targets[t - lookback : t], 0.1)
                for t in range(DAYS - 60, DAYS)
            ],
        ),
        "Ledoit-Wolf": (lambda: ledoit_wolf(window), lambda: LedoitWolf().fit(window)),
        "optimiser": (lambda: optimise(problem), lambda: rebuilt_cvxpy(problem)),
        "A to D": (
            lambda: run(panel, panel.days[-1], parameters=PARAMETERS, previous=FLAT),
            lambda: plain_run(panel, PARAMETERS),
        ),
    }


def differences(ours: PipelineResult, peer: PlainResult) -> dict[str, float]:
    """Largest absolute differences (infinite when one side lacks a value), and the objectives' (D3-12)."""
    model, problem = ours.frames.model, ours.targets.problem
    pairs = {
        "beta_btc": (model.beta_btc[peer.idio_vol.columns], peer.betas["BTC"]),
        "beta_eth": (model.beta_eth[peer.idio_vol.columns], peer.betas["ETH"]),
        "idio_vol": (model.idio_vol[peer.idio_vol.columns], peer.idio_vol),
        "factor_weights": (ours.frames.weighting.fit[list(FACTORS)].iloc[-1], peer.factor_weights),
        "mu": (problem.mu, peer.problem.mu),
        "covariance": (problem.covariance, peer.problem.covariance),
        "cost": (problem.cost, peer.problem.cost),
        "cap": (problem.cap, peer.problem.cap),
    }
    found = {
        name: largest_difference(np.asarray(a, float), np.asarray(b, float)) for name, (a, b) in pairs.items()
    }
    mine, theirs = ours.targets.solution.weights, peer.weights
    size = sum(abs(x) for x in terms(problem, mine))
    found["objective shortfall against cvxpy, relative"] = max(
        (objective(problem, theirs) - objective(problem, mine)) / size if size else 0.0, 0.0
    )
    found["limits exceeded, weight"] = max(violation(problem, mine), 0.0)
    return found


def largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    if a.shape != b.shape or (np.isfinite(a) != np.isfinite(b)).any():
        return float("inf")
    return float(np.nanmax(np.abs(a - b))) if a.size else 0.0


def measure(assets: int) -> dict[str, object]:
    panel = synthetic_panel(assets)
    ours = run(panel, panel.days[-1], parameters=PARAMETERS, previous=FLAT)
    found = differences(ours, plain_run(panel, PARAMETERS))
    times = median_ms(stages(panel, ours), ROUNDS if assets < LARGE else ROUNDS_LARGE)
    return {
        "assets": assets,
        "days": DAYS,
        "rounds": ROUNDS if assets < LARGE else ROUNDS_LARGE,
        "traded": int((np.abs(ours.targets.solution.weights) > 1e-6).sum()),
        "gap": ours.targets.solution.gap,
        "differences": found,
        "equal": all(value <= (1e-6 if "objective" in name else 1e-9) for name, value in found.items()),
        "ms": {
            s: {"nightdesk": round(a, 3), "plain": round(b, 3), "ratio": round(b / a, 1)}
            for s, (a, b) in times.items()
        },
    }


def print_table(result: dict[str, object]) -> None:
    print(
        f"{result['assets']} assets x {result['days']} days: {result['traded']} traded, equal: {result['equal']}"
    )
    for stage, row in dict(result["ms"]).items():  # type: ignore[call-overload]
        print(f"  {stage:36s} {row['nightdesk']:10.3f} ms {row['plain']:10.1f} ms {row['ratio']:8.1f} x")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", default="50,150,300", help="comma-separated numbers of assets")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    arguments = parser.parse_args()
    threads: Any = import_module("threadpoolctl")
    with threads.threadpool_limits(
        1
    ):  # on both sides: idle BLAS threads that spin would be charged to whoever runs next
        results = [measure(int(n)) for n in arguments.assets.split(",")]
    if arguments.json:
        print(json.dumps({"bench": "pipeline", "results": results}, indent=1))
        return
    for result in results:
        print_table(result)


if __name__ == "__main__":
    main()
