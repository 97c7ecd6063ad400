"""Which names may be traded on which day, and why not (S3-6 to S3-9, E3-5, E3-25, E3-26, D3-6)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strategies.idio_statarb.panel import Panel
from strategies.idio_statarb.parameters import Parameters
from strategies.quant.classification import AssetClass, asset_class
from strategies.quant.trailing import Floats, lag_one, run_length, trailing_sum

VOLUME_DAYS = 30

REASONS = (
    "",
    "not live",
    "hedge asset",
    "stable",
    "wrapped or pegged",
    "short history",
    "illiquid",
    "not in frozen universe",
)
"""Why a name is not active; the empty word says that it is. universe.reason holds places in this list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """Frames (days, symbols): active (bool), reason (place in REASONS), adv_usd (mean daily value traded, USD)."""

    active: pd.DataFrame
    reason: pd.DataFrame
    adv_usd: pd.DataFrame


def universe(
    panel: Panel, parameters: Parameters, *, frozen: Mapping[pd.Timestamp, frozenset[str]] | None = None
) -> Universe:
    """Return who is active each day: enough consecutive live closes and enough value traded.

    frozen replaces the active names of single days: the universe is decided at 23:45 and kept for both
    phases (E3-23). A frozen name that is not live that day stays inactive.
    """
    live = panel.live.to_numpy()
    adv = average_value_traded(panel)
    reason = np.zeros(live.shape, dtype=np.int8)
    reason[~(adv >= parameters.min_volume_usd)] = REASONS.index("illiquid")
    reason[run_length(live) < parameters.min_history_days] = REASONS.index("short history")
    for day, names in (frozen or {}).items():
        row = panel.days.get_loc(day)
        reason[row] = np.where(panel.symbols.isin(names), 0, REASONS.index("not in frozen universe"))
    for column, symbol in enumerate(panel.symbols):
        if (kind := asset_class(symbol)) is not AssetClass.COIN:
            reason[:, column] = REASONS.index(kind.value)
    reason[~live] = REASONS.index("not live")
    return Universe(
        active=_frame(panel, reason == 0), reason=_frame(panel, reason), adv_usd=_frame(panel, adv)
    )


def average_value_traded(panel: Panel) -> Floats:
    """Return the mean of base volume times (high + low + close) / 3 over the live days of the last 30, USD.

    A day that is not complete (live, no volume yet) keeps the mean of the day before (E3-26, D3-6). Shape (t, n).
    """
    live = panel.live.to_numpy()
    volume = panel.volume.to_numpy()
    typical = (panel.high.to_numpy() + panel.low.to_numpy() + panel.close.to_numpy()) / 3.0
    complete = live & np.isfinite(volume)
    value = np.where(complete, volume * typical, 0.0)
    total = trailing_sum(_padded(value), VOLUME_DAYS)[VOLUME_DAYS - 1 :]
    count = trailing_sum(_padded(complete.astype(float)), VOLUME_DAYS)[VOLUME_DAYS - 1 :]
    mean = np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
    return np.where(live & ~complete, lag_one(mean), mean)


def _padded(x: Floats) -> Floats:
    """Days before the first one count as not live."""
    return np.vstack([np.zeros((VOLUME_DAYS - 1, x.shape[1])), x])


def _frame(panel: Panel, values: NDArray[np.generic]) -> pd.DataFrame:
    return pd.DataFrame(values, index=panel.days, columns=panel.symbols)
