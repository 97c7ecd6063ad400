from itertools import pairwise

from msgspec.structs import replace

from core import allowance, hedge
from core.events import AllowanceRead
from core.intents import BurnNonce, CancelEverything, CancelOrders, FetchSnapshot, RaiseAlert, SubmitOrders
from core.orders import register
from core.report import session_report
from core.state import Allowance
from core.types import Answer, Outcome, Purpose
from tests.core.desk import (
    CLOSE_MS,
    SOL,
    XRP,
    D,
    after,
    answered,
    cloid,
    desk,
    fill,
    fills,
    of,
    order,
    sent,
    tick,
)
from tests.core.nights import night
from tests.core.test_trade import at, correcting, sliced

SAID = "Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0."


def with_left(state, left):
    return replace(state, allowance=Allowance(used=10_000 - left, cap=D(10_000)))


def left(state):
    return state.allowance.left


def throttled(*orders, at_ms=CLOSE_MS):
    made = (Answer(cloid=o.cloid, outcome=Outcome.REJECTED, reason=SAID, throttled=True) for o in orders)
    return answered(*made, at_ms=at_ms)


# --- the count -----------------------------------------------------------------------------------------


def test_nothing_is_counted_before_the_venue_was_asked():
    state, _ = after(desk({SOL: D(1_000)}), tick(CLOSE_MS + 500))
    assert state.orders.open
    assert state.allowance is None


def test_the_venues_count_is_taken_as_it_is():
    state, _ = after(with_left(desk(), 5), AllowanceRead(at_ms=CLOSE_MS, used=40, cap=10_123))
    assert left(state) == 10_083


def test_an_order_costs_one_and_a_dollar_traded_earns_one():
    state, wanted = after(with_left(desk({SOL: D(1_000)}), 900), tick(CLOSE_MS + 500))
    hedges = sent(wanted, Purpose.HEDGE)
    assert left(state) == 900 - len(hedges) < 900
    state, _ = after(state, fills(fill(SOL, D("0.1"), cloid=None)))
    assert left(state) == 900 - len(hedges) + 15
    again, _ = after(state, fills(fill(SOL, D("0.1"), cloid=None)))
    assert left(again) == left(state), "a fill shown twice was traded once"


def test_what_else_is_sent_is_counted_by_its_members_and_a_read_is_not():
    state = with_left(desk(), 900)
    made = [order(SOL, cloid=cloid(Purpose.PROJECTED, n), created_ms=CLOSE_MS + n // 3) for n in range(6)]
    state = register(state, made)
    names = tuple(o.cloid for o in made)

    def cost(*intents):
        return 900 - left(allowance.charge(state, intents))

    assert cost(SubmitOrders(orders=tuple(made[:4]))) == 4
    assert cost(CancelOrders(orders=tuple((SOL, c) for c in names))) == 6
    assert cost(CancelEverything()) == 6
    assert cost(BurnNonce(cloids=names)) == 2, "one noop for each action"
    assert cost(FetchSnapshot()) == 0
    assert cost(SubmitOrders(orders=tuple(made[:4])), CancelOrders(orders=((SOL, names[0]),))) == 5


def test_every_order_of_a_night_is_counted_and_every_dollar():
    played = night()
    played.at(
        CLOSE_MS - 850_000, lambda: played.deliver(AllowanceRead(at_ms=played.now_ms, used=0, cap=10_000))
    )
    played.play(-930, 520)
    traded = sum(f.qty * f.px for f in played.venue.fills)
    assert played.orders
    assert played.state.allowance.used == len(played.orders)
    assert played.state.allowance.cap == 10_000 + traded


# --- what it holds back --------------------------------------------------------------------------------


def test_slices_leave_what_hedges_and_flattening_may_need():
    state = correcting()
    kept = allowance.reserve(state)
    _, free = sliced(at(with_left(state, kept + 3), 127))
    assert len(free) == 3
    state, orders = sliced(at(with_left(state, kept + 2), 127))
    smallest = min(free, key=lambda o: o.qty * o.limit_px)
    assert [o.coin for o in orders] == [o.coin for o in free if o is not smallest], "the largest earn most"
    assert f"{kept} are kept for hedges" in state.session.held[smallest.coin]
    assert state.session.rationed == 1


def test_each_position_needs_requests_to_be_flattened():
    assert allowance.reserve(desk({SOL: D(1), XRP: D(1)})) - allowance.reserve(desk()) == 6


def test_without_any_left_no_slice_is_sent_and_somebody_is_told_and_hedges_go_on():
    state = with_left(replace(correcting(positions={SOL: D(1_000)}), at_ms=CLOSE_MS + 127_000), -5)
    state, wanted = after(at(state, 127), tick(CLOSE_MS + 127_000))
    assert sent(wanted, Purpose.HEDGE)
    assert not sent(wanted, Purpose.CORRECTION)
    [alert] = [a for a in of(wanted, RaiseAlert) if a.code == "requests.low"]
    assert alert.text.startswith("3 orders of a slice were not sent: only -5 requests left")
    assert session_report(state)["orders"]["rationed"] == 3


def test_a_slice_that_is_held_back_is_made_up_for_when_fills_have_earned_enough():
    state, orders = sliced(at(with_left(correcting(), 0), 127))
    assert not orders
    earlier = register(state, [order(SOL)])
    [ours] = earlier.orders.open
    state = replace(state, orders=replace(state.orders, counter=earlier.orders.counter))
    state, _ = after(state, fills(fill(SOL, D(10), cloid=ours)))
    _, orders = sliced(at(state, 160))
    assert len(orders) == 3


# --- the venue's word ----------------------------------------------------------------------------------


def test_the_venues_word_that_nothing_is_left_outweighs_our_count():
    lost = order(SOL)
    for before in (with_left(desk(), 5_000), desk()):
        state, wanted = after(register(before, [lost]), throttled(lost))
        assert left(state) <= 0
        assert not state.orders.open, "the order itself was refused"
        [alert] = [a for a in of(wanted, RaiseAlert) if a.code == "requests.exhausted"]
        assert SAID in alert.text


def test_a_hedge_of_an_exhausted_address_is_tried_again_every_ten_seconds_and_no_faster():
    state, wanted = after(desk({SOL: D(1_000)}), tick(CLOSE_MS + 500))
    tried = [CLOSE_MS + 500]
    for ms in range(1_000, 40_000, 500):
        hedges = sent(wanted, Purpose.HEDGE)
        now = CLOSE_MS + ms
        fresh = {c: replace(q, at_ms=now, received_ms=now) for c, q in state.quotes.items()}
        state = replace(state, quotes=fresh)
        events = [throttled(*hedges, at_ms=now)] if hedges else []
        state, wanted = after(state, *events, tick(now))
        tried += [now] if sent(wanted, Purpose.HEDGE) else []
    pauses = [later - sooner for sooner, later in pairwise(tried)]
    assert len(tried) >= 4
    assert set(pauses) == {allowance.THROTTLE_MS}


def test_a_hedge_that_filled_buys_back_the_usual_pace():
    state, wanted = after(with_left(desk({SOL: D(1_000)}), 0), tick(CLOSE_MS + 500))
    assert hedge._wait_ms(state) == allowance.THROTTLE_MS
    filled = [fill(o.coin, o.signed_qty, cloid=o.cloid, tid=9 + n) for n, o in enumerate(sent(wanted))]
    state, _ = after(state, fills(*filled))
    assert hedge._wait_ms(state) < 1_000
