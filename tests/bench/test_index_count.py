"""The comparison of chosen and fixed numbers, on a market whose answer is known."""

from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from bench.index_count import (
    Difference,
    admitted,
    errors,
    interval,
    last_quarter_end,
    measure,
    quarters_of,
    shown,
)
from strategies.crypto_index.methodology import Category, Fixed
from strategies.quant.tail_risk import tracking_error
from tests.strategies.crypto_index.made_up import kinds, made_up

MARKETS = "coins of the kinds admitted", "all priced coins"
SPAN = date(2021, 3, 31), date(2021, 12, 31)


@pytest.fixture(scope="module")
def market():
    return made_up(days=365, kinds=kinds(C01="stablecoin"))


@pytest.fixture(scope="module")
def found(market):
    counts = {
        "chosen": {"four": Fixed(k=4)},
        "fixed": {"top-2": Fixed(k=2), "all": Fixed(k=7)},
    }
    return measure(market, counts, SPAN)


def test_quarters_are_those_of_the_calendar_and_begin_at_the_first_day():
    days = np.arange("2020-12-31", "2021-07-02", dtype="datetime64[D]")
    quarters = quarters_of(days)
    changed = [days[i + 1].item() for i, (a, b) in enumerate(pairwise(quarters)) if a != b]
    assert changed == [date(2021, 1, 1), date(2021, 4, 1), date(2021, 7, 1)]
    assert (quarters[0], quarters[-1]) == (0, 3)
    assert last_quarter_end(date(2024, 12, 30)) == date(2024, 9, 30)
    assert last_quarter_end(date(2024, 12, 31)) == date(2024, 12, 31)


def test_an_error_is_the_tracking_error_of_those_days():
    rng = np.random.default_rng(0)
    active, quarters = 0.01 * rng.standard_normal(200), np.repeat([0, 1], 100)
    each, whole = errors(active, quarters)
    assert whole == pytest.approx(tracking_error(active, np.zeros(200), periods_a_year=365), rel=1e-12)
    assert each[1] == pytest.approx(
        tracking_error(active[100:], np.zeros(100), periods_a_year=365), rel=1e-12
    )


def test_an_interval_holds_the_difference_and_tells_luck_from_skill():
    rng = np.random.default_rng(1)
    noise, quarters = rng.standard_normal((3, 1800)), np.repeat(np.arange(20), 90)
    low, high = interval(0.02 * noise[0], 0.01 * noise[1], quarters)
    assert low < 0.01 * np.sqrt(365) < high
    assert low > 0
    low, high = interval(0.01 * noise[2], 0.01 * noise[1], quarters)
    assert low < 0 < high
    assert interval(noise[0], noise[0], quarters) == (0.0, 0.0)


@pytest.mark.parametrize("quarter", [0, 7, 19])
def test_every_quarter_is_drawn(quarter):
    quarters = np.repeat(np.arange(20), 90)
    other = 0.001 * np.random.default_rng(3).standard_normal(1800)
    low, high = interval(np.where(quarters == quarter, 50 * other, other), other, quarters)
    assert low < 0.19 < high


def test_an_interval_is_wider_where_quarters_differ_than_days_alone_would_say():
    """Errors that come in quarters: days drawn one by one would hide it."""
    rng = np.random.default_rng(2)
    quarters = np.repeat(np.arange(20), 90)
    size = np.where(np.arange(20) % 5 == 0, 0.05, 0.01)[quarters]
    one, other = size * rng.standard_normal(1800), 0.01 * rng.standard_normal(1800)
    by_day = interval(one, other, np.arange(1800) // 20)
    low, high = interval(one, other, quarters)
    assert high - low > 1.5 * (by_day[1] - by_day[0])


def test_more_members_track_better_and_kinds_that_are_excluded_are_no_part_of_the_second_market(
    market, found
):
    for part in found["against"].values():
        assert part["error_annual"]["all"] < part["error_annual"]["top-2"]
    near, far = (found["against"][name]["error_annual"]["all"] for name in MARKETS)
    assert 3 * near < far
    assert "C01" not in admitted(market, (Category.STABLECOIN,)).symbols


def test_differences_are_of_the_chosen_less_the_fixed(found):
    one = {d["fixed"]: d for d in found["against"][MARKETS[0]]["differences"]}
    assert found["members"] == {"four": 4, "top-2": 2, "all": 7}
    assert found["reviewed"] == {"four": [4] * 3, "top-2": [2] * 3, "all": [7] * 3}
    assert one["top-2"]["error_annual"] < 0 < one["all"]["error_annual"]
    assert one["top-2"]["high"] < 0 < one["all"]["low"]
    assert (one["top-2"]["quarters_better"], one["all"]["quarters_better"]) == (3, 0)
    text = shown(found)
    assert "four     less top-2" in text
    assert "3 quarters after a review" in text


@pytest.mark.parametrize(
    ("error", "high", "members", "said"),
    [
        (-0.01, -0.001, (8.0, 10.0), (True, True)),
        (-0.01, 0.001, (8.0, 10.0), (True, False)),
        (-0.01, -0.001, (12.0, 10.0), (False, False)),
        (0.01, 0.02, (8.0, 10.0), (False, False)),
    ],
)
def test_the_goal_is_no_larger_an_error_with_fewer_members(error, high, members, said):
    one = Difference(chosen="a", fixed="b", error=error, low=-0.05, high=high, members=members)
    assert (one.reached, one.proved) == said
