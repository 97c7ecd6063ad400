"""How much a feed counts for its age (S4-17 to S4-21, E4-21)."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.prices.presets import BRIEF
from core.prices.types import Published
from tests.core.prices.made import T, index, input_of, tick

ages_ms = st.integers(0, 9_999)
alphas = st.floats(0, 10)


def aged(alpha: float, *ages_ms: int) -> Published:
    """Return the value of feeds of one volume, each as old as it is said."""
    made = index(replace(BRIEF, weighing=replace(BRIEF.weighing, alpha_per_s=alpha)))
    for i, age_ms in enumerate(ages_ms):
        made.tick(tick(str(i), 100.0, at_ms=T - age_ms))
    return made.evaluate(T)


def weights(value: Published) -> list[float]:
    return [one.weight for one in value.inputs]


@pytest.mark.parametrize(("age_s", "expected"), [(0, 1.0), (5, 0.7788), (10, 0.6065)])
def test_recency_has_the_reference_values(age_s: int, expected: float) -> None:
    """S4-19, with 0.78 where the text has 0.77 (E4-2)."""
    young, old, _ = weights(aged(BRIEF.weighing.alpha_per_s, 0, 1000 * age_s, 0))
    assert old / young == pytest.approx(expected, abs=5e-5)


@given(alpha=alphas, ages=st.lists(ages_ms, min_size=3, max_size=7))
def test_an_older_feed_never_weighs_more_than_a_younger_one(alpha: float, ages: list[int]) -> None:
    found = [weight for _, weight in sorted(zip(ages, weights(aged(alpha, *ages)), strict=True))]
    assert all(later <= sooner * (1 + 1e-12) for sooner, later in pairwise(found))
    assert sum(found) == pytest.approx(1, abs=1e-12)


@given(ages=st.lists(ages_ms, min_size=3, max_size=7))
def test_without_decay_age_says_nothing(ages: list[int]) -> None:
    assert weights(aged(0.0, *ages)) == pytest.approx([1 / len(ages)] * len(ages))


@given(ages=st.lists(ages_ms, min_size=3, max_size=7, unique=True))
def test_with_a_decay_beyond_all_bounds_the_youngest_alone_counts(ages: list[int]) -> None:
    """Also where every feed is so old that its own weight would be below what a float holds."""
    value = aged(1e9, *ages)
    assert input_of(value, str(ages.index(min(ages)))).weight == 1
