import pytest
from msgspec.structs import replace

from core import second_writer
from core.events import KillReset, KillTripped, OrdersAnswered, SnapshotReceived, Started
from core.intents import CancelOrders, FetchFills, RaiseAlert
from core.orders import register
from core.state import decode, encode
from core.types import Answer, Coin, OpenOrder, Outcome, Purpose, Side, TradingState
from tests.core.desk import (
    CLOSE_MS,
    SETTINGS,
    SOL,
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
)

OURS = cloid(Purpose.PROJECTED, 999)
LATER = cloid(Purpose.PROJECTED, 1_000)
"""Our magic, and a counter that we have not come to: another daemon on the same account."""
OTHERS = [None, LATER, "0xe8d5fd7ebbb4c3cff4d1803472a11463"]


def stranger(name):
    return OpenOrder(coin=SOL, oid=77, cloid=name, side=Side.BUY, remaining_qty=D(3), limit_px=D(140))


def reasons(intents):
    return [a.text for a in of(intents, RaiseAlert) if a.code == "reducing"]


@pytest.mark.parametrize("name", OTHERS)
def test_a_fill_that_no_order_of_ours_made_stops_new_risk_and_names_itself(name):
    state, intents = after(desk(), fills(fill(SOL, D(2), cloid=name)))
    assert state.trading is TradingState.REDUCING
    assert state.book.positions == {SOL: 2}
    assert "SOL buy 2 at 150 (Open Long)" in reasons(intents)[0]
    assert "nightdesk reset" in reasons(intents)[0]


def test_our_own_fills_stop_nothing():
    state, _ = after(desk(), fills(fill(SOL, D(2), cloid=OURS)))
    assert state.trading is TradingState.ACTIVE


@pytest.mark.parametrize("name", OTHERS)
def test_an_open_order_that_we_did_not_place_stops_new_risk(name):
    shown = replace(snapshot(), open_orders=(stranger(name),))
    state, intents = after(desk(), SnapshotReceived(at_ms=CLOSE_MS, snapshot=shown))
    assert state.trading is TradingState.REDUCING
    assert "SOL buy 3 at 140, oid 77" in reasons(intents)[0]
    ours = replace(snapshot(), open_orders=(stranger(OURS),))
    state, _ = after(desk(), SnapshotReceived(at_ms=CLOSE_MS, snapshot=ours))
    assert state.trading is TradingState.ACTIVE


def test_an_order_update_of_somebody_else_stops_new_risk_at_once():
    update = OrdersAnswered(at_ms=CLOSE_MS, answers=(), strangers=(stranger(None),))
    assert after(desk(), update)[0].trading is TradingState.REDUCING
    rests = Answer(cloid=LATER, outcome=Outcome.RESTING)
    assert after(desk(), answered(rests))[0].trading is TradingState.REDUCING
    cancelled = Answer(cloid=LATER, outcome=Outcome.UNKNOWN)
    assert after(desk(), answered(cancelled))[0].trading is TradingState.ACTIVE


def test_the_hedge_goes_on_while_new_risk_is_stopped():
    state, intents = after(
        desk({SOL: D(1_000)}), fills(fill(SOL, D(500), cloid=None, start_position=D(1_000)))
    )
    assert state.trading is TradingState.REDUCING
    assert {o.purpose for o in sent(intents)} == {Purpose.HEDGE}


@pytest.mark.parametrize(
    ("direction", "liquidated", "word"),
    [
        ("Liquidated Cross Long", False, "liquidated"),
        ("Close Long", True, "liquidated"),
        ("Auto-Deleveraging: Long", False, "the venue changed a position"),
        ("Net Child Vaults", False, "the venue changed a position"),
        ("Close Long", False, "second writer"),
    ],
)
def test_what_the_venue_does_to_a_position_stops_new_risk_too_and_is_not_called_a_second_writer(
    direction, liquidated, word
):
    forced = fill(SOL, D(-2), cloid=None, direction=direction, liquidated=liquidated, start_position=D(5))
    state, intents = after(desk({SOL: D(5)}), fills(forced))
    assert state.book.positions == {SOL: 3}
    assert state.trading is TradingState.REDUCING
    assert word in reasons(intents)[0]


@pytest.mark.parametrize("direction", sorted(second_writer.HARMLESS))
def test_a_settlement_is_told_and_stops_nothing(direction):
    ended = fill(SOL, D(-5), cloid=None, direction=direction, start_position=D(5))
    state, intents = after(desk({SOL: D(5)}), fills(ended))
    assert state.trading is TradingState.ACTIVE
    assert [a.code for a in of(intents, RaiseAlert)] == ["fills.foreign"]
    assert not state.book.positions


