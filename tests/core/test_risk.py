from dataclasses import replace as replaced

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core import orders, risk
from core.events import QuoteReceived
from core.intents import CancelEverything, RaiseAlert, TripKill
from core.state import Opening, Session, Stage
from core.types import Purpose, TradingState
from tests.core.desk import (
    BTC,
    CLOSE_MS,
    DAY,
    DOGE,
    ETH,
    PRICES,
    SETTINGS,
    SOL,
    XRP,
    D,
    after,
    cloid,
    desk,
    fill,
    fills,
    order,
    proforma,
    quote,
    sent,
    snapshot,
    tick,
)


def limits(**changes):
    return replaced(SETTINGS, risk=replaced(SETTINGS.risk, **changes))


def screened(state, *wanted):
    return risk.screen(state, wanted)


def numbered(*made):
    return tuple(replace(o, cloid=cloid(o.purpose, n)) for n, o in enumerate(made))


# --- prices --------------------------------------------------------------------------------------------


@given(age_ms=st.integers(0, 60_000))
def test_a_price_is_fresh_up_to_its_age_limit(age_ms):
    state = replace(desk(at_ms=CLOSE_MS + age_ms), quotes={SOL: quote(SOL, at_ms=CLOSE_MS)})
    assert (risk.fresh_quote(state, SOL) is not None) == (age_ms <= 15_000)


@given(seen_ms=st.integers(0, 60_000), made_ms=st.integers(0, 60_000))
def test_a_price_that_comes_again_with_an_old_stamp_is_old(seen_ms, made_ms):
    repeated = replace(quote(SOL), at_ms=CLOSE_MS - made_ms, received_ms=CLOSE_MS - seen_ms)
    state = replace(desk(), quotes={SOL: repeated})
    assert (risk.fresh_quote(state, SOL) is not None) == (max(seen_ms, made_ms) <= 15_000)


def test_the_newest_price_is_the_quote_and_else_the_mark():
    state = replace(desk({SOL: D(1)}), quotes={})
    assert risk.last_px(state, SOL) == 150
    assert risk.last_px(state, XRP) is None
    assert risk.last_px(desk(), XRP) == D("2.5")


# --- trading states ------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.FLATTEN])
def test_after_a_halt_no_order_goes_but_a_flattening_one(purpose):
    state, _ = risk.halt(desk({SOL: D(10)}), "test")
    passed, refused = screened(state, order(SOL, D(-10), purpose=purpose))
    assert not passed
    assert refused == {SOL: "trading is halted: test"}
    passed, _ = screened(state, order(SOL, D(-10), purpose=Purpose.FLATTEN))
    assert passed


@given(position=st.integers(-20, 20), qty=st.integers(-40, 40).filter(bool))
def test_reducing_lets_through_what_makes_a_position_smaller_and_hedges(position, qty):
    state = replace(desk({SOL: D(position)} if position else {}), trading=TradingState.REDUCING)
    passed, refused = screened(state, order(SOL, D(qty)))
    assert bool(passed) == (position * qty < 0 and abs(qty) <= abs(position))
    assert passed or refused == {SOL: "only orders that reduce a position may go"}
    assert screened(state, order(BTC, D("0.1"), purpose=Purpose.HEDGE))[0]


def test_what_is_on_its_way_is_not_reduced_a_second_time():
    state = replace(desk({SOL: D(10)}), trading=TradingState.REDUCING)
    state = orders.register(state, [order(SOL, D(-10))])
    assert screened(state, order(SOL, D(-10)))[1]


def test_a_stopping_daemon_sends_no_more_slices_but_hedges_what_still_fills():
    state = replace(desk({SOL: D(10)}), stopping=True)
    for purpose in (Purpose.PROJECTED, Purpose.CORRECTION):
        assert screened(state, order(SOL, D(-10), purpose=purpose))[1] == {SOL: "the daemon is stopping"}
    assert screened(state, order(BTC, D("0.1"), purpose=Purpose.HEDGE))[0]


# --- limits --------------------------------------------------------------------------------------------


def test_each_limit_names_itself():
    cases = {
        "order_max_usd": limits(order_max_usd=1_000.0),
        "position_max": limits(position_max=0.001),
        "gross_max": limits(gross_max=0.001),
        "rate limit": limits(orders_per_min_max=1),
    }
    busy = orders.register(desk(), [order(XRP, D(100), purpose=Purpose.HEDGE)])
    for word, settings in cases.items():
        _, refused = screened(replace(busy, settings=settings), order(SOL, D(10)))
        assert word in refused[SOL]


def test_hedges_are_not_bound_by_the_limit_of_one_coin():
    state = replace(desk(), settings=limits(position_max=0.01))
    assert screened(state, order(BTC, D(3), purpose=Purpose.HEDGE))[0]
    assert screened(state, order(ETH, D(60), purpose=Purpose.HEDGE))[0]


