"""What can be lost: value at risk, expected shortfall, drawdown, tracking error. All are losses: positive is bad (E0-30)."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from strategies.quant.trailing import Floats

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class TailRisk:
    """Loss that level of the periods do not exceed, and the mean loss of the rest, as shares of the value.

    Each of the observations covers horizon_days; nothing is scaled from one horizon to another.
    """

    value_at_risk: float
    expected_shortfall: float
    level: float
    horizon_days: float
    observations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """Largest fall from a peak, as a share of it, and the rows of that peak and trough."""

    depth: float
    peak: int
    trough: int


def tail_risk(returns: Floats, *, level: float = LEVEL, horizon_days: float = 1.0) -> TailRisk:
    """Return VaR and CVaR of the historical returns (t,), simple returns of horizon_days each.

    VaR is the least loss that at least level of the observations do not exceed. CVaR is the mean of the worst
    (1 - level) t observations, the last of them counted in part where that is no whole number (Rockafellar and
    Uryasev 2002), which keeps it at or above VaR and convex in the weights. Raises ValueError on NaN or on nothing.
    """
    _check(returns, "return")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}: it must lie between 0 and 1")
    losses = np.sort(-returns)
    count = len(losses)
    # 0.95 * 20 is 19 and must not round up to 20
    place = max(ceil(level * count - 1e-9), 1) - 1
    at_risk = float(losses[place])
    beyond = losses[place + 1 :]
    tail = (1 - level) * count
    shortfall = at_risk + float((beyond - at_risk).sum()) / tail
    return TailRisk(
        value_at_risk=at_risk,
        expected_shortfall=shortfall,
        level=level,
        horizon_days=horizon_days,
        observations=count,
    )


def literal_tail(returns: Floats, *, level: float = LEVEL) -> tuple[float, float]:
    """Return the brief's VaR and CVaR (S0-57, S0-58): signed, an interpolated quantile and the mean at or below it."""
    _check(returns, "return")
    at_risk = float(np.percentile(returns, (1 - level) * 100))
    return at_risk, float(returns[returns <= at_risk].mean())


def worst_drawdown(values: Floats) -> Drawdown:
    """Return the deepest fall of values (t,) from a peak before it; depth 0 at the first row when there is none.

    A book that owes falls by more than 1. Raises ValueError unless all are finite and the first is positive.
    """
    _check(values, "value")
    if values[0] <= 0:
        raise ValueError(f"value [0] is {values[0]}: a drawdown is a share of a positive peak")
    falls = 1 - values / np.maximum.accumulate(values)
    trough = int(falls.argmax())
    return Drawdown(depth=float(falls[trough]), peak=int(values[: trough + 1].argmax()), trough=trough)


def tracking_error(returns: Floats, benchmark: Floats, *, periods_a_year: float = 1.0) -> float:
    """Return the sample standard deviation of returns less the benchmark's (both (t,)), by default a period's own.

    The active returns' mean is no part of it. Raises ValueError on NaN, on unlike lengths, on fewer than two.
    """
    if returns.shape != benchmark.shape:
        raise ValueError(f"{returns.shape} returns against {benchmark.shape} of the benchmark")
    active = returns - benchmark
    _check(active, "active return")
    if len(active) < 2:
        raise ValueError("a tracking error needs two returns or more")
    return float(active.std(ddof=1) * np.sqrt(periods_a_year))


def _check(values: Floats, name: str) -> None:
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name}s have shape {values.shape}: one column with a row or more is needed")
    if not np.isfinite(values).all():
        i = int(np.argmin(np.isfinite(values)))
        raise ValueError(f"{name} [{i}] is {values[i]}")
