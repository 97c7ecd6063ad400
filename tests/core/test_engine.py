"""step() as a whole: pure, deterministic, replayable, and never quiet about a broken promise."""

from dataclasses import replace as replaced

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.engine import check, step
from core.events import ConfigChanged, InstrumentsReceived, KillTripped, QuoteReceived, Started, StopRequested
from core.intents import CancelEverything, FetchFills, FetchSnapshot, RaiseAlert, SubmitOrders, TripKill
from core.orders import register
from core.state import State, decode, encode
from core.types import Purpose, TradingState
from tests.core.desk import (
    BTC,
    CLOSE_MS,
    DOGE,
    ETH,
    INSTRUMENTS,
    PRICES,
    SETTINGS,
    SOL,
    XRP,
    D,
    after,
    desk,
    fill,
    fills,
    of,
    order,
    quote,
    sent,
    tick,
)
from tests.core.night_venue import ROUGH
from tests.core.nights import FLIPPED, LONG_SHORT, moving, night
from tests.core.test_trade import correcting


@pytest.fixture(scope="module")
def rough():
    """A night with losses, refusals, partial fills and doubled frames, from beginning to end."""
    return night(LONG_SHORT, FLIPPED, faults=ROUGH, seed=5, prices=moving).play(-930, 540)


# --- pure and deterministic ----------------------------------------------------------------------------


def test_replaying_the_events_of_a_night_gives_every_state_again(rough):
    state, again = State(settings=SETTINGS), State(settings=SETTINGS)
    for event in rough.events:
        state, wanted = step(state, event)
        again, repeated = step(again, event)
        assert wanted == repeated
    assert state == again == rough.state


def test_step_leaves_its_input_as_it_was(rough):
    state = State(settings=SETTINGS)
    for n, event in enumerate(rough.events):
        kept = encode(state) if n % 40 == 0 else b""
        following, _ = step(state, event)
        assert not kept or encode(state) == kept
        state = following


def test_a_state_from_the_disk_goes_on_like_the_one_in_memory(rough):
    state = State(settings=SETTINGS)
    for n, event in enumerate(rough.events):
        following, wanted = step(state, event)
        if n % 60 == 0:
            assert step(decode(encode(state)), event) == (following, wanted)
        state = following


def test_time_never_runs_backwards(rough):
    state, last = State(settings=SETTINGS), 0
    for event in rough.events:
        state, _ = step(state, event)
        assert state.at_ms >= last
        last = state.at_ms
    back, _ = step(state, tick(CLOSE_MS - 10**9))
    assert back.at_ms == state.at_ms


