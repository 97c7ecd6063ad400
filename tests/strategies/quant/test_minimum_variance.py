"""Minimum variance against the worked cases, cvxpy, a closed form and its own certificate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.minimum_variance import compared, drawn_covariance
from strategies.quant import minimum_variance as module
from strategies.quant.minimum_variance import literal_minimum_variance, minimum_variance

SIGMA = np.array([0.1, 0.2, 0.3, 0.4])
CORRELATION = np.array([[1, 0.8, 0, 0], [0.8, 1, 0, 0], [0, 0, 1, -0.5], [0, 0, -0.5, 1]])
TEXTBOOK = CORRELATION * np.outer(SIGMA, SIGMA)

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=20)


def volatility(weights):
    return np.sqrt(weights @ TEXTBOOK @ weights)


def test_the_textbook_case_long_only_and_between_one_and_thirty_five_percent():
    """O0-9."""
    found = minimum_variance(TEXTBOOK, floor=0.0, cap=1.0)
    assert found.weights == pytest.approx([0.7448, 0, 0.1517, 0.1034], abs=5e-5)
    assert np.sqrt(found.variance) == pytest.approx(0.0863, abs=5e-5)
    found = minimum_variance(TEXTBOOK, floor=0.01, cap=0.35)
    assert found.weights == pytest.approx([0.35, 0.1933, 0.2716, 0.1852], abs=6e-5)
    assert np.sqrt(found.variance) == pytest.approx(0.10475, abs=5e-6)


def test_the_briefs_clipping_and_capping_is_not_minimum_variance():
    """E0-18: 11.27 % where 10.48 % can be had."""
    found = literal_minimum_variance(TEXTBOOK, floor=0.01, cap=0.35)
    assert volatility(found.weights) == pytest.approx(0.1127, abs=5e-5)


def test_the_brief_gives_one_percent_where_it_would_short():
    """S0-48: the second weight is negative without limits; one percent of what then sums to more than one."""
    inverse = np.linalg.inv(TEXTBOOK).sum(axis=1)
    raw = inverse / inverse.sum()
    assert (raw < 0).tolist() == [False, True, False, False]
    expected = np.where(raw < 0, 0.01, raw)
    found = literal_minimum_variance(TEXTBOOK, floor=0.0, cap=1.0)
    assert found.weights == pytest.approx(expected / expected.sum(), abs=1e-12)


def test_the_briefs_rule_has_no_answer_for_a_singular_covariance():
    """S0-50: its caller falls back to market caps."""
    assert literal_minimum_variance(np.ones((3, 3)), floor=0.01, cap=0.35) is None


@given(st.floats(0.01, 2), st.floats(0.01, 2), st.floats(-0.99, 0.99))
def test_two_assets_have_a_closed_form(s1, s2, rho):
    """O0-10, long only."""
    covariance = np.array([[s1**2, rho * s1 * s2], [rho * s1 * s2, s2**2]])
    closed = (s2**2 - rho * s1 * s2) / (s1**2 + s2**2 - 2 * rho * s1 * s2)
    found = minimum_variance(covariance, floor=0.0, cap=1.0).weights
    assert found == pytest.approx([np.clip(closed, 0, 1), np.clip(1 - closed, 0, 1)], abs=1e-8)


def test_thirty_drawn_matrices_are_solved_as_cvxpy_does():
    """M0-7; the thousand are a benchmark."""
    rows = [compared(seed) for seed in range(30)]
    assert max(row["largest_difference_of_a_weight"] for row in rows) < 1e-8
    assert max(abs(row["variance_above_cvxpy_relative"]) for row in rows) < 1e-8


@few
@given(seeds)
def test_no_shift_between_two_names_lowers_the_variance(seed):
    covariance = drawn_covariance(seed)
    n = len(covariance)
    found = minimum_variance(covariance, floor=0.5 / n, cap=2 / n)
    w, marginal = found.weights, covariance @ found.weights
    assert abs(w.sum() - 1) <= 1e-12
    assert w.min() >= 0.5 / n
    assert w.max() <= 2 / n
    gives, takes = w > 0.5 / n + 1e-9, w < 2 / n - 1e-9
    assert marginal[gives].max() <= marginal[takes].min() * (1 + 1e-8)


@few
@given(seeds)
def test_both_methods_come_to_the_same_weights(seed):
    covariance = drawn_covariance(seed)
    low, high = (np.full(len(covariance), x) for x in (0.5 / len(covariance), 3 / len(covariance)))
    problem = module.Quadratic(covariance / covariance.max(), low, high)
    quick, slow = (
        method(problem, np.full(len(covariance), 1 / len(covariance)))
        for method in (module._newton, module._one_at_a_time)
    )
    assert slow == pytest.approx(quick, abs=1e-9)


@few
@given(seeds)
def test_weights_do_not_depend_on_the_order_of_the_names_or_the_unit_of_returns(seed):
    covariance = drawn_covariance(seed)
    order = np.random.default_rng(seed).permutation(len(covariance))
    found = minimum_variance(covariance, floor=0.0, cap=1.0).weights
    mixed = minimum_variance(1e4 * covariance[np.ix_(order, order)], floor=0.0, cap=1.0).weights
    assert mixed == pytest.approx(found[order], abs=1e-9)


def test_of_many_solutions_the_one_nearest_to_equal_weights_is_given():
    twins = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    assert minimum_variance(twins, floor=0.0, cap=1.0).weights == pytest.approx([0.25, 0.25, 0.5], abs=1e-6)
    nothing = minimum_variance(np.zeros((4, 4)), floor=0.0, cap=1.0)
    assert nothing.weights == pytest.approx(np.full(4, 0.25))
    assert nothing.variance == 0


@few
@given(seeds)
def test_fewer_days_than_names_have_an_answer_too(seed):
    """The sample covariance of 20 days of 40 names: the caller should shrink, but nothing breaks."""
    x = np.random.default_rng(seed).standard_t(3, (20, 40)) * 0.03
    found = minimum_variance(np.cov(x.T), floor=0.01, cap=0.35)
    assert abs(found.weights.sum() - 1) <= 1e-12
    assert found.gap <= 1e-8


def test_bounds_may_differ_by_name_and_fix_one():
    found = minimum_variance(TEXTBOOK, floor=np.array([0.0, 0.3, 0, 0]), cap=np.array([1.0, 0.3, 1, 1]))
    assert found.weights[1] == 0.3
    assert found.weights.sum() == pytest.approx(1, abs=1e-12)


def test_bounds_that_leave_one_point_give_it():
    assert minimum_variance(TEXTBOOK, floor=0.25, cap=0.35).weights.tolist() == [0.25] * 4
    assert minimum_variance(TEXTBOOK[:2, :2], floor=0.01, cap=0.5).weights.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("covariance", "floor", "cap", "words"),
    [
        (TEXTBOOK, 0.01, 0.2, "caps to 0.8"),
        (TEXTBOOK, 0.3, 0.5, "floors sum to 1.2"),
        (TEXTBOOK, 0.3, 0.1, "each floor at or below its cap"),
        (np.where(np.eye(4) > 0, np.nan, TEXTBOOK), 0.01, 0.35, r"covariance \[0, 0\] is nan"),
        (np.triu(TEXTBOOK), 0.01, 0.35, "not symmetric"),
        (-TEXTBOOK, 0.01, 0.35, "not positive semidefinite"),
        (np.ones((2, 3)), 0.01, 0.6, "one row and one column a name"),
    ],
)
def test_what_makes_no_sense_is_refused(covariance, floor, cap, words):
    with pytest.raises(ValueError, match=words):
        minimum_variance(covariance, floor=floor, cap=cap)
