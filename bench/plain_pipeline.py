"""Modules A to D the plain way: each step is the obvious call of a well-known library.

The rules are those of the pipeline (D3 rows), so that its answers can be compared; only the newest day is fitted and solved.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import Ridge
from statsmodels.regression.rolling import RollingOLS

from strategies.idio_statarb.costs import cost_vector
from strategies.idio_statarb.optimizer import Problem
from strategies.idio_statarb.panel import HEDGES, Panel
from strategies.idio_statarb.parameters import FACTORS, Parameters
from strategies.idio_statarb.ridge_weighting import KAPPAS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainResult:
    betas: dict[str, pd.DataFrame]
    idio_vol: pd.DataFrame
    factor_weights: np.ndarray
    problem: Problem
    weights: np.ndarray


def plain_run(panel: Panel, parameters: Parameters) -> PlainResult:
    """Return the last day's book and what led to it."""
    returns = panel.close.where(panel.live).pct_change(fill_method=None)
    betas, residual, vol = plain_regressions(returns, parameters.window_days)
    scores = _scores(panel, betas, residual, vol, parameters)
    traded = _hedged(returns, betas)
    weights = _factor_weights(scores, traded.shift(-1) / vol, parameters)
    problem = _problem(panel, parameters, betas=betas, vol=vol, scores=scores, weights=weights, traded=traded)
    return PlainResult(
        betas=betas, idio_vol=vol, factor_weights=weights, problem=problem, weights=rebuilt_cvxpy(problem)
    )


def plain_regressions(
    returns: pd.DataFrame, window: int
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame, pd.DataFrame]:
    """statsmodels, one name after the other: betas, the day's residual, idio_vol."""
    design = returns[list(HEDGES)].assign(const=1.0)[["const", *HEDGES]]
    names = [name for name in returns if name not in HEDGES]
    params, vol = {}, {}
    for name in names:
        fit = RollingOLS(returns[name], design, window=window, min_nobs=window, missing="drop").fit()
        params[name], vol[name] = fit.params, np.sqrt(fit.mse_resid)
    whole = returns[names].rolling(window).count() == window
    betas = {k: pd.DataFrame({n: params[n][k] for n in names}).where(whole) for k in ("const", *HEDGES)}
    fitted = (
        betas["const"] + betas["BTC"].mul(returns["BTC"], axis=0) + betas["ETH"].mul(returns["ETH"], axis=0)
    )
    return betas, returns[names] - fitted, pd.DataFrame(vol).where(whole)


def plain_betas(returns: pd.DataFrame, window: int) -> None:
    """The regressions alone, parameters only: statsmodels at its fastest."""
    design = returns[list(HEDGES)].assign(const=1.0)
    for name in returns:
        if name not in HEDGES:
            RollingOLS(returns[name], design, window=window, min_nobs=window, missing="drop").fit(
                params_only=True
            )


def rebuilt_cvxpy(problem: Problem) -> np.ndarray:
    """The optimisation as one writes it down, built anew (S3-49 to S3-54, E3-18)."""
    cp: Any = import_module("cvxpy")
    w = cp.Variable(len(problem.mu))
    risk = cp.quad_form(w, cp.psd_wrap(problem.covariance))
    cost = cp.norm1(cp.multiply(problem.cost, w - problem.previous))
    hedges = cp.abs(problem.beta_btc @ w) + cp.abs(problem.beta_eth @ w)
    limits = [
        cp.norm1(w) <= problem.gross_max,
        cp.norm1(w) + hedges <= problem.physical_gross_max,
        cp.abs(w) <= problem.cap,
    ]
    scale = 1e3  # the objective is a few basis points; unscaled, the solver's tolerance would be most of it
    objective = cp.Maximize(scale * (problem.mu @ w - problem.gamma * risk - cost))
    cp.Problem(objective, limits).solve(solver=cp.CLARABEL)
    return np.asarray(w.value)


def plain_ridge(scores: np.ndarray, targets: np.ndarray, kappa: float) -> np.ndarray:
    """scikit-learn on the stacked rows, with a tolerance at which it is right (E3-13)."""
    x, y = scores.reshape(-1, len(FACTORS)), targets.ravel()
    kept = np.isfinite(x).all(axis=1) & np.isfinite(y)
    model = Ridge(alpha=kappa * kept.sum(), positive=True, fit_intercept=False, tol=1e-10)
    return np.asarray(model.fit(x[kept], y[kept]).coef_)


