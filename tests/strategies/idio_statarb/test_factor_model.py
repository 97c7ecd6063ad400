import numpy as np
import pandas as pd
import pytest

from strategies.idio_statarb.factor_model import factor_model, simple_returns
from strategies.idio_statarb.parameters import Parameters

from .panels import REAL, needs_real, panel_of, random_panel

LITERAL = Parameters(rules="literal")


def white_panel(seed=0, *, days=900, names=40):
    """Independent residuals of 4 % a day on factors with known betas."""
    rng = np.random.default_rng(seed)
    factors = 0.03 * rng.normal(size=(days, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    betas = rng.uniform(0, 1.5, (2, names))
    returns = np.hstack([factors @ betas + 0.04 * rng.normal(size=(days, names)), factors])
    labels = [f"A{i:03d}" for i in range(names)] + ["BTC", "ETH"]
    return panel_of(np.clip(returns, -0.5, 0.5), names=labels), betas


def test_sprint_1_daily_data_in_residuals_out_nan_for_short_history():
    """S3-70, S3-25: nothing before 31 closes, everything from then on."""
    panel = random_panel(4)
    model = factor_model(panel, Parameters())
    live = panel.live.to_numpy()
    run = np.zeros(live.shape, dtype=int)
    for t in range(len(live)):
        run[t] = (run[t - 1] + 1) * live[t] if t else live[t]
    expected = (run >= 31) & ~panel.symbols.isin(["BTC", "ETH"])
    for frame in (model.beta_btc, model.beta_eth, model.resid_signal, model.idio_vol):
        np.testing.assert_array_equal(frame.notna().to_numpy(), expected)


@needs_real
def test_sprint_1_daily_funding_is_the_sum_of_the_hourly_payments():
    """S3-70, S3-21, D3-5: hourly stamps 00:00 to 23:00 of the day."""
    hourly = pd.read_parquet(REAL / "funding_1h.parquet")
    hourly = hourly[hourly["time"] >= "2025-06-01"].astype({"symbol": "str", "rate": "float64"})
    summed = hourly.groupby([hourly["time"].dt.normalize(), "symbol"])["rate"].agg(["sum", "count"])
    daily = pd.read_parquet(REAL / "perp_daily.parquet", columns=["date", "symbol", "funding", "funding_n"])
    daily = daily[(daily["date"] >= "2025-06-01") & (daily["funding_n"] > 0)].astype({"symbol": "str"})
    both = daily.merge(summed, left_on=["date", "symbol"], right_index=True)
    assert len(both) > 5_000
    np.testing.assert_allclose(both["funding"], both["sum"], rtol=0, atol=2e-9)
    assert (both["funding_n"] == both["count"]).all()


def test_the_tradable_residual_uses_yesterdays_betas_and_keeps_the_intercept():
    """E3-1, E3-2."""
    panel = random_panel(5)
    model, returns = factor_model(panel, Parameters()), simple_returns(panel)
    names = list(panel.symbols)
    btc, eth, own = (returns[:, names.index(s)] for s in ("BTC", "ETH", "A09"))
    expected = own - model.beta_btc["A09"].shift(1) * btc - model.beta_eth["A09"].shift(1) * eth
    np.testing.assert_allclose(model.resid_trade["A09"], expected, atol=1e-15)
    assert model.target.equals(model.resid_trade)


def test_residual_variance_is_short_in_sample_and_long_out_of_sample():
    """O3-4: 0.90 and about 1.08 of the truth."""
    model = factor_model(white_panel()[0], Parameters())
    inside = np.nanvar(model.resid_signal) / 0.04**2
    outside = np.nanvar(model.resid_trade) / 0.04**2
    assert inside == pytest.approx(0.90, abs=0.01)
    assert outside == pytest.approx(1.0767, abs=0.02)


def test_idio_vol_is_unbiased_by_the_three_coefficients():
    """D3-2, E3-9: the square of idio_vol averages to the true variance."""
    model = factor_model(white_panel()[0], Parameters())
    assert np.nanmean(model.idio_vol.to_numpy() ** 2) / 0.04**2 == pytest.approx(1, abs=0.01)


def test_literal_rules_are_the_briefs():
    """D3-2, D3-3: log returns, in-sample target, rolling standard deviation; the traded residual stays simple."""
    panel = random_panel(6)
    model = factor_model(panel, LITERAL)
    assert model.target.equals(model.resid_signal)
    rolled = model.resid_signal.rolling(30).std()
    pd.testing.assert_frame_equal(model.idio_vol, rolled, atol=1e-12, rtol=0)
    simple, logs = factor_model(panel, Parameters()), np.log1p(simple_returns(panel))
    t, name = 100, list(panel.symbols).index("A09")
    fitted = model.alpha.iloc[t, name]
    for beta, hedge in ((model.beta_btc, "BTC"), (model.beta_eth, "ETH")):
        fitted += beta.iloc[t, name] * logs[t, list(panel.symbols).index(hedge)]
    assert model.resid_signal.iloc[t, name] == pytest.approx(logs[t, name] - fitted, abs=1e-15)
    assert not np.allclose(model.beta_btc, simple.beta_btc, equal_nan=True)


def test_hedges_have_no_residuals():
    """E3-25."""
    model = factor_model(random_panel(7), Parameters())
    for frame in (model.beta_btc, model.resid_signal, model.resid_trade, model.idio_vol):
        assert frame[["BTC", "ETH"]].isna().all(axis=None)


def test_a_price_that_never_moves_has_no_idio_vol():
    panel, _ = white_panel(days=80, names=3)
    panel.close["A000"] = 1.0
    assert factor_model(panel, Parameters()).idio_vol["A000"].isna().all()


def test_a_hedged_book_is_neutral_to_both_factors():
    """O3-14: with true betas the book's return correlates with BTC and ETH by less than 2 / sqrt(n)."""
    panel, betas = white_panel(8)
    returns = simple_returns(panel)
    names = returns[:, :-2]
    weights = np.random.default_rng(8).normal(size=betas.shape[1])
    book = (names - returns[:, -2:] @ betas) @ weights
    for hedge in (returns[1:, -2], returns[1:, -1]):
        assert abs(np.corrcoef(book[1:], hedge)[0, 1]) <= 2 / np.sqrt(len(hedge))


def test_lagged_betas_leave_a_measured_beta_error_only():
    """E3-4: out of sample the rolling hedge keeps less than a tenth of the factor's variance."""
    panel, _ = white_panel(9)
    model = factor_model(panel, Parameters())
    book = model.resid_trade.drop(columns=["BTC", "ETH"]).mean(axis=1).to_numpy()[31:]
    raw = np.nanmean(simple_returns(panel)[31:, :-2], axis=1)
    btc = simple_returns(panel)[31:, -2]
    assert np.corrcoef(book, btc)[0, 1] ** 2 < 0.1
    assert np.corrcoef(raw, btc)[0, 1] ** 2 > 0.5
