from dataclasses import replace as replaced

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core import orders
from core.events import SnapshotReceived
from core.intents import BurnNonce, FetchFills, FetchSnapshot, QueryOrders
from core.state import OrderStatus, Session
from core.types import Answer, ClientOrderId, Outcome, Purpose, SessionDay
from tests.core.desk import (
    BTC,
    CLOSE_MS,
    DAY,
    SETTINGS,
    SOL,
    ZERO,
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
    snapshot,
    tick,
)
from tests.core.night_venue import ROUGH
from tests.core.nights import moving, night

ORDER = order(SOL, D(10))
PROVED_MS = ORDER.expires_ms + orders.EXPIRY_SLACK_MS + 1


def working(*made):
    return orders.register(desk(), made or (ORDER,))


def says(outcome, filled=ZERO, *, of_order=ORDER, at_ms=CLOSE_MS + 100):
    return answered(Answer(cloid=of_order.cloid, outcome=outcome, filled_qty=filled), at_ms=at_ms)


def shown(coin=SOL, qty=ZERO, *, at_ms):
    """Return a snapshot of the account with one position."""
    held = {coin: qty} if qty else {}
    return SnapshotReceived(at_ms=at_ms, snapshot=snapshot(held, at_ms=at_ms))


def bought(qty, **changes):
    return fill(SOL, qty, cloid=ORDER.cloid, at_ms=CLOSE_MS + 50, **changes)


# --- ids -----------------------------------------------------------------------------------------------


@given(
    day=st.dates(),
    purpose=st.sampled_from(Purpose),
    asset=st.integers(0, 2**32 - 1),
    counter=st.integers(0, 2**48 - 1),
)
def test_an_id_is_sixteen_bytes_and_says_its_purpose(day, purpose, asset, counter):
    name = orders.client_order_id(SessionDay(day.isoformat()), purpose, asset_id=asset, counter=counter)
    assert len(name) == 34
    assert name == name.lower()
    assert len(bytes.fromhex(name[2:])) == 16
    assert orders.purpose_of(name) is purpose


def test_ids_of_others_have_no_purpose():
    assert orders.purpose_of(None) is None
    assert orders.purpose_of(ClientOrderId("0x" + "1" * 32)) is None
    assert orders.purpose_of(ClientOrderId("0x6e64")) is None


def test_no_id_comes_twice_though_orders_are_refused_on_the_way():
    """Ids were once given before the limits were applied: the counter fell behind and an id came back."""
    small = replaced(SETTINGS, risk=replaced(SETTINGS.risk, position_max=0.06))
    played = night(seed=3, settings=small).play(-930, 520)
    assert played.state.session.held, "nothing was refused, so nothing was tested"
    assert len({o.cloid for o in played.orders}) == len(played.orders)


def test_a_lost_state_directory_does_not_bring_back_the_ids_of_the_orders_before_it():
    first = night().play(-930, -500)
    second = night().play(-510, -400)
    assert first.orders
    assert second.orders
    assert not {o.cloid for o in first.orders} & {o.cloid for o in second.orders}


def test_an_id_in_use_is_not_registered_again():
    with pytest.raises(AssertionError, match="in use"):
        orders.register(working(), [ORDER])
    with pytest.raises(AssertionError, match="one id"):
        orders.register(desk(), [ORDER, ORDER])


# --- the life of an order ------------------------------------------------------------------------------


def test_an_order_counts_in_full_from_the_moment_it_is_on_record():
    assert orders.outstanding(working(), SOL) == 10
    assert orders.outstanding(working(), BTC) == 0


@given(
    st.permutations([says(Outcome.FILLED, D(10)), fills(bought(D(4), tid=1)), fills(bought(D(6), tid=2))]),
    st.lists(st.integers(0, 2), max_size=4),
)
def test_answer_and_fills_in_any_order_and_any_number_settle_an_order_once(events, again):
    state, _ = after(working(), *events, *(events[i] for i in again))
    assert state.book.positions[SOL] == 10
    assert not state.orders.open
    assert orders.outstanding(state, SOL) == 0


@given(st.permutations([says(Outcome.FILLED, D(4)), fills(bought(D(4)))]))
def test_what_was_not_filled_is_free_again(events):
    state, _ = after(working(), *events)
    assert state.book.positions[SOL] == 4
    assert not state.orders.open


