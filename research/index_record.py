"""What an index through history amounts to, in numbers: return, risk, proof, turnover, cost. Years have 365 days (E0-25)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import isfinite, sqrt
from typing import Any

import numpy as np

from research.index_walk import Walk
from strategies.quant.sharpe import (
    deflated_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    record,
)
from strategies.quant.tail_risk import tail_risk, tracking_error, worst_drawdown
from strategies.quant.trailing import Floats

DAYS_A_YEAR = 365
BPS = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Levels at each close (t,), before and after costs, and what was traded there (share of the index, both sides)."""

    days: tuple[date, ...]
    gross: Floats
    net: Floats
    traded: Floats


def tracked(walk: Walk) -> Track:
    """Return the levels of a walk. Costs are taken at each close from what is bought and from what is sold there.

    What the launch costs is taken with the first day's return, so that both levels begin at the base.
    """
    gross = np.array([float(day.level) for day in walk.days])
    traded = np.array([day.traded for day in walk.days])
    kept = 1.0 - walk.methodology.cost_bps * BPS * traded
    net = gross * np.cumprod(kept)
    net[0] = gross[0]
    return Track(days=tuple(day.day for day in walk.days), gross=gross, net=net, traded=traded)


def returns_of(levels: Floats) -> Floats:
    """Return the simple daily returns of levels (t,): shape (t - 1,)."""
    return np.asarray(levels[1:] / levels[:-1] - 1.0)


def daily_sharpe(track: Track) -> float:
    return record(returns_of(track.net)).sharpe


def figures(walk: Walk, track: Track, market: Floats, *, trials: Floats) -> dict[str, Any]:
    """Return the figures of a walk, those net of costs unless gross, as plain numbers; None is what cannot be said.

    market: the total market's daily returns on the same days; trials: the daily Sharpe ratios of all that was tried.
    """
    net = returns_of(track.net)
    seen = record(net)
    needed = minimum_track_record(seen)
    tail = tail_risk(net)
    return {
        **performance(track.net),
        "psr": probabilistic_sharpe(seen),
        "min_track_record_days": needed if isfinite(needed) else None,
        "deflated_sharpe": deflated_sharpe(seen, trials=trials),
        "value_at_risk_95_1d": tail.value_at_risk,
        "expected_shortfall_95_1d": tail.expected_shortfall,
        "tracking_error_annual": tracking_error(returns_of(track.gross), market, periods_a_year=DAYS_A_YEAR),
        "correlation_total_market": correlation(returns_of(track.gross), market),
        **_trading(walk, track),
        "gross": performance(track.gross),
    }


def performance(levels: Floats) -> dict[str, Any]:
    """Return what levels at daily closes amount to: returns, volatility, drawdown, Sharpe ratios."""
    moves = returns_of(levels)
    seen = record(moves)
    growth = float(levels[-1] / levels[0])
    return {
        "return_total": growth - 1,
        "return_annual": growth ** (DAYS_A_YEAR / len(moves)) - 1,
        "volatility_annual": float(moves.std(ddof=1)) * sqrt(DAYS_A_YEAR),
        "max_drawdown": worst_drawdown(levels).depth,
        "sharpe_daily": seen.sharpe,
        "sharpe_annual": seen.sharpe * sqrt(DAYS_A_YEAR),
        "skew": seen.skew,
        "kurtosis": seen.kurtosis,
    }


def correlation(one: Floats, other: Floats) -> float | None:
    """Return the correlation of two series; None where one never moves."""
    spread = float(one.std() * other.std())
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread) if spread > 0 else None


def changes(walk: Walk) -> list[tuple[date, tuple[str, ...], tuple[str, ...]]]:
    """Return the days on which members came or went, with who came in and who went out; the launch is not one."""
    found = []
    for before, after in pairwise(walk.days):
        came, gone = (
            after.weights.keys() - before.weights.keys(),
            before.weights.keys() - after.weights.keys(),
        )
        if came or gone:
            found.append((after.day, tuple(sorted(came)), tuple(sorted(gone))))
    return found


def _trading(walk: Walk, track: Track) -> Mapping[str, Any]:
    """The launch buys the whole index once; it is paid for, and is no turnover."""
    years = (len(track.days) - 1) / DAYS_A_YEAR
    sizes = np.array([len(day.weights) for day in walk.days])
    apart = changes(walk)
    return {
        "turnover_annual": float(track.traded[1:].sum()) / 2 / years,
        "traded_both_sides_annual": float(track.traded[1:].sum()) / years,
        "cost_bps": walk.methodology.cost_bps,
        "cost_annual": float(1 - (track.net[-1] / track.gross[-1]) ** (1 / years)),
        "members_mean": float(sizes.mean()),
        "members_min": int(sizes.min()),
        "members_max": int(sizes.max()),
        "entries": sum(len(came) for _, came, _ in apart),
        "exits": sum(len(gone) for _, _, gone in apart),
        "reviews": len(walk.decisions),
    }
