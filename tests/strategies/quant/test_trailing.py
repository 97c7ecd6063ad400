import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from strategies.quant.trailing import lag_one, run_length, trailing_mean, trailing_std, trailing_sum

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(1, 40), st.integers(1, 6))
def test_a_trailing_sum_is_pandas_rolling_sum(seed, days, window):
    x = np.random.default_rng(seed).normal(size=(days, 3))
    x[np.random.default_rng(seed).random(x.shape) < 0.1] = np.nan
    expected = pd.DataFrame(x).rolling(window).sum().to_numpy()
    np.testing.assert_allclose(trailing_sum(x, window), expected, atol=1e-12)


@given(seeds, st.integers(3, 40))
def test_a_trailing_std_is_pandas_rolling_std(seed, days):
    x = np.random.default_rng(seed).normal(size=(days, 2))
    np.testing.assert_allclose(trailing_std(x, 3), pd.DataFrame(x).rolling(3).std().to_numpy(), atol=1e-9)


@given(seeds, st.integers(2, 30), st.integers(1, 29))
def test_a_row_is_the_same_to_the_bit_with_and_without_later_rows(seed, days, cut):
    x = np.random.default_rng(seed).normal(size=(days, 3))
    for function in (trailing_sum, trailing_mean, trailing_std):
        np.testing.assert_array_equal(function(x, 4)[:cut], function(x[:cut], 4))


def test_a_run_ends_at_a_gap():
    mask = np.array([[True], [True], [False], [True]])
    assert run_length(mask)[:, 0].tolist() == [1, 2, 0, 1]


def test_a_lag_starts_unknown():
    assert lag_one(np.array([1.0, 2.0]))[1] == 1.0
    assert np.isnan(lag_one(np.array([1.0, 2.0]))[0])
