"""Capped weights against the worked cases, a bisection, and what must hold of any of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.robust import capped
from strategies.quant.capped_weights import (
    CAP,
    FLOOR,
    Limits,
    capped_weights,
    feasible_bounds,
    literal_capped_weights,
)

PRINTED = np.array([0.934496, 0.050273, 0.007616, 0.007616])
SIX = np.array([60, 25, 10, 4, 0.6, 0.4])

markets = st.lists(st.floats(1e-6, 1e12), min_size=1, max_size=30).map(np.array)
limits = st.builds(lambda cap, part: (min(part * cap, 0.1), cap), st.floats(0.02, 1), st.floats(0, 1))

few = settings(max_examples=40)


def by_bisection(m, floor, cap):
    low, high = 0.0, 1 / m.min()
    for _ in range(120):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(middle * m, floor, cap).sum() < 1 else (low, middle)
    return np.clip(high * m, floor, cap)


def test_five_names_with_two_at_the_cap():
    """O0-1."""
    found = capped_weights(np.array([50.0, 30, 12, 5, 3]))
    assert found.weights == pytest.approx([0.35, 0.35, 0.18, 0.075, 0.045], abs=1e-12)
    assert found.bounds.limits is Limits.AS_ASKED


def test_six_names_of_which_the_least_stands_on_the_floor_and_the_next_just_above():
    """O0-1b, to the digits given; the brief's loop lifts both to the same weight."""
    expected = [0.35, 0.35, 0.19863, 0.079452, 0.011918, 0.01]
    assert capped_weights(SIX).weights == pytest.approx(expected, abs=5e-7)
    lifted = [0.35, 0.35, 0.1875, 0.075, 0.01875, 0.01875]
    assert literal_capped_weights(SIX).weights == pytest.approx(lifted, abs=1e-9)


@pytest.mark.parametrize("rule", [capped_weights, literal_capped_weights])
def test_both_rules_give_the_weights_of_the_printed_log(rule):
    """O0-1c."""
    assert rule(PRINTED).weights == pytest.approx([0.35, 0.35, 0.15, 0.15], abs=1e-6)


@few
@given(markets, limits)
def test_weights_sum_to_one_within_their_limits_and_in_the_order_of_size(m, bounds):
    """E0-19: within the limits, whatever they are."""
    found = capped_weights(m, floor=bounds[0], cap=bounds[1])
    w = found.weights
    assert abs(w.sum() - 1) <= 1e-12
    assert w.min() >= found.bounds.floor
    assert w.max() <= found.bounds.cap
    assert (np.diff(w[np.argsort(m, kind="stable")]) >= 0).all()


@few
@given(markets, limits)
def test_what_touches_no_limit_keeps_its_proportions_as_a_bisection_finds_them(m, bounds):
    """E0-19: the solution is unique, so another method must find the same."""
    found = capped_weights(m, floor=bounds[0], cap=bounds[1])
    expected = by_bisection(m, found.bounds.floor, found.bounds.cap)
    assert found.weights == pytest.approx(expected, abs=1e-11)


@few
@given(markets, st.floats(1e-3, 1e3))
def test_neither_unit_nor_order_nor_a_second_capping_changes_a_weight(m, unit):
    w = capped_weights(m).weights
    assert capped_weights(m * unit).weights == pytest.approx(w, abs=1e-12)
    assert capped_weights(m[::-1]).weights == pytest.approx(w[::-1], abs=1e-12)
    assert capped_weights(w).weights == pytest.approx(w, abs=1e-12)


@few
@given(markets, st.floats(0.05, 1))
def test_without_a_floor_it_is_the_capping_of_the_index_price(m, cap):
    assert capped_weights(m, floor=0.0, cap=cap).weights == pytest.approx(capped(m.tolist(), cap), abs=1e-12)


def test_two_names_cannot_sum_to_one_under_a_cap_of_a_third_and_it_is_said():
    found = capped_weights(np.array([9.0, 1.0]))
    assert found.weights.tolist() == [0.5, 0.5]
    assert (found.bounds.cap, found.bounds.limits) == (0.5, Limits.CAP_WIDENED)


def test_too_many_names_for_the_floor_are_equal_and_it_is_said():
    found = capped_weights(np.arange(1.0, 151))
    assert found.weights == pytest.approx(np.full(150, 1 / 150))
    assert (found.bounds.floor, found.bounds.limits) == (1 / 150, Limits.FLOOR_LOWERED)


def test_a_hundred_names_at_a_floor_of_one_in_a_hundred_need_no_change():
    assert feasible_bounds(100).limits is Limits.AS_ASKED
    assert capped_weights(np.arange(1.0, 101)).weights == pytest.approx(np.full(100, 0.01))


def test_names_without_a_size_share_what_the_others_may_not_take():
    assert capped_weights(np.array([1.0, 0, 0])).weights == pytest.approx([0.35, 0.325, 0.325])
    assert capped_weights(np.array([5.0, 4, 4, 0])).weights == pytest.approx([0.35, 0.32, 0.32, 0.01])


@pytest.mark.parametrize("rule", [capped_weights, literal_capped_weights])
@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([1.0, np.nan], r"size \[1\] is nan"),
        ([1.0, 2.0, -3.0], r"size \[2\] is -3"),
        ([np.inf, 1.0], r"size \[0\] is inf"),
        ([0.0, 0.0], "all sizes are zero"),
        ([], "at least one name"),
    ],
)
def test_what_is_no_size_is_refused_by_its_place(rule, sizes, words):
    with pytest.raises(ValueError, match=words):
        rule(np.array(sizes))


@pytest.mark.parametrize(("floor", "cap"), [(0.4, 0.35), (-0.01, 0.35), (np.nan, 0.35), (0.01, np.inf)])
def test_limits_that_leave_no_room_are_refused(floor, cap):
    with pytest.raises(ValueError, match="leave no room"):
        capped_weights(np.ones(5), floor=floor, cap=cap)


def test_the_briefs_loop_gives_two_names_half_each_and_says_that_it_gave_up():
    """S0-55."""
    found = literal_capped_weights(np.array([9.0, 1.0]))
    assert found.weights == pytest.approx([0.5, 0.5])
    assert found.bounds.limits is Limits.IMPOSSIBLE


def test_the_briefs_loop_differs_from_the_unique_solution_in_about_half_of_random_indices():
    """E0-19: 54 % of 20,000 cases, by up to 0.33 in one weight."""
    rng = np.random.default_rng(19)
    gaps = []
    for _ in range(400):
        m = rng.pareto(0.7, rng.integers(3, 30)) + 1e-4
        gaps.append(np.abs(capped_weights(m).weights - literal_capped_weights(m).weights).max())
    assert 0.3 < np.mean(np.array(gaps) > 1e-4) < 0.8
    assert CAP > max(gaps) > FLOOR
