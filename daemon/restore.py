"""From the journal to the state it led to: the newest snapshot, and every record after it through the same step()."""

from core.config import TradingSettings
from core.engine import Step, step
from core.events import QuoteReceived
from core.state import State, decode
from state.journal import Journal, Record


def restore(journal: Journal, settings: TradingSettings) -> tuple[State, int]:
    """Return the state as of the last record, and the number of the next one."""
    found = journal.latest_snapshot()
    seq, state = (found[0], decode(found[1])) if found else (0, State(settings=settings))
    for record in journal.read(after_seq=seq):
        state = replayed(state, record)
        seq = record.seq
    return state, max(seq, journal.last_seq()) + 1


def replayed(state: State, record: Record) -> State:
    """Return the state after a record."""
    return stepped(state, record)[0]


def stepped(state: State, record: Record) -> Step:
    """Make the step of a record again: first the quotes that came before it, then its event."""
    for quote in record.quotes:
        state, _ = step(state, QuoteReceived(at_ms=quote.received_ms, quote=quote))
    return step(state, record.event)
