import itertools
from dataclasses import replace as replaced

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core import hedge
from core.events import ProFormaReady, QuoteReceived
from core.intents import RaiseAlert, SubmitOrders
from core.orders import register
from core.state import Opening, Session, Stage
from core.types import Answer, Outcome, Phase, Purpose, Side, TradingState
from tests.core.desk import (
    BTC,
    CLOSE_MS,
    DAY,
    DOGE,
    ETH,
    INSTRUMENTS,
    PRICES,
    SETTINGS,
    SOL,
    XRP,
    D,
    after,
    answered,
    desk,
    fill,
    fills,
    of,
    order,
    proforma,
    quote,
    sent,
    tick,
)

EXAMPLE = {SOL: D(100), DOGE: D(-50_000)}
"""E3-19: 100 SOL at 150 and -50,000 DOGE at 0.20, BTC betas 1.2 and 0.9, ETH betas of E3-18 0.3 and 0.4."""


def small(**changes):
    return replaced(SETTINGS, hedge=replaced(SETTINGS.hedge, **changes))


NARROW = small(band_equity=1e-9)


def filled(orders):
    """Return what the venue says and shows of orders that were filled in full."""
    answers = [Answer(cloid=o.cloid, outcome=Outcome.FILLED, filled_qty=o.qty) for o in orders]
    rows = [fill(o.coin, o.signed_qty, cloid=o.cloid, tid=1000 + int(o.cloid[-8:], 16)) for o in orders]
    return answered(*answers), fills(*rows)


# --- how much (O3-9) -----------------------------------------------------------------------------------


def test_the_hedge_example_is_nine_thousand_of_btc_and_five_hundred_of_eth():
    state = desk(EXAMPLE, settings=NARROW)
    assert hedge.net_delta_usd(state) == pytest.approx((9_000.0, 500.0))
    state, intents = hedge.rehedge(state)
    usd = {o.coin: float(o.signed_qty * PRICES[o.coin]) for o in sent(intents)}
    assert usd == pytest.approx({BTC: -9_000, ETH: -500}, abs=1.0)
    state, more = after(state, *filled(sent(intents)))
    assert not sent(more)
    for coin, delta in zip((BTC, ETH), hedge.net_delta_usd(state), strict=True):
        assert abs(delta) <= float(INSTRUMENTS[coin].lot * PRICES[coin])


def test_quantities_times_betas_are_not_a_delta():
    """The brief's formula adds coins of different prices and gives -44,880 for the example (E3-19)."""
    assert 100 * 1.2 + -50_000 * 0.9 == -44_880
    assert hedge.net_delta_usd(desk(EXAMPLE))[0] == pytest.approx(9_000)


@given(
    sol=st.decimals(-2000, 2000, places=2),
    doge=st.integers(-(10**6), 10**6),
    xrp=st.integers(-50_000, 50_000),
    btc=st.decimals(-5, 5, places=5),
)
@settings(max_examples=80, deadline=None)
def test_after_its_fills_a_hedge_leaves_less_than_a_lot_of_each_factor(sol, doge, xrp, btc):
    held = {c: D(q) for c, q in {SOL: sol, DOGE: doge, XRP: xrp, BTC: btc}.items() if q}
    wide = replaced(
        small(band_equity=1e-9, turnover_max_per_min=10.0),
        risk=replaced(SETTINGS.risk, order_max_usd=1e9, gross_max=20.0),
    )
    state, intents = hedge.rehedge(desk(held, settings=wide))
    state, _ = after(state, *filled(sent(intents)))
    for coin, delta in zip((BTC, ETH), hedge.net_delta_usd(state), strict=True):
        lot_usd = float(INSTRUMENTS[coin].lot * PRICES[coin])
        assert abs(delta) <= max(lot_usd, hedge.band_usd(state))


def test_positions_held_in_the_factors_count_in_full():
    assert hedge.net_delta_usd(desk({BTC: D("0.1"), ETH: D(-1)})) == (10_000.0, -4_000.0)


def test_a_coin_that_never_had_a_beta_has_the_cautious_one():
    state = replace(desk({SOL: D(10)}), hedge=replace(desk().hedge, betas={}))
    assert hedge.net_delta_usd(state) == (1_500.0, 0.0)


