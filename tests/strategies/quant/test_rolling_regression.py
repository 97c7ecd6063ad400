import numpy as np
import pytest
from statsmodels.regression.rolling import RollingOLS

from strategies.quant.rolling_regression import residual_sum_of_squares, rolling_fit

WINDOW = 30


@pytest.fixture(scope="module")
def returns():
    rng = np.random.default_rng(3)
    factors = 0.03 * rng.standard_t(4, (500, 2)) @ np.array([[1.0, 0.9], [0.0, 0.4]])
    y = factors @ rng.uniform(0, 1.5, (2, 50)) + 0.05 * rng.standard_t(4, (500, 50))
    y[rng.random(y.shape) < 0.003] = np.nan
    y[:200, 0] = np.nan
    return y, factors


def test_it_equals_statsmodels_rolling_ols_with_holes(returns):
    """O3-3: 50 names by 500 days, window 30, min_nobs 30, to 1e-9."""
    y, factors = returns
    fit = rolling_fit(y, factors, WINDOW)
    design = np.column_stack([np.ones(len(factors)), factors])
    for column in range(y.shape[1]):
        model = RollingOLS(y[:, column], design, window=WINDOW, min_nobs=WINDOW, missing="drop")
        expected = np.asarray(model.fit(params_only=True).params)
        found = np.column_stack([fit.alpha[:, column], *fit.betas[:, :, column]])
        whole = np.isfinite(expected).all(axis=1) & np.isfinite(found).all(axis=1)
        np.testing.assert_allclose(found[whole], expected[whole], rtol=0, atol=1e-9)
        assert np.isfinite(found[:, 0]).sum() == _whole_windows(y[:, column])


def _whole_windows(y):
    finite = np.convolve(np.isfinite(y), np.ones(WINDOW), "valid")
    return int((finite == WINDOW).sum())


def test_the_residual_sum_of_squares_is_that_of_each_window(returns):
    y, factors = returns
    found = residual_sum_of_squares(y, factors, rolling_fit(y, factors, WINDOW), WINDOW)
    for t in (29, 150, 499):
        design = np.column_stack([np.ones(WINDOW), factors[t - 29 : t + 1]])
        for column in (1, 7):
            window = y[t - 29 : t + 1, column]
            if np.isfinite(window).all():
                _, expected, _, _ = np.linalg.lstsq(design, window, rcond=None)
                assert found[t, column] == pytest.approx(expected[0], rel=1e-12)


def test_a_cell_is_the_same_to_the_bit_with_fewer_days_and_fewer_names(returns):
    y, factors = returns
    whole = rolling_fit(y, factors, WINDOW)
    for days, names in ((499, 50), (301, 1), (40, 7), (30, 3)):
        part = rolling_fit(y[:days, :names], factors[:days], WINDOW)
        np.testing.assert_array_equal(part.betas, whole.betas[:, :days, :names])
        np.testing.assert_array_equal(part.alpha, whole.alpha[:days, :names])


def test_factors_that_move_together_give_no_betas(returns):
    y, factors = returns
    twins = np.column_stack([factors[:, 0], 2 * factors[:, 0]])
    assert not np.isfinite(rolling_fit(y, twins, WINDOW).betas).any()
    assert not np.isfinite(rolling_fit(y, np.zeros_like(factors), WINDOW).betas).any()


def test_a_hole_in_a_factor_empties_every_window_that_holds_it(returns):
    y, factors = returns
    holed = factors.copy()
    holed[100, 1] = np.nan
    beta = rolling_fit(y, holed, WINDOW).betas[0][:, 5]
    assert not np.isfinite(beta[100:130]).any()


def test_a_history_shorter_than_the_window_gives_nothing():
    fit = rolling_fit(np.ones((10, 2)), np.ones((10, 2)), WINDOW)
    assert fit.betas.shape == (2, 10, 2)
    assert not np.isfinite(fit.betas).any()
