"""Each rule says no with its value and its limit, and the first one that does decides."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from strategies.crypto_index.eligibility import RULES, facts, verdicts
from strategies.crypto_index.methodology import Category, Eligibility
from tests.strategies.crypto_index.made_up import cells, kinds, made_up

ASKS_NOTHING = Eligibility(excluded=(), pegged_excluded=False, mdvt_days=30)


def said(market, rules, symbol="C01"):
    found = {v.symbol: v for v in verdicts(market, rules, facts(market, rules))}
    return found.get(symbol)


def asks(**rules):
    return replace(ASKS_NOTHING, **rules)


def test_who_passes_all_rules_is_accepted_with_its_market_cap():
    market = made_up()
    verdict = said(market, ASKS_NOTHING)
    assert verdict.passed
    cap = (market.close[-30:, 1] * market.supply[-30:, 1]).mean()
    assert verdict.said == f"market cap {cap:,.0f} USD"


def test_one_on_the_blacklist_is_rejected_before_all_else():
    verdict = said(
        made_up(blacklist=frozenset({"C01"}), kinds=kinds(C01="meme")), Eligibility(excluded=(Category.MEME,))
    )
    assert (verdict.rule, verdict.said) == ("blacklist", "it is on the blacklist")


def test_a_kind_that_is_excluded_is_rejected_and_another_is_not():
    market = made_up(kinds=kinds(C01="wrapped_or_staked", C02="privacy"))
    rules = asks(excluded=(Category.WRAPPED,))
    assert (said(market, rules).rule, said(market, rules).said) == (
        "category",
        "its kind is wrapped or staked",
    )
    assert said(market, rules, "C02").passed


def test_a_price_may_be_so_old_and_no_older():
    market = made_up()
    for missing, passes in ((3, True), (4, False)):
        close = cells(market.close, slice(-missing, None), 1, np.nan)
        verdict = said(made_up(close=close), ASKS_NOTHING)
        assert verdict.passed is passes
    assert (verdict.rule, verdict.said) == ("price", "no price within 3 days")


def test_a_coin_that_has_no_price_yet_is_not_spoken_of():
    market = made_up()
    close = cells(market.close, slice(None, 100), 1, np.nan)
    early = made_up(close=close).until(date(2021, 4, 10))
    assert said(early, ASKS_NOTHING) is None
    assert said(made_up(close=close), ASKS_NOTHING).passed


@pytest.mark.parametrize("nothing", [np.nan, 0.0])
def test_a_supply_that_is_not_known_is_no_market_cap(nothing):
    market = made_up()
    verdict = said(made_up(supply=cells(market.supply, slice(None), 1, nothing)), ASKS_NOTHING)
    assert (verdict.rule, verdict.said) == ("market cap", "its supply is not known")


def test_the_market_cap_is_the_mean_of_its_days_and_is_held_against_the_limit():
    market = made_up()
    caps = market.close[:, 1] * market.supply[:, 1]
    for days in (1, 30):
        mean = caps[-days:].mean()
        assert said(market, asks(mcap_min_usd=mean * (1 - 1e-9), mean_days=days)).passed
        verdict = said(market, asks(mcap_min_usd=mean * 1.001, mean_days=days))
        assert verdict.said == f"market cap {mean:,.0f} USD, wanted {mean * 1.001:,.0f}"


def test_a_coin_that_stays_near_one_dollar_is_pegged_whatever_it_is_called():
    market = made_up()
    calm = 1 + 1e-4 * np.sin(np.arange(200))
    pegged = made_up(close=cells(market.close, slice(None), 1, calm))
    verdict = said(pegged, asks(pegged_excluded=True))
    assert verdict.rule == "pegged"
    assert "around 1.0" in verdict.said
    assert said(pegged, ASKS_NOTHING).passed
    for elsewhere in (1.5, 0.3):
        other = made_up(close=cells(market.close, slice(None), 1, elsewhere * calm))
        assert said(other, asks(pegged_excluded=True)).passed
    assert said(market, asks(pegged_excluded=True)).passed


def test_custodians_are_counted_once_each():
    market = made_up(custodians={"C01": ("BitGo", "BitGo"), "C02": ("BitGo", "Coinbase")})
    verdict = said(market, asks(custodians_min=2))
    assert (verdict.rule, verdict.said) == ("custody", "custodians: BitGo, BitGo; wanted 2")
    assert said(market, asks(custodians_min=2), "C02").passed
    assert said(market, asks(custodians_min=2), "C03").said == "custodians: none; wanted 2"


def test_without_a_custody_map_nobody_can_say_who_has_custodians():
    with pytest.raises(ValueError, match=r"at least 2 custodians are asked for.*custody_map.json"):
        said(made_up(), asks(custodians_min=2))


def test_the_median_day_decides_and_not_the_mean():
    market = made_up()
    spikes = cells(market.volume_usd, slice(-30, -16), 1, 1e12)
    assert said(made_up(volume_usd=spikes), asks(mdvt_min_usd=1e7)).passed
    thin = cells(spikes, slice(-16, None), 1, 9e5)
    verdict = said(made_up(volume_usd=thin), asks(mdvt_min_usd=1e6))
    assert (verdict.rule, verdict.said) == (
        "volume",
        "median daily value traded 900,000 USD, wanted 1,000,000",
    )


def test_too_few_days_of_volume_are_none():
    market = made_up()
    for known, passes in ((20, True), (19, False)):
        few = cells(market.volume_usd, slice(None, -known), 1, np.nan)
        verdict = said(made_up(volume_usd=few), asks(mdvt_min_usd=1e6))
        assert verdict.passed is passes
    assert "not known" in verdict.said


def test_a_quantile_is_of_all_coins_whose_volume_is_known():
    market = made_up()
    volume = market.volume_usd * np.arange(1, 9)
    passed = [
        f"C{i:02d}"
        for i in range(8)
        if said(made_up(volume_usd=volume), asks(mdvt_quantile=0.5), f"C{i:02d}").passed
    ]
    assert passed == ["C04", "C05", "C06", "C07"]


def test_age_counts_from_the_first_price_or_from_when_it_was_seen_before():
    market = made_up()
    young = cells(market.close, slice(None, 150), 1, np.nan)
    assert said(made_up(close=young), asks(age_min_days=49)).passed
    verdict = said(made_up(close=young), asks(age_min_days=50))
    assert (verdict.rule, verdict.said) == ("age", "known for 49 days, wanted 50")
    assert said(made_up(close=young, first_seen={"C01": date(2020, 1, 1)}), asks(age_min_days=500)).passed


def test_being_seen_later_makes_nobody_younger():
    market = made_up(first_seen={"C01": date(2029, 1, 1)})
    assert said(market, asks(age_min_days=199)).passed


def test_only_the_largest_of_those_that_pass_are_within_rank():
    market = made_up(blacklist=frozenset({"C00"}))
    verdict = said(market, asks(within_rank=2), "C03")
    assert (verdict.rule, verdict.said) == ("rank", "rank 3, wanted 2")
    assert said(market, asks(within_rank=2), "C02").passed


def test_every_rule_is_asked_for_by_some_test():
    assert [name for name, _ in RULES] == [
        "blacklist", "category", "price", "market cap", "pegged", "custody", "volume", "age",
    ]  # fmt: skip


def test_medians_and_deviations_are_those_of_numpy():
    market = made_up(seed=3)
    rng = np.random.default_rng(1)
    holes = np.where(rng.random(market.close.shape) < 0.1, np.nan, market.close)
    found = facts(made_up(close=holes, volume_usd=holes), ASKS_NOTHING)
    assert found.mdvt_usd == pytest.approx(np.nanmedian(holes[-30:], axis=0), rel=1e-15)
    moves = np.diff(np.log(holes[-90:]), axis=0)
    assert found.volatility == pytest.approx(np.nanstd(moves, axis=0, ddof=1) * 365**0.5, rel=1e-12)
