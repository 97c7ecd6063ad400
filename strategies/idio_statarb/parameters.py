"""The pipeline's own settings; names and defaults are those of D3-14 and the D3 rows."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le

FACTORS: tuple[str, str, str] = ("momentum", "mean_reversion", "carry")
"""The three signals, in the order of every array that has an axis for them."""

Rules = Literal["corrected", "literal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Everything modules A to D can be told. kappa is chosen each Monday unless a value is given here (D3-8)."""

    window_days: Annotated[int, Ge(5), Le(365), Doc("rolling regression window, returns")] = 30
    cov_days: Annotated[int, Ge(5), Le(1000), Doc("covariance window, hedged returns")] = 60
    pool_days: Annotated[
        int, Ge(5), Le(1000), Doc("ridge lookback, pairs of signal and next day's return")
    ] = 60
    ema_fast_days: Annotated[int, Ge(1), Le(365), Doc("momentum: span of the fast average")] = 3
    ema_slow_days: Annotated[int, Ge(2), Le(365), Doc("momentum: span of the slow average; its warm-up")] = 10
    sma_days: Annotated[int, Ge(2), Le(365), Doc("mean reversion: length of the simple average")] = 5
    winsor: Annotated[float, Gt(0), Le(10), Doc("z-scores are clipped at plus and minus this")] = 3.0
    min_names: Annotated[int, Ge(2), Le(1000), Doc("fewest names in a cross-section that get z-scores")] = 5
    min_history_days: Annotated[
        int, Ge(2), Le(1000), Doc("consecutive live closes before a name is active")
    ] = 31
    min_volume_usd: Annotated[float, Ge(0), Doc("30-day mean traded value that makes a name active")] = (
        10_000_000.0
    )
    gamma: Annotated[float, Gt(0), Le(1000), Doc("risk aversion against daily variance")] = 5.0
    gross_max: Annotated[float, Gt(0), Le(20), Doc("idio leverage: sum of absolute weights")] = 1.0
    physical_gross_max: Annotated[float, Gt(0), Le(20), Doc("gross with both hedges (E3-18)")] = 2.0
    weight_max: Annotated[float, Gt(0), Le(1), Doc("one name's weight")] = 0.10
    adv_share_max: Annotated[
        float, Gt(0), Le(1), Doc("one name's notional as share of its daily value traded")
    ] = 0.01
    fee_bps: Annotated[float, Ge(0), Le(100), Doc("taker fee")] = 4.5
    half_spread_bps: Annotated[float, Ge(0), Le(100), Doc("half of the quoted spread")] = 2.0
    hedge_cost_bps: Annotated[float, Ge(0), Le(100), Doc("cost of a unit of hedge traded")] = 5.5
    impact_y: Annotated[float, Ge(0), Le(10), Doc("square-root impact, multiple of daily volatility")] = 0.5
    holding_days: Annotated[float, Gt(0), Le(365), Doc("days over which a trade's cost is spread")] = 5.0
    kappa: Annotated[float | None, Gt(0), Doc("ridge penalty per pooled row; none: chosen each Monday")] = (
        None
    )
    equity_usd: Annotated[float, Gt(0), Doc("account equity that caps and impact are measured against")] = (
        1_000_000.0
    )
    rules: Annotated[Rules, Doc("corrected, or the brief's literal residuals, target, returns and units")] = (
        "corrected"
    )
