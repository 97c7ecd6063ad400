"""The venue's scheduled cancel: armed in the windows, put off by ticks alone, counted once when it fires."""

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core import allowance, dead_man
from core.calendar import DAY_MS
from core.dead_man import AHEAD_MS, LEAD_MIN_MS, TRIGGERS_MAX
from core.engine import step
from core.events import CancelScheduled, KillTripped, PreflightDone, Started
from core.intents import RaiseAlert, ScheduleCancel
from core.report import session_report
from core.state import Allowance, DeadMan, PhaseRecord, Session, Stage, decode, encode
from core.types import Phase
from tests.core.desk import CLOSE_MS, DAY, SETTINGS, D, desk, of, tick

RICH = Decimal(2_000_000)
OPEN_MS = CLOSE_MS - 300_000
"""23:55, in the middle of the projected window."""


def trading(stage=Stage.PROJECTED, *, at_ms=OPEN_MS, traded_usd=RICH, **known):
    state = desk(at_ms=at_ms)
    projected = PhaseRecord(phase=Phase.PROJECTED, started_ms=at_ms, end_ms=CLOSE_MS + 300_000)
    session = Session(day=DAY, close_ms=CLOSE_MS, stage=stage, stage_ms=at_ms, projected=projected)
    return replace(state, session=session, dead_man=DeadMan(traded_usd=traded_usd, **known))


def asked(intents):
    return [i.cancel_ms for i in of(intents, ScheduleCancel)]


def taken(scheduled_ms, at_ms):
    return CancelScheduled(at_ms=at_ms, scheduled_ms=scheduled_ms, taken=True)


def lived(state, *, from_ms, seconds, dead=(), answers=True):
    """Tick once a second, except in the seconds of dead; every request is taken by the venue at once."""
    requests = []
    for second in range(seconds):
        now_ms = from_ms + 1000 * second
        if second in dead:
            continue
        state, intents = dead_man.watch(replace(state, at_ms=now_ms))
        for cancel_ms in asked(intents):
            requests.append((now_ms, cancel_ms))
            if answers:
                state, _ = dead_man.on_answer(state, taken(cancel_ms, now_ms))
    return state, requests


def test_a_window_is_covered_without_a_gap_and_put_off_every_ten_seconds():
    state, requests = lived(trading(), from_ms=OPEN_MS, seconds=600)
    assert len(requests) == 60
    assert all(cancel_ms - now_ms == AHEAD_MS >= LEAD_MIN_MS for now_ms, cancel_ms in requests)
    assert all(later[0] < earlier[1] for earlier, later in itertools.pairwise(requests))
    assert state.dead_man.fired == {}