def test_it_ends_by_a_reset_and_not_by_a_restart():
    state, _ = after(desk(), fills(fill(SOL, D(2), cloid=None)))
    restarted = Started(at_ms=CLOSE_MS + 1, version="1", settings=SETTINGS)
    state, _ = after(decode(encode(state)), restarted)
    assert state.trading is TradingState.REDUCING
    state, _ = after(state, KillReset(at_ms=CLOSE_MS + 2, reason="it was me"))
    assert (state.trading, state.halt_reason) == (TradingState.ACTIVE, "")


def test_an_order_that_is_still_there_after_the_reset_stops_new_risk_again():
    shown = SnapshotReceived(
        at_ms=CLOSE_MS + 3, snapshot=replace(snapshot(at_ms=CLOSE_MS + 3), open_orders=(stranger(None),))
    )
    state, _ = after(desk(), shown, KillReset(at_ms=CLOSE_MS + 2, reason="it was me"))
    assert state.trading is TradingState.ACTIVE
    assert after(state, shown)[0].trading is TradingState.REDUCING


def test_a_halt_stays_a_halt():
    state, _ = after(desk(), KillTripped(at_ms=CLOSE_MS, reason="test", by="operator"))
    state, intents = after(state, fills(fill(SOL, D(2), cloid=None)))
    assert state.trading is TradingState.HALTED
    assert state.halt_reason == "test (operator)"
    assert not reasons(intents)


def test_it_is_said_once_for_orders_that_stay():
    shown = SnapshotReceived(at_ms=CLOSE_MS, snapshot=replace(snapshot(), open_orders=(stranger(None),)))
    _, intents = after(desk(), shown, shown, shown)
    assert len(reasons(intents)) == 1


def test_a_fill_of_spot_is_seen_once_and_is_no_position():
    dust = replace(fill(SOL, D("-0.0000086141"), tid=0, cloid=None), direction="Spot Dust Conversion")
    dust = replace(dust, coin=Coin("@142"))
    state, intents = after(desk(), fills(dust), fills(dust))
    assert not state.book.positions
    assert len(of(intents, RaiseAlert)) == 1
    assert not of(intents, FetchFills)
    assert not state.book.broken


def test_an_order_of_ours_that_is_not_on_record_is_no_stranger_and_is_cancelled():
    """A lost journal's, or one that landed after everything had said that it never would."""
    shown = replace(snapshot(), open_orders=(stranger(OURS),))
    state, intents = after(desk(), SnapshotReceived(at_ms=CLOSE_MS, snapshot=shown))
    assert state.trading is TradingState.ACTIVE
    assert of(intents, CancelOrders) == [CancelOrders(orders=((SOL, OURS),))]
    known = register(desk(), (order(SOL, D(3), cloid=OURS),))
    _, intents = after(known, SnapshotReceived(at_ms=CLOSE_MS, snapshot=shown))
    assert not of(intents, CancelOrders)


def test_an_older_state_directory_takes_none_of_our_later_orders_for_foreign():
    old = replace(desk(), orders=replace(desk().orders, counter=CLOSE_MS - 86_400_000))
    made_since = cloid(Purpose.PROJECTED, CLOSE_MS - 3_600_000)
    started = Started(at_ms=CLOSE_MS, version="test", settings=SETTINGS)
    state, _ = after(old, started, fills(fill(SOL, D(2), cloid=made_since)))
    assert state.trading is TradingState.ACTIVE
    assert state.book.positions == {SOL: 2}


def test_an_order_that_fills_after_its_nonce_was_burnt_is_booked_and_told():
    """The venue contradicts itself: the noop was taken, so the order cannot be."""
    lost = order(SOL, D(10))

    def says(outcome):
        return answered(Answer(cloid=lost.cloid, outcome=outcome), at_ms=CLOSE_MS + 3_000)

    state = register(desk(), (lost,))
    state, _ = after(state, says(Outcome.UNKNOWN), says(Outcome.NEVER_PLACED), says(Outcome.BURNED))
    state, _ = after(state, says(Outcome.NEVER_PLACED))
    assert not state.orders.open
    late = answered(
        Answer(cloid=lost.cloid, outcome=Outcome.FILLED, filled_qty=D(10)), at_ms=CLOSE_MS + 3_500
    )
    state, intents = after(state, late, fills(fill(SOL, D(10), cloid=lost.cloid), at_ms=CLOSE_MS + 3_600))
    assert state.trading is TradingState.ACTIVE
    assert state.book.positions == {SOL: 10}
    assert [a.code for a in of(intents, RaiseAlert)] == ["fills.late"]
