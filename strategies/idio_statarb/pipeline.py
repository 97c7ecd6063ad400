"""Modules A to D joined: a panel in, a book out.

What does not depend on the book (betas, signals, weights, expected returns) is worked out for all days at once
by `prepare`; `targets_at` adds the day's book and solves. `run` is both for one day, so a live night and a backtest are
the same numbers to the last bit, and every array is causal (M3-1).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strategies.idio_statarb.costs import cost_vector
from strategies.idio_statarb.covariance import idio_covariance
from strategies.idio_statarb.factor_model import FactorModel, factor_model
from strategies.idio_statarb.optimizer import Problem, Solution, optimise
from strategies.idio_statarb.panel import HEDGES, Panel
from strategies.idio_statarb.parameters import FACTORS, Parameters
from strategies.idio_statarb.ridge_weighting import Weighting, forward_targets, ridge_weighting
from strategies.idio_statarb.signals import Signals, signals
from strategies.idio_statarb.universe import REASONS, Universe, universe
from strategies.quant.trailing import Floats

BETA_MAX = 20.0
"""A name with more is forced out: its history has a day in other units, or an error. A few dollars of it would stand for
the hedge of the whole book, and core.rebalance, whose limit is the same, would not buy them."""

UNKNOWN_VARIANCE = 1.0
"""Stands for the variance of a name that is forced out and has none: its weight is zero whatever this is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Everything about every day that does not depend on the book; frames are (days, symbols)."""

    parameters: Parameters
    model: FactorModel
    universe: Universe
    funding: pd.DataFrame
    signals: Signals
    weighting: Weighting
    mu: pd.DataFrame

    @property
    def days(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.mu.index)

    @property
    def symbols(self) -> pd.Index:
        return self.mu.columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """One day's book. chosen holds the places of its names in frames.symbols: who has a signal, and what is held.

    problem and solution are in that order. The rest is looked up when asked for: a walk through history rarely asks.
    """

    asof: pd.Timestamp
    frames: Frames
    chosen: NDArray[np.intp]
    problem: Problem
    solution: Solution

    @property
    def row(self) -> int:
        return _row(self.frames.days, self.asof)

    @property
    def symbols(self) -> pd.Index:
        return self.frames.symbols[self.chosen]

    @property
    def weights(self) -> pd.Series:
        return pd.Series(self.solution.weights, index=self.symbols, name="weight")

    @property
    def mu(self) -> pd.Series:
        return pd.Series(self.problem.mu, index=self.symbols, name="mu")

    @property
    def covariance(self) -> pd.DataFrame:
        return pd.DataFrame(self.problem.covariance, index=self.symbols, columns=self.symbols)

    @property
    def fit(self) -> pd.Series:
        """The day's factor weights, kappa, ridge_alpha, rows and effective degrees of freedom (freedom)."""
        return self.frames.weighting.fit.iloc[self.row]

    @property
    def kappa(self) -> float:
        return float(self.fit["kappa"])

    @property
    def ridge_alpha(self) -> float:
        return float(self.fit["ridge_alpha"])

    @property
    def unconstrained(self) -> pd.Series:
        return self.frames.weighting.unconstrained.iloc[self.row]

    @property
    def zero_weight_days(self) -> int:
        """Days in a row, up to this one, on which no signal was worth anything (E3-13)."""
        zero = (self.frames.weighting.fit[list(FACTORS)].to_numpy()[: self.row + 1] == 0).all(axis=1)
        return int(np.argmin(zero[::-1])) if not zero.all() else len(zero)

    @property
    def reasons(self) -> list[str]:
        """Why each weight is not the optimiser's free choice; the empty word where it is."""
        codes = self.frames.universe.reason.to_numpy()[self.row, self.chosen]
        vol = self.frames.model.idio_vol.to_numpy()[self.row, self.chosen]
        mu = self.frames.mu.to_numpy()[self.row, self.chosen]
        otherwise = "" if self.solution.status == "optimal" else self.solution.status
        words = [otherwise] * len(codes)
        for i, code in enumerate(codes):
            if code or not np.isfinite(vol[i]):
                words[i] = f"forced out: {REASONS[code] or 'no idio_vol'}"
            elif max(abs(self.problem.beta_btc[i]), abs(self.problem.beta_eth[i])) > BETA_MAX:
                words[i] = "forced out: betas that no coin has"
            elif not np.isfinite(mu[i]):
                words[i] = "no signal: expected return taken as 0"
        return words

    @property
    def table(self) -> pd.DataFrame:
        """symbol, weight, previous, cap (shares of equity), cost (return per unit traded), reason."""
        columns = {
            "symbol": self.symbols,
            "weight": self.solution.weights,
            "previous": self.problem.previous,
            "cap": self.problem.cap,
            "cost": self.problem.cost,
            "reason": self.reasons,
        }
        return pd.DataFrame(columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineResult:
    frames: Frames
    targets: Targets


def run(
    panel: Panel,
    asof: pd.Timestamp,
    *,
    parameters: Parameters,
    previous: pd.Series,
    universe: frozenset[str] | None = None,
) -> PipelineResult:
    """Return the book for the close of day asof, and all that led to it (S3-59, S3-63, D3-4).

    previous holds weights by symbol, equity is parameters.equity_usd. universe, when given, replaces the active names of
    asof: the set frozen at 23:45. Raises ValueError for a day outside the panel and a held symbol without history.
    """
    _row(panel.days, asof)
    frames = prepare(panel.until(asof), parameters, frozen=None if universe is None else {asof: universe})
    return PipelineResult(
        frames=frames, targets=targets_at(frames, asof, previous=previous, equity_usd=parameters.equity_usd)
    )


def prepare(
    panel: Panel, parameters: Parameters, *, frozen: Mapping[pd.Timestamp, frozenset[str]] | None = None
) -> Frames:
    """Run modules A to C for every day of the panel. Raises ValueError when BTC or ETH is missing from it."""
    if missing := [hedge for hedge in HEDGES if hedge not in panel.symbols]:
        raise ValueError(
            f"the panel has no {' and no '.join(missing)}: both hedge assets are needed as factors"
        )
    model = factor_model(panel, parameters)
    eligible = universe(panel, parameters, frozen=frozen)
    scores = signals(panel, model, eligible.active, parameters)
    targets = forward_targets(model.target.to_numpy(), model.idio_vol.to_numpy())
    weighting = ridge_weighting(scores.matrix, targets, panel.days, parameters)
    return Frames(
        parameters=parameters,
        model=model,
        universe=eligible,
        funding=panel.funding,
        signals=scores,
        weighting=weighting,
        mu=expected_returns(scores, weighting, model.idio_vol, parameters),
    )


def expected_returns(
    scores: Signals, weighting: Weighting, idio_vol: pd.DataFrame, parameters: Parameters
) -> pd.DataFrame:
    """Return mu: the weighted sum of a name's three scores, as a daily return, NaN without all three (E3-14, D3-7).

    Literal rules leave it in units of volatility, as the brief does.
    """
    alpha = np.zeros(idio_vol.shape)
    for name in FACTORS:
        alpha += weighting.fit[name].to_numpy()[:, None] * getattr(scores, name).to_numpy()
    scale = 1.0 if parameters.rules == "literal" else idio_vol.to_numpy()
    return pd.DataFrame(alpha * scale, index=idio_vol.index, columns=idio_vol.columns)


def targets_at(frames: Frames, asof: pd.Timestamp, *, previous: pd.Series, equity_usd: float) -> Targets:
    """Choose the book for the close of asof, given the weights held now (S3-45 to S3-55, E3-16)."""
    row = _row(frames.days, asof)
    held = _held(previous, frames.symbols)
    chosen = np.flatnonzero(np.isfinite(frames.mu.to_numpy()[row]) | (held != 0))
    problem = _problem(frames, row, chosen, held=held[chosen], equity_usd=equity_usd)
    return Targets(asof=asof, frames=frames, chosen=chosen, problem=problem, solution=optimise(problem))


def _problem(
    frames: Frames, row: int, chosen: NDArray[np.intp], *, held: Floats, equity_usd: float
) -> Problem:
    model, parameters = frames.model, frames.parameters
    adv = frames.universe.adv_usd.to_numpy()[row, chosen]
    vol = model.idio_vol.to_numpy()[row, chosen]
    beta_btc = _last_known(model.beta_btc, row, chosen, otherwise=1.0)
    beta_eth = _last_known(model.beta_eth, row, chosen, otherwise=0.0)
    tradable = frames.universe.active.to_numpy()[row, chosen] & np.isfinite(vol)
    tradable &= np.maximum(np.abs(beta_btc), np.abs(beta_eth)) <= BETA_MAX
    limit = np.minimum(parameters.weight_max, parameters.adv_share_max * adv / equity_usd)
    known_vol = _last_known(model.idio_vol, row, chosen, otherwise=_widest(model.idio_vol, row))
    return Problem(
        mu=np.nan_to_num(frames.mu.to_numpy()[row, chosen], nan=0.0),
        covariance=_covariance(frames, row, chosen),
        cost=cost_vector(
            known_vol,
            adv,
            np.abs(beta_btc) + np.abs(beta_eth),
            parameters=parameters,
            equity_usd=equity_usd,
        ),
        previous=held,
        cap=np.where(tradable, limit, 0.0),
        beta_btc=beta_btc,
        beta_eth=beta_eth,
        gamma=parameters.gamma,
        gross_max=parameters.gross_max,
        physical_gross_max=parameters.physical_gross_max,
    )


def _covariance(frames: Frames, row: int, chosen: NDArray[np.intp]) -> Floats:
    start = row + 1 - frames.parameters.cov_days
    vol = frames.model.idio_vol.to_numpy()[row, chosen]
    known = np.isfinite(vol)
    out = np.eye(len(chosen)) * UNKNOWN_VARIANCE
    window = frames.model.target.to_numpy()[max(start, 0) : row + 1, chosen[known]]
    if start < 0:
        window = np.full((frames.parameters.cov_days, int(known.sum())), np.nan)
    out[np.ix_(known, known)] = idio_covariance(window, vol[known])
    return out


def _last_known(frame: pd.DataFrame, row: int, chosen: NDArray[np.intp], *, otherwise: float) -> Floats:
    """The newest value of each name up to row: what is left to go by for a held name that lost its history."""
    out: Floats = frame.to_numpy()[row, chosen].copy()
    for i in np.flatnonzero(~np.isfinite(out)):
        past = frame.to_numpy()[:row, chosen[i]]
        known = past[np.isfinite(past)]
        out[i] = known[-1] if len(known) else otherwise
    return out


def _widest(idio_vol: pd.DataFrame, row: int) -> float:
    today = idio_vol.to_numpy()[row]
    return float(np.nanmax(today)) if np.isfinite(today).any() else 0.0


def _held(previous: pd.Series, symbols: pd.Index) -> Floats:
    """Previous weights on all symbols. Raises ValueError for what cannot be a weight or has no history."""
    weights = np.zeros(len(symbols))
    if not len(previous):
        return weights
    places = symbols.get_indexer(previous.index)
    if (places < 0).any():
        strangers = list(previous.index[places < 0])
        raise ValueError(
            f"held symbols without history in the panel: {strangers}; close them or add their candles"
        )
    weights[places] = previous.to_numpy(dtype=float)
    if not np.isfinite(weights).all():
        raise ValueError(f"previous weights are not finite: {list(symbols[~np.isfinite(weights)])}")
    if hedges := [hedge for hedge in HEDGES if weights[symbols.get_loc(hedge)] != 0]:
        raise ValueError(f"previous weights hold {hedges}: hedges follow from the book, leave them out")
    return weights


def _row(days: pd.DatetimeIndex, asof: pd.Timestamp) -> int:
    row = int(days.get_indexer(pd.Index([asof]))[0])
    if row < 0:
        raise ValueError(f"{asof.date()} is not in the panel: it has {days[0].date()} to {days[-1].date()}")
    return row
