import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core import venue_mode
from core.events import KillTripped, StopRequested, VenueNoticed
from core.intents import CancelEverything, CancelOrders, RaiseAlert
from core.orders import register
from core.sizing import round_price
from core.state import OrderStatus
from core.types import Answer, Outcome, Purpose, Tif, TradingState
from tests.core.desk import CLOSE_MS, INSTRUMENTS, SOL, D, after, answered, desk, of, order, quote, sent, tick
from tests.core.night_venue import CALM
from tests.core.nights import FLIPPED, LONG_SHORT, night
from tests.core.test_nights import check
from tests.core.test_trade import at, correcting, sliced

WORDS = [
    "Only post-only orders allowed immediately after a network upgrade",
    "only post-only orders allowed immediately after the network upgrade. asset=5",
]


def refused(orders, reason=WORDS[0]):
    return answered(
        *(Answer(cloid=o.cloid, outcome=Outcome.REJECTED, reason=reason) for o in orders),
        at_ms=max(o.created_ms for o in orders),
    )


def filled(order):
    return Answer(cloid=order.cloid, outcome=Outcome.FILLED, filled_qty=order.qty)


def resting(order):
    return Answer(cloid=order.cloid, outcome=Outcome.RESTING, oid=1)


def touch(order):
    """Return the first grid price on the order's side of the book, a little behind the best when that is off the grid."""
    best, decimals = quote(order.coin), INSTRUMENTS[order.coin].size_decimals
    px = round_price(best.bid if order.signed_qty > 0 else best.ask, order.side, decimals)
    assert best.bid * D("0.999") < px <= best.bid or best.ask <= px < best.ask * D("1.001")
    return px


# --- when ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", WORDS)
def test_a_refusal_begins_the_window_and_says_so_once(reason):
    state, intents = after(desk({SOL: D(1_000)}), tick(CLOSE_MS))
    state, told = after(state, refused(sent(intents), reason))
    assert venue_mode.is_post_only(state)
    assert [a.code for a in of(told, RaiseAlert)].count("venue.post_only") == 1
    assert not venue_mode.is_post_only(replace(state, at_ms=state.at_ms + venue_mode.POST_ONLY_MS))


@pytest.mark.parametrize(
    "reason", ["Post only order would have immediately matched, bbo was 1@2", "", "Order has invalid price."]
)
def test_no_other_refusal_begins_it(reason):
    state, intents = after(desk({SOL: D(1_000)}), tick(CLOSE_MS))
    state, _ = after(state, refused(sent(intents), reason))
    assert not venue_mode.is_post_only(state)


def test_an_order_that_takes_and_is_filled_ends_the_window():
    state, intents = after(desk({SOL: D(1_000)}), tick(CLOSE_MS))
    btc, eth = sent(intents)
    state, _ = after(state, refused([btc]))
    assert venue_mode.is_post_only(state)
    state, _ = after(state, answered(filled(eth)))
    assert not venue_mode.is_post_only(state)


def test_the_window_is_not_a_failure_of_the_hedge():
    state, now = desk({SOL: D(1_000)}), CLOSE_MS
    for _ in range(400):
        now += 1_000
        fresh = {c: replace(q, at_ms=now, received_ms=now) for c, q in state.quotes.items()}
        state, intents = after(replace(state, quotes=fresh), tick(now))
        if orders := sent(intents):
            state, _ = after(state, refused(orders))
    assert state.hedge.failures == 0
    assert state.trading is TradingState.ACTIVE


# --- slices --------------------------------------------------------------------------------------------


def in_window(state, now_s):
    until_ms = CLOSE_MS + int(1000 * now_s) + venue_mode.POST_ONLY_MS
    return replace(state, account=replace(state.account, post_only_until_ms=until_ms))


def test_slices_rest_at_the_touch_while_the_window_is_open():
    _, orders = sliced(in_window(at(correcting(), 127), 127))
    assert len(orders) == 3
    for o in orders:
        assert o.tif is Tif.ALO
        assert o.limit_px == touch(o)


@given(second=st.integers(121, 417))
def test_an_announcement_makes_slices_careful_but_not_in_the_last_minute(second):
    state, _ = after(correcting(), VenueNoticed(at_ms=CLOSE_MS + 120_000, notice="upgrade"))
    _, orders = sliced(at(state, second))
    assert all((o.tif is Tif.ALO) == (second < 360) for o in orders)


def test_an_announcement_and_its_end_are_in_the_record_of_the_night():
    now = CLOSE_MS + 120_000
    state, told = after(correcting(), *(VenueNoticed(at_ms=now, notice=n) for n in ("x", "x", "", "")))
    assert len(of(told, RaiseAlert)) == 1
    begun, ended = (text for _, text in state.session.notices)
    assert begun.endswith(": x")
    assert ended.endswith("nothing special any more")


def test_what_rests_is_cancelled_before_the_next_slice_and_never_doubled():
    state, first = sliced(in_window(at(correcting({SOL: D(500)}), 127), 127))
    state, _ = after(state, answered(*(resting(o) for o in first), at_ms=state.at_ms))
    state = in_window(at(state, 157), 157)
    state, intents = after(state, tick(state.at_ms))
    assert of(intents, CancelOrders) == [CancelOrders(orders=((SOL, first[0].cloid),))]
    assert not sent(intents, Purpose.CORRECTION)
    assert state.orders.open[first[0].cloid].status is OrderStatus.UNKNOWN
    gone = Answer(cloid=first[0].cloid, outcome=Outcome.CANCELLED)
    state, intents = after(state, answered(gone, at_ms=state.at_ms))
    assert [o.coin for o in sent(intents, Purpose.CORRECTION)] == [SOL]


