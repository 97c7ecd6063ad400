"""Time set back: nothing waits for a time that was never, and nothing that is known is lost."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core import rewound
from core.calendar import timetable
from core.events import ClockSet, Started
from core.state import Stage, encode
from tests.core.desk import CLOSE_MS, SETTINGS, SOL, after, desk
from tests.core.nights import night

PROMISED = {"expires_ms", "close_ms", "end_ms", "maybe_ms", "armed_ms"}
"""Times to come, told to the venue or planned."""
THEIRS = {
    "snapshot",
    "opening",
    "closing",
    "quotes",
    "chain",
    "seen_fills",
    "seen_funding",
    "last_fill_ms",
    "opened_ms",
}
"""What the venue stamped."""

NIGHT = [night().play(-930, until_s).state for until_s in (-850, -590, -200, 130, 300, 500)]
states = st.sampled_from([*NIGHT, desk()])
back = st.integers(1, 4_000_000)


def stamps(value, name=""):
    """Yield every stamp of ours in an encoded state: by the name of what holds it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in PROMISED | THEIRS:
                yield from stamps(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from stamps(inner, name)
    elif isinstance(value, int) and value > CLOSE_MS // 2 and name != "counter":
        yield name, value


def ours(state):
    return list(stamps(msgspec.json.decode(encode(state))))


@given(state=states, by_ms=back)
def test_no_stamp_of_ours_is_later_than_a_start(state, by_ms):
    now_ms = state.at_ms - by_ms
    assert len(ours(state)) > 3
    assert [(name, at_ms - now_ms) for name, at_ms in ours(rewound.to(state, now_ms)) if at_ms > now_ms] == []


@given(state=states, by_ms=back)
def test_what_is_known_stays(state, by_ms):
    back = rewound.to(state, state.at_ms - by_ms)
    assert back.book.positions == state.book.positions
    assert back.book.seen_fills == state.book.seen_fills
    assert back.book.ledger == state.book.ledger
    assert list(back.orders.open) == list(state.orders.open)
    assert back.orders.counter == state.orders.counter
    assert (back.trading, back.settings, back.allowance) == (state.trading, state.settings, state.allowance)
    if back.session is not None:
        assert back.session.stage is state.session.stage
        assert back.session.projected.targets == state.session.projected.targets
        assert back.session.correction.targets == state.session.correction.targets


@given(state=states, on_ms=st.integers(0, 4_000_000))
def test_time_that_has_only_gone_on_changes_nothing(state, on_ms):
    assert rewound.to(state, state.at_ms + on_ms) is state


def test_a_start_and_a_clock_that_was_set_put_the_engine_back():
    for event in (
        Started(at_ms=CLOSE_MS - 60_000, version="1", settings=SETTINGS),
        ClockSet(at_ms=CLOSE_MS - 60_000),
    ):
        state, _ = after(desk(), event)
        assert state.at_ms == CLOSE_MS - 60_000


def test_coverage_of_the_future_is_read_again():
    state = replace(desk(), book=replace(desk().book, covered_to_ms=CLOSE_MS))
    assert rewound.to(state, CLOSE_MS - 1).book.covered_to_ms == CLOSE_MS - 1 - 60_000
    assert rewound.to(replace(state, at_ms=CLOSE_MS + 5), CLOSE_MS).book.covered_to_ms == CLOSE_MS


def test_no_coin_waits_since_a_time_to_come():
    state = NIGHT[-2]
    correction = replace(state.session.correction, unpriced={SOL: state.at_ms}, undecided={SOL: state.at_ms})
    state = replace(state, session=state.session.with_phase(correction))
    back = rewound.to(state, state.at_ms - 1_000).session.correction
    assert back.unpriced == back.undecided == {SOL: state.at_ms - 1_000}


def test_a_night_that_a_wrong_clock_ended_is_still_to_be_played_and_one_that_is_over_stays_over():
    state = NIGHT[-1]
    deadline_ms = timetable(state.session.close_ms, state.settings.session).deadline_ms
    assert state.session.stage is Stage.DONE
    assert rewound.to(state, deadline_ms - 1).session is None
    assert rewound.to(state, deadline_ms).session.stage is Stage.DONE