@given(n=st.integers(1, 12), gross_max=st.floats(0.01, 1.0))
def test_a_batch_in_all_stays_within_gross_and_not_each_order_for_itself(n, gross_max):
    state = replace(desk(), settings=limits(gross_max=gross_max, position_max=5.0))
    wanted = numbered(
        *(order((SOL, DOGE, XRP)[k % 3], D(100_000) / (150, 1, 2)[k % 3] // 1) for k in range(n))
    )
    wanted = wanted[:3]
    passed, _ = screened(state, *wanted)
    assert sum(float(o.qty * o.limit_px) for o in passed) <= gross_max * 1_000_000


def test_orders_on_their_way_count_towards_the_limits():
    state = replace(desk(), settings=limits(position_max=0.002))
    assert screened(state, order(SOL, D(10)))[0]
    assert screened(orders.register(state, [order(SOL, D(10))]), order(SOL, D(10)))[1]


def test_turning_a_hedge_round_adds_nothing_to_gross():
    state = replace(desk({BTC: D(-10)}), settings=limits(gross_max=1.05, order_max_usd=1e9))
    assert screened(state, order(BTC, D(20), purpose=Purpose.HEDGE))[0]
    assert screened(state, order(BTC, D(21), purpose=Purpose.HEDGE))[1]


def test_the_order_rate_counts_one_minute():
    state = replace(desk(), settings=limits(orders_per_min_max=3))
    first = numbered(*(order(c, D(100)) for c in (SOL, DOGE, XRP)))
    state = orders.register(state, first)
    assert screened(state, order(SOL, D(1)))[1]
    later = replace(state, at_ms=CLOSE_MS + 60_000)
    assert screened(later, order(SOL, D(1)))[0]


# --- halting -------------------------------------------------------------------------------------------


def test_a_halt_latches_cancels_and_says_the_way_back_once():
    state, intents = risk.halt(desk(), "test")
    assert state.trading is TradingState.HALTED
    assert [type(i) for i in intents] == [TripKill, CancelEverything, RaiseAlert]
    assert "nightdesk reset" in intents[-1].text
    assert risk.halt(state, "again") == (state, ())


def test_reducing_is_said_once_and_never_softens_a_halt():
    state, intents = risk.reduce(desk(), "test")
    assert state.trading is TradingState.REDUCING
    assert [type(i) for i in intents] == [RaiseAlert]
    assert risk.reduce(state, "again") == (state, ())
    halted, _ = risk.halt(desk(), "test")
    assert risk.reduce(halted, "again") == (halted, ())


def test_a_reset_makes_trading_active_and_forgets_the_counts():
    state, _ = risk.halt(replace(desk(), hedge=replace(desk().hedge, failures=10)), "test")
    back = risk.reset(state)
    assert (back.trading, back.halt_reason, back.hedge.failures) == (TradingState.ACTIVE, "", 0)
    assert risk.watch(back) == (back, ())


@given(equity=st.integers(0, 2_000_000))
def test_a_loss_beyond_the_limit_halts(equity):
    opening = Opening(snapshot=snapshot(), ledger=desk().book.ledger)
    state = replace(desk(equity_usd=D(equity)), session=Session(day=DAY, close_ms=CLOSE_MS, opening=opening))
    state, _ = risk.watch(state)
    assert (state.trading is TradingState.HALTED) == (equity < 900_000)


def after_session(projected=None):
    """A desk whose SOL is hedged; it held some at its session's opening, and has traded since."""
    state = desk({SOL: D(10_000), BTC: D(-18), ETH: D("-112.5")})
    opening = Opening(snapshot=snapshot({SOL: D(-50)}), ledger=state.book.ledger)
    session = Session(day=DAY, close_ms=CLOSE_MS, stage=Stage.DONE, opening=opening)
    if projected is not None:
        session = session.with_phase(replace(session.projected, proforma=proforma({}, projected)))
    return replace(state, session=session)


def priced(coin, px):
    return QuoteReceived(at_ms=CLOSE_MS, quote=quote(coin, px))


FILL = fills(fill(SOL, D(-1), start_position=D(10_000)))


@pytest.mark.parametrize("times", [D(1000), D("0.001"), D(11), D("0.09")])
@pytest.mark.parametrize("projected", [None, PRICES])
@pytest.mark.parametrize("event", [tick(CLOSE_MS), FILL])
def test_a_held_coin_that_is_quoted_in_other_units_halts_before_anything_is_hedged_by_it(
    projected, times, event
):
    state, intents = after(after_session(projected), priced(SOL, PRICES[SOL] * times), event)
    assert state.halt_reason.startswith("SOL is quoted at")
    assert not sent(intents)


def test_a_coin_that_was_bought_after_the_opening_has_its_price_from_the_projection():
    bought = fills(fill(DOGE, D(100), start_position=D(0)))
    dear = priced(DOGE, PRICES[DOGE] * 1000)
    assert after(after_session(PRICES), bought, dear, tick(CLOSE_MS))[0].halt_reason.startswith("DOGE")
    assert not after(after_session(), bought, dear, tick(CLOSE_MS))[0].halt_reason


@pytest.mark.parametrize("times", [D("0.2"), D(1), D(5)])
def test_a_price_that_a_night_may_bring_halts_nothing(times):
    state, _ = after(after_session(PRICES), priced(SOL, PRICES[SOL] * times), tick(CLOSE_MS))
    assert not state.halt_reason


def test_the_price_of_a_coin_that_is_not_held_halts_nothing():
    events = priced(XRP, PRICES[XRP] * 1000), tick(CLOSE_MS)
    assert not after(after_session(PRICES), *events)[0].halt_reason


def test_hedges_that_fail_in_a_row_halt():
    state, intents = risk.watch(replace(desk(), hedge=replace(desk().hedge, failures=10)))
    assert state.trading is TradingState.HALTED
    assert "10 hedge orders" in intents[0].reason


def test_the_sessions_record_keeps_why_trading_stopped_though_it_was_reset_before_the_report():
    state = replace(desk(), session=Session(day=DAY, close_ms=CLOSE_MS))
    state, _ = risk.reduce(state, "a second writer")
    state, _ = risk.halt(risk.reset(state), "loss")
    assert [text for _, text in risk.reset(state).session.notices] == [
        "REDUCING: a second writer",
        "ACTIVE again, an operator reset it; it was REDUCING",
        "HALTED: loss",
        "ACTIVE again, an operator reset it; it was HALTED",
    ]
