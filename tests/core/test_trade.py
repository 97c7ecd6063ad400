from dataclasses import replace as replaced

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core import trade
from core.engine import step
from core.intents import SubmitOrders
from core.notices import noted
from core.orders import register
from core.report import session_report
from core.state import OrderStatus, PhaseRecord, Session, Stage
from core.types import Coin, Phase, Purpose, Side
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
    cloid,
    desk,
    order,
    proforma,
    quote,
    sent,
    tick,
)

TARGETS = {SOL: D(500), DOGE: D(-300_000), XRP: D(20_000)}


def correcting(targets=None, positions=None, *, at_ms=CLOSE_MS + 120_000, **record):
    """Return a state in the middle of a correction to 00:07, on which nothing has been sent yet."""
    targets = TARGETS if targets is None else targets
    made = PhaseRecord(
        phase=Phase.CORRECTION,
        proforma=proforma(dict.fromkeys(targets, 0.0)),
        started_ms=CLOSE_MS + 120_000,
        end_ms=CLOSE_MS + 420_000,
        targets=targets,
        start_qty=dict(positions or {}),
    )
    session = Session(day=DAY, close_ms=CLOSE_MS, stage=Stage.CORRECTED, correction=replace(made, **record))
    return replace(desk(positions, at_ms=at_ms), session=session)


def on_its_way(state, qtys):
    """Return the state with orders of the projected leg in SOL whose outcome nobody knows."""
    made = [order(SOL, q, cloid=cloid(Purpose.PROJECTED, n)) for n, q in enumerate(qtys)]
    state = register(state, made)
    unknown = {c: replace(r, status=OrderStatus.UNKNOWN) for c, r in state.orders.open.items()}
    return replace(state, orders=replace(state.orders, open=unknown))


def wide(coins):
    """Return a state in the middle of the correction of a book of many names."""
    state = at(correcting(dict.fromkeys(coins, D(100))), 200)
    return replace(
        state,
        instruments={c: replace(INSTRUMENTS[SOL], coin=c, asset_id=n) for n, c in enumerate(coins)},
        quotes={c: replace(quote(SOL, PRICES[SOL], at_ms=state.at_ms), coin=c) for c in coins},
        settings=replaced(SETTINGS, risk=replaced(SETTINGS.risk, gross_max=20)),
    )


def sliced(state):
    state, intents = trade.slice_book(state, Phase.CORRECTION)
    return state, sent(intents)


def at(state, seconds):
    now = CLOSE_MS + int(1000 * seconds)
    fresh = {c: replace(q, at_ms=now, received_ms=now) for c, q in state.quotes.items()}
    book = replace(state.book, covered_to_ms=now - 10_000)
    account = replace(state.account, stream_ms=now - 20_000)
    return replace(state, at_ms=now, quotes=fresh, book=book, account=account)


def test_one_slice_is_one_order_for_each_coin_that_is_missing_some():
    _, orders = sliced(at(correcting(positions={XRP: D(20_000)}), 127))
    assert [(o.coin, o.side) for o in orders] == [(DOGE, Side.SELL), (SOL, Side.BUY)]
    assert all(o.purpose is Purpose.CORRECTION and o.session == DAY for o in orders)


def test_a_slice_is_sent_once_however_often_the_clock_ticks():
    state, first = sliced(at(correcting(), 127))
    for _ in range(5):
        state, again = sliced(state)
        assert not again
    assert first


def test_slices_missed_are_in_what_is_missing_and_not_in_a_queue():
    state, orders = sliced(at(correcting(), 400))
    assert len(orders) == len({o.coin for o in orders}) == 3
    _, again = sliced(state)
    assert not again


def test_what_is_on_its_way_is_not_sent_twice():
    state, total = at(correcting({SOL: D(500)}), 121), D(0)
    for second in range(121, 420):
        state, orders = sliced(at(state, second))
        total += sum(o.signed_qty for o in orders)
    assert total <= 500


@given(
    position=st.decimals(-800, 800, places=2),
    target=st.decimals(-800, 800, places=2),
    second=st.integers(120, 419),
)
@settings(max_examples=60, deadline=None)
def test_no_slice_passes_its_target_and_only_exact_closes_are_reduce_only(position, target, second):
    held = {SOL: position} if position else {}
    _, orders = sliced(at(correcting({SOL: target}, held), second))
    for o in orders:
        after = position + o.signed_qty
        assert (target - after) * (target - position) >= 0
        assert o.reduce_only == (after == 0)


