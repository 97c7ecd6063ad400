import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from strategies.quant.cross_section import zscores


def scores(row, *, mask=None, min_names=5, winsor=3.0):
    x = np.array([row], dtype=float)
    kept = np.ones(x.shape, dtype=bool) if mask is None else np.array([mask])
    return zscores(x, kept, min_names=min_names, winsor=winsor)[0]


def test_scores_use_the_population_deviation_and_ignore_nan():
    found = scores([1, 2, 3, 4, 5, np.nan])
    np.testing.assert_allclose(found[:5], (np.arange(1, 6) - 3) / np.sqrt(2))
    assert np.isnan(found[5])


def test_scores_are_clipped_and_not_standardised_again():
    found = scores([0] * 20 + [1])
    assert found[-1] == 3.0
    assert found[0] == -1 / np.sqrt(20)


def test_fewer_than_five_names_have_no_scores():
    assert np.isnan(scores([1, 2, 3, 4])).all()
    assert np.isnan(scores([1, 2, 3, 4, np.nan])).all()


def test_a_cross_section_without_spread_scores_zero():
    assert (scores([0.1 + 0.2] * 7) == 0).all()


def test_only_masked_names_count():
    found = scores([1, 2, 3, 4, 5, 1e9], mask=[True] * 5 + [False])
    assert abs(found[4] - np.sqrt(2)) < 1e-12
    assert np.isnan(found[5])


@given(st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=30), st.integers(0, 5))
def test_a_name_without_a_value_changes_no_bit(values, place):
    with_stranger = [*values[:place], np.nan, *values[place:]]
    found = scores(with_stranger)
    np.testing.assert_array_equal(np.delete(found, place), scores(values))
