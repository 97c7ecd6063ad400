"""Losses against their definitions: quantile, minimisation, coherence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.quant.tail_risk import literal_tail, tail_risk, tracking_error, worst_drawdown

few = settings(max_examples=40)
series = st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=60).map(np.array)
levels = st.floats(0.5, 0.99)


def test_of_a_hundred_losses_the_fifth_worst_is_not_beyond_the_level():
    """E0-30: losses 1 to 100 %, level 95 %: VaR 95 %, mean of 96 to 100 %."""
    found = tail_risk(-np.arange(1, 101) / 100, level=0.95)
    assert found.value_at_risk == pytest.approx(0.95)
    assert found.expected_shortfall == pytest.approx(0.98)
    assert (found.level, found.horizon_days, found.observations) == (0.95, 1.0, 100)


def test_a_part_of_an_observation_counts_in_part():
    """Ten losses 1 to 10 %, level 85 %: one and a half of the worst, (10 + 9 / 2) / 1.5."""
    found = tail_risk(-np.arange(1, 11) / 100, level=0.85)
    assert found.value_at_risk == pytest.approx(0.09)
    assert found.expected_shortfall == pytest.approx(0.145 / 1.5)


def test_a_level_that_rounds_to_just_above_a_whole_number_of_losses_takes_no_further_one():
    """0.55 * 100 is 55.00000000000001."""
    assert tail_risk(-np.arange(1, 101) / 100, level=0.55).value_at_risk == pytest.approx(0.55)


@few
@given(series, levels)
def test_expected_shortfall_is_the_minimum_that_rockafellar_and_uryasev_define(returns, level):
    """min over z of z + mean of max(loss - z, 0) / (1 - level); piecewise linear, so its corners suffice."""
    losses = -returns
    values = losses + np.maximum(losses[:, None] - losses, 0).mean(axis=0) / (1 - level)
    found = tail_risk(returns, level=level)
    assert found.expected_shortfall == pytest.approx(values.min(), abs=1e-12)
    assert found.expected_shortfall >= found.value_at_risk - 1e-15


@few
@given(st.lists(st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)), min_size=1, max_size=40), levels)
def test_two_books_together_are_at_no_greater_risk_than_apart(pairs, level):
    a, b = np.array(pairs).T
    together = tail_risk(a + b, level=level).expected_shortfall
    apart = tail_risk(a, level=level).expected_shortfall + tail_risk(b, level=level).expected_shortfall
    assert together <= apart + 1e-12


@few
@given(series, levels, st.floats(0.1, 3), st.floats(-0.2, 0.2))
def test_twice_the_book_is_twice_the_risk_and_a_sure_gain_takes_itself_off(returns, level, scale, gain):
    before, after = tail_risk(returns, level=level), tail_risk(scale * returns + gain, level=level)
    assert after.value_at_risk == pytest.approx(scale * before.value_at_risk - gain, abs=1e-12)
    assert after.expected_shortfall == pytest.approx(scale * before.expected_shortfall - gain, abs=1e-12)


def test_the_briefs_numbers_are_signed_and_interpolated():
    """S0-57, S0-58: numpy's 5 % point of 1 to 100 lies between the fifth and the sixth worst."""
    at_risk, shortfall = literal_tail(-np.arange(1, 101) / 100)
    assert at_risk == pytest.approx(-0.9505)
    assert shortfall == pytest.approx(-0.98)


def test_the_deepest_fall_is_found_between_its_peak_and_its_trough():
    found = worst_drawdown(np.array([1.0, 2.0, 1.5, 3.0, 1.2, 2.9]))
    assert (found.depth, found.peak, found.trough) == (pytest.approx(0.6), 3, 4)


def test_what_only_rises_has_no_drawdown():
    assert worst_drawdown(np.arange(1.0, 9)).depth == 0


@few
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30).map(np.array))
def test_the_deepest_fall_is_the_worst_of_all_pairs(values):
    pairs = [1 - values[j] / values[i] for i in range(len(values)) for j in range(i, len(values))]
    found = worst_drawdown(values)
    assert found.depth == pytest.approx(max(pairs), abs=1e-15)
    assert 1 - values[found.trough] / values[found.peak] == pytest.approx(found.depth, abs=1e-15)


def test_tracking_error_is_the_spread_of_active_returns_and_not_their_mean():
    benchmark = np.array([0.01, -0.02, 0.03])
    assert tracking_error(benchmark + 0.005, benchmark) == pytest.approx(0, abs=1e-17)
    active = np.array([0.01, -0.01, 0.0])
    assert tracking_error(benchmark + active, benchmark, periods_a_year=365) == pytest.approx(
        0.01 * np.sqrt(365)
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tail_risk(np.array([0.1, np.nan])), r"return \[1\] is nan"),
        (lambda: tail_risk(np.array([])), "one column with a row or more"),
        (lambda: tail_risk(np.ones(3), level=1.0), "between 0 and 1"),
        (lambda: worst_drawdown(np.array([0.0, 1.0])), r"value \[0\] is 0"),
        (lambda: tracking_error(np.ones(3), np.ones(2)), "against"),
        (lambda: tracking_error(np.ones(1), np.ones(1)), "two returns"),
    ],
)
def test_what_is_no_series_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
