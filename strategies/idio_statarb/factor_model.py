"""Module A: returns into BTC and ETH betas and what is left (S3-18 to S3-27, E3-1 to E3-5, D3-1 to D3-3)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from strategies.idio_statarb.panel import HEDGES, Panel
from strategies.idio_statarb.parameters import Parameters
from strategies.quant.rolling_regression import RollingFit, residual_sum_of_squares, rolling_fit
from strategies.quant.trailing import Floats, lag_one, trailing_std

MOTIONLESS = 1e-9
"""Daily idiosyncratic volatility under which a price does not move by itself: nothing can be divided by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorModel:
    """Frames (days, symbols), NaN where a name has no whole window; BTC and ETH are NaN throughout (E3-25).

    alpha: the intercept, a diagnostic (E3-2). resid_signal: residual of the window that holds the day (in-sample).
    resid_trade: the day's simple return hedged with the betas of the day before, intercept not removed (E3-1).
    target: the residual that module C learns and the covariance is made of; resid_trade but for literal rules.
    idio_vol: daily, sqrt(SSR / (window - 3)) of the day's own window (D3-2).
    """

    alpha: pd.DataFrame
    beta_btc: pd.DataFrame
    beta_eth: pd.DataFrame
    resid_signal: pd.DataFrame
    resid_trade: pd.DataFrame
    target: pd.DataFrame
    idio_vol: pd.DataFrame


def factor_model(panel: Panel, parameters: Parameters) -> FactorModel:
    """Fit every name's rolling betas, residuals and idiosyncratic volatility.

    parameters.rules "corrected" uses simple returns; "literal" uses log returns, the in-sample residual as target and
    its rolling standard deviation as volatility (D3-2, D3-3).
    """
    simple = simple_returns(panel)
    literal = parameters.rules == "literal"
    returns = np.log1p(simple) if literal else simple
    window = parameters.window_days
    factors = _factors(panel, returns)
    names = _without_hedges(panel, returns)
    fit = rolling_fit(names, factors, window)
    resid_signal = _residual(names, factors, fit)
    resid_trade = _hedged(_without_hedges(panel, simple), _factors(panel, simple), fit.betas)
    if literal:
        vol, target = trailing_std(resid_signal, window), resid_signal
    else:
        freedom = window - 1 - len(HEDGES)
        vol = np.sqrt(residual_sum_of_squares(names, factors, fit, window) / freedom)
        target = resid_trade
    return _framed(
        panel,
        alpha=fit.alpha,
        beta_btc=fit.betas[0],
        beta_eth=fit.betas[1],
        resid_signal=resid_signal,
        resid_trade=resid_trade,
        target=target,
        idio_vol=np.where(vol > MOTIONLESS, vol, np.nan),
    )


def simple_returns(panel: Panel) -> Floats:
    """Return close over the previous day's close, less one; NaN unless both days were live. Shape (t, n)."""
    close = np.where(panel.live.to_numpy(), panel.close.to_numpy(), np.nan)
    return close / lag_one(close) - 1.0


def _factors(panel: Panel, returns: Floats) -> Floats:
    return np.asarray(returns[:, panel.symbols.get_indexer(pd.Index(HEDGES))])


def _without_hedges(panel: Panel, returns: Floats) -> Floats:
    return np.where(panel.symbols.isin(HEDGES), np.nan, returns)


def _residual(returns: Floats, factors: Floats, fit: RollingFit) -> Floats:
    explained = fit.alpha.copy()
    for k, beta in enumerate(fit.betas):
        explained += beta * factors[:, k, None]
    return returns - explained


def _hedged(returns: Floats, factors: Floats, betas: Floats) -> Floats:
    out = returns.copy()
    for k, beta in enumerate(betas):
        out -= lag_one(beta) * factors[:, k, None]
    return out


def _framed(panel: Panel, **arrays: Floats) -> FactorModel:
    frames = {k: pd.DataFrame(v, index=panel.days, columns=panel.symbols) for k, v in arrays.items()}
    return FactorModel(**frames)
