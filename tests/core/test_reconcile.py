import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core import reconcile
from core.events import ManualReconcile, SnapshotReceived, StreamChanged
from core.intents import FetchFills, FetchSnapshot, RaiseAlert
from core.orders import register
from core.state import Account, Book, Session, Stage
from core.types import TradingState
from daemon.outbox import COVERAGE_MARGIN_MS
from tests.core.desk import (
    CLOSE_MS,
    DAY,
    DOGE,
    PRICES,
    SOL,
    D,
    after,
    desk,
    fill,
    fills,
    of,
    order,
    snapshot,
    tick,
)
from tests.core.nights import night

NOON_MS = CLOSE_MS - 12 * 3_600_000


def empty():
    return replace(desk(), book=Book(), account=Account(), at_ms=NOON_MS)


def shown(positions, at_ms=NOON_MS, **changes):
    return SnapshotReceived(at_ms=at_ms, snapshot=snapshot(positions, at_ms=at_ms, **changes))


# --- adopting ------------------------------------------------------------------------------------------


def test_the_first_snapshot_is_adopted_and_never_another():
    state, intents = after(empty(), shown({SOL: D(7)}))
    assert state.book.positions == {SOL: 7}
    assert of(intents, FetchFills) == [FetchFills(from_ms=NOON_MS)]
    state, _ = after(state, shown({SOL: D(8)}, NOON_MS + 1_000))
    assert state.book.positions == {SOL: 7}


def test_a_fill_between_the_first_snapshot_and_its_arrival_is_booked_once():
    late = fill(SOL, D(1), at_ms=NOON_MS + 50)
    state, _ = after(empty(), fills(late, at_ms=NOON_MS + 80))
    state, _ = after(state, shown({SOL: D(7)}), fills(late, covered=(NOON_MS, NOON_MS + 100)), fills(late))
    assert state.book.positions == {SOL: 8}


def test_until_there_is_an_account_it_is_asked_for_every_two_seconds():
    state, asked = empty(), []
    for second in range(6):
        state, intents = after(state, tick(NOON_MS + 1000 * second))
        asked.append(bool(of(intents, FetchSnapshot)))
    assert asked == [True, False, True, False, True, False]


# --- comparing -----------------------------------------------------------------------------------------


def open_desk(positions):
    return desk(positions, at_ms=NOON_MS)


def looked(state, positions, *, looks, covered_ms=1_500, every_ms=2_000):
    """Play looks at an account that shows these positions, each with its read of the ledger, as the shell does."""
    wanted = ()
    for n in range(looks):
        now = NOON_MS + 1_000 + every_ms * n
        state, intents = after(
            state,
            tick(now),
            fills(covered=(now - 60_000, now - covered_ms), at_ms=now + 100),
            shown(positions, now + 100),
        )
        wanted += intents
    return state, wanted


@given(
    ours=st.dictionaries(st.sampled_from([SOL, DOGE]), st.integers(-9, 9).filter(bool).map(D)),
    theirs=st.dictionaries(st.sampled_from([SOL, DOGE]), st.integers(-9, 9).filter(bool).map(D)),
)
def test_a_difference_that_stays_halts_with_both_numbers_and_agreement_never_does(ours, theirs):
    """The halt once asked for coverage beyond the snapshot itself, which no read can have: it never came."""
    state, _ = looked(open_desk(ours), theirs, looks=8)
    assert (state.trading is TradingState.HALTED) == (ours != theirs)
    for coin in (SOL, DOGE):
        if ours.get(coin, 0) != theirs.get(coin, 0):
            assert f"{coin}: ours {ours.get(coin, 0)}, venue {theirs.get(coin, 0)}" in state.halt_reason


def test_a_first_difference_is_an_alarm_and_another_look_not_a_halt():
    state, intents = after(open_desk({SOL: D(5)}), shown({SOL: D(6)}))
    assert state.trading is TradingState.ACTIVE
    assert [a.code for a in of(intents, RaiseAlert)] == ["positions.differ"]
    assert of(intents, FetchFills)
    _, again = after(state, tick(NOON_MS + 2_000))
    assert of(again, FetchSnapshot)


def test_a_fill_that_was_only_late_clears_the_difference():
    state, _ = looked(open_desk({SOL: D(5)}), {SOL: D(6)}, looks=3)
    assert state.account.mismatches == 3
    late = fill(SOL, D(1), at_ms=NOON_MS - 50, start_position=D(5))
    state, _ = after(state, fills(late, at_ms=NOON_MS + 8_000), shown({SOL: D(6)}, NOON_MS + 9_000))
    assert state.account.mismatches == 0
    assert state.trading is TradingState.ACTIVE


def test_without_coverage_a_difference_does_not_halt():
    """While the ledger cannot be read, a difference may be a fill that is on its way."""
    state, _ = looked(open_desk({SOL: D(5)}), {SOL: D(6)}, looks=20, covered_ms=60_000)
    assert state.trading is TradingState.ACTIVE
    assert state.account.mismatches == 20


