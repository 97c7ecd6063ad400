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
    state, _ = after(state, fills(fill(SOL, D(1), at_ms=NOON_MS - 50)), shown({SOL: D(6)}, NOON_MS + 9_000))
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
