"""Whole nights in which things go wrong: no order twice, no fill lost, no target passed, whatever happens when.

The venue of desk.py asserts that every order it gets is legal and new, and that none takes a coin past its target.
"""

from dataclasses import replace as replaced
from math import sin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.report import final_targets
from core.state import Stage
from core.types import TradingState
from tests.core.desk import BTC, CLOSE_MS, DOGE, ETH, INSTRUMENTS, PRICES, SETTINGS, SOL, D
from tests.core.night_venue import CALM, ROUGH
from tests.core.nights import FLIPPED, LONG_SHORT, moving, night


def check(played):
    """What must be true of every night that was not halted."""
    assert played.state.trading is TradingState.ACTIVE, played.state.halt_reason
    assert played.stages[-1] == "done"
    assert len(played.reports) == 1
    assert played.venue.positions == played.state.book.positions
    assert played.state.book.fills_booked == len(played.venue.fills)
    assert len({o.cloid for o in played.orders}) == len(played.orders)
    assert not played.state.orders.open
    assert not {a.code for a in played.alerts} & {"fills.late", "fills.foreign", "reducing"}
    report = played.reports[0]
    assert [i["name"] for i in report["invariants"] if not i["held"]] == []
    for asset in report["assets"]:
        assert abs(asset["residual_lots"]) <= 1 or asset["reason"]


def residuals_usd(played):
    targets = final_targets(played.state.session)
    return {c: float(abs(q - played.position(c)) * PRICES[c]) for c, q in targets.items()}


@given(seed=st.integers(0, 10**6), flips=st.booleans(), holds=st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_rough_night_ends_reconciled_and_close_to_its_target(seed, flips, holds):
    held = {SOL: D(-100), DOGE: D(20_000), BTC: D("0.2"), ETH: D("-1.2345")} if holds else None
    played = night(
        LONG_SHORT, FLIPPED if flips else LONG_SHORT, faults=ROUGH, seed=seed, prices=moving, held=held
    )
    check(played.play(-930, 540))
    assert max(residuals_usd(played).values()) < 0.15 * 80_000


@pytest.mark.parametrize("first", range(1, 41))
def test_a_restart_at_any_record_of_a_night_leads_to_the_same_positions(first):
    """Crashes at every fortieth record, from the first-th on: over all cases, at each record of the night once."""
    played = night(LONG_SHORT, FLIPPED, seed=first)
    played.crashes = set(range(first, 4_000, 40))
    played.play(-930, 560)
    check(played)
    whole = {SOL: D("-333.33"), DOGE: D(350_000)}
    for coin, target in whole.items():
        assert abs(played.position(coin) - target) <= INSTRUMENTS[coin].lot
    assert played.state.session.restarts >= 3


@given(
    seed=st.integers(0, 10**6),
    crashes=st.sets(st.integers(1, 600), min_size=1, max_size=5),
    down_s=st.integers(1, 40),
)
@settings(max_examples=20, deadline=None)
def test_crashes_in_a_rough_night_lose_and_double_nothing(seed, crashes, down_s):
    played = night(LONG_SHORT, FLIPPED, faults=ROUGH, seed=seed, prices=moving)
    played.crashes = crashes
    crash = played.crash
    played.crash = lambda: crash(down_ms=1000 * down_s)
    check(played.play(-930, 560))


@pytest.mark.parametrize("at_s", [-605, -301, 55, 125, 300, 415])
@pytest.mark.parametrize("down_s", [1, 30, 90])
def test_a_restart_around_every_turn_of_the_night(at_s, down_s):
    played = night(LONG_SHORT, FLIPPED, seed=at_s)
    played.at(CLOSE_MS + 1000 * at_s, lambda: played.crash(down_ms=1000 * down_s))
    check(played.play(-930, 600))
    if at_s + down_s < 400:
        assert max(residuals_usd(played).values()) == 0


@pytest.mark.parametrize(
    "fault", ["lost", "unheard", "refused", "partial", "fill_lost", "fill_doubled", "read_failed"]
)
def test_each_fault_alone_is_borne(fault):
    chance = {"lost": 0.2, "unheard": 0.3, "refused": 0.2}.get(fault, 0.5)
    played = night(LONG_SHORT, FLIPPED, faults=replaced(CALM, **{fault: chance}), seed=11, prices=moving)
    check(played.play(-930, 560))


def test_a_venue_that_is_deaf_for_minutes_costs_no_second_order():
    played = night(LONG_SHORT, LONG_SHORT, seed=1)
    deaf = replaced(CALM, unheard=1.0, fill_lost=1.0, read_failed=1.0)
    played.at(CLOSE_MS - 590_000, lambda: setattr(played.venue, "faults", deaf))
    played.at(CLOSE_MS - 300_000, lambda: setattr(played.venue, "faults", CALM))
    played.play(-930, 540)
    check(played)
    assert max(residuals_usd(played).values()) == 0


def test_the_closing_stage_ends_on_a_large_book_whose_prices_move_every_second():
    """It once waited for a delta of ten dollars that a book of millions never holds for a second."""

    def restless(coin, now_ms):
        px = PRICES[coin] * D(repr(1 + 0.002 * sin(now_ms / 700 + INSTRUMENTS[coin].asset_id)))
        return px.quantize(D("0.00001")) if coin == DOGE else px.quantize(D("0.01"))

    played = night({SOL: 0.2, DOGE: -0.2}, {SOL: 0.2, DOGE: -0.2}, prices=restless)
    played.venue.cash_usd = D(5_000_000)
    for at_s in range(-930, 540):
        played.at(CLOSE_MS + 1000 * at_s + 300, lambda: played.quotes(PRICES))
    played.play(-930, 540)
    session = played.state.session
    assert session.stage is Stage.DONE
    assert session.stage_ms - CLOSE_MS < 450_000
    assert not [a for a in played.alerts if a.code == "closing"]


def test_a_small_account_ends_where_it_can():
    tiny = night({SOL: 0.08, DOGE: -0.06}, {SOL: -0.05, DOGE: 0.07}, settings=SETTINGS)
    tiny.venue.cash_usd = D(400)
    tiny.play(-930, 540)
    assert len(tiny.reports) == 1
    for coin, usd in residuals_usd(tiny).items():
        assert usd <= 10.5 or tiny.reports[0]["assets"], coin
