import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.prices.agreement import AGREED_S, GAP_S, Agreement


def found(*looks, after_s=3.0):
    """Return when the finding changed, of looks (at_s, price over index)."""
    agreement = Agreement(limit=0.02, after_s=after_s)
    return [at_s for at_s, ratio in looks if agreement.looked(ratio, at_s)]


def each_second(*ratios, from_s=0.0):
    return [(from_s + n, ratio) for n, ratio in enumerate(ratios)]


@pytest.mark.parametrize("ratio", [1.0201, 0.9799, 1000.0, 0.001])
def test_far_apart_for_three_seconds_is_a_dispute(ratio):
    assert found(*each_second(*[ratio] * 6)) == [3.0]


def test_once_near_in_between_begins_anew():
    assert found(*each_second(1.05, 1.05, 1.05, 1.0, 1.05, 1.05, 1.05, 1.05)) == [7.0]


def test_a_break_says_nothing_of_what_was_in_it():
    assert found((0.0, 1.05), (1.0, 1.05), (60.0, 1.05), (61.0, 1.05), (62.0, 1.05), (63.0, 1.05)) == [63.0]
    assert found((0.0, 1.05), (GAP_S, 1.05), (2 * GAP_S, 1.05)) == [2 * GAP_S]


def test_it_ends_when_both_were_within_half_of_the_limit_for_ten_seconds_and_not_before():
    far, between, near = 1.05, 1.015, 1.009
    looks = each_second(*[far] * 4, *[between] * 30, *[near] * 5, between, *[near] * 20)
    assert found(*looks) == [3.0, 40.0 + AGREED_S]


def test_without_a_wait_one_look_is_enough():
    assert found((0.0, 1.05), after_s=0.0) == [0.0]


@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.5, 2.0)), max_size=60))
def test_two_changes_are_never_closer_than_the_waits_and_take_turns(steps):
    at_s, looks = 0.0, []
    for step_s, ratio in steps:
        at_s += step_s
        looks.append((at_s, ratio))
    changes = found(*looks)
    waits = [changes[n + 1] - changes[n] for n in range(len(changes) - 1)]
    assert all(wait >= (AGREED_S if n % 2 == 0 else 3.0) - 1e-9 for n, wait in enumerate(waits))
