from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from core.calendar import DAY_MS, current_close_ms, next_phase, session_day, timetable
from tests.core.desk import CLOSE_MS, SETTINGS

S = SETTINGS.session
instants = st.integers(1_600_000_000_000, 2_000_000_000_000)
timetables = st.builds(
    replace,
    st.just(S),
    preflight_s=st.integers(-7200, -601),
    projected_s=st.integers(-600, -1),
    freeze_s=st.integers(0, 100),
    correction_s=st.integers(101, 400),
    deadline_s=st.integers(401, 3600),
)


def test_the_session_is_named_after_the_candle_day_that_closes():
    assert session_day(CLOSE_MS) == "2025-06-01"


@given(now=instants, settings=timetables)
def test_every_millisecond_belongs_to_exactly_one_session(now, settings):
    close = current_close_ms(now, settings)
    deadline = 1000 * settings.deadline_s
    assert close % DAY_MS == 0
    assert close - DAY_MS + deadline <= now < close + deadline


@given(now=instants, settings=timetables)
def test_a_session_ends_with_its_deadline_and_not_a_millisecond_later(now, settings):
    end = timetable(current_close_ms(now, settings), settings).deadline_ms
    assert current_close_ms(end - 1, settings) == current_close_ms(now, settings)
    assert current_close_ms(end, settings) == current_close_ms(now, settings) + DAY_MS


@given(now=instants, settings=timetables, later=st.integers(0, 2 * DAY_MS))
def test_the_next_phase_lies_ahead_and_never_moves_back(now, settings, later):
    _, at = next_phase(now, settings)
    assert at > now
    assert at <= now + DAY_MS
    assert next_phase(now + later, settings)[1] >= at


@given(now=instants, settings=timetables)
def test_the_phases_follow_one_another(now, settings):
    names, at = [], now
    for _ in range(5):
        name, at = next_phase(at, settings)
        names.append(name)
    order = ["preflight", "projected", "freeze", "correction", "deadline"]
    first = order.index(names[0])
    assert names == [*order[first:], *order[:first]]


@given(settings=timetables)
def test_the_instants_of_a_night_are_in_order(settings):
    t = timetable(CLOSE_MS, settings)
    assert t.preflight_ms < t.projected_ms < t.close_ms <= t.freeze_ms < t.correction_ms < t.deadline_ms
