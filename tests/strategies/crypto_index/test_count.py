"""How many constituents: the brief's numbers and its flaw, and choices that are choices."""

import numpy as np
import pytest

from strategies.crypto_index.count import (
    hold_out_count,
    literal_count,
    literal_grid,
    sequential_count,
    tracking_differences,
)
from strategies.quant.kernel_density import plug_in_bandwidth
from tests.strategies.crypto_index.markets import drawn_values, needs_caps, recorded_values

QUARTERS = ("2021-07-01", "2022-10-01", "2024-04-01")


def returns_of(values):
    return values[1:] / values[:-1] - 1


@pytest.mark.parametrize(("days", "coins", "printed"), [(49, 4, -1310.9659), (89, 12, -2424.7894)])
def test_the_briefs_printed_scores_are_those_of_a_candidate_that_is_the_market(days, coins, printed):
    """O0-6, E0-5: whatever the returns are, n ln(1e-10 / n) + 2 k."""
    values = drawn_values(6, coins=coins, days=days + 1)
    found = literal_count(returns_of(values))
    assert found.count == coins
    assert found.trials[-1].score == pytest.approx(printed, abs=5e-5)


@pytest.mark.parametrize(
    ("coins", "grid"),
    [(4, [1, 2, 3, 4]), (12, [5, 6, 7, 8, 9, 10, 11, 12]), (30, [5, 10, 15, 20, 25, 30]), (80, [5, 10, 55])],
)
def test_the_briefs_grid(coins, grid):
    """S0-38."""
    found = list(literal_grid(coins))
    assert (found if len(grid) > 3 else [*found[:2], found[-1]]) == grid


@needs_caps
def test_on_real_coins_the_brief_takes_everything_and_the_replacements_choose():
    """O0-7, on the recorded caps of 2021 to 2024: CryptoData, which it names, is not among the shared data."""
    for values in recorded_values(QUARTERS):
        returns = returns_of(values)
        assert [literal_count(returns[:, :n]).count for n in (8, 12, 30, 50)] == [8, 12, 30, 50]
        for n in (12, 30, 50):
            grid = range(1, n)
            assert hold_out_count(values[:, :n], grid).count < n - 1
            assert sequential_count(values[:, :n], start=1, step=1).count < n - 1
        assert 5 <= sequential_count(values).count <= 55


def test_the_sequential_rule_goes_on_while_the_next_coins_explain_and_stops_where_they_do_not():
    """Coins 3 and 4 carry what the first two lack; 5 and 6 weigh nothing and move by themselves."""
    rng = np.random.default_rng(5)
    values = np.exp(np.cumsum(0.05 * rng.standard_normal((120, 12)), axis=0))
    values[:, 4:11] *= 1e-9
    values[:, 11] *= 0.05
    assert sequential_count(values, start=2, step=2).count == 4


def density(points, sample, width):
    """Epanechnikov's kernel of unit variance, point by point."""
    z = (points[:, None] - sample) / width
    return np.where(z**2 < 5, 0.75 / np.sqrt(5) * (1 - z**2 / 5), 0.0).mean(axis=1) / width


def as_described(values, start, step):
    """CRIX's rule in the words of its authors: the first k whose next step coins do not lower the criterion."""
    returns = np.diff(np.log(values), axis=0)
    market, first = np.diff(np.log(values.sum(axis=1))), None
    for k in range(start, values.shape[1], step):
        left = market - np.diff(np.log(values[:, :k].sum(axis=1)))
        first = left if first is None else first
        coins = returns[:, k : k + step]
        unexplained = left - coins @ np.linalg.pinv(coins) @ left
        aic = [
            -2 * np.log(np.maximum(density(e, first, plug_in_bandwidth(first)), 1e-300)).sum()
            for e in (left, unexplained)
        ]
        if aic[1] + 2 * coins.shape[1] >= aic[0]:
            return k
    return k


def test_the_sequential_rule_is_the_one_described():
    """The next coins and no others, two for each of them, one density throughout."""
    found = []
    for seed in range(40):
        values = drawn_values(seed, coins=16, factors=1 + seed % 3)
        found.append((sequential_count(values, start=2, step=2).count, as_described(values, 2, 2)))
    assert [ours for ours, _ in found] == [theirs for _, theirs in found]
    assert len({ours for ours, _ in found}) >= 4


def test_the_hold_out_rule_takes_all_that_weigh_and_no_more():
    rng = np.random.default_rng(5)
    values = np.exp(np.cumsum(0.05 * rng.standard_normal((120, 12)), axis=0))
    values[:, 10:] *= 1e-9
    assert hold_out_count(values, range(1, 12)).count == 10


def test_the_difference_is_that_of_log_returns_of_the_two_sums():
    values = np.array([[6.0, 3, 1], [6, 6, 1], [3, 3, 2]])
    found = tracking_differences(values, [1, 2])
    assert found[0] == pytest.approx([np.log(13 / 10), np.log(8 / 13) - np.log(3 / 6)])
    assert found[1] == pytest.approx([np.log(13 / 10) - np.log(12 / 9), np.log(8 / 13) - np.log(6 / 12)])


def test_every_count_up_to_the_chosen_one_is_told_with_its_score():
    found = sequential_count(drawn_values(4), start=2, step=3)
    assert [trial.count for trial in found.trials] == list(range(2, found.count + 1, 3))
    scores = [trial.score for trial in hold_out_count(drawn_values(4), [2, 5, 9]).trials]
    assert len(scores) == 3
    assert min(scores) > 0


def test_the_unit_of_market_values_decides_nothing():
    values = drawn_values(7)
    assert sequential_count(values * 1e9).count == sequential_count(values).count
    assert hold_out_count(values * 1e9, range(1, 20)).count == hold_out_count(values, range(1, 20)).count


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda v: tracking_differences(v, [30]), "each must leave one coin out"),
        (lambda v: hold_out_count(v, []), "each must leave one coin out"),
        (lambda v: sequential_count(v[:, :5]), "leaves one of 5 coins out"),
        (lambda v: tracking_differences(v[:2], [3]), "three are needed"),
        (lambda v: tracking_differences(np.where(v == v[3, 2], 0.0, v), [3]), r"\[3, 2\] is 0.0"),
    ],
)
def test_a_candidate_that_is_the_market_or_a_hole_in_it_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(drawn_values(3))
