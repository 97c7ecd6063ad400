"""Panels with known properties, and where the recorded ones are."""

import os
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from strategies.idio_statarb.panel import Panel

SHARED = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).resolve().parents[3] / "../shared"))
REAL = SHARED / "data/hyperliquid_perp"
needs_real = pytest.mark.skipif(
    not REAL.is_dir(), reason="the recorded Hyperliquid panel is not beside the repository"
)


def panel_of(returns: np.ndarray, *, names: list[str], start: str = "2024-01-01", seed: int = 0) -> Panel:
    """Columns of returns (t, n) are names, BTC and ETH among them; NaN is a day that was not live."""
    rng = np.random.default_rng(seed)
    days = pd.date_range(start, periods=len(returns), freq="D", unit="ms", name="date")
    order = np.argsort(names)
    returns = returns[:, order]
    symbols = pd.Index(np.array(names)[order], name="symbol")
    close = 100 * np.cumprod(1 + np.nan_to_num(returns), axis=0)
    volume = 10 ** rng.uniform(4.8, 6.8, len(names)) * rng.uniform(0.5, 1.5, returns.shape)
    funding = rng.normal(1e-4, 3e-4, returns.shape)
    values = {
        "open": close,
        "high": close * 1.01,
        "low": close * 0.99,
        "close": close,
        "volume": volume,
        "live": np.isfinite(returns),
        "funding": funding,
        "funding_n": np.full(returns.shape, 24.0),
    }
    return Panel(**{f.name: pd.DataFrame(values[f.name], days, symbols) for f in fields(Panel)})


def random_panel(seed: int, *, days: int = 160, names: int = 14) -> Panel:
    """Fat tails, common factors, entrants, leavers and single-day gaps."""
    rng = np.random.default_rng(seed)
    factors = 0.03 * rng.standard_t(4, (days, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    own = 0.05 * rng.standard_t(4, (days, names))
    returns = np.clip(factors @ rng.uniform(0, 1, (2, names)) + own, -0.6, 1.5)
    for column in range(names // 4):
        returns[: rng.integers(1, days // 2), column] = np.nan
    returns[rng.integers(days // 2, days) :, names // 3] = np.nan
    returns[rng.integers(0, days), names // 2] = np.nan
    labels = [f"A{i:02d}" for i in range(names)] + ["BTC", "ETH"]
    return panel_of(np.hstack([returns, factors]), names=labels, seed=seed)