@given(st.permutations([says(Outcome.FILLED, D(4)), fills(bought(D(4)))]))
def test_position_and_outstanding_together_never_lose_what_the_venue_reported(events):
    state = working()
    for event in events:
        state, _ = after(state, event)
        assert state.book.positions.get(SOL, D(0)) + orders.outstanding(state, SOL) in (4, 10)


def test_a_refused_order_is_over_at_once():
    state, wanted = after(working(), says(Outcome.REJECTED))
    assert not state.orders.open
    assert [a.code for a in wanted if hasattr(a, "code")] == ["order.rejected"]


def test_a_refusal_that_names_a_filled_quantity_waits_for_its_fills():
    state, _ = after(working(), says(Outcome.REJECTED, D(3)))
    assert orders.outstanding(state, SOL) == 3


def test_a_timeout_is_not_a_rejection():
    state, _ = after(working(), says(Outcome.UNKNOWN))
    assert orders.outstanding(state, SOL) == 10


# --- unknown outcomes ----------------------------------------------------------------------------------


@given(late_ms=st.integers(0, 60_000), covered_ms=st.integers(0, 60_000))
def test_absence_proves_nothing_until_the_order_has_expired_and_the_ledger_is_covered_beyond(
    late_ms, covered_ms
):
    """The query may have been answered before the order came in; a ledger that is covered past its expiry was not."""
    covered = CLOSE_MS + covered_ms
    state, _ = after(
        working(),
        says(Outcome.UNKNOWN),
        fills(covered=(CLOSE_MS - 20_000, covered), at_ms=covered + 1_500),
        shown(at_ms=covered),
        says(Outcome.NEVER_PLACED, at_ms=CLOSE_MS + late_ms),
    )
    released = ORDER.cloid not in state.orders.open
    assert released == (covered >= PROVED_MS)
    assert orders.outstanding(state, SOL) == (0 if released else 10)


@given(st.sampled_from([Outcome.UNKNOWN, Outcome.NEVER_PLACED, Outcome.RESTING]), st.integers(0, 100))
def test_no_number_of_unproved_answers_releases_an_order(outcome, times):
    state, _ = after(working(), *[says(outcome, at_ms=CLOSE_MS + i) for i in range(times)])
    assert orders.outstanding(state, SOL) == 10


def test_an_order_that_was_filled_after_all_is_not_sent_again():
    late = says(Outcome.NEVER_PLACED, at_ms=CLOSE_MS + 30_000)
    state, _ = after(working(), says(Outcome.UNKNOWN), late, fills(bought(D(10)), at_ms=CLOSE_MS + 30_100))
    assert state.book.positions[SOL] == 10
    assert orders.outstanding(state, SOL) == 0


def test_an_ended_order_whose_report_was_too_high_is_let_go_when_the_ledger_is_covered():
    """A reduce-only order that the venue shrank reports more than was executed."""
    state, _ = after(working(), says(Outcome.FILLED, D(10)), fills(bought(D(4))))
    assert orders.outstanding(state, SOL) == 6
    done = CLOSE_MS + 100 + orders.EXPIRY_SLACK_MS
    state, _ = after(state, fills(covered=(CLOSE_MS - 20_000, done), at_ms=done + 1_500))
    state, _ = after(state, shown(SOL, D(4), at_ms=done + 1))
    assert orders.outstanding(state, SOL) == 6, "not a millisecond too early"
    state, _ = after(state, fills(covered=(CLOSE_MS - 20_000, done + 1), at_ms=done + 1_501))
    assert not state.orders.open


@given(st.sampled_from([Outcome.FILLED, Outcome.NEVER_PLACED]), st.integers(0, 50_000))
def test_a_list_of_fills_from_a_node_that_is_behind_lets_go_of_nothing(outcome, later_ms):
    """It covers the order's end by its request alone; the position of a later snapshot says that fills are missing."""
    covered = PROVED_MS + later_ms
    told = fills(covered=(CLOSE_MS - 20_000, covered), at_ms=covered + 1_500)
    state, _ = after(working(), says(outcome, D(10)), told, says(outcome, D(10), at_ms=covered + 1_500))
    assert orders.outstanding(state, SOL) == 10, "no position was seen"
    state, _ = after(state, shown(SOL, D(10), at_ms=covered), says(outcome, D(10), at_ms=covered + 1_600))
    assert orders.outstanding(state, SOL) == 10, "the position is that of an order that filled"
    state, wanted = after(state, fills(bought(D(10)), at_ms=covered + 1_700))
    assert not state.orders.open
    assert not [i for i in wanted if getattr(i, "code", "") == "fills.late"]