def _hedged(returns: pd.DataFrame, betas: dict[str, pd.DataFrame]) -> pd.DataFrame:
    btc, eth = (betas[h].shift(1).mul(returns[h], axis=0) for h in HEDGES)
    return returns[btc.columns] - btc - eth


def _scores(
    panel: Panel,
    betas: dict[str, pd.DataFrame],
    residual: pd.DataFrame,
    vol: pd.DataFrame,
    parameters: Parameters,
) -> np.ndarray:
    def ema(span: int) -> pd.DataFrame:
        return residual.ewm(
            span=span, adjust=False, ignore_na=True, min_periods=parameters.ema_slow_days
        ).mean()

    funding = sum(betas[h].mul(panel.funding[h], axis=0) for h in HEDGES) - panel.funding[vol.columns]
    raw = (
        (ema(parameters.ema_fast_days) - ema(parameters.ema_slow_days)) / vol,
        -(residual - residual.rolling(parameters.sma_days).mean()) / vol,
        365 * funding / (vol * np.sqrt(365)),
    )
    active = panel.live[vol.columns].rolling(parameters.min_history_days).sum() == parameters.min_history_days
    return np.stack([_standardised(x.where(active), parameters) for x in raw], axis=2)


def _standardised(x: pd.DataFrame, parameters: Parameters) -> np.ndarray:
    z = x.sub(x.mean(axis=1), axis=0).div(x.std(axis=1, ddof=0), axis=0)
    z = z.clip(-parameters.winsor, parameters.winsor)
    return z.where(x.count(axis=1) >= parameters.min_names, axis=0).to_numpy()


def _factor_weights(scores: np.ndarray, targets: pd.DataFrame, parameters: Parameters) -> np.ndarray:
    y, pool = targets.to_numpy(), parameters.pool_days
    now = len(y) - 1
    monday = now - targets.index[-1].weekday()
    kappa = _kappa(scores[monday - pool : monday], y[monday - pool : monday])
    return plain_ridge(scores[now - pool : now], y[now - pool : now], kappa)


def _kappa(scores: np.ndarray, targets: np.ndarray) -> float:
    blocks = np.array_split(np.arange(len(targets)), 5)
    errors = np.zeros(len(KAPPAS))
    for block in blocks[1:]:
        past = slice(0, block[0] - 1)
        x, y = scores[block].reshape(-1, len(FACTORS)), targets[block].ravel()
        kept = np.isfinite(x).all(axis=1) & np.isfinite(y)
        for i, kappa in enumerate(KAPPAS):
            errors[i] += ((y[kept] - x[kept] @ plain_ridge(scores[past], targets[past], kappa)) ** 2).sum()
    return float(KAPPAS[len(KAPPAS) - 1 - np.argmin(errors[::-1])])


def _problem(
    panel: Panel,
    parameters: Parameters,
    *,
    betas: dict[str, pd.DataFrame],
    vol: pd.DataFrame,
    scores: np.ndarray,
    weights: np.ndarray,
    traded: pd.DataFrame,
) -> Problem:
    today = pd.DataFrame(scores[-1], index=vol.columns, columns=list(FACTORS)).dropna()
    names = today.index
    sigma = vol[names].iloc[-1]
    value = panel.volume * (panel.high + panel.low + panel.close) / 3
    adv = value.where(panel.live).rolling(30, min_periods=1).mean()[names].iloc[-1].to_numpy()
    beta_btc, beta_eth = (betas[h][names].iloc[-1].to_numpy() for h in HEDGES)
    equity = parameters.equity_usd
    return Problem(
        mu=(today @ weights * sigma).to_numpy(),
        covariance=_covariance(traded[names].tail(parameters.cov_days), sigma),
        cost=cost_vector(
            sigma.to_numpy(), adv, abs(beta_btc) + abs(beta_eth), parameters=parameters, equity_usd=equity
        ),
        previous=np.zeros(len(names)),
        cap=np.minimum(parameters.weight_max, parameters.adv_share_max * adv / equity),
        beta_btc=beta_btc,
        beta_eth=beta_eth,
        gamma=parameters.gamma,
        gross_max=parameters.gross_max,
        physical_gross_max=parameters.physical_gross_max,
    )


def _covariance(traded: pd.DataFrame, sigma: pd.Series) -> np.ndarray:
    whole = traded.notna().all().to_numpy()
    scaled = np.eye(len(sigma))
    scaled[np.ix_(whole, whole)] = LedoitWolf().fit((traded / sigma).loc[:, whole]).covariance_
    return np.asarray(scaled * np.outer(sigma, sigma))
