"""What a walk amounts to, in numbers: return, risk, proof, cost, exposure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from research.backtest_walk import FLOWS, SIGNAL_FLOWS, Ledger
from strategies.quant.sharpe import (
    deflated_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    record,
    standard_error,
)
from strategies.quant.tail_risk import worst_drawdown

DAYS_A_YEAR = 365
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """Simple daily returns of the two hedge assets, on the walk's days."""

    btc: pd.Series
    eth: pd.Series


def summary(ledger: Ledger, factors: Factors, trials: Floats) -> dict[str, Any]:
    """Return the figures of one walk as plain numbers; trials are the daily Sharpe ratios of all walks compared.

    The first day only trades, so returns are those of the days after it. None stands for what cannot be said.
    """
    table = ledger.table
    returns = table["return"].to_numpy()[1:]
    return {
        **_performance(table["equity"].to_numpy(), returns, trials),
        **_trading(table),
        "exposure": _exposure(returns, factors),
        "attribution_usd": {name: float(table[name].sum()) for name in FLOWS},
        "idio_by_signal_usd": {name.removeprefix("idio_"): float(table[name].sum()) for name in SIGNAL_FLOWS},
        "paper": _paper(table),
        "days_held_back": int(table["held"].sum()),
        "gap_max": float(table["gap"].max()),
        "solved_by_cvxpy": float(table["by_cvxpy"].mean()),
        "name_days_without_funding": ledger.unpaid,
    }


def daily_sharpe(ledger: Ledger) -> float:
    return record(ledger.table["return"].to_numpy()[1:]).sharpe


def _performance(equity: Floats, returns: Floats, trials: Floats) -> dict[str, Any]:
    seen = record(returns)
    year = np.sqrt(DAYS_A_YEAR)
    needed = minimum_track_record(seen)
    return {
        "days": len(returns),
        "equity_start_usd": float(equity[0]),
        "equity_end_usd": float(equity[-1]),
        "return_annual": float((equity[-1] / equity[0]) ** (DAYS_A_YEAR / len(returns)) - 1),
        "volatility_annual": float(returns.std(ddof=1) * year),
        "sharpe_annual": seen.sharpe * year,
        "sharpe_annual_error": standard_error(seen) * year,
        "skew": seen.skew,
        "kurtosis": seen.kurtosis,
        "psr": probabilistic_sharpe(seen),
        "deflated_sharpe": deflated_sharpe(seen, trials=trials),
        "min_track_record_days": needed if np.isfinite(needed) else None,
        "max_drawdown": worst_drawdown(equity).depth,
    }


def _trading(table: pd.DataFrame) -> dict[str, Any]:
    costs = -(table["fees_and_spread"] + table["impact"])
    return {
        "turnover_daily": float(table["turnover"].mean()),
        "turnover_hedge_daily": float(table["turnover_hedge"].mean()),
        "cost_bps_of_equity_daily": float((costs / table["equity"]).mean() * 1e4),
        "gross_mean": float(table["gross"].mean()),
        "gross_max": float(table["gross"].max()),
        "physical_gross_max": float(table["physical_gross"].max()),
        "names_mean": float(table["names"].mean()),
        "days_without_trade": float((table["turnover"] == 0).mean()),
    }


def _exposure(returns: Floats, factors: Factors) -> dict[str, Any]:
    """Correlations with BTC and ETH, and the two standard errors that they should stay within (O3-14)."""
    return {
        "correlation_btc": correlation(returns, factors.btc.to_numpy()[1:]),
        "correlation_eth": correlation(returns, factors.eth.to_numpy()[1:]),
        "bound": 2 / float(np.sqrt(len(returns))),
    }


def correlation(x: Floats, y: Floats) -> float | None:
    """Return the correlation; None when one of the two never moves."""
    spread = float(x.std() * y.std())
    return float(((x - x.mean()) * (y - y.mean())).mean() / spread) if spread > 0 else None


def _paper(table: pd.DataFrame) -> dict[str, Any]:
    """The same weights on the in-sample residual of the next day, without costs, as the brief books it (E3-1, E3-2).

    What it says beyond the gross result of the hedged book is not a payoff: it is what the fit saw of the future.
    """
    before = table["equity"].shift()
    paper = (table["paper"] / before).to_numpy()[1:]
    gross = ((table["price_alts"] + table["price_hedge"]) / before).to_numpy()[1:]
    year = np.sqrt(DAYS_A_YEAR)
    return {
        "sharpe_annual": record(paper).sharpe * year,
        "return_bps_daily": float(paper.mean() * 1e4),
        "tradable_sharpe_annual": record(gross).sharpe * year,
        "tradable_return_bps_daily": float(gross.mean() * 1e4),
        "artefact_bps_daily": float((paper - gross).mean() * 1e4),
    }


def correction(ledger: Ledger) -> dict[str, Any]:
    """Return what phase one's projection adds to the cost (E3-24)."""
    table = ledger.table.iloc[1:]
    costs = -(table["fees_and_spread"] + table["impact"]).sum()
    extra = float(table["correction_cost"].sum()) if "correction_cost" in table else 0.0
    return {
        "basis": "phase one projects with the close of the day before: no 23:50 price of the whole book exists",
        "cost_usd": extra,
        "cost_bps_of_equity_daily": float((table["correction_cost"] / table["equity"]).mean() * 1e4)
        if extra
        else 0.0,
        "share_of_costs": extra / float(costs) if costs > 0 else None,
        "traded_daily": float(table["correction_traded"].mean()) if extra else 0.0,
        "names_turned_daily": float(table["flips"].mean()) if extra else 0.0,
    }


def difference(one: Ledger, other: Ledger) -> dict[str, float]:
    """Return the mean daily difference of two walks' returns in bps, and its t-statistic; zeros when equal."""
    apart = one.table["return"].to_numpy()[1:] - other.table["return"].to_numpy()[1:]
    error = float(apart.std(ddof=1) / np.sqrt(len(apart)))
    return {"bps_daily": float(apart.mean() * 1e4), "t": float(apart.mean() / error) if error > 0 else 0.0}