def test_a_beta_that_is_not_a_number_never_replaces_one_that_is():
    made = replace(proforma({}), betas={SOL: (float("nan"), 0.0), XRP: (0.5, 0.5)})
    ready = ProFormaReady(at_ms=CLOSE_MS, session=DAY, phase=Phase.PROJECTED, proforma=made)
    state, _ = after(projecting({SOL: D(10)}), ready)
    assert state.hedge.betas[SOL] == (1.2, 0.3)
    assert state.hedge.betas[XRP] == (0.5, 0.5)


def opening(state):
    return Opening(snapshot=state.account.snapshot, ledger=state.book.ledger)


# --- what causes one (O3-12) ---------------------------------------------------------------------------


def projecting(positions=None):
    """Return a state with projected targets, a pro forma and alt orders on their way, and few fills so far."""
    session = Session(day=DAY, close_ms=CLOSE_MS, stage=Stage.PROJECTING, universe=(SOL, DOGE))
    state = desk(positions)
    return replace(state, session=replace(session, opening=opening(state)), at_ms=CLOSE_MS - 500_000)


def test_s3_75_the_hedge_reacts_only_to_fills_never_to_targets():
    ready = ProFormaReady(
        at_ms=CLOSE_MS - 500_000, session=DAY, phase=Phase.PROJECTED, proforma=proforma({SOL: 0.1, DOGE: 0.1})
    )
    state, intents = after(projecting(), ready, *(tick(CLOSE_MS - 500_000 + 1000 * s) for s in range(8)))
    slices = sent(intents, Purpose.PROJECTED)
    assert state.session.projected.targets == {SOL: D("666.67"), DOGE: D(500_000)}
    assert slices, "targets were set and orders sent"
    assert not sent(intents, Purpose.HEDGE), "and none of it is exposure"
    _, intents = after(state, fills(fill(SOL, D(20), cloid=slices[-1].cloid), at_ms=CLOSE_MS - 490_000))
    hedges = sent(intents, Purpose.HEDGE)
    assert [(o.coin, o.side) for o in hedges] == [(BTC, Side.SELL), (ETH, Side.SELL)]
    assert hedges[0].qty * PRICES[BTC] == D("3600")
    assert hedges[1].qty * PRICES[ETH] == D("900")


def test_o3_12_ten_thousand_ticks_and_quotes_without_a_fill_cause_no_hedge():
    state = register(desk(EXAMPLE), [order(SOL, D(300))])
    state, first = hedge.rehedge(state)
    state, _ = after(state, *filled(sent(first)))
    hedges = []
    for n in range(5_000):
        now = CLOSE_MS + 1000 * n
        state, a = after(state, QuoteReceived(at_ms=now, quote=quote(SOL, at_ms=now)))
        state, b = after(state, tick(now))
        hedges += sent(a + b, Purpose.HEDGE)
    assert first
    assert hedges == []


def test_o3_12_a_fill_causes_one_hedge_in_the_same_step():
    state, intents = after(desk(), fills(fill(SOL, D(100))))
    assert len(of(intents, SubmitOrders)) == 1
    assert [o.purpose for o in sent(intents)] == [Purpose.HEDGE, Purpose.HEDGE]
    _, again = after(state, tick(CLOSE_MS + 300), tick(CLOSE_MS + 1_300))
    assert not sent(again), "its own order on its way is cover"


def test_o3_12_cancels_refusals_and_unknown_answers_of_slices_cause_none():
    made = order(SOL, D(300))
    for outcome in Outcome:
        state = register(desk(), [made])
        _, intents = after(state, answered(Answer(cloid=made.cloid, outcome=outcome)))
        assert not sent(intents, Purpose.HEDGE), outcome


@given(st.integers(1, 10))
def test_o3_12_a_fill_that_comes_again_causes_none(times):
    one = fill(SOL, D(100))
    state, first = after(desk(), fills(one))
    _, again = after(state, *[fills(one, at_ms=CLOSE_MS + 1000 * n) for n in range(times)])
    assert sent(first)
    assert not sent(again)


# --- when it is worth one ------------------------------------------------------------------------------


