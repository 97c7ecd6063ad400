"""What the report of a night must say besides its figures: when trading went another way than usual, and why."""

from msgspec.structs import replace

from core.state import State

KEPT = 50


def noted(state: State, text: str) -> State:
    """Enter a line in the session's record, unless it is the line that stands there last."""
    session = state.session
    if session is None or (session.notices and session.notices[-1][1] == text):
        return state
    notices = (*session.notices, (state.at_ms, text))[-KEPT:]
    return replace(state, session=replace(session, notices=notices))