@given(st.integers(0, 2000), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_a_wake_up_too_many_is_harmless(rough, where, times):
    state = State(settings=SETTINGS)
    for event in rough.events[: min(where, len(rough.events))]:
        state, _ = step(state, event)
    if state.at_ms == 0:
        return
    state, _ = step(state, tick(state.at_ms))
    for _ in range(times):
        state, wanted = step(state, tick(state.at_ms))
        assert not [i for i in wanted if isinstance(i, SubmitOrders)]


def test_a_quote_changes_prices_and_wants_nothing():
    before = desk({SOL: D(1000)})
    state, wanted = step(before, QuoteReceived(at_ms=CLOSE_MS + 5, quote=quote(SOL, D(160))))
    assert wanted == ()
    assert state.mids_usd[SOL] == 160.0
    same = replace(state, quotes=before.quotes, mids_usd=before.mids_usd, at_ms=before.at_ms)
    assert same == before


AGES_MS = st.integers(0, 40_000)
WORLDS = st.lists(
    st.tuples(st.sampled_from([BTC, ETH, SOL, DOGE, XRP]), AGES_MS, AGES_MS, st.integers(90, 110)),
    max_size=12,
)


@given(seconds=st.lists(st.tuples(st.integers(1, 12), WORLDS), min_size=5, max_size=25), killed=st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_order_is_ever_made_on_a_price_older_than_the_limit(seconds, killed):
    """By our clock or the venue's: whatever prices come, in whatever order, with whatever stamps."""
    state = correcting(positions={SOL: D(300), DOGE: D(100_000)})
    if killed:
        flattens = replaced(SETTINGS, flatten_on_kill=True)
        state, _ = step(
            replace(state, settings=flattens), KillTripped(at_ms=state.at_ms, reason="test", by="x")
        )
    limit_ms, now = 1000 * SETTINGS.risk.quote_age_max_s, state.at_ms
    for wait_s, world in seconds:
        now += 1_000 * wait_s
        covered = fills(covered=(now - 60_000, now - 1_500), at_ms=now)
        events = [
            QuoteReceived(
                at_ms=now, quote=replace(quote(c, PRICES[c] * pct / 100), at_ms=now - a, received_ms=now - b)
            )
            for c, a, b, pct in world
        ]
        for event in (*events, covered, tick(now)):
            state, wanted = step(state, event)
            for o in sent(wanted):
                used = state.quotes[o.coin]
                assert o.arrival_mid == used.mid
                assert state.at_ms - used.at_ms <= limit_ms
                assert state.at_ms - used.received_ms <= limit_ms


# --- what must hold after every step -------------------------------------------------------------------

REGISTERED = register(desk(), [order()])


@pytest.mark.parametrize(
    ("state", "made", "word"),
    [
        (desk(), order(), "on record"),
        (REGISTERED, replace(order(), qty=D(0)), "nothing"),
        (REGISTERED, replace(order(), limit_px=D(0)), "price of nothing"),
        (replace(REGISTERED, trading=TradingState.HALTED), order(), "after the kill"),
    ],
)
def test_a_broken_promise_is_an_assertion(state, made, word):
    with pytest.raises(AssertionError, match=word):
        check(state, (SubmitOrders(orders=(made,)),))


def test_a_flat_position_on_the_book_is_an_assertion():
    with pytest.raises(AssertionError, match="absent"):
        check(desk({SOL: D(0)}), ())


def test_what_may_go_passes():
    check(REGISTERED, (SubmitOrders(orders=(order(),)),))
    flattens = register(desk(), [order(purpose=Purpose.FLATTEN)])
    halted = replace(flattens, trading=TradingState.HALTED)
    check(halted, (SubmitOrders(orders=(order(purpose=Purpose.FLATTEN),)),))


# --- events ---------------------------------------------------------------------------------------------


def test_a_kill_halts_cancels_and_is_latched_in_the_same_step():
    state, wanted = step(desk(), KillTripped(at_ms=CLOSE_MS, reason="test", by="operator"))
    assert state.halt_reason == "test (operator)"
    assert [type(i) for i in wanted] == [TripKill, CancelEverything, RaiseAlert]


def test_a_halt_survives_a_restart():
    state, _ = step(desk(), KillTripped(at_ms=CLOSE_MS, reason="test", by="operator"))
    state, _ = step(decode(encode(state)), Started(at_ms=CLOSE_MS + 1, version="1", settings=SETTINGS))
    assert state.trading is TradingState.HALTED


def test_a_start_forgets_prices_and_reads_the_account():
    state, wanted = step(desk({SOL: D(1)}), Started(at_ms=CLOSE_MS, version="1", settings=SETTINGS))
    assert state.quotes == {}
    assert state.starts == 1
    assert of(wanted, FetchFills)
    assert of(wanted, FetchSnapshot)


def test_a_start_takes_the_settings_of_now():
    changed = replaced(SETTINGS, seed=7)
    state, _ = step(desk(), Started(at_ms=CLOSE_MS, version="1", settings=changed))
    assert state.settings.seed == 7


def test_a_fill_that_no_order_of_ours_made_is_booked_and_told():
    state, wanted = after(desk(), fills(fill(SOL, D(1), cloid=None, direction="Liquidated Cross Long")))
    assert state.book.positions[SOL] == 1
    alert = of(wanted, RaiseAlert)[0]
    assert alert.code == "fills.foreign"
    assert "Liquidated" in alert.text


def test_settings_and_instruments_are_taken_as_they_come():
    changed = replaced(SETTINGS, seed=9)
    state, _ = after(
        desk(),
        ConfigChanged(at_ms=CLOSE_MS, settings=changed, changes={}),
        InstrumentsReceived(at_ms=CLOSE_MS, instruments=(INSTRUMENTS[SOL],)),
    )
    assert state.settings.seed == 9
    assert set(state.instruments) == {SOL}


def test_a_stop_cancels_everything():
    state, wanted = step(desk(), StopRequested(at_ms=CLOSE_MS, reason="SIGTERM"))
    assert state.stopping
    assert wanted == (CancelEverything(),)