def test_a_moment_with_orders_on_their_way_is_not_compared():
    state, _ = looked(register(open_desk({SOL: D(5)}), [order(SOL, D(1))]), {SOL: D(6)}, looks=10)
    assert state.account.mismatches == 0


def test_a_fill_newer_than_the_snapshot_is_not_held_against_it():
    state, _ = after(open_desk({}), fills(fill(SOL, D(1), at_ms=NOON_MS + 500)), shown({}, NOON_MS + 400))
    assert state.account.mismatches == 0


def test_an_older_snapshot_never_replaces_a_newer_one():
    state, _ = after(open_desk({}), shown({}, NOON_MS + 400, equity_usd=D(5)), shown({}, NOON_MS + 300))
    assert state.account.snapshot.equity_usd == 5


# --- when it looks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "every_s"), [(None, 3_600), (Stage.WAITING, 3_600), (Stage.DONE, 3_600), (Stage.PROJECTED, 20)]
)
def test_the_account_is_looked_at_hourly_and_often_while_a_session_trades(stage, every_s):
    """loss_max looks at the equity of the last snapshot: an hourly one would not see a loss of the night."""
    session = None if stage is None else Session(day=DAY, close_ms=CLOSE_MS, stage=stage)
    state, looks = replace(open_desk({}), session=session), []
    for second in range(0, 3_700, 5):
        state, intents = reconcile.keep_covered(replace(state, at_ms=NOON_MS + 1000 * second))
        looks += [second] if of(intents, FetchSnapshot) else []
    assert looks[0] == every_s


def test_fills_are_proved_every_minute():
    state, intents = open_desk({}), ()
    for second in range(301):
        state, more = reconcile.keep_covered(replace(state, at_ms=NOON_MS + 1000 * second))
        intents += more
    assert len(of(intents, FetchFills)) == 5


def test_after_the_stream_came_back_the_gap_is_read():
    state, intents = after(open_desk({}), StreamChanged(at_ms=NOON_MS, up=True))
    assert of(intents, FetchFills)[0].from_ms <= state.book.covered_to_ms - 60_000
    assert of(intents, FetchSnapshot)
    _, down = after(state, StreamChanged(at_ms=NOON_MS, up=False, reason="1006"))
    assert of(down, RaiseAlert)[0].code == "stream.down"


def test_an_operator_can_have_it_looked_at_now():
    _, intents = after(open_desk({}), ManualReconcile(at_ms=NOON_MS))
    assert {type(i) for i in intents} == {FetchFills, FetchSnapshot}


# --- proved or not -----------------------------------------------------------------------------------------


@given(
    up=st.booleans(), age_ms=st.integers(0, 90_000), changed_ms=st.integers(0, 90_000), stale=st.booleans()
)
def test_fills_are_proved_while_the_ledger_was_read_lately_and_since_the_stream_came(
    up, age_ms, changed_ms, stale
):
    state = open_desk({})
    account = replace(
        state.account, stream_up=up, stream_ms=NOON_MS - changed_ms, stale_ms=NOON_MS if stale else 0
    )
    state = replace(state, book=replace(state.book, covered_to_ms=NOON_MS - age_ms), account=account)
    known = age_ms <= min(45_000, changed_ms) if up else age_ms <= 12_000
    assert reconcile.is_proved(state) == (known and not stale)


def test_without_any_proof_nothing_is_proved():
    assert not reconcile.is_proved(empty())


def test_a_broken_chain_is_read_again_at_once_and_until_it_is_whole():
    state, intents = after(open_desk({SOL: D(5)}), fills(ahead := late_fill(2, D(6)), at_ms=NOON_MS + 20))
    (told,) = [a for a in of(intents, RaiseAlert) if a.code == "fills.gap"]
    assert "SOL: ours 6, venue 7" in told.text
    assert of(intents, FetchFills)
    assert of(intents, FetchSnapshot)
    assert not reconcile.is_proved(state)
    reads = 0
    for second in range(1, 21):
        state, intents = after(state, tick(NOON_MS + 1_000 * second))
        reads += len(of(intents, FetchFills))
    assert reads == 3
    missing = late_fill(1, D(5))
    state, _ = after(
        state, fills(missing, ahead, covered=(NOON_MS - 60_000, NOON_MS + 19_000), at_ms=NOON_MS + 20_100)
    )
    assert state.book.positions == {SOL: 7}
    assert reconcile.is_proved(state)


def late_fill(n, start):
    return fill(SOL, D(1), tid=n, at_ms=NOON_MS + n, start_position=start)


def test_a_chain_that_the_venues_own_state_contradicts_is_let_go():
    state, _ = after(open_desk({SOL: D(5)}), fills(late_fill(2, D(9)), at_ms=NOON_MS + 20))
    assert state.book.broken == {SOL: 10}
    state, _ = after(state, shown({SOL: D(6)}, NOON_MS + 500))
    assert state.book.broken == {}
    assert state.trading is TradingState.ACTIVE