qtys = st.decimals(-800, 800, places=2)


@given(
    position=qtys,
    target=qtys,
    ways=st.lists(qtys.filter(bool), max_size=3),
    second=st.integers(121, 417),
)
@settings(max_examples=100, deadline=None)
def test_a_slice_is_right_however_the_orders_on_their_way_end(position, target, ways, second):
    """It closes a part of the gap of what is confirmed, is no burst of it, and passes its target with no fill of theirs."""
    state = on_its_way(correcting({SOL: target}, {SOL: position} if position else {}), ways)
    gap, px = target - position, PRICES[SOL]
    for o in sliced(at(state, second))[1]:
        assert o.signed_qty * gap > 0
        assert abs(o.signed_qty + sum(w for w in ways if w * gap > 0)) <= abs(gap)
        assert o.qty * px <= D(3) * abs(gap) / 10 * px + 2 * D("10.5") + px * INSTRUMENTS[SOL].lot


@pytest.mark.parametrize("side", [1, -1])
def test_an_order_without_an_outcome_is_not_traded_against_and_its_coin_goes_on_once_it_is_dead(side):
    """Taken for filled it was sold again, ten even slices at once: the purchase of another leg, from before a fault."""
    state = correcting({SOL: side * D(505)}, {SOL: side * D(500)})
    waiting, orders = sliced(at(on_its_way(state, [side * D(80)]), 200))
    assert orders == []
    assert waiting.session.correction.undecided == {SOL: CLOSE_MS + 200_000}
    dead = replace(waiting, orders=replace(waiting.orders, open={}))
    going, orders = sliced(at(dead, 240))
    assert [o.side.sign for o in orders] == [side]
    assert orders[0].qty <= D("1.5")
    assert not going.session.correction.undecided


def test_a_flip_of_sign_is_never_reduce_only():
    """A reduce-only order would be cut at zero and the other half of the flip would never happen."""
    slow = correcting({SOL: D(-5)}, {SOL: D(5)}, started_ms=CLOSE_MS + 419_000 - 30_000)
    _, orders = sliced(at(slow, 410))
    assert orders
    assert all(not o.reduce_only for o in orders if o.qty != 5)


@pytest.mark.parametrize("left_ms", [1, 500, 1_999])
def test_no_order_is_made_that_would_expire_before_it_arrives(left_ms):
    _, orders = sliced(at(correcting(), 420 - left_ms / 1000))
    assert not orders
    assert sliced(at(correcting(), 418))[1]


def test_no_order_outlives_the_freeze_or_the_deadline():
    state = correcting()
    for second in range(120, 420):
        state, orders = sliced(at(state, second))
        assert all(o.expires_ms <= CLOSE_MS + 420_000 for o in orders)
    record = replace(
        correcting().session.correction,
        phase=Phase.PROJECTED,
        started_ms=CLOSE_MS - 600_000,
        end_ms=CLOSE_MS + 300_000,
    )
    state = replace(correcting(), session=Session(day=DAY, close_ms=CLOSE_MS, projected=record))
    _, intents = trade.slice_book(at(state, 57), Phase.PROJECTED)
    assert {o.expires_ms for o in sent(intents)} == {CLOSE_MS + 60_000}


@pytest.mark.parametrize(("phase", "begins_s"), [(Phase.PROJECTED, -600), (Phase.CORRECTION, 120)])
def test_a_leg_that_a_clock_ahead_began_waits_for_its_window_once_the_clock_is_right(phase, begins_s):
    record = replace(
        correcting().session.correction,
        phase=phase,
        started_ms=CLOSE_MS + 1000 * (begins_s - 30),
        end_ms=CLOSE_MS + 1000 * (begins_s + 30),
    )
    session = Session(day=DAY, close_ms=CLOSE_MS).with_phase(record)
    traded_s = [
        second
        for second in range(begins_s - 30, begins_s + 27)
        if sent(trade.slice_book(at(replace(correcting(), session=session), second), phase)[1])
    ]
    assert traded_s == list(range(begins_s, begins_s + 27))


def test_the_last_minute_of_the_correction_pays_more_to_converge():
    _, early = sliced(at(correcting({SOL: D(500)}), 130))
    _, late = sliced(at(correcting({SOL: D(500)}), 380))
    assert early[0].limit_px == D("151.5")
    assert late[0].limit_px == D("154.5")
    assert late[0].expires_ms - late[0].created_ms < early[0].expires_ms - early[0].created_ms