def test_a_position_that_stays_another_does_not_keep_an_order_on_record_for_ever():
    """With no order open the whole account is compared, and trading halts over the difference."""
    state, _ = after(working(), says(Outcome.FILLED, D(10)))
    for covered in (PROVED_MS, PROVED_MS + orders.DISPUTED_MS):
        state, _ = after(state, shown(SOL, D(7), at_ms=covered))
        assert state.orders.open
        state, _ = after(state, fills(covered=(CLOSE_MS - 20_000, covered), at_ms=covered + 1_500))
    assert not state.orders.open


def test_a_snapshot_is_asked_for_where_fills_are_missing():
    state, _ = after(working(), says(Outcome.FILLED, D(10)))
    _, wanted = after(state, tick(CLOSE_MS + 3_000))
    assert of(wanted, FetchSnapshot)


def test_after_a_restart_everything_that_had_not_ended_is_unknown():
    made = [replace(ORDER, cloid=cloid(Purpose.PROJECTED, n)) for n in range(3)]
    state, _ = after(
        working(*made), says(Outcome.RESTING, of_order=made[1]), says(Outcome.FILLED, D(10), of_order=made[2])
    )
    restarted = orders.on_restart(state)
    statuses = [restarted.orders.open[o.cloid].status for o in made]
    assert statuses == [OrderStatus.UNKNOWN, OrderStatus.UNKNOWN, OrderStatus.ENDED]
    assert orders.outstanding(restarted, SOL) == 30


def test_a_silent_order_is_asked_about_and_asked_again():
    state = working()
    asked = []
    for second in range(8):
        state, wanted = after(state, tick(CLOSE_MS + 1000 * second))
        asked.append(len(of(wanted, QueryOrders)))
    assert asked == [0, 0, 0, 1, 0, 1, 0, 1]


def test_an_ended_order_without_its_fills_has_the_ledger_read():
    state, _ = after(working(), says(Outcome.FILLED, D(10)))
    _, wanted = after(state, tick(CLOSE_MS + 3_000))
    assert of(wanted, FetchFills)
    assert not of(wanted, QueryOrders)


def test_an_unknown_order_that_has_expired_has_the_ledger_read_too():
    state, _ = after(working(), says(Outcome.UNKNOWN))
    _, before = after(state, tick(CLOSE_MS + 5_000))
    _, then = after(state, tick(PROVED_MS))
    assert of(before, QueryOrders)
    assert not of(before, FetchFills)
    assert of(then, QueryOrders)
    assert of(then, FetchFills)


def test_a_lost_batch_of_a_hundred_does_not_eat_the_rate_budget():
    made = [replace(ORDER, cloid=cloid(Purpose.PROJECTED, n)) for n in range(100)]
    state, _ = after(working(*made), *[says(Outcome.UNKNOWN, of_order=o) for o in made])
    asked = []
    for second in range(4, 64):
        state, wanted = after(state, tick(CLOSE_MS + 1000 * second))
        asked += [c for q in of(wanted, QueryOrders) for c in q.cloids]
    assert len(asked) <= 30 * orders.QUERIES_MAX
    assert set(asked) == {o.cloid for o in made}, "everyone's turn comes"


# --- burning nonces ------------------------------------------------------------------------------------


def burns(intents):
    return [c for i in of(intents, BurnNonce) for c in i.cloids]


def absent(at_ms=CLOSE_MS + 5_200):
    """Return an order whose send was lost and which the venue does not know, and what is wanted then."""
    return after(working(), says(Outcome.UNKNOWN), says(Outcome.NEVER_PLACED, at_ms=at_ms))


def test_an_order_that_the_venue_does_not_know_has_its_nonce_burnt_at_once_and_once():
    state, wanted = after(working(), says(Outcome.UNKNOWN))
    assert burns(wanted) == [], "a time-out alone is no reason: it may be there"
    assert of(wanted, QueryOrders), "it is asked about at once"
    state, wanted = after(state, says(Outcome.NEVER_PLACED))
    assert burns(wanted) == [ORDER.cloid]
    _, wanted = after(state, tick(CLOSE_MS + 1_000), tick(CLOSE_MS + 1_900))
    assert burns(wanted) == []


