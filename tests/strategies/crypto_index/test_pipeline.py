"""One review: what it decides, what it says, and that no later day has a part in it."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.crypto_index.eligibility import facts, verdicts
from strategies.crypto_index.methodology import (
    Category,
    Crix,
    Eligibility,
    Everyone,
    Fixed,
    HoldOut,
    LiteralAic,
    LiteralMinimumVariance,
    MinimumVariance,
)
from strategies.crypto_index.pipeline import NothingEligible, reviewed, reweighted
from strategies.crypto_index.total_market import total_market_returns
from tests.strategies.crypto_index.made_up import book, cells, kinds, made_up

BOOKS = {
    "fixed": book(),
    "three passes, within rank": book(
        eligibility=Eligibility(mdvt_days=30, mdvt_quantile=0.3, passed_in_row=3, within_rank=6)
    ),
    "crix": book(count=Crix(start=2, step=1, most=6), weights=MinimumVariance()),
    "hold out": book(count=HoldOut(start=2, step=1, most=6), weights=MinimumVariance(days=60)),
    "literal": book(count=LiteralAic(), weights=LiteralMinimumVariance()),
}


def test_the_largest_are_in_at_weights_in_proportion_to_their_mean_market_cap():
    market = made_up()
    decision = reviewed(market, book())
    caps = (market.close * market.supply)[-30:].mean(axis=0)
    assert list(decision.weights) == ["C00", "C01", "C02", "C03"]
    assert list(decision.weights.values()) == pytest.approx(caps[:4] / caps[:4].sum(), rel=1e-12)
    assert decision.prices_usd["C02"] == market.close[-1, 2]
    assert decision.supplies["C02"] == market.supply[-1, 2]
    assert decision.eligible == tuple(f"C{i:02d}" for i in range(8))
    assert decision.day == date(2021, 7, 19)


def test_each_decision_is_a_line_with_its_part_and_value():
    market = made_up(kinds=kinds(C01="meme"))
    rules = book(eligibility=Eligibility(excluded=(Category.MEME,), mdvt_days=30))
    lines = [(line.tag, line.text) for line in reviewed(market, rules).lines]
    assert ("Eligibility", "C01 REJECTED by category: its kind is meme") in lines
    assert any(tag == "Eligibility" and text.startswith("C00 ACCEPTED: market cap ") for tag, text in lines)
    assert ("Count", "4 members: the largest 4") in lines
    assert any(tag == "IndexManager" and text.startswith("C04 0.") for tag, text in lines)


def test_a_newcomer_must_have_passed_so_many_month_ends_in_a_row_and_an_incumbent_the_last():
    """The medians of volume are of thirty days: what is thin in June fails at the end of June."""
    market = made_up()
    thin = made_up(volume_usd=cells(market.volume_usd, slice(151, 181), 0, 1.0))
    rules = book(eligibility=Eligibility(mdvt_days=30, mdvt_min_usd=1e6, passed_in_row=2))
    recovered = replace(thin, volume_usd=cells(thin.volume_usd, slice(181, None), 0, 1e9))
    once = replace(rules, eligibility=replace(rules.eligibility, passed_in_row=1, mdvt_days=15))
    twice = replace(rules, eligibility=replace(rules.eligibility, mdvt_days=15))
    assert "C00" in reviewed(recovered, once).weights
    decision = reviewed(recovered, twice)
    assert "C00" not in decision.weights
    said = next(v for v in decision.verdicts if v.symbol == "C00")
    assert (said.rule, said.said[:14]) == ("volume", "on 2021-06-30:")
    assert "C00" in reviewed(recovered, twice, incumbents=["C00"]).weights


def test_a_coin_without_a_price_at_an_earlier_month_end_is_a_newcomer_too():
    market = made_up()
    new = made_up(close=cells(market.close, slice(None, 185), 0, np.nan))
    decision = reviewed(new, book(eligibility=Eligibility(mdvt_days=30, passed_in_row=2)))
    said = next(v for v in decision.verdicts if v.symbol == "C00")
    assert said.said == "on 2021-06-30: it had no price yet"


def test_month_ends_before_the_data_are_not_asked_for_and_it_is_said():
    market, rules = made_up(), book(eligibility=Eligibility(mdvt_days=20, passed_in_row=3))
    said = [line.text for line in reviewed(market.until(date(2021, 2, 28)), rules).lines]
    assert "the data go back to 2 of 3 month ends: newcomers passed those" in said
    later = [line.text for line in reviewed(market.until(date(2021, 3, 31)), rules).lines]
    assert not any("month ends" in text for text in later)


def test_new_weights_are_by_falling_market_cap_whoever_was_named_first():
    decision = reweighted(made_up(), book(), members=["C03", "C00", "C02"])
    assert list(decision.weights) == list(decision.eligible) == ["C00", "C02", "C03"]


def test_nothing_eligible_says_which_rules_said_no():
    market = made_up(blacklist=frozenset({"C00"}))
    with pytest.raises(
        NothingEligible, match="no coin is eligible on 2021-07-19: 7 by market cap, 1 by blacklist"
    ):
        reviewed(market, book(eligibility=Eligibility(mcap_min_usd=1e15)))


def test_new_weights_leave_out_a_member_that_is_on_the_blacklist_or_has_no_price():
    market = made_up()
    gone = replace(
        market, close=cells(market.close, slice(-5, None), 1, np.nan), blacklist=frozenset({"C02"})
    )
    decision = reweighted(gone, book(), members=["C00", "C01", "C02", "C07"])
    assert set(decision.weights) == {"C00", "C07"}
    assert [line.text.partition(" ")[0] for line in decision.lines[:2]] == ["C01", "C02"]
    with pytest.raises(NothingEligible):
        reweighted(gone, book(), members=["C01"])


def test_an_incumbent_stays_until_its_challenger_is_a_tenth_larger():
    market = made_up()
    caps, closes = (market.close * market.supply)[-30:].mean(axis=0), market.close[-30:].mean(axis=0)
    rules = book(buffer=replace(book().buffer, size_ratio=1.1))
    for larger, last in ((1.05, "C03"), (1.15, "C04")):
        supply = cells(market.supply, slice(None), 4, larger * caps[3] / closes[4])
        challenged = replace(market, supply=supply)
        assert "C03" not in reviewed(challenged, rules).weights
        decision = reviewed(challenged, rules, incumbents=["C00", "C01", "C02", "C03"])
        assert list(decision.weights)[-1] == last
        assert [line.text[:3] for line in decision.lines if line.tag == "Buffer Rule"] == [last]


# --- no later day has a part in it ---------------------------------------------------------------------


def scrambled(market, row, seed):
    """Return the market with other rows after row: prices, supplies, volumes, holes, and coins that come back."""
    rng = np.random.default_rng(seed)
    changed = {}
    for name in ("close", "supply", "volume_usd"):
        array = getattr(market, name).copy()
        later = array[row + 1 :]
        array[row + 1 :] = np.where(
            rng.random(later.shape) < 0.2, np.nan, np.exp(rng.normal(5, 8, later.shape))
        )
        changed[name] = array
    dated = {f"C{i:02d}": ((market.days[row + 1].item(), Category.STABLECOIN),) for i in range(3)}
    return replace(market, kinds=dated, **changed)


@pytest.mark.parametrize("name", BOOKS)
@settings(max_examples=8)
@given(st.integers(100, 190), st.integers(0, 2**32))
def test_a_review_is_the_same_whatever_comes_later(name, row, seed):
    market = made_up(seed=seed % 5)
    day, rules = market.days[row].item(), BOOKS[name]
    known, other = market.until(day), scrambled(market, row, seed).until(day)
    for attribute in ("days", "close", "supply", "volume_usd"):
        assert np.array_equal(getattr(known, attribute), getattr(other, attribute), equal_nan=True)
    assert reviewed(known, rules, incumbents=["C05"]) == reviewed(other, rules, incumbents=["C05"])
    assert reweighted(known, rules, members=["C01", "C05"]) == reweighted(
        other, rules, members=["C01", "C05"]
    )


@settings(max_examples=20)
@given(st.integers(40, 190), st.integers(0, 2**32))
def test_every_array_that_rules_look_at_is_the_same_whatever_comes_later(row, seed):
    market = made_up(seed=1)
    day, rules = market.days[row].item(), BOOKS["fixed"].eligibility
    found = [facts(one.until(day), rules) for one in (market, scrambled(market, row, seed))]
    for name in found[0].__dataclass_fields__:
        one, other = (getattr(f, name) for f in found)
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), name
    assert verdicts(market.until(day), rules, found[0]) == verdicts(market.until(day), rules, found[1])
    moves = total_market_returns(market)[: row + 1]
    assert (moves == total_market_returns(scrambled(market, row, seed))[: row + 1]).all()


def test_coins_that_nobody_knows_yet_change_nothing_by_being_in_the_table():
    """Data read later have columns for coins that came later."""
    market = made_up(days=150)
    columns = [
        np.column_stack((a, np.full(150, np.nan))) for a in (market.close, market.supply, market.volume_usd)
    ]
    wider = replace(
        market, symbols=(*market.symbols, "NEW"), close=columns[0], supply=columns[1], volume_usd=columns[2]
    )
    for rules in BOOKS.values():
        assert reviewed(wider, rules) == reviewed(market, rules)


def test_everybody_who_is_eligible_is_in_where_the_book_says_so():
    decision = reviewed(made_up(), book(count=Everyone()))
    assert tuple(decision.weights) == decision.eligible
    assert len(reviewed(made_up(), book(count=Fixed(k=1))).weights) == 1
