"""An index through history: its level against plain arithmetic, prices that go missing, announcements, and causality."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.levels.types import Announce, Launch, Publish, Remove, Reweight, Withdraw
from research.index_backtest import backtest, report
from research.index_record import changes, tracked
from research.index_walk import close_ms, heard, is_last_of, targets_of, walked
from strategies.crypto_index.methodology import (
    Buffer,
    CappedCap,
    Crix,
    Eligibility,
    Every,
    Fixed,
    MinimumVariance,
    Schedule,
)
from strategies.crypto_index.pipeline import NothingEligible, reviewed
from tests.strategies.crypto_index.made_up import FIRST, book, cells, made_up
from tests.strategies.crypto_index.test_pipeline import scrambled

START, END = date(2021, 3, 10), date(2021, 7, 10)


def rows(start, end):
    return range((start - FIRST).days, (end - FIRST).days + 1)


def kinds_of(walk):
    return [type(entry.event) for entry in walk.entries]


def plain_levels(market, rules, start, end):
    """Units held and marked, in floats: what anybody would write."""
    levels, held, level = [], None, rules.base.level
    for row in rows(start, end):
        day = market.days[row].item()
        if held is not None:
            level = sum(units * market.close[row, i] for i, units in held.items())
        if held is None or is_last_of(rules.schedule.weights, day):
            names = [] if held is None else [market.symbols[i] for i in held]
            weights = reviewed(market.until(day), rules, incumbents=names).weights
            held = {
                market.place(s): level * w / market.close[row, market.place(s)] for s, w in weights.items()
            }
        levels.append(level)
    return levels


@pytest.mark.parametrize("weights", [CappedCap(), CappedCap(cap=0.3, floor=0.05), MinimumVariance(days=60)])
def test_the_level_is_that_of_units_held_and_marked(weights):
    market, rules = made_up(), book(weights=weights)
    walk = walked(market, rules, START, END)
    assert [day.day for day in walk.days] == [market.days[row].item() for row in rows(START, END)]
    assert [float(day.level) for day in walk.days] == pytest.approx(
        plain_levels(market, rules, START, END), rel=1e-12
    )


def test_no_review_moves_the_level():
    walk = walked(made_up(), book(weights=MinimumVariance()), START, END)
    moved = [abs(e.level / e.before - 1) for e in walk.entries if isinstance(e.event, Reweight)]
    assert len(moved) == 4
    assert max(moved) < 1e-30


def test_what_is_traded_is_the_change_of_weights_and_nothing_between_reviews():
    walk = walked(made_up(), book(weights=MinimumVariance()), START, END)
    reviews = {decision.day: decision for decision in walk.decisions}
    assert walk.days[0].traded == 1.0
    for before, day in zip(walk.days, walk.days[1:], strict=False):
        if day.day not in reviews:
            assert day.traded == 0.0
            assert day.weights.keys() == before.weights.keys()
        else:
            assert day.weights == pytest.approx(reviews[day.day].weights, rel=1e-9)
            assert day.traded > 0
        assert sum(day.weights.values()) == pytest.approx(1, abs=1e-12)


def test_costs_are_taken_from_what_is_bought_and_from_what_is_sold():
    walk = walked(made_up(), book(weights=MinimumVariance(), cost_bps=100.0), START, END)
    track = tracked(walk)
    assert track.net[0] == track.gross[0] == 1000.0
    kept = 1.0
    for day, gross, net in zip(walk.days, track.gross, track.net, strict=True):
        kept *= 1 - 0.01 * day.traded
        assert net == pytest.approx(gross * kept, rel=1e-12) or day.day == START
    free = tracked(walked(made_up(), book(cost_bps=0.0), START, END))
    assert (free.net == free.gross).all()


def test_members_are_chosen_at_month_ends_or_at_quarters_and_weights_as_often_as_the_book_says():
    assert is_last_of(Every.MONTH, date(2021, 4, 30))
    assert not is_last_of(Every.QUARTER, date(2021, 4, 30))
    year = [date(2021, 1, 1) + timedelta(days=k) for k in range(365)]
    assert [f"{d:%m-%d}" for d in year if is_last_of(Every.QUARTER, d)] == [
        "03-31",
        "06-30",
        "09-30",
        "12-31",
    ]
    assert [d.month for d in year if is_last_of(Every.MONTH, d)] == list(range(1, 13))
    quarterly = Schedule(weights=Every.MONTH, members=Every.QUARTER)
    walk = walked(made_up(), book(schedule=quarterly), START, END)
    assert [(d.day.isoformat(), bool(d.verdicts)) for d in walk.decisions] == [
        ("2021-03-10", True), ("2021-03-31", True), ("2021-04-30", False), ("2021-05-31", False), ("2021-06-30", True),
    ]  # fmt: skip


def test_what_is_announced_holds_so_many_days_later():
    rules = book(
        schedule=Schedule(weights=Every.MONTH, members=Every.MONTH, announced_days=5),
        weights=MinimumVariance(),
    )
    walk = walked(made_up(), rules, START, END)
    assert [day.day.isoformat() for day in walk.days if day.traded][1:] == [
        "2021-04-05", "2021-05-05", "2021-06-05", "2021-07-05",
    ]  # fmt: skip
    announced = [e.event.targets for e in walk.entries if isinstance(e.event, Announce)]
    assert announced == [e.event.targets for e in walk.entries if isinstance(e.event, Reweight)]


# --- prices that are missing -------------------------------------------------------------------------------


def test_a_member_without_a_price_stands_at_its_last_one_and_leaves_at_it():
    market = made_up()
    row = (date(2021, 4, 12) - FIRST).days
    halted = replace(market, close=cells(market.close, slice(row, None), 0, np.nan))
    walk = walked(halted, book(), START, END)
    days = {day.day: day for day in walk.days}
    assert "C00" in days[date(2021, 4, 15)].weights
    assert "C00" not in days[date(2021, 4, 16)].weights
    removed = [e for e in walk.entries if isinstance(e.event, Remove)]
    assert [(e.event.symbols, str(e.event.cause), e.event.reason) for e in removed] == [
        (("C00",), "no_price", "no price within 4 days")
    ]
    assert abs(removed[0].level / removed[0].before - 1) < 1e-30
    weight = days[date(2021, 4, 15)].weights["C00"]
    assert days[date(2021, 4, 16)].traded == pytest.approx(2 * weight, rel=0.1)
    assert days[date(2021, 4, 17)].traded == 0


def test_a_newcomer_without_a_close_on_the_day_of_the_review_comes_in_at_its_last_one():
    market = made_up()
    row = (date(2021, 3, 31) - FIRST).days
    holed = replace(market, close=cells(market.close, row, 0, np.nan), blacklist=frozenset())
    late = replace(holed, volume_usd=cells(market.volume_usd, slice(None, row - 20), 0, 1.0))
    walk = walked(late, book(), START, date(2021, 4, 5))
    assert "C00" not in walk.days[0].weights
    entry = next(e for e in walk.entries if isinstance(e.event, Reweight))
    price = next(p for p in entry.prices if p.symbol == "C00")
    assert (float(price.usd), price.at_ms) == (market.close[row - 1, 0], close_ms(date(2021, 3, 30)))


def test_who_was_announced_and_lost_its_price_does_not_come_in():
    market = made_up()
    rules = book(schedule=Schedule(weights=Every.MONTH, members=Every.MONTH, announced_days=10))
    row = (date(2021, 3, 31) - FIRST).days
    late = cells(market.volume_usd, slice(None, row - 20), 0, 1.0)
    gone = replace(market, volume_usd=late, close=cells(market.close, slice(row + 2, None), 0, np.nan))
    walk = walked(gone, rules, START, date(2021, 4, 20))
    assert "C00" in walk.decisions[-1].weights
    assert "C00" not in walk.days[-1].weights
    assert walk.days[-1].weights.keys() == walk.decisions[-1].weights.keys() - {"C00"}


def test_where_nobody_announced_has_a_price_the_announcement_is_withdrawn():
    market = made_up(coins=2)
    rules = book(
        count=Fixed(k=1), schedule=Schedule(weights=Every.MONTH, members=Every.MONTH, announced_days=10)
    )
    row = (date(2021, 3, 31) - FIRST).days
    volume = cells(market.volume_usd, slice(None, row - 20), 0, 1.0)
    walk = walked(
        replace(market, volume_usd=volume, close=cells(market.close, slice(row + 2, None), 0, np.nan)),
        rules,
        START,
        date(2021, 4, 20),
    )
    assert Withdraw in kinds_of(walk)
    assert list(walk.days[-1].weights) == ["C01"]


def test_a_review_at_which_nobody_is_eligible_leaves_the_index_as_it_is():
    market = made_up()
    row = (date(2021, 4, 30) - FIRST).days
    dry = market.volume_usd.copy()
    dry[row - 25 : row + 25] = 0.0
    walk = walked(replace(market, volume_usd=dry), book(), START, END)
    assert date(2021, 4, 30) not in {decision.day for decision in walk.decisions}
    assert [day.traded for day in walk.days if day.day == date(2021, 4, 30)] == [0.0]
    with pytest.raises(NothingEligible):
        walked(replace(market, volume_usd=dry * 0), book(), START, END)


def test_a_price_says_of_which_day_it_is():
    market = made_up(days=10)
    holed = replace(market, close=cells(market.close, slice(7, None), 1, np.nan))
    found = heard(holed, ["C00", "C01"], stale_days=3)
    assert found["C00"].at_ms == close_ms(date(2021, 1, 10)) == 1_610_323_200_000
    assert found["C01"].at_ms == close_ms(date(2021, 1, 7))
    assert float(found["C01"].usd) == market.close[6, 1]
    assert list(heard(holed, ["C00", "C01"], stale_days=2)) == ["C00"]


# --- what the caller is told ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end"),
    [("2020-12-31", "2021-05-01"), ("2021-03-01", "2021-03-01"), ("2021-03-01", "2021-07-20")],
)
def test_days_that_the_data_do_not_have_are_refused_with_those_they_have(start, end):
    with pytest.raises(ValueError, match="is not within the data, which have 2021-01-01 to 2021-07-19"):
        walked(made_up(), book(), date.fromisoformat(start), date.fromisoformat(end))


def test_each_day_is_told_when_it_is_done():
    heard_of = []
    walked(made_up(), book(), START, START + timedelta(days=3), told=heard_of.append)
    assert heard_of == [START + timedelta(days=k) for k in range(4)]


def test_targets_sum_to_one_to_the_last_digit():
    targets = targets_of(reviewed(made_up(), book(weights=MinimumVariance())))
    assert abs(sum(t.weight for t in targets) - 1) < 1e-26
    assert [t.symbol for t in targets] == list(reviewed(made_up(), book(weights=MinimumVariance())).weights)


def test_the_launch_has_the_base_level_and_the_first_entry():
    walk = walked(made_up(), book(), START, END)
    assert kinds_of(walk)[0] is Launch
    assert walk.entries[0].level == 1000
    assert kinds_of(walk).count(Publish) == len(walk.days) - 1
    assert [e.sequence for e in walk.entries] == list(range(len(walk.entries)))


def test_changes_are_the_days_on_which_someone_came_or_went():
    market = made_up()
    row = (date(2021, 4, 12) - FIRST).days
    walk = walked(replace(market, close=cells(market.close, slice(row, None), 0, np.nan)), book(), START, END)
    assert changes(walk) == [
        (date(2021, 4, 16), (), ("C00",)),
        (date(2021, 4, 30), ("C04",), ()),
    ]


# --- no later day has a part in it ------------------------------------------------------------------------


@settings(max_examples=6)
@given(st.integers(90, 170), st.integers(0, 2**32))
def test_a_walk_up_to_a_day_is_the_same_whatever_comes_later(row, seed):
    market = made_up(seed=seed % 3)
    rules = book(
        count=Crix(start=2, step=1, most=6),
        eligibility=Eligibility(mdvt_days=30, mdvt_quantile=0.2, passed_in_row=2),
        schedule=Schedule(announced_days=3),
    )
    day = market.days[row].item()
    walk = walked(market, rules, START, day)
    for other in (market.until(day), scrambled(market, row, seed)):
        again = walked(other, rules, START, day)
        assert again.days == walk.days
        assert again.entries == walk.entries
        assert again.decisions == walk.decisions


WHOLE = {
    "capped": book(name="capped", weights=CappedCap(cap=0.35, floor=0.05), count=Fixed(k=5)),
    "counted": book(
        name="counted",
        weights=CappedCap(cap=0.6),
        count=Crix(start=2, step=1, most=6, days=40),
        buffer=Buffer(size_ratio=1.1),
    ),
}
"""Rule books that look at most forty days back."""


@settings(max_examples=3)
@given(st.integers(100, 130), st.integers(0, 2**32), st.sampled_from(["C00", "C03"]))
def test_o0_12_what_must_hold_of_every_walk(row, seed, listed):
    """Weights, cap, floor and order; the level across each entry; the divisor; the blacklist; and no later day."""
    market = replace(made_up(seed=seed % 7), blacklist=frozenset({listed}))
    span = START, market.days[row].item()
    tested = backtest(market, list(WHOLE.values()), span)
    for name, walk in tested.walks.items():
        rule = WHOLE[name].weights
        for decision in walk.decisions:
            weights = list(decision.weights.values())
            assert abs(sum(weights) - 1) <= 1e-12
            assert rule.floor <= min(weights)
            assert max(weights) <= rule.cap
            assert weights == sorted(weights, reverse=True)
        for before, entry in pairwise(walk.entries):
            assert abs(entry.level / entry.before - 1) <= Decimal("1e-12")
            if entry.members is None:
                assert str(entry.divisor) == str(before.divisor)
        assert {type(entry.event) for entry in walk.entries} == {Launch, Publish, Reweight}
        assert not any(
            listed in held for held in (*(d.weights for d in walk.days), *walk.decisions[0].eligible)
        )
    for other in (market.until(span[1]), scrambled(market, row, seed)):
        again = backtest(other, list(WHOLE.values()), span)
        assert report(again, asked=START) == report(tested, asked=START)
        assert (again.market == tested.market).all()
        assert [walk.entries for walk in again.walks.values()] == [w.entries for w in tested.walks.values()]
