import dataclasses

import numpy as np
import pandas as pd
import pytest

from strategies.idio_statarb.factor_model import factor_model
from strategies.idio_statarb.parameters import FACTORS, Parameters
from strategies.idio_statarb.signals import carry, mean_reversion, momentum, signals
from strategies.idio_statarb.universe import universe

from .panels import random_panel

PANEL = random_panel(11)
MODEL = factor_model(PANEL, Parameters())
ACTIVE = universe(PANEL, Parameters(min_volume_usd=0)).active


def with_residuals(rows, vol=1.0):
    """A model whose residuals are given; idio_vol is one wherever there is a residual."""
    days = pd.date_range("2024-01-01", periods=len(rows), unit="ms")
    residual = pd.DataFrame({"A": rows}, index=days, dtype=float)
    return dataclasses.replace(MODEL, resid_signal=residual, idio_vol=residual * 0 + vol)


def test_exponential_averages_start_from_the_first_value():
    """E3-8: 1..5 with span 3 gives 1, 1.5, 2.25, 3.125, 4.0625."""
    parameters = Parameters(ema_fast_days=3, ema_slow_days=1)
    model = with_residuals([1, 2, 3, 4, 5])
    found = momentum(model, parameters)["A"] + model.resid_signal["A"]  # a span of one is the series itself
    np.testing.assert_allclose(found, [1, 1.5, 2.25, 3.125, 4.0625])


def test_momentum_waits_for_ten_residuals_and_holds_its_state_over_a_gap():
    """S3-29, E3-8."""
    rows = [0.01 * i for i in range(14)]
    whole = momentum(with_residuals(rows), Parameters())["A"]
    assert whole.isna().tolist() == [True] * 9 + [False] * 5
    holed = momentum(with_residuals([*rows[:12], np.nan, np.nan, *rows[12:]]), Parameters())["A"]
    assert np.isnan(holed.iloc[12:14]).all()
    np.testing.assert_allclose(holed.iloc[14:], whole.iloc[12:])


def test_mean_reversion_is_the_distance_below_the_five_day_mean():
    """S3-32."""
    found = mean_reversion(with_residuals([1, 2, 3, 4, 10], vol=2.0), Parameters())["A"]
    assert found.isna().tolist() == [True] * 4 + [False]
    assert found.iloc[-1] == -(10 - 4) / 2


def test_carry_is_what_a_hedged_long_earns_in_a_year_over_annual_volatility():
    """E3-6: a long pays positive funding, and its short hedges receive theirs."""
    t, name = 100, "A09"
    f, vol = PANEL.funding.iloc[t], MODEL.idio_vol.iloc[t][name]
    earned = -f[name] + MODEL.beta_btc.iloc[t][name] * f["BTC"] + MODEL.beta_eth.iloc[t][name] * f["ETH"]
    assert carry(PANEL, MODEL).iloc[t][name] == pytest.approx(365 * earned / (vol * np.sqrt(365)), rel=1e-12)


def test_a_day_without_funding_has_no_carry():
    funding = PANEL.funding.copy()
    funding.iloc[100, :3] = np.nan
    found = carry(dataclasses.replace(PANEL, funding=funding), MODEL).iloc[100]
    assert found.iloc[:3].isna().all()
    assert found.notna().any()


def test_sprint_2_three_scores_across_active_names_within_three():
    """S3-71, S3-33 to S3-36."""
    found = signals(PANEL, MODEL, ACTIVE, Parameters())
    assert found.matrix.shape == (*PANEL.close.shape, 3)
    assert np.nanmax(np.abs(found.matrix)) <= 3
    for name in FACTORS:
        scores = getattr(found, name)
        assert scores.where(~ACTIVE).isna().all(axis=None)
        row = scores.iloc[120].dropna()
        assert len(row) >= 5
        assert abs(row.mean()) < 0.2


def test_the_mask_acts_on_the_cross_section_not_on_the_state():
    """D3-1: a name that was inactive for a while comes back with the score it would have had."""
    holed = ACTIVE.copy()
    holed.iloc[80:90, 8] = False
    whole, found = (signals(PANEL, MODEL, mask, Parameters()) for mask in (ACTIVE, holed))
    pd.testing.assert_frame_equal(found.momentum.iloc[90:], whole.momentum.iloc[90:])
    assert found.momentum.iloc[80:90, 8].isna().all()
