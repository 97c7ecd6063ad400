"""The number of members by each rule, on a market; the rules themselves are in test_count."""

from dataclasses import replace

import numpy as np
import pytest

from strategies.crypto_index.count import literal_count
from strategies.crypto_index.counting import TooFewDays, count_of
from strategies.crypto_index.methodology import Crix, Everyone, Fixed, HoldOut, LiteralAic
from tests.strategies.crypto_index.made_up import cells, made_up

ORDER = [f"C{i:02d}" for i in range(24)]


@pytest.fixture(scope="module")
def market():
    return made_up(coins=30)


def test_a_fixed_number_is_no_more_than_there_are(market):
    assert count_of(market, Fixed(k=5), ORDER)[0] == 5
    assert count_of(market, Fixed(k=50), ORDER)[0] == 24


def test_everyone_is_everyone(market):
    assert count_of(market, Everyone(), ORDER)[0] == 24


@pytest.mark.parametrize("rule", [Crix(start=2, step=2, most=12), HoldOut(start=2, step=2, most=12)])
def test_a_measured_number_is_one_that_was_tried_and_says_against_what(market, rule):
    count, said = count_of(market, rule, ORDER)
    assert count in range(2, 13, 2)
    assert said[-1] == f"{count} members, measured against all 30 priced coins over 90 days"
    assert len(said) > 1


@pytest.mark.parametrize("rule", [Crix(), HoldOut()])
def test_where_fewer_are_eligible_than_the_rule_starts_with_all_are_in(market, rule):
    assert count_of(market, rule, ORDER[:4])[0] == 4


def test_a_coin_without_a_price_in_the_window_is_not_measured_with(market):
    holed = replace(market, close=cells(market.close, slice(120, 140), 3, np.nan))
    assert "all 29 priced coins" in count_of(holed, Crix(start=2, step=2, most=12), ORDER)[1][-1]
    short = replace(market, close=cells(market.close, slice(120, 123), 3, np.nan))
    assert "all 30 priced coins" in count_of(short, Crix(start=2, step=2, most=12), ORDER)[1][-1]


def test_quantities_are_those_known_on_the_last_day_throughout(market):
    """A supply that changed within the window is no return."""
    rule = HoldOut(start=2, step=2, most=12)
    grown = cells(market.supply, slice(180, None), 5, 40 * market.supply[0, 5])
    always = cells(market.supply, slice(None), 5, 40 * market.supply[0, 5])
    changed, fixed = (count_of(replace(market, supply=supply), rule, ORDER) for supply in (grown, always))
    assert changed == fixed != count_of(market, rule, ORDER)


def test_the_market_that_is_measured_against_has_those_who_are_not_eligible(market):
    rule = HoldOut(start=2, step=2, most=12)
    giant = replace(market, supply=cells(market.supply, slice(None), 29, 1e14))
    assert count_of(giant, rule, ORDER)[1][0] != count_of(market, rule, ORDER)[1][0]


def test_the_briefs_rule_takes_all_that_its_grid_reaches(market):
    assert count_of(market, LiteralAic(), ORDER[:15])[0] == 15
    assert count_of(market, LiteralAic(), ORDER[:20])[0] == 20
    assert count_of(market, LiteralAic(), ORDER)[0] <= 20


def test_the_brief_says_its_real_grid_and_a_score_of_each_count(market):
    """E0-6, S0-41."""
    said = count_of(market, LiteralAic(), ORDER[:9])[1]
    assert said[-1] == "9 members, tried 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert [line.partition(": AIC ")[0] for line in said[:-1]] == list("123456789")


def test_to_the_brief_a_hole_is_a_return_of_zero(market):
    """S0-87: two returns are gone with one close."""
    holed = replace(market, close=cells(market.close, 150, 1, np.nan))
    moves = market.close[-91:, :4][1:] / market.close[-91:, :4][:-1] - 1
    moves[40:42, 1] = 0
    scores = [trial.score for trial in literal_count(moves).trials]
    assert count_of(holed, LiteralAic(), ORDER[:4])[1][:-1] == tuple(
        f"{k}: AIC {score:.4f}" for k, score in enumerate(scores, start=1)
    )


@pytest.mark.parametrize("rule", [Crix(), HoldOut(), LiteralAic()])
def test_fewer_days_than_the_rule_looks_at_are_refused_with_both_numbers(market, rule):
    early = market.until(market.days[60].item())
    assert count_of(early, rule, ORDER)[0]
    with pytest.raises(TooFewDays, match="returns of 90 days, the data have 59"):
        count_of(market.until(market.days[59].item()), rule, ORDER)