@given(usd=st.integers(0, 6_000))
def test_inside_the_band_nothing_is_sent_and_outside_everything(usd):
    state = desk({XRP: D(usd) / D("2.5") // 1} if usd > 2 else {})
    delta = max(map(abs, hedge.net_delta_usd(state)))
    _, intents = hedge.rehedge(state)
    assert bool(sent(intents)) == (delta > 2_500)


def test_the_band_is_never_narrower_than_three_minimum_orders():
    assert hedge.band_usd(desk(equity_usd=D(100))) == pytest.approx(31.5)
    assert hedge.band_usd(desk()) == 2_500


def closing(positions, stage_ms=CLOSE_MS):
    session = Session(day=DAY, close_ms=CLOSE_MS, stage=Stage.CLOSING, stage_ms=stage_ms)
    return replace(desk(positions), session=session)


@given(usd=st.decimals("10.51", "13", places=2))
def test_a_closing_session_can_always_trade_what_it_will_not_accept(usd):
    """With lots of a dollar, a delta just above the minimum once rounded to less than it: the session never closed."""
    lots = usd / PRICES[SOL]
    state = closing({SOL: lots})
    state = replace(state, hedge=replace(state.hedge, betas={SOL: (1.0, 0.0)}))
    for _ in range(2):
        state, intents = hedge.rehedge(state)
        assert all(o.qty * o.arrival_mid >= D("10.5") for o in sent(intents)), "the venue's minimum"
        state, _ = after(state, *filled(sent(intents)))
    assert abs(hedge.net_delta_usd(state)[0]) <= 10.5


def test_trimming_to_the_last_dollar_ends_though_prices_go_on_moving():
    held = {SOL: D(2000), BTC: D("-3.6"), ETH: D("-22.5")}
    early, late = closing(held), closing(held, CLOSE_MS - hedge.TRIM_MS)
    move = {**early.quotes, SOL: quote(SOL, D("150.1"))}
    _, trims = hedge.rehedge(replace(early, quotes=move))
    _, none = hedge.rehedge(replace(late, quotes=move))
    assert sent(trims)
    assert not sent(none)


def test_without_a_fresh_price_of_its_asset_no_hedge_is_sent():
    state = desk(EXAMPLE, settings=NARROW)
    old = replace(state.quotes[BTC], received_ms=CLOSE_MS - 20_000)
    _, intents = hedge.rehedge(replace(state, quotes={**state.quotes, BTC: old}))
    assert {o.coin for o in sent(intents)} == {ETH}


def test_hedges_keep_their_distance_in_time():
    state, first = after(desk(), fills(fill(SOL, D(100), tid=1)))
    state, early = after(state, fills(fill(SOL, D(100), tid=2), at_ms=CLOSE_MS + 199))
    _, late = after(state, tick(CLOSE_MS + 200))
    assert [bool(sent(i)) for i in (first, early, late)] == [True, False, True]


def test_turnover_of_both_factors_together_keeps_its_cap():
    wide = replaced(small(turnover_max_per_min=0.2), risk=replaced(SETTINGS.risk, gross_max=20.0))
    state, spent = desk({SOL: D(30_000)}, settings=wide), 0.0
    for n in range(20):
        state = replace(state, at_ms=CLOSE_MS + 1000 * n)
        state, intents = hedge.rehedge(state)
        spent += sum(float(o.qty * o.arrival_mid) for o in sent(intents))
        state, _ = after(state, *filled(sent(intents)))
    assert 190_000 < spent <= 200_001


def executed(state, orders):
    """Return what the venue says and shows of orders filled in full, with the position that each began from."""
    held = state.book.positions
    answers, _ = filled(orders)
    rows = [
        fill(
            o.coin,
            o.signed_qty,
            cloid=o.cloid,
            tid=1000 + int(o.cloid[-8:], 16),
            start_position=held.get(o.coin, D(0)),
        )
        for o in orders
    ]
    return answers, fills(*rows, at_ms=state.at_ms)


def hedged(state, seconds, *, venue=executed):
    """Play so many seconds of hedging; return the state and what was sent, with the position that it met."""
    sizes, begin_ms = [], state.at_ms
    for n in range(seconds):
        now = begin_ms + 1000 * n
        fresh = {c: replace(q, at_ms=now, received_ms=now) for c, q in state.quotes.items()}
        state, intents = hedge.rehedge(replace(state, at_ms=now, quotes=fresh))
        sizes += [(now, o, state.book.positions.get(o.coin, D(0))) for o in sent(intents)]
        state, more = after(state, *venue(state, sent(intents)))
        assert not sent(more), "a hedge in haste"
    return state, sizes


def test_what_only_closes_a_position_in_a_hedge_asset_does_not_wait_for_turnover():
    """A stranger with our key bought BTC for ten times the equity: at one equity a minute it was held for ten minutes."""
    tight = small(turnover_max_per_min=0.2)
    state, sizes = hedged(desk({BTC: D(100), SOL: D(500)}, settings=tight), 30)
    assert max(abs(delta) for delta in hedge.net_delta_usd(state)) <= hedge.band_usd(state)
    assert all(o.qty * o.limit_px <= 500_000 for _, o, _ in sizes)
    assert {o.coin for _, o, _ in sizes} == {BTC, ETH}, "and ETH does not wait behind BTC"


@given(
    btc=st.decimals(-30, 30, places=5),
    eth=st.decimals(-300, 300, places=4),
    sols=st.lists(st.integers(-9_000, 9_000), min_size=3, max_size=3),
)
@settings(max_examples=40, deadline=None)
def test_what_hedges_open_within_a_minute_keeps_its_cap(btc, eth, sols):
    wide = replaced(small(turnover_max_per_min=0.2), risk=replaced(SETTINGS.risk, gross_max=20.0))
    state, opened = desk({c: q for c, q in {BTC: btc, ETH: eth}.items() if q}, settings=wide), []
    for sol in sols:
        others = {c: q for c, q in state.book.positions.items() if c != SOL}
        held = others | ({SOL: D(sol)} if sol else {})
        state, sizes = hedged(replace(state, book=replace(state.book, positions=held)), 15)
        for now, o, before in sizes:
            closed = min(abs(before), o.qty) if before * o.signed_qty < 0 else D(0)
            opened.append((now, float((o.qty - closed) * o.arrival_mid)))
    assert sum(usd for _, usd in opened) <= 200_000 + 2 * SETTINGS.twap.min_order_usd


def refused(state, orders):
    return (answered(*(Answer(cloid=o.cloid, outcome=Outcome.REJECTED) for o in orders), at_ms=state.at_ms),)


def test_a_hedge_that_was_refused_is_no_turnover():
    """Two that were refused once used the minute up, and then nothing was tried for the rest of it."""
    wide = replaced(small(turnover_max_per_min=0.2), risk=replaced(SETTINGS.risk, gross_max=20.0))
    state, first = hedged(desk({SOL: D(30_000)}, settings=wide), 1, venue=refused)
    state, again = hedged(replace(state, at_ms=state.at_ms + 5_000), 1)
    assert sum(float(o.qty * o.arrival_mid) for _, o, _ in first) > 190_000
    assert [(o.coin, o.qty) for _, o, _ in again] == [(o.coin, o.qty) for _, o, _ in first]
    assert hedged(replace(state, at_ms=state.at_ms + 5_000), 1)[1] == [], "what was filled is"


def test_a_hedge_on_its_way_is_turnover():
    wide = replaced(small(turnover_max_per_min=0.2), risk=replaced(SETTINGS.risk, gross_max=20.0))
    state, first = hedged(desk({SOL: D(30_000)}, settings=wide), 1, venue=lambda state, orders: ())
    assert first
    assert hedged(replace(state, at_ms=state.at_ms + 1_000), 1)[1] == []


def test_a_hedge_larger_than_one_order_may_be_goes_in_several():
    """It was once refused whole, in silence: the larger the exposure the surer it stayed open."""
    wide = replaced(small(turnover_max_per_min=10.0), risk=replaced(SETTINGS.risk, gross_max=20.0))
    state, sizes = desk({SOL: D(8_000)}, settings=wide), []
    for n in range(4):
        state, intents = hedge.rehedge(replace(state, at_ms=CLOSE_MS + 1000 * n))
        sizes += [float(o.qty * o.limit_px) for o in sent(intents) if o.coin == BTC]
        state, _ = after(state, *filled(sent(intents)))
    assert len(sizes) == 3
    assert max(sizes) <= 500_000
    assert abs(hedge.net_delta_usd(state)[0]) <= 2_500


# --- when it fails -------------------------------------------------------------------------------------


def refuses(state, seconds):
    """Play a venue that refuses every hedge; return the state and when hedges were sent."""
    times = []
    for ms in range(0, 1000 * seconds, 100):
        now = CLOSE_MS + ms
        fresh = {c: replace(q, at_ms=now, received_ms=now) for c, q in state.quotes.items()}
        state, intents = after(replace(state, quotes=fresh), tick(now))
        made = sent(intents, Purpose.HEDGE)
        times += [ms] if made else []
        state, _ = after(
            state, answered(*(Answer(cloid=o.cloid, outcome=Outcome.REJECTED) for o in made), at_ms=now)
        )
    return state, times


@pytest.mark.parametrize("interval_s", [0.0, 0.05, 0.2])
def test_a_hedge_that_fails_is_tried_again_less_and_less_often_and_in_the_end_halts(interval_s):
    """Without an interval there was no pause either: ten refusals in a row halted at once."""
    state, times = refuses(desk(EXAMPLE, settings=small(min_interval_s=interval_s)), 60)
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps == sorted(gaps)
    assert times[-1] > 10_000, "no haste: a venue that is away for ten seconds does not end the night"
    assert state.trading is TradingState.HALTED
    assert "hedge orders in a row" in state.halt_reason


@pytest.mark.parametrize("interval_s", [0.5, 1.0, 5.0, 30.0])
def test_however_long_the_interval_a_hedge_that_failed_is_tried_again_within_thirteen_seconds_or_it(
    interval_s,
):
    slow = replaced(SETTINGS, hedge=replaced(SETTINGS.hedge, min_interval_s=interval_s))
    _, times = refuses(desk(EXAMPLE, settings=slow), 100)
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps == sorted(gaps)
    assert max(gaps) <= max(13_000, 1000 * interval_s)


def test_a_hedge_that_our_own_limits_stop_is_an_alarm_and_not_a_silence():
    tight = replaced(SETTINGS, risk=replaced(SETTINGS.risk, gross_max=0.001))
    state, intents = hedge.rehedge(desk(EXAMPLE, settings=tight))
    assert [a.code for a in of(intents, RaiseAlert)] == ["hedge.refused"]
    assert state.hedge.failures == 2
    for n in range(100):
        state, _ = after(state, tick(CLOSE_MS + 1000 * n))
        fresh = {c: replace(q, at_ms=state.at_ms, received_ms=state.at_ms) for c, q in state.quotes.items()}
        state = replace(state, quotes=fresh)
    assert state.trading is TradingState.HALTED


def test_a_hedge_fill_starts_the_count_anew():
    state = replace(desk(), hedge=replace(desk().hedge, failures=9))
    state, _ = after(state, fills(fill(BTC, D("0.001"), cloid=order(purpose=Purpose.HEDGE).cloid)))
    assert state.hedge.failures == 0


def test_an_unknown_hedge_is_cover_until_it_is_proved_dead():
    state, first = after(desk(), fills(fill(SOL, D(100))))
    unknown = answered(*(Answer(cloid=o.cloid, outcome=Outcome.UNKNOWN) for o in sent(first)))
    state, again = after(state, unknown, *(tick(CLOSE_MS + 1000 * s) for s in range(1, 15)))
    assert not sent(again)


def test_the_record_of_the_night_keeps_the_worst_delta_and_the_time_outside():
    state = replace(desk(), session=Session(day=DAY, close_ms=CLOSE_MS, stage=Stage.FROZEN))
    state, intents = after(state, fills(fill(SOL, D(100))))
    answers, rows = filled(sent(intents))
    state, _ = after(state, answers, replace(rows, at_ms=CLOSE_MS + 250))
    assert state.hedge.worst_usd == (18_000.0, 4_500.0)
    assert state.hedge.outside_s == 0.25
    assert state.hedge.reaction_ms == (250,)


def test_a_new_session_keeps_betas_and_begins_its_record_again():
    renewed = hedge.renewed(replace(desk().hedge, outside_s=9.0, worst_usd=(1.0, 2.0), failures=3))
    assert renewed.betas == desk().hedge.betas
    assert (renewed.outside_s, renewed.worst_usd, renewed.failures) == (0.0, (0.0, 0.0), 3)