def test_a_burnt_order_is_asked_about_once_more_and_let_go_long_before_its_expiry():
    state, _ = absent()
    state, wanted = after(state, says(Outcome.BURNED, at_ms=CLOSE_MS + 5_300))
    assert [q.cloids for q in of(wanted, QueryOrders)] == [(ORDER.cloid,)]
    assert orders.outstanding(state, SOL) == 10, "not before the venue was asked again"
    state, _ = after(state, says(Outcome.NEVER_PLACED, at_ms=CLOSE_MS + 5_400))
    assert not state.orders.open
    assert ORDER.expires_ms > CLOSE_MS + 5_400


@given(st.sampled_from([Outcome.BURNED, Outcome.SPENT]), st.sampled_from([Outcome.FILLED, Outcome.RESTING]))
def test_what_the_venue_says_of_an_order_counts_for_more_than_what_became_of_its_nonce(burning, status):
    state = absent()[0]
    for said in (burning, status):
        state = orders.on_answers(state, says(said, D(4)).answers)
    assert orders.outstanding(state, SOL) == (4 if status is Outcome.FILLED else 10)
    state = orders.on_answers(state, says(burning).answers)
    assert state.orders.open[ORDER.cloid].status is not OrderStatus.UNKNOWN


@given(said_ms=st.integers(5_200, 9_000), covered_ms=st.integers(0, 20_000))
def test_a_nonce_that_was_gone_makes_absence_proof_when_the_ledger_is_covered_beyond_that_word(
    said_ms, covered_ms
):
    """The order or an earlier noop was taken, or the nonce is too low: in no case can the order land any more."""
    covered = CLOSE_MS + covered_ms
    state, _ = after(
        absent()[0],
        says(Outcome.SPENT, at_ms=CLOSE_MS + said_ms),
        fills(covered=(CLOSE_MS - 20_000, covered), at_ms=max(covered + 1_500, CLOSE_MS + said_ms)),
        shown(at_ms=covered),
        says(Outcome.NEVER_PLACED, at_ms=CLOSE_MS + max(said_ms, covered_ms + 1_500)),
    )
    released = ORDER.cloid not in state.orders.open
    assert released == (covered_ms > said_ms + orders.EXPIRY_SLACK_MS)


def test_after_a_spent_nonce_the_ledger_is_read_before_the_order_expires_and_nothing_is_burnt_again():
    state, _ = after(absent()[0], says(Outcome.SPENT, at_ms=CLOSE_MS + 5_300))
    _, wanted = after(state, says(Outcome.NEVER_PLACED, at_ms=CLOSE_MS + 5_400), tick(CLOSE_MS + 7_400))
    assert of(wanted, FetchFills)
    assert ORDER.expires_ms > CLOSE_MS + 7_400
    assert burns(wanted) == []


@given(times=st.integers(1, 6))
def test_a_burning_that_nobody_answered_is_tried_again_after_each_word_that_the_order_is_unknown(times):
    state, wanted = absent(CLOSE_MS + 100)
    for n in range(times):
        now = CLOSE_MS + 200 + 100 * n
        unknown = [says(Outcome.UNKNOWN, at_ms=now), says(Outcome.NEVER_PLACED, at_ms=now)]
        state, more = after(state, *unknown)
        wanted += more
    assert burns(wanted) == [ORDER.cloid] * (1 + times)
    assert orders.outstanding(state, SOL) == 10


def test_an_order_that_has_expired_is_not_burnt_since_its_expiry_is_the_proof():
    _, wanted = absent(PROVED_MS)
    assert burns(wanted) == []


def test_a_cancel_that_proves_nothing_burns_nothing():
    state, wanted = after(working(), says(Outcome.RESTING), says(Outcome.UNKNOWN), says(Outcome.CANCELLED))
    assert burns(wanted) == []
    assert not state.orders.open


def test_a_restart_keeps_what_burning_proved_and_forgets_what_it_would_have_burnt():
    """Whoever knew the nonce is gone, so a new word of the venue must come first."""
    burnt, _ = after(absent()[0], says(Outcome.BURNED))
    assert orders.on_restart(burnt).orders.open[ORDER.cloid].burnt
    seen = replace(absent()[0].orders.open[ORDER.cloid], absent=True)
    state = working()
    state = replace(state, orders=replace(state.orders, open={ORDER.cloid: seen}))
    _, wanted = orders.chase(orders.on_restart(state))
    assert burns(wanted) == []
    assert of(wanted, QueryOrders)


