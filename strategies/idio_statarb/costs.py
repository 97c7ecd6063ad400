"""What it costs to trade a unit of weight (S3-47, S3-50, E3-15, D3-10)."""

import numpy as np

from strategies.idio_statarb.parameters import Parameters
from strategies.quant.trailing import Floats

BPS = 1e-4
PARTICIPATION_MIN = 1e-5
PARTICIPATION_MAX = 1e-2


def cost_vector(
    idio_vol: Floats, adv_usd: Floats, hedge_ratio: Floats, *, parameters: Parameters, equity_usd: float
) -> Floats:
    """Return lambda (n,): the cost of trading weight 1, as a daily return over the holding period.

    Fee, half-spread, square-root impact of a full position, and the hedge that each trade drags along, whose size is
    hedge_ratio = |beta_btc| + |beta_eth|. idio_vol is daily; a name without a known traded value pays
    the impact of the largest participation.
    """
    flat = (parameters.fee_bps + parameters.half_spread_bps) * BPS
    impact = parameters.impact_y * idio_vol * np.sqrt(participation(adv_usd, parameters, equity_usd))
    hedge = hedge_ratio * parameters.hedge_cost_bps * BPS
    return np.asarray((flat + impact + hedge) / parameters.holding_days)


def participation(adv_usd: Floats, parameters: Parameters, equity_usd: float) -> Floats:
    """Return a full position's notional over the daily value traded, within [1e-5, 1e-2]."""
    with np.errstate(divide="ignore"):
        share = parameters.weight_max * equity_usd / np.where(np.isfinite(adv_usd), adv_usd, 0.0)
    return np.asarray(np.clip(share, PARTICIPATION_MIN, PARTICIPATION_MAX))
