"""A score says how long a published price was wrong, held or missing, how far off, and how rough."""

import pytest

from research.index_figure import draw_scores
from research.index_scores import Sample, added, scored

RIGHT = (100.0, 101.0)


def sample(price, state="OK", seconds=1.0, right=RIGHT):
    return Sample(state, price, seconds, right)


def test_a_price_is_wrong_beyond_fifty_basis_points_of_what_is_right():
    score = scored([sample(99.6), sample(99.4), sample(101.5), sample(101.6), sample(100.5)])
    assert score.wrong_s == 2
    assert score.max_bps == pytest.approx(60)
    assert score.mean_bps == pytest.approx((40 + 60 + 1e4 * (0.5 + 0.6) / 101) / 5)


def test_a_held_price_is_never_wrong_and_counts_as_held():
    score = scored(
        [sample(50.0, "HALTED", 3.0), sample(None, "STARTING", 2.0), sample(50.0, "DEGRADED", 0.5)]
    )
    assert (score.wrong_s, score.halted_s, score.missing_s) == (0.5, 3, 2)


def test_where_nothing_is_known_to_be_right_nothing_is_wrong():
    assert scored([sample(50.0, right=None)]).wrong_s == 0
    assert scored([]).mean_bps == 0


def test_a_straight_line_is_smooth_and_a_saw_is_rough():
    assert scored([sample(100.0 + n) for n in range(9)]).smooth_bps == pytest.approx(0)
    assert scored([sample(100.0 + n % 2) for n in range(9)]).smooth_bps == pytest.approx(199, abs=1)


def test_the_rank_asks_for_wrong_seconds_first_and_for_a_value_second():
    right, held, wrong = scored([sample(100.0)]), scored([sample(100.0, "HALTED")]), scored([sample(90.0)])
    assert right.rank < held.rank < wrong.rank


def test_scores_add_up():
    both = added([scored([sample(90.0)]), scored([sample(100.0, "HALTED")])])
    assert (both.wrong_s, both.halted_s, both.max_bps) == (1, 1, pytest.approx(1000))


def test_a_comparison_is_drawn(tmp_path):
    scores = {"a": {"x": scored([sample(90.0)]), "y": scored([sample(100.0)])}}
    draw_scores(scores, tmp_path / "a.svg")
    drawn = (tmp_path / "a.svg").read_text()
    assert "<!-- seconds wrong -->" in drawn
    assert "<!-- seconds without a value -->" in drawn