def test_all_orders_of_a_burnt_batch_are_let_go_though_only_some_had_been_asked_about():
    made = [replace(ORDER, cloid=cloid(Purpose.PROJECTED, n)) for n in range(30)]
    burnt = [Answer(cloid=o.cloid, outcome=Outcome.BURNED) for o in made]
    state, wanted = after(working(*made), answered(*burnt))
    for _ in range(3):
        [question] = of(wanted, QueryOrders)
        assert len(question.cloids) == orders.QUERIES_MAX
        never = [Answer(cloid=c, outcome=Outcome.NEVER_PLACED) for c in question.cloids]
        state, wanted = after(state, answered(*never, at_ms=state.at_ms + 100))
    assert not state.orders.open


def test_hedges_are_asked_about_before_slices():
    slices = [replace(ORDER, cloid=cloid(Purpose.PROJECTED, n)) for n in range(50)]
    hedges = [
        order(BTC, D(1), cloid=cloid(Purpose.HEDGE, 50 + n), purpose=Purpose.HEDGE, created_ms=CLOSE_MS + 1)
        for n in range(2)
    ]
    _, wanted = after(working(*slices, *hedges), tick(CLOSE_MS + 4_000))
    assert set(of(wanted, QueryOrders)[0].cloids[:2]) == {o.cloid for o in hedges}


def test_a_hedge_that_never_landed_is_replaced_in_the_moment_that_this_is_proved():
    state, first = after(desk({SOL: D(1_000)}), tick(CLOSE_MS + 500))
    lost = sent(first, Purpose.HEDGE)
    assert lost

    def all_are(outcome, at_ms):
        return answered(*(Answer(cloid=o.cloid, outcome=outcome) for o in lost), at_ms=CLOSE_MS + at_ms)

    state, waiting = after(
        state,
        all_are(Outcome.UNKNOWN, 5_500),
        all_are(Outcome.NEVER_PLACED, 5_600),
        all_are(Outcome.BURNED, 5_700),
    )
    assert sent(waiting) == [], "no second order before the proof"
    state, replaced_by = after(state, all_are(Outcome.NEVER_PLACED, 5_800))
    assert [(o.coin, o.side, o.qty) for o in sent(replaced_by)] == [(o.coin, o.side, o.qty) for o in lost]
    assert not {o.cloid for o in sent(replaced_by)} & {o.cloid for o in lost}


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_in_a_rough_night_no_order_whose_nonce_was_burnt_ever_trades(seed):
    """Some of the lost actions arrive seconds late, between any of the questions."""
    played = night(faults=replaced(ROUGH, lost=0.2, late=0.2), seed=seed, prices=moving)
    played.play(-930, -300)
    assert played.burnt
    assert not set(played.burnt) & {f.cloid for f in played.venue.fills}


def test_never_two_live_orders_for_the_same_missing_quantity():
    """Every answer of the venue is lost: what is on its way stays counted, and nothing more is sent for it."""
    played = night()
    played.venue.faults = replaced(played.venue.faults, lost=1.0)
    played.play(-930, -560)
    live = [r.order for r in played.state.orders.open.values() if r.order.coin == SOL]
    assert 0 < sum(o.signed_qty for o in live) <= played.state.session.projected.targets[SOL]


def test_the_counters_of_a_leg_add_up():
    state = replace(desk(), session=None)
    assert orders.register(state, [ORDER]).session is None
    played = night().play(-930, 520)
    legs = played.state.session.legs
    assert sum(leg.orders for leg in legs.values()) == len(played.orders)
    assert sum(leg.fills for leg in legs.values()) == len(played.venue.fills)
    assert sum(leg.fees_usd for leg in legs.values()) == sum(f.fee_usd for f in played.venue.fills)


def test_an_id_carries_the_session_day_and_the_asset():
    one = orders.client_order_id(DAY, Purpose.HEDGE, asset_id=0, counter=1)
    assert one != orders.client_order_id(DAY, Purpose.HEDGE, asset_id=1, counter=1)
    assert one != orders.client_order_id(SessionDay("2025-06-02"), Purpose.HEDGE, asset_id=0, counter=1)
    assert sent([]) == []


def test_an_order_is_counted_as_burnt_once_however_often_it_is_said():
    state = replace(working(), session=Session(day=DAY, close_ms=CLOSE_MS))
    state, _ = after(state, says(Outcome.UNKNOWN), says(Outcome.BURNED), says(Outcome.BURNED))
    assert state.session.burnt == 1
