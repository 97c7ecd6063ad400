"""Module B: residuals and funding into three standardised scores (S3-28 to S3-36, E3-6 to E3-10, D3-1)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from strategies.idio_statarb.factor_model import FactorModel
from strategies.idio_statarb.panel import HEDGES, Panel
from strategies.idio_statarb.parameters import FACTORS, Parameters
from strategies.quant.cross_section import zscores
from strategies.quant.trailing import Floats, trailing_mean

DAYS_A_YEAR = 365.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Scores (days, symbols) of the active names, oriented so that positive predicts positive (E3-13)."""

    momentum: pd.DataFrame
    mean_reversion: pd.DataFrame
    carry: pd.DataFrame

    @property
    def matrix(self) -> Floats:
        """The signal matrix (days, symbols, 3), factors in the order of FACTORS (S3-36)."""
        return np.stack([getattr(self, name).to_numpy() for name in FACTORS], axis=2)


def signals(panel: Panel, model: FactorModel, active: pd.DataFrame, parameters: Parameters) -> Signals:
    """Return the z-scored, winsorised signals of the active names; each is NaN until its own lookback exists."""
    raw = {
        "momentum": momentum(model, parameters),
        "mean_reversion": mean_reversion(model, parameters),
        "carry": carry(panel, model),
    }
    mask = active.to_numpy()
    scores = {
        name: zscores(x.to_numpy(), mask, min_names=parameters.min_names, winsor=parameters.winsor)
        for name, x in raw.items()
    }
    return Signals(
        **{k: pd.DataFrame(z, index=active.index, columns=active.columns) for k, z in scores.items()}
    )


def momentum(model: FactorModel, parameters: Parameters) -> pd.DataFrame:
    """Fast less slow exponential average of the residuals, over idio_vol (S3-31).

    Recursive from the first residual; a missing day holds the state; NaN until ema_slow_days residuals (E3-8).
    """
    fast = _ema(model.resid_signal, parameters.ema_fast_days, parameters.ema_slow_days)
    slow = _ema(model.resid_signal, parameters.ema_slow_days, parameters.ema_slow_days)
    return (fast - slow) / model.idio_vol


def mean_reversion(model: FactorModel, parameters: Parameters) -> pd.DataFrame:
    """Return the day's residual below its own short mean, over idio_vol (S3-32)."""
    residual = model.resid_signal.to_numpy()
    deviation = residual - trailing_mean(residual, parameters.sma_days)
    return -pd.DataFrame(deviation, model.resid_signal.index, model.resid_signal.columns) / model.idio_vol


def carry(panel: Panel, model: FactorModel) -> pd.DataFrame:
    """Funding that a hedged long earns in a year, over annual idio_vol; a long pays positive funding (E3-6)."""
    btc, eth = (panel.funding[hedge].to_numpy()[:, None] for hedge in HEDGES)
    earned: pd.DataFrame = model.beta_btc * btc + model.beta_eth * eth - panel.funding
    annual: pd.DataFrame = earned * DAYS_A_YEAR / (model.idio_vol * np.sqrt(DAYS_A_YEAR))
    return annual


def _ema(x: pd.DataFrame, span: int, warm_up: int) -> pd.DataFrame:
    return pd.DataFrame(x.ewm(span=span, adjust=False, ignore_na=True, min_periods=warm_up).mean())