@given(age_ms=st.integers(0, 60_000))
def test_state_that_is_old_is_not_taken_and_asked_for_again_soon(age_ms):
    old = SnapshotReceived(at_ms=NOON_MS, snapshot=snapshot({}, at_ms=NOON_MS - age_ms, equity_usd=D(5)))
    known = replace(open_desk({}), account=replace(open_desk({}).account, snapshot=None))
    state, intents = after(known, old)
    if age_ms <= 10_000:
        assert state.account.snapshot.equity_usd == 5
        assert not state.account.stale_ms
        return
    assert state.account.snapshot is None
    assert [a.code for a in of(intents, RaiseAlert)] == ["account.stale"]
    assert not reconcile.is_proved(state)
    _, again = after(state, tick(NOON_MS + 2_000))
    assert of(again, FetchSnapshot)
    state, _ = after(state, shown({}, NOON_MS + 2_100))
    assert not state.account.stale_ms


@given(took_ms=st.integers(0, 60_000))
def test_an_answer_that_was_long_on_its_way_is_not_old(took_ms):
    slow = SnapshotReceived(
        at_ms=NOON_MS + took_ms,
        snapshot=snapshot({}, at_ms=NOON_MS, equity_usd=D(5)),
        asked_ms=NOON_MS + 9_000,
    )
    state, _ = after(open_desk({}), slow)
    assert state.account.snapshot.equity_usd == 5


def test_while_the_stream_is_down_fills_are_read_at_once_and_every_five_seconds():
    down = StreamChanged(at_ms=NOON_MS, up=False, reason="userFills is mute")
    state, intents = after(open_desk({}), down)
    assert of(intents, FetchFills)
    asked = []
    for second in range(1, 21):
        state, intents = after(state, tick(NOON_MS + 1_000 * second))
        asked += [second] if of(intents, FetchFills) else []
    assert asked == [5, 10, 15, 20]


def test_after_the_stream_came_back_new_risk_waits_for_the_gap_to_be_read():
    state, intents = after(open_desk({}), StreamChanged(at_ms=NOON_MS, up=True))
    assert of(intents, FetchFills)
    assert not reconcile.is_proved(state)
    state, _ = after(state, fills(covered=(NOON_MS - 70_000, NOON_MS - 1_500), at_ms=NOON_MS + 100))
    assert not reconcile.is_proved(state)
    state, intents = after(state, tick(NOON_MS + 5_000))
    assert of(intents, FetchFills)
    state, _ = after(state, fills(covered=(NOON_MS - 61_500, NOON_MS + 3_500), at_ms=NOON_MS + 5_100))
    assert reconcile.is_proved(state)


def test_after_the_stream_came_back_the_first_read_that_can_prove_it_is_made_at_once_and_then_every_five_seconds():
    """A read proves the fills up to a second and a half before it: the one at the stream's return never can.

    Slices waited five seconds after every start, and a kill ten seconds before the deadline cost the whole last slice.
    """
    state, intents = after(open_desk({}), StreamChanged(at_ms=NOON_MS, up=True))
    asked = [0] if of(intents, FetchFills) else []
    for second in range(1, 19):
        state, intents = after(state, tick(NOON_MS + 1_000 * second))
        asked += [second] if of(intents, FetchFills) else []
    assert asked == [0, 2, 7, 12, 17]
    assert 1_000 * asked[1] > COVERAGE_MARGIN_MS


# --- in a night ----------------------------------------------------------------------------------------


def test_a_loss_in_the_middle_of_a_night_halts_it_within_half_a_minute():
    def falling(coin, now_ms):
        return PRICES[coin] if coin != SOL or now_ms < CLOSE_MS - 200_000 else D(75)

    played = night({SOL: 0.24}, {SOL: 0.24}, prices=falling, held={SOL: D(1_600)}).play(-930, -165)
    assert played.state.trading is TradingState.HALTED
    assert "loss_max" in played.state.halt_reason


def test_a_position_that_nobody_traded_halts_the_night():
    played = night()
    played.at(CLOSE_MS - 700_000, lambda: played.venue.hold(DOGE, D(5_000), CLOSE_MS - 700_000))
    played.play(-930, -640)
    assert played.state.trading is TradingState.HALTED
    assert "DOGE: ours 0, venue 5000" in played.state.halt_reason


def test_a_state_from_the_future_is_not_taken_and_the_ones_of_the_present_are():
    ahead = SnapshotReceived(
        at_ms=NOON_MS, asked_ms=NOON_MS - 100, snapshot=snapshot({SOL: D(9)}, at_ms=NOON_MS + 3_600_000)
    )
    state, intents = after(open_desk({SOL: D(5)}), ahead)
    assert [a.code for a in of(intents, RaiseAlert)] == ["account.stale"]
    assert "3600 s ahead" in of(intents, RaiseAlert)[0].text
    assert not reconcile.is_proved(state)
    now = SnapshotReceived(
        at_ms=NOON_MS + 2_000, asked_ms=NOON_MS + 1_900, snapshot=snapshot({SOL: D(5)}, at_ms=NOON_MS + 1_950)
    )
    state, _ = after(state, now)
    assert state.account.snapshot == now.snapshot
    assert not state.account.stale_ms
