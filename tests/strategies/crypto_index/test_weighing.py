"""Weights by each rule, on a market; the arithmetic is in tests/strategies/quant."""

from dataclasses import replace

import numpy as np
import pytest

from strategies.crypto_index.methodology import (
    CappedCap,
    LiteralCappedCap,
    LiteralMinimumVariance,
    MinimumVariance,
)
from strategies.crypto_index.weighing import weighed
from strategies.quant.minimum_variance import literal_minimum_variance
from strategies.quant.shrinkage import ledoit_wolf
from tests.strategies.crypto_index.made_up import cells, made_up

CAPS = {"C00": 60.0, "C01": 25.0, "C02": 10.0, "C03": 4.0, "C04": 0.6, "C05": 0.4}
RULES = [CappedCap(cap=0.35, floor=0.01), LiteralCappedCap(), MinimumVariance(), LiteralMinimumVariance()]


@pytest.fixture(scope="module")
def market():
    return made_up()


@pytest.mark.parametrize("rule", RULES)
def test_weights_sum_to_one_keep_their_order_of_names_and_the_limits(market, rule):
    weights, said = weighed(market, rule, CAPS)
    assert list(weights) == list(CAPS)
    assert sum(weights.values()) == pytest.approx(1, abs=1e-12)
    assert all(0.01 - 1e-9 <= w <= 0.35 + 1e-9 for w in weights.values())
    assert said[-1] == f"C05 {weights['C05']:.6f}"


def test_capped_cap_and_the_briefs_loop_are_those_of_the_oracle(market):
    exact = [0.35, 0.35, 0.198630, 0.079452, 0.011918, 0.01]
    assert list(weighed(market, RULES[0], CAPS)[0].values()) == pytest.approx(exact, abs=1e-6)
    loop = [0.35, 0.35, 0.1875, 0.075, 0.01875, 0.01875]
    assert list(weighed(market, RULES[1], CAPS)[0].values()) == pytest.approx(loop, abs=1e-6)


def test_limits_that_cannot_be_are_widened_and_it_is_said(market):
    weights, said = weighed(market, CappedCap(cap=0.35, floor=0.01), {"C00": 3.0, "C01": 1.0})
    assert set(weights.values()) == {0.5}
    assert said[-1].startswith("cap widened")


def test_minimum_variance_is_calmer_than_any_mix_of_it_with_other_weights(market):
    weights = np.array(list(weighed(market, MinimumVariance(), CAPS)[0].values()))
    moves = np.diff(np.log(market.close[-91:, :6]), axis=0)
    covariance = ledoit_wolf(moves)[0]
    best = weights @ covariance @ weights
    rng = np.random.default_rng(0)
    for _ in range(50):
        other = np.clip(rng.dirichlet(np.full(6, 3)), 0.01, 0.35)
        mixed = 0.9 * weights + 0.1 * other / other.sum()
        if mixed.max() <= 0.35:
            assert mixed @ covariance @ mixed >= best * (1 - 1e-12)


def test_a_name_that_lacks_more_than_a_tenth_of_the_days_has_no_weight_and_a_line(market):
    for missing, named in ((8, True), (9, False)):
        holed = replace(market, close=cells(market.close, slice(120, 120 + missing), 2, np.nan))
        weights, said = weighed(holed, MinimumVariance(), CAPS)
        assert ("C02" in weights) is named
        assert sum(weights.values()) == pytest.approx(1, abs=1e-12)
    assert said[0] == "C02 has no weight: 11% of 90 days without a return, 10% is the most"


def test_a_dead_feed_is_not_calm(market):
    """Carried forward it would have returns of zero and win (E0-27)."""
    dead = replace(market, close=cells(market.close, slice(130, 199), 0, np.nan))
    assert "C00" not in weighed(dead, MinimumVariance(), CAPS)[0]


def test_with_too_few_days_of_returns_weights_are_by_market_cap(market):
    early = market.until(market.days[15].item())
    weights, said = weighed(early, MinimumVariance(), CAPS)
    assert said[0].startswith("by market cap: ")
    assert weights == weighed(early, CappedCap(cap=0.35, floor=0.01), CAPS)[0]


def test_the_briefs_rule_falls_back_to_market_cap_where_the_covariance_is_singular(market):
    still = replace(market, close=np.full_like(market.close, 5.0))
    weights, said = weighed(still, LiteralMinimumVariance(), CAPS)
    assert said[0] == "by market cap: the covariance is singular"
    assert weights == weighed(market, RULES[0], CAPS)[0]


def test_the_briefs_weights_are_those_of_ninety_days_with_holes_as_zero(market):
    """S0-47, S0-87; days before the ninety have no part in it."""
    holed = replace(market, close=cells(market.close, slice(150, 153), 2, np.nan))
    closes = holed.close[-91:, :6]
    returns = closes[1:] / closes[:-1] - 1
    returns[np.isnan(returns)] = 0
    expected = literal_minimum_variance(np.cov(returns.T), floor=0.0, cap=1.0).weights
    found = weighed(holed, LiteralMinimumVariance(floor=0.0, cap=1.0), CAPS)[0]
    assert list(found.values()) == pytest.approx(expected, abs=1e-12)
    early = replace(holed, close=cells(holed.close, slice(0, 109), 0, 5.0))
    assert weighed(early, LiteralMinimumVariance(floor=0.0, cap=1.0), CAPS)[0] == found


def test_a_hole_that_leaves_too_few_whole_days_means_weights_by_market_cap(market):
    holed = replace(market, close=cells(market.close, 190, 2, np.nan))
    assert weighed(market, MinimumVariance(days=20), CAPS)[1][0].startswith("covariance of 20 days")
    assert (
        weighed(holed, MinimumVariance(days=20), CAPS)[1][0]
        == "by market cap: 18 days with all returns, 20 are needed"
    )
