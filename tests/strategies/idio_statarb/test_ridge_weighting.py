import numpy as np
import pandas as pd
import pytest
from scipy.optimize import nnls
from sklearn.linear_model import Ridge

from strategies.idio_statarb.factor_model import factor_model
from strategies.idio_statarb.parameters import FACTORS, Parameters
from strategies.idio_statarb.pipeline import prepare
from strategies.idio_statarb.ridge_weighting import (
    KAPPAS,
    choose_kappa,
    forward_targets,
    ridge_weighting,
    stack,
)
from strategies.quant.trailing import Floats

from .panels import panel_of

DAYS = pd.date_range("2024-01-01", periods=150, unit="ms")  # a Monday


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(0)
    scores = np.clip(rng.normal(size=(150, 20, 3)), -3, 3)
    targets = scores @ [0.3, -0.1, 0.05] + rng.normal(size=(150, 20))
    scores[rng.random((150, 20)) < 0.1, 1] = np.nan
    targets[rng.random((150, 20)) < 0.1] = np.nan
    return scores, targets


def pooled(scores, targets, t, days=60) -> tuple[Floats, Floats]:
    x, y = scores[t - days : t].reshape(-1, 3), targets[t - days : t].ravel()
    kept = np.isfinite(x).all(axis=1) & np.isfinite(y)
    return x[kept], y[kept]


@pytest.mark.parametrize("t", [60, 97, 149])
def test_sprint_2_it_is_scikit_learns_positive_ridge_on_the_stacked_pairs(pairs, t):
    """S3-71, S3-41 to S3-43, E3-12, E3-13: alpha = kappa times rows, no intercept, pairs t - 60 to t - 1."""
    weighting = ridge_weighting(*pairs, DAYS, Parameters(kappa=0.01))
    x, y = pooled(*pairs, t)
    row = weighting.fit.iloc[t]
    assert (row["rows"], row["ridge_alpha"]) == (len(x), pytest.approx(0.01 * len(x)))
    peer = Ridge(alpha=row["ridge_alpha"], positive=True, fit_intercept=False, tol=1e-12).fit(x, y)
    np.testing.assert_allclose(row[list(FACTORS)], peer.coef_, atol=1e-6)
    free = Ridge(alpha=row["ridge_alpha"], fit_intercept=False).fit(x, y)
    np.testing.assert_allclose(weighting.unconstrained.iloc[t], free.coef_, atol=1e-9)


def test_the_decision_does_not_know_its_own_days_target(pairs):
    """E3-11: the pair of day t exists only after t + 1."""
    scores, targets = pairs
    later = targets.copy()
    later[100:] = 1e3
    before, after = (ridge_weighting(scores, y, DAYS, Parameters()).fit for y in (targets, later))
    pd.testing.assert_frame_equal(before.iloc[:101], after.iloc[:101])
    assert not before.iloc[101].equals(after.iloc[101])


def test_the_target_is_tomorrows_residual_over_todays_volatility():
    """S3-39, S3-71."""
    residual, vol = np.array([[1.0], [2.0], [6.0]]), np.array([[2.0], [3.0], [5.0]])
    found = forward_targets(residual, vol)
    assert found[:2, 0].tolist() == [1.0, 2.0]
    assert np.isnan(found[2, 0])


def test_a_pool_without_pairs_gives_no_weights(pairs):
    found = ridge_weighting(*pairs, DAYS, Parameters()).fit.iloc[0]
    assert found[list(FACTORS)].isna().all()
    assert np.isnan(found["ridge_alpha"])


def test_kappa_is_chosen_on_mondays_and_kept(pairs):
    """D3-8."""
    kappa = ridge_weighting(*pairs, DAYS, Parameters()).fit["kappa"]
    changed = kappa.index[kappa.diff().fillna(0) != 0]
    assert set(changed.day_of_week) <= {0}
    assert set(kappa) <= set(KAPPAS)
    t = 105
    assert DAYS[t].weekday() == 0
    assert kappa.iloc[t] == kappa.iloc[t + 6] == brute_force_kappa(*pairs, t)


def brute_force_kappa(scores, targets, t):
    """D3-8 with Lawson and Hanson on the stacked rows, block by block."""
    errors = {kappa: [] for kappa in KAPPAS}
    for block in range(1, 5):
        start = t - 60 + 12 * block
        x, y = pooled(scores, targets, start - 1, days=12 * block - 1)
        ahead, truth = pooled(scores, targets, start + 12, days=12)
        for kappa in KAPPAS:
            penalty = np.sqrt(kappa * len(x)) * np.eye(3)
            weights, _ = nnls(np.vstack([x, penalty]), np.concatenate([y, np.zeros(3)]))
            errors[kappa].append((ahead @ weights - truth) ** 2)
    mean = {kappa: np.concatenate(found).mean() for kappa, found in errors.items()}
    return max(kappa for kappa in KAPPAS if mean[kappa] == min(mean.values()))