@given(dead=st.sets(st.integers(0, 1200), max_size=400), start_ms=st.integers(CLOSE_MS - 600_000, CLOSE_MS))
def test_every_time_that_passes_unrefreshed_is_counted_once_on_the_day_it_fell(dead, start_ms):
    """The venue in four lines: the newest request stands, and fires when the time comes before a newer one."""
    state, requests = lived(trading(), from_ms=start_ms, seconds=1200, dead=dead)
    fired = {}
    for (_, cancel_ms), (next_ms, _) in zip(requests, [*requests[1:], (0, 0)], strict=True):
        if cancel_ms <= (next_ms or state.at_ms):
            fired[cancel_ms // DAY_MS] = fired.get(cancel_ms // DAY_MS, 0) + 1
    assert state.dead_man.fired == fired
    assert all(count <= TRIGGERS_MAX for count in fired.values())


def test_after_ten_triggers_on_a_day_it_is_armed_no_more_until_midnight():
    day = CLOSE_MS // DAY_MS
    spent = trading(fired={day - 1: TRIGGERS_MAX})
    _, requests = lived(spent, from_ms=OPEN_MS, seconds=600)
    assert requests[0] == (CLOSE_MS - AHEAD_MS, CLOSE_MS)
    _, none = lived(trading(fired={day: TRIGGERS_MAX}), from_ms=CLOSE_MS, seconds=300)
    assert none == []


@pytest.mark.parametrize("stage", sorted(set(Stage) - dead_man.WINDOWS))
def test_outside_the_windows_nothing_is_armed_and_what_is_armed_is_taken_back(stage):
    assert dead_man.watch(trading(stage))[1] == ()
    state, intents = dead_man.watch(trading(stage, armed_ms=OPEN_MS + 15_000))
    assert asked(intents) == [None]
    state, _ = dead_man.on_answer(state, taken(None, OPEN_MS))
    assert state.dead_man.armed_ms is None
    assert dead_man.watch(state)[1] == ()


@pytest.mark.parametrize("traded_usd", [None, Decimal(0), Decimal("999999.99")])
def test_an_account_that_traded_too_little_asks_for_nothing(traded_usd):
    assert lived(trading(traded_usd=traded_usd), from_ms=OPEN_MS, seconds=60)[1] == []


def test_one_request_is_under_way_at_a_time():
    state, intents = dead_man.watch(trading())
    assert asked(intents) == [OPEN_MS + AHEAD_MS]
    for later_ms in (1_000, 4_000):
        assert dead_man.watch(replace(state, at_ms=OPEN_MS + later_ms))[1] == ()
    assert asked(dead_man.watch(replace(state, at_ms=OPEN_MS + 12_000))[1]) == [OPEN_MS + 12_000 + AHEAD_MS]


def test_a_refusal_is_told_and_ends_the_attempts_until_the_next_preflight():
    state, _ = dead_man.watch(trading())
    refused = CancelScheduled(
        at_ms=OPEN_MS, scheduled_ms=OPEN_MS + AHEAD_MS, taken=False, reason="not enough volume"
    )
    state, intents = dead_man.on_answer(state, refused)
    assert "not enough volume" in of(intents, RaiseAlert)[0].text
    assert (state.dead_man.armed_ms, state.dead_man.maybe_ms) == (None, None)
    assert lived(state, from_ms=OPEN_MS, seconds=60)[1] == []
    again = PreflightDone(at_ms=OPEN_MS, session=DAY, universe=(), traded_usd=RICH)
    state, _ = step(state, again)
    assert state.dead_man.refused == ""


def test_a_refused_refresh_leaves_the_earlier_one_standing_until_it_is_taken_back():
    state = trading(armed_ms=OPEN_MS + 9_000)
    state, _ = dead_man.watch(state)
    refused = CancelScheduled(at_ms=OPEN_MS, scheduled_ms=OPEN_MS + AHEAD_MS, taken=False, reason="no")
    state, _ = dead_man.on_answer(state, refused)
    assert state.dead_man.armed_ms == OPEN_MS + 9_000
    assert asked(dead_man.watch(state)[1]) == [None]


def test_a_request_whose_fate_nobody_knows_is_asked_again_taken_back_and_not_counted():
    state, _ = dead_man.watch(trading())
    lost = CancelScheduled(at_ms=OPEN_MS, scheduled_ms=OPEN_MS + AHEAD_MS, taken=None, reason="time-out")
    state, _ = dead_man.on_answer(state, lost)
    assert asked(dead_man.watch(replace(state, at_ms=OPEN_MS + 1_000))[1]) == [OPEN_MS + 1_000 + AHEAD_MS]
    closing = replace(state, session=replace(state.session, stage=Stage.CLOSING))
    assert asked(dead_man.watch(closing)[1]) == [None]
    state, _ = dead_man.watch(replace(state, at_ms=OPEN_MS + AHEAD_MS))
    assert state.dead_man.fired == {}


def test_a_restart_knows_what_was_armed_counts_it_and_arms_again():
    state, _ = dead_man.watch(trading())
    state, _ = dead_man.on_answer(state, taken(OPEN_MS + AHEAD_MS, OPEN_MS))
    state = decode(encode(state))
    back_ms = OPEN_MS + 60_000
    state, _ = step(state, Started(at_ms=back_ms, version="test", settings=SETTINGS))
    assert state.dead_man.armed_ms == OPEN_MS + AHEAD_MS
    state, intents = dead_man.watch(state)
    assert state.dead_man.fired == {OPEN_MS // DAY_MS: 1}
    assert asked(intents) == [back_ms + AHEAD_MS]


def test_after_a_kill_it_is_neither_put_off_nor_taken_back():
    state = trading(armed_ms=OPEN_MS + 9_000)
    state, _ = step(state, KillTripped(at_ms=OPEN_MS, reason="a test", by="operator"))
    for later_ms in range(0, 9_000, 1_000):
        state, intents = step(state, tick(OPEN_MS + later_ms))
        assert asked(intents) == []
    assert state.dead_man.armed_ms == OPEN_MS + 9_000


def test_the_report_says_what_protected():
    state = trading(Stage.DONE, fired={CLOSE_MS // DAY_MS: 2})
    said = session_report(state)["dead_man"]
    assert said["protection"] == "scheduled cancel and order expiries"
    assert said["fired"] == {"2025-06-01": 0, "2025-06-02": 2}
    poor = session_report(trading(Stage.DONE, traded_usd=Decimal(5)))["dead_man"]
    assert (poor["protection"], poor["expiry_s"]) == ("order expiries", 10.0)
    assert "$1,000,000" in poor["reason"]


def left(requests):
    return replace(
        trading(armed_ms=OPEN_MS + 1_000), allowance=Allowance(used=10_000 - requests, cap=D(10_000))
    )


def test_putting_it_off_is_counted_among_the_requests():
    state, intents = step(left(1_000), tick(OPEN_MS))
    assert asked(intents) == [OPEN_MS + AHEAD_MS]
    assert state.allowance.left == 999


def test_the_last_requests_are_left_to_hedges_and_it_is_taken_back():
    state, requests = lived(left(allowance.reserve(trading())), from_ms=OPEN_MS, seconds=60)
    assert requests == [(OPEN_MS, None)]
    assert state.dead_man.fired == {}


def test_an_address_that_may_act_once_in_ten_seconds_spends_none_of_it_on_the_switch():
    state, requests = lived(left(0), from_ms=OPEN_MS, seconds=60)
    assert requests == []
    assert sum(state.dead_man.fired.values()) == 1
