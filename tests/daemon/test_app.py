from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from core.events import ClockTicked, KillReset, KillTripped, ManualReconcile, StreamChanged
from core.state import State
from daemon.app import App
from daemon.inbox import Inbox
from daemon.restore import stepped
from tests.core.desk import CLOSE_MS, SOL, D, desk

NOT_JOURNALED = ("at_ms", "quotes", "mids_usd")

EVENTS = st.sampled_from(
    [
        ClockTicked,
        lambda at_ms: StreamChanged(at_ms=at_ms, up=False, reason="a test"),
        lambda at_ms: KillTripped(at_ms=at_ms, reason="a test", by="test"),
        lambda at_ms: KillReset(at_ms=at_ms, reason="a test"),
        ManualReconcile,
    ]
)


def made(kind, at_ms):
    return kind(at_ms=at_ms)


def kept(state):
    """Return what of a state the records must lead to."""
    return {f.name: getattr(state, f.name) for f in fields(State) if f.name not in NOT_JOURNALED}


@given(st.lists(st.builds(made, EVENTS, st.integers(CLOSE_MS, CLOSE_MS + 3_000)), max_size=40))
def test_the_records_lead_to_the_same_steps_though_a_clock_went_back_and_ticks_are_not_kept(events):
    """A tick that changes nothing is in no record; what comes after it must not be taken as if it had come before."""
    app = App(state=desk({SOL: D(10)}), next_seq=1, inbox=Inbox(), journal=None, clock=None)
    replayed = app.state
    for event in events:
        records, _ = app._stepped([event])
        for record in records:
            replayed, intents = stepped(replayed, record)
            assert intents == record.intents
            assert kept(replayed) == kept(app.state)