def test_kappa_is_the_brute_force_choice_where_the_choice_is_close():
    """D3-8: five blocks, expanding, one day purged; sixty pools whose signals are weak enough to make it tell."""
    rng = np.random.default_rng(5)
    scores = rng.normal(size=(60 * 60, 4, 3))
    targets = scores @ [0.12, 0.06, 0.0] + rng.standard_t(3, size=(60 * 60, 4))
    daily = stack(scores, targets)
    found = choose_kappa([daily[t - 60 : t] for t in range(60, 3601, 60)])
    assert found.tolist() == [brute_force_kappa(scores, targets, t) for t in range(60, 3601, 60)]
    assert len(set(found)) >= 4


def test_ties_and_pools_too_short_to_tell_go_to_the_larger_kappa(pairs):
    assert choose_kappa([np.zeros((0, 14))]) == 10
    assert choose_kappa([stack(*pairs)[:1]]) == 10
    scores, targets = pairs
    useless = stack(np.abs(scores), -np.abs(targets))  # every fit is zero, so every kappa predicts the same
    assert choose_kappa([useless[:60]]) == 10


def test_a_signal_that_predicts_more_is_shrunk_less(pairs):
    scores, _ = pairs
    assert choose_kappa([stack(scores, np.nansum(scores * [0.5, 0.3, 0.1], axis=2))[:60]]) == 1e-4


def autoregressive_panel(phi, *, days=700, names=30):
    rng = np.random.default_rng(21)
    factors = 0.03 * rng.normal(size=(days, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    own = 0.04 * rng.normal(size=(days, names))
    for t in range(1, days):
        own[t] += phi * own[t - 1]
    returns = np.hstack([factors @ rng.uniform(0, 1.5, (2, names)) + own, factors])
    return panel_of(np.clip(returns, -0.5, 0.5), names=[f"A{i:02d}" for i in range(names)] + ["BTC", "ETH"])


@pytest.mark.parametrize(
    ("phi", "paid", "unpaid"), [(-0.1, "mean_reversion", "momentum"), (0.1, "momentum", "mean_reversion")]
)
def test_a_planted_alpha_is_found(phi, paid, unpaid):
    """O3-5."""
    parameters = Parameters(min_volume_usd=0, pool_days=600, kappa=1e-3)
    fit = prepare(autoregressive_panel(phi), parameters).weighting.fit.iloc[-1]
    assert fit[paid] > 0.02
    assert fit[unpaid] == 0


def information(scores, targets, *, skip=40):
    """Mean rank-free information coefficient of each day, and its t statistic."""
    s, y = scores[skip:-1], targets[skip:-1]
    both = np.isfinite(s) & np.isfinite(y)
    s, y = np.where(both, s, np.nan), np.where(both, y, np.nan)
    s, y = s - np.nanmean(s, axis=1)[:, None], y - np.nanmean(y, axis=1)[:, None]
    coefficients = np.nansum(s * y, axis=1) / np.sqrt(np.nansum(s**2, axis=1) * np.nansum(y**2, axis=1))
    return coefficients.mean(), coefficients.mean() / coefficients.std() * np.sqrt(len(coefficients))


@pytest.fixture(scope="module")
def noise():
    panel = autoregressive_panel(0.0, days=3000, names=40)
    return panel, prepare(panel, Parameters(min_volume_usd=0))


def test_on_noise_no_signal_predicts_the_tradable_target(noise):
    """O3-2, E3-2."""
    _, frames = noise
    targets = forward_targets(frames.model.resid_trade.to_numpy(), frames.model.idio_vol.to_numpy())
    scores = frames.signals.matrix[:, :-2]
    for k in range(3):
        _, t = information(scores[:, :, k], targets[:, :-2])
        assert abs(t) < 3


def test_on_noise_the_literal_target_rewards_a_slow_mean_that_earns_nothing(noise):
    """O3-2, E3-2: so the two targets differ."""
    panel, frames = noise
    vol = frames.model.idio_vol.to_numpy()[:, :-2]
    slow = frames.model.resid_signal.rolling(20).mean().to_numpy()[:, :-2]
    lagged = frames.model.resid_trade.rolling(20).mean().to_numpy()[:, :-2]
    literal = forward_targets(frames.model.resid_signal.to_numpy()[:, :-2], vol)
    tradable = forward_targets(frames.model.resid_trade.to_numpy()[:, :-2], vol)
    assert information(slow, literal, skip=60)[1] < -10
    assert information(lagged, literal, skip=60)[1] < -10
    assert abs(information(slow, tradable, skip=60)[1]) < 3
    assert factor_model(panel, Parameters()).target.equals(frames.model.resid_trade)