def test_a_cancel_that_nobody_answers_does_not_hold_the_slices_up_for_ever():
    state, first = sliced(in_window(at(correcting({SOL: D(500)}), 127), 127))
    state, _ = after(state, answered(*(resting(o) for o in first), at_ms=state.at_ms))
    total, orders = sum(o.qty for o in first), []
    for second in range(160, 180):
        state, more = sliced(in_window(at(state, second), second))
        orders += more
    assert orders
    assert total + sum(o.qty for o in orders) <= 500


# --- the hedge -----------------------------------------------------------------------------------------


def hedging(now_ms=CLOSE_MS):
    state = desk({SOL: D(1_000)}, at_ms=now_ms)
    return replace(state, account=replace(state.account, post_only_until_ms=now_ms + 30_000))


def test_the_hedge_rests_at_the_touch_and_counts_as_cover():
    state, intents = after(hedging(), tick(CLOSE_MS))
    orders = sent(intents, Purpose.HEDGE)
    assert [(o.tif, o.limit_px) for o in orders] == [(Tif.ALO, touch(o)) for o in orders]
    assert len(orders) == 2
    state, _ = after(state, answered(*(resting(o) for o in orders)))
    for second in range(1, 10):
        fresh = {c: replace(q, at_ms=state.at_ms, received_ms=state.at_ms) for c, q in state.quotes.items()}
        state, intents = after(replace(state, quotes=fresh), tick(CLOSE_MS + 1_000 * second))
        assert not sent(intents)
        assert not of(intents, CancelOrders)


def test_a_hedge_follows_the_touch_and_makes_room_when_the_window_is_over():
    state, intents = after(hedging(), tick(CLOSE_MS))
    orders = sent(intents, Purpose.HEDGE)
    state, _ = after(state, answered(*(resting(o) for o in orders)))
    now = CLOSE_MS + 3_000
    moved = {c: quote(c, q.mid * D("1.001"), at_ms=now) for c, q in state.quotes.items()}
    _, intents = after(replace(state, quotes=moved), tick(now))
    assert {cloid for i in of(intents, CancelOrders) for _, cloid in i.orders} == {o.cloid for o in orders}
    _, intents = after(state, tick(CLOSE_MS + 30_000))
    assert {cloid for i in of(intents, CancelOrders) for _, cloid in i.orders} == {o.cloid for o in orders}


# --- a night -------------------------------------------------------------------------------------------


def test_a_night_whose_hedges_and_slices_are_never_refused_has_no_order_that_rests():
    played = night(LONG_SHORT, LONG_SHORT, faults=CALM).play(-930, 540)
    assert {o.tif for o in played.orders} == {Tif.IOC}
    assert played.reports[0]["notices"] == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("window_s", [(-620, -480), (-300, -30), (150, 300)])
def test_a_night_with_a_post_only_window_rests_in_it_takes_after_it_and_ends_on_its_targets(window_s, seed):
    played = night(LONG_SHORT, FLIPPED, seed=seed)
    first_ms, last_ms = (CLOSE_MS + 1_000 * s for s in window_s)
    played.venue.post_only_ms = (first_ms, last_ms)
    played.play(-930, 540)
    resting = [o for o in played.orders if o.tif is Tif.ALO]
    assert resting
    assert all(first_ms <= o.created_ms < last_ms + venue_mode.POST_ONLY_MS for o in resting)
    assert {o.purpose for o in resting} >= {Purpose.HEDGE}
    refused_in = [o for o in played.orders if o.tif is Tif.IOC and first_ms <= o.created_ms < last_ms]
    assert len({o.created_ms for o in refused_in}) <= 2 + (last_ms - first_ms) / venue_mode.POST_ONLY_MS * 3
    check(played)
    assert not played.venue.resting
    assert any("post-only" in line["text"] for line in played.reports[0]["notices"])


@pytest.mark.parametrize(
    "end",
    [
        KillTripped(at_ms=CLOSE_MS, reason="test", by="operator"),
        StopRequested(at_ms=CLOSE_MS, reason="test"),
    ],
)
def test_an_order_that_comes_to_rest_after_a_kill_or_a_stop_is_cancelled_until_it_is_gone(end):
    """It was on its way when everything was cancelled, so the venue's list did not show it."""
    alo = order(SOL, D(10), tif=Tif.ALO, purpose=Purpose.CORRECTION)
    state, intents = after(register(correcting({}, at_ms=CLOSE_MS), (alo,)), end)
    assert of(intents, CancelEverything)
    state, _ = after(state, answered(Answer(cloid=alo.cloid, outcome=Outcome.RESTING), at_ms=CLOSE_MS + 100))
    state, intents = after(state, tick(CLOSE_MS + 1_100))
    assert of(intents, CancelOrders) == [CancelOrders(orders=((SOL, alo.cloid),))]
    rests = answered(Answer(cloid=alo.cloid, outcome=Outcome.RESTING), at_ms=CLOSE_MS + 3_200)
    state, intents = after(state, rests, tick(CLOSE_MS + 4_200))
    assert of(intents, CancelOrders) == [CancelOrders(orders=((SOL, alo.cloid),))]


def test_while_trading_goes_on_nothing_is_swept():
    alo = order(SOL, D(10), tif=Tif.ALO, purpose=Purpose.CORRECTION)
    rests = answered(Answer(cloid=alo.cloid, outcome=Outcome.RESTING))
    _, intents = after(register(correcting({}, at_ms=CLOSE_MS), (alo,)), rests, tick(CLOSE_MS + 1_100))
    assert not of(intents, CancelOrders)
