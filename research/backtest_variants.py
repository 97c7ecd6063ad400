"""The rivals of a backtest: the other rules, and the three signals weighted alike (M3-5, M3-6)."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from strategies.idio_statarb.parameters import FACTORS, Parameters, Rules
from strategies.idio_statarb.pipeline import Frames, expected_returns
from strategies.idio_statarb.ridge_weighting import Weighting, forward_targets, stack
from strategies.quant.trailing import lag_one, trailing_sum

K = len(FACTORS)


def other_rules(parameters: Parameters) -> Parameters:
    rules: Rules = "corrected" if parameters.rules == "literal" else "literal"
    return replace(parameters, rules=rules)


def with_equal_weights(frames: Frames) -> Frames:
    """Return frames whose three factor weights are one number a day: the ridge with equality in place of choice.

    Same pool of past days, same penalty: only the choice between signals is taken away, so that the difference to
    the original is what that choice is worth.
    """
    fit = frames.weighting.fit.copy()
    weight = _one_weight(frames)
    for name in FACTORS:
        fit[name] = weight
    weighting = Weighting(fit=fit, unconstrained=frames.weighting.unconstrained)
    mu = expected_returns(frames.signals, weighting, frames.model.idio_vol, frames.parameters)
    return replace(frames, weighting=weighting, mu=mu)


def _one_weight(frames: Frames) -> NDArray[np.float64]:
    """Least squares of the target on the sum of the three scores, ridged, not below zero; NaN on an empty pool."""
    targets = forward_targets(frames.model.target.to_numpy(), frames.model.idio_vol.to_numpy())
    daily = stack(frames.signals.matrix, targets)
    days = frames.parameters.pool_days
    padded = np.vstack([np.zeros((days, daily.shape[1])), daily])
    pool = lag_one(trailing_sum(padded, days))[days:]
    gram, moment = pool[:, : K * K].sum(axis=1), pool[:, K * K : K * K + K].sum(axis=1)
    penalty = K * frames.weighting.fit["ridge_alpha"].to_numpy()
    known = np.isfinite(penalty) & (gram > 0)
    weight = np.maximum(moment, 0.0) / np.where(known, gram + penalty, 1.0)
    return np.asarray(np.where(known, weight, np.nan))