@pytest.mark.parametrize("age_s", [15.1, 60])
def test_a_coin_without_a_fresh_price_is_left_out(age_s):
    state = at(correcting(), 200)
    old = replace(state.quotes[SOL], received_ms=state.at_ms - int(1000 * age_s))
    _, orders = sliced(replace(state, quotes={**state.quotes, SOL: old}))
    assert {o.coin for o in orders} == {DOGE, XRP}


def delisted(state, coin):
    gone = replace(INSTRUMENTS[coin], delisted=True)
    return replace(state, instruments={**state.instruments, coin: gone})


def test_a_coin_that_is_delisted_after_its_target_was_made_is_traded_no_more_and_the_report_says_so():
    state, orders = sliced(delisted(at(correcting(), 200), SOL))
    assert {o.coin for o in orders} == {DOGE, XRP}
    assert reason_of(ended(state), SOL) == "delisted by the venue: not traded"


def test_a_crossed_book_is_not_traded_on():
    state = at(correcting(), 200)
    q = state.quotes[SOL]
    _, orders = sliced(replace(state, quotes={**state.quotes, SOL: replace(q, bid=q.ask, ask=q.bid)}))
    assert {o.coin for o in orders} == {DOGE, XRP}


def test_a_slice_of_a_hundred_names_is_one_action():
    coins = [Coin(f"C{n:03}") for n in range(100)]
    _, intents = trade.slice_book(wide(coins), Phase.CORRECTION)
    [action] = intents
    assert isinstance(action, SubmitOrders)
    assert [o.coin for o in action.orders] == coins


def test_batches_stay_below_what_the_venue_takes_in_one_action():
    state, intents = trade.slice_book(wide([Coin(f"C{n:03}") for n in range(230)]), Phase.CORRECTION)
    batches = [i for i in intents if isinstance(i, SubmitOrders)]
    assert [len(b.orders) for b in batches] == [100, 100, 30]
    assert len({o.cloid for o in sent(intents)}) == 230
    assert set(state.orders.open) == {o.cloid for o in sent(intents)}


def test_an_id_is_not_given_again_when_a_coin_that_was_refused_falls_away():
    """Ids were once given before the limits were applied: the counter fell behind, and an id came back."""
    state = correcting({DOGE: D(-1_500_000), SOL: D(500)}, {DOGE: D(-1_400_000)})
    state, first = sliced(at(state, 127))
    assert [o.coin for o in first] == [SOL]
    state = at(state, 160)
    state, second = sliced(replace(state, quotes={SOL: state.quotes[SOL]}))
    assert [o.coin for o in second] == [SOL]
    assert first[0].cloid != second[0].cloid


def test_a_refused_slice_leaves_its_reason_with_the_coin():
    small = replaced(SETTINGS, risk=replaced(SETTINGS.risk, order_max_usd=100.0))
    state, orders = sliced(replace(at(correcting({SOL: D(500)}), 200), settings=small))
    assert not orders
    assert "order_max_usd" in state.session.held[SOL]


def test_slices_wait_until_fills_are_proved_say_so_once_and_go_on():
    state = at(correcting(), 127)
    unproved = replace(state, book=replace(state.book, covered_to_ms=state.at_ms - 60_000))
    waiting, intents = trade.slice_book(unproved, Phase.CORRECTION)
    assert [a.code for a in intents] == ["fills.unproved"]
    waiting, again = trade.slice_book(waiting, Phase.CORRECTION)
    assert again == ()
    going, orders = sliced(replace(waiting, book=state.book))
    assert len(orders) == 3
    assert [text for _, text in going.session.notices] == [trade.UNPROVED, trade.PROVED]


def test_the_hedge_of_what_is_known_does_not_wait_for_proof():
    state = at(correcting(positions={SOL: D(1_000)}), 127)
    state = replace(state, book=replace(state.book, covered_to_ms=state.at_ms - 60_000, broken={XRP: D(1)}))
    _, intents = step(state, tick(state.at_ms))
    assert {o.purpose for o in sent(intents)} == {Purpose.HEDGE}


def priced(state, coins, *, since_s):
    """Return the state of a moment in which only these coins have a price, after a start that long ago."""
    quotes = {c: q for c, q in state.quotes.items() if c in coins}
    return replace(state, quotes=quotes, started_ms=state.at_ms - int(1000 * since_s))


