"""Averages that a few liars cannot move."""

import statistics
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.robust import capped, median, three_votes, three_votes_smooth, weighted_median

prices = st.floats(1e-6, 1e9)
weights = st.floats(1e-9, 1e12)


@given(st.lists(prices, min_size=1))
def test_the_median_is_the_librarys(values: list[float]) -> None:
    assert median(values) == pytest.approx(statistics.median(values), rel=1e-15)


def test_the_median_of_two_large_numbers_does_not_overflow() -> None:
    assert median([1.7e308, 1.7e308]) == 1.7e308


def test_hyperliquids_weights_give_its_weighted_median() -> None:
    """O4-10."""
    values = (100, 101, 99, 100.5, 100.2, 100.1, 150)
    assert weighted_median(values, (3, 2, 2, 1, 1, 1, 1)) == 100.1


@given(st.lists(st.tuples(prices, st.integers(1, 5)), min_size=1))
def test_a_weighted_median_is_the_lower_median_of_repeated_values(pairs: list[tuple[float, int]]) -> None:
    repeated = sorted(value for value, times in pairs for _ in range(times))
    expected = repeated[(len(repeated) - 1) // 2]
    assert weighted_median([value for value, _ in pairs], [times for _, times in pairs]) == expected


@given(st.lists(weights, min_size=1, max_size=12), st.floats(0.05, 1))
def test_capped_weights_sum_to_one_and_none_is_above_the_cap(given_: list[float], cap: float) -> None:
    shares = capped(given_, cap)
    assert sum(shares) == pytest.approx(1, abs=1e-12)
    assert max(shares) <= max(cap, 1 / len(given_)) * (1 + 1e-9)


@given(st.lists(weights, min_size=2, max_size=12), st.floats(0.05, 1))
def test_capped_weights_keep_their_order_and_the_uncapped_their_proportions(
    given_: list[float], cap: float
) -> None:
    shares = capped(given_, cap)
    for i, j in permutations(range(len(given_)), 2):
        if given_[i] <= given_[j]:
            assert shares[i] <= shares[j] * (1 + 1e-9)
        if max(shares[i], shares[j]) < cap * (1 - 1e-9):
            assert shares[i] * given_[j] == pytest.approx(shares[j] * given_[i], rel=1e-9)


def test_three_votes_of_one_quote_give_it_back() -> None:
    assert three_votes([(500_000, 10)]) == (500_000, 10)


def test_ticks_above_what_a_float_can_hold_are_counted_exactly() -> None:
    low, high = 2**60 + 1, 2**60 + 6
    assert three_votes([(low, 1), (high, 1)]) == (2**60 + 3, 3)
    assert three_votes([(-low, 1), (-high, 1)]) == (-(2**60) - 4, 3)


@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**6)), min_size=1, max_size=15))
def test_smooth_votes_differ_from_whole_ones_by_the_rounding_only(quotes: list[tuple[int, int]]) -> None:
    whole, smooth = three_votes(quotes), three_votes_smooth(quotes)
    assert 0 <= smooth[0] - whole[0] < 1
    assert abs(smooth[1] - whole[1]) < 1


@pytest.mark.parametrize("of", [median, lambda v: weighted_median(v, v), lambda v: capped(v, 1), three_votes])
def test_nothing_has_no_average(of: object) -> None:
    with pytest.raises(ValueError, match="needs"):
        of([])  # type: ignore[operator]