@given(delays_s=st.fixed_dictionaries(dict.fromkeys(TARGETS, st.integers(0, 12))))
@settings(max_examples=60, deadline=None)
def test_after_a_restart_every_coin_has_its_order_of_the_slice_once_its_price_is_there(delays_s):
    """A slice was once counted as sent while no coin had a price yet."""
    state, ordered = correcting(), {}
    for second in range(14):
        coins = {BTC, ETH, *(c for c, delay_s in delays_s.items() if delay_s <= second)}
        now = at(replace(state, quotes=desk().quotes), 127 + second)
        changed, orders = sliced(priced(now, coins, since_s=second))
        assert changed.session.correction.next_slice == 1, "all of it happens within one slice"
        for o in orders:
            assert o.coin not in ordered, "a slice has one order of a coin"
            ordered[o.coin] = second
        state = changed
    assert ordered == delays_s
    assert not state.session.correction.unpriced


@given(delay_s=st.integers(0, 12), missing=st.sampled_from([BTC, ETH]))
@settings(deadline=None)
def test_slices_wait_for_the_prices_of_the_hedges_after_a_start_and_not_for_ever(delay_s, missing):
    state, second = correcting(), 0
    for second in range(14):
        coins = PRICES.keys() - ({missing} if second < delay_s else set())
        now = at(replace(state, quotes=desk().quotes), 127 + second)
        state, orders = sliced(priced(now, coins, since_s=second))
        if orders:
            break
    assert second == min(delay_s, trade.PRICES_WAIT_MS // 1000)
    assert {o.coin for o in orders} == TARGETS.keys()


def test_a_price_that_never_comes_is_on_record_since_it_was_lost():
    state = at(correcting(), 127)
    lost_ms = state.at_ms - 16_000
    state = replace(state, quotes={**state.quotes, SOL: quote(SOL, at_ms=lost_ms)})
    for second in (127, 160, 200):
        old = {**at(state, second).quotes, SOL: quote(SOL, at_ms=lost_ms)}
        state, orders = sliced(replace(at(state, second), quotes=old))
        assert {o.coin for o in orders} == {DOGE, XRP}
        assert state.session.correction.unpriced == {SOL: lost_ms}


def test_a_coin_of_which_nothing_is_missing_needs_no_price():
    state = at(correcting(positions={SOL: TARGETS[SOL]}), 127)
    state, orders = sliced(priced(state, PRICES.keys() - {SOL}, since_s=60))
    assert {o.coin for o in orders} == {DOGE, XRP}
    assert not state.session.correction.unpriced


def test_that_slices_go_on_is_said_even_if_something_else_was_said_in_between():
    state = at(correcting(), 127)
    unproved = replace(state, book=replace(state.book, covered_to_ms=state.at_ms - 60_000))
    waiting, _ = trade.slice_book(unproved, Phase.CORRECTION)
    going, orders = sliced(replace(noted(waiting, "REDUCING: a test"), book=state.book))
    assert orders
    assert going.session.notices[-1][1] == trade.PROVED
    assert not trade.is_withheld(going.session)


def reason_of(state, coin):
    """Return what the report of a night that ended like this says of a coin."""
    return next(a["reason"] for a in session_report(state)["assets"] if a["coin"] == coin)


def ended(state, **record):
    end_ms = CLOSE_MS + 420_000
    correction = replace(state.session.correction, ended_ms=end_ms, **record)
    session = replace(state.session, stage=Stage.DONE, correction=correction)
    return replace(state, at_ms=end_ms + 3_000, session=session)


def test_the_report_says_why_no_slice_was_sent_and_blames_its_limits_only_when_one_was():
    state, orders = sliced(at(correcting(), 410))
    assert orders
    limits = "not filled by the deadline within the slice's size and price limits"
    assert reason_of(ended(state), SOL) == limits
    late = replace(state, started_ms=CLOSE_MS + 416_000)
    assert reason_of(ended(late), SOL) == "the daemon was started again at 00:06:56, too late for a slice"
    assert reason_of(ended(replace(state, started_ms=CLOSE_MS + 421_000)), SOL) == limits
    unpriced = ended(state, unpriced={SOL: CLOSE_MS + 400_000})
    assert reason_of(unpriced, SOL) == "no fresh price since 00:06:40: not traded"
    assert reason_of(unpriced, DOGE) == limits
    waiting = noted(unpriced, trade.UNPROVED)
    assert reason_of(waiting, SOL) == "the fills of the account were not proved at the deadline: not traded"
    undecided = ended(state, undecided={SOL: CLOSE_MS + 400_000})
    told = "left to an order without an outcome since 00:06:40: not traded beside it"
    assert (reason_of(undecided, SOL), reason_of(undecided, DOGE)) == (told, limits)
