"""Time set back: a state whose stamps were made by a clock that was ahead, as of the time that it really is.

What lies in the future becomes now, so that nothing waits until a wrong time has come. Positions, fills, targets, ids,
the session's stage and what the venue stamped stay: an order's expiry is what the venue was told, right or wrong.
"""

from typing import TypeVar

from msgspec.structs import replace

from core.calendar import current_close_ms, timetable
from core.config import SessionSettings
from core.dead_man import AHEAD_MS
from core.orders import FILL_OVERLAP_MS
from core.state import (
    Account,
    Book,
    DeadMan,
    HedgeState,
    OrderRecord,
    Orders,
    PhaseRecord,
    Session,
    Stage,
    State,
)
from core.types import Value

V = TypeVar("V", bound=Value)


def to(state: State, now_ms: int) -> State:
    """Return the state with no stamp of ours later than now_ms; as it is when time has only gone on."""
    if state.at_ms <= now_ms:
        return state
    return replace(
        state,
        at_ms=now_ms,
        started_ms=min(state.started_ms, now_ms),
        book=_book(state.book, now_ms),
        orders=_orders(state.orders, now_ms),
        hedge=_hedge(state.hedge, now_ms),
        account=_account(state.account, now_ms),
        dead_man=_dead_man(state.dead_man, now_ms),
        quotes={coin: _not_later(quote, now_ms, "received_ms") for coin, quote in state.quotes.items()},
        session=_session(state, now_ms),
    )


def _not_later(value: V, now_ms: int, *names: str) -> V:
    """Return the value with the stamps of these names no later than now_ms; None stays None."""
    stamps = {name: getattr(value, name) for name in names}
    return replace(value, **{name: at_ms and min(at_ms, now_ms) for name, at_ms in stamps.items()})


def _book(book: Book, now_ms: int) -> Book:
    """Coverage of the future is none: the last minute is read again, as by every read."""
    covered_ms = book.covered_to_ms
    if covered_ms is not None and covered_ms > now_ms:
        covered_ms = now_ms - FILL_OVERLAP_MS
    return _not_later(replace(book, covered_to_ms=covered_ms), now_ms, "funding_to_ms")


def _orders(orders: Orders, now_ms: int) -> Orders:
    return replace(
        orders,
        open={cloid: _record(record, now_ms) for cloid, record in orders.open.items()},
        recent_ms=tuple(min(at_ms, now_ms) for at_ms in orders.recent_ms),
    )


def _record(record: OrderRecord, now_ms: int) -> OrderRecord:
    record = replace(record, order=_not_later(record.order, now_ms, "created_ms"))
    return _not_later(record, now_ms, "since_ms", "asked_ms", "spent_ms", "rested_ms")


def _hedge(hedge: HedgeState, now_ms: int) -> HedgeState:
    turnover = tuple((min(at_ms, now_ms), usd) for at_ms, usd in hedge.turnover)
    return _not_later(replace(hedge, turnover=turnover), now_ms, "last_sent_ms", "outside_since_ms")


def _account(account: Account, now_ms: int) -> Account:
    """post_only_until_ms goes too: where the venue still takes no orders that trade at once, it says so at the next."""
    asked = ("asked_ms", "fills_asked_ms", "funding_asked_ms")
    since = ("taken_ms", "mismatch_ms", "stream_ms", "stale_ms", "post_only_until_ms")
    return _not_later(account, now_ms, *asked, *since)


def _dead_man(dead_man: DeadMan, now_ms: int) -> DeadMan:
    """A switch set for a wrong time guards nothing now: it may stand, so that it is put off or taken back."""
    dead_man = _not_later(dead_man, now_ms, "asked_ms")
    if dead_man.armed_ms is None or dead_man.armed_ms <= now_ms + AHEAD_MS:
        return dead_man
    return replace(dead_man, armed_ms=None, maybe_ms=max(dead_man.armed_ms, dead_man.maybe_ms or 0))


def _session(state: State, now_ms: int) -> Session | None:
    """A night that was begun or ended too early is forgotten: it is still to be played, from what is held now."""
    session = state.session
    if session is None or _is_too_early(session, now_ms, state.settings.session):
        return None
    notices = tuple((min(at_ms, now_ms), text) for at_ms, text in session.notices)
    for record in (session.projected, session.correction):
        session = session.with_phase(_phase(record, now_ms))
    return _not_later(replace(session, notices=notices), now_ms, "stage_ms", "preflight_asked_ms")


def _is_too_early(session: Session, now_ms: int, settings: SessionSettings) -> bool:
    """No night closes before its deadline, and none begins before the one before it is over."""
    if session.close_ms > current_close_ms(now_ms, settings):
        return True
    ended = session.stage in (Stage.CLOSING, Stage.DONE)
    return ended and now_ms < timetable(session.close_ms, settings).deadline_ms


def _phase(record: PhaseRecord, now_ms: int) -> PhaseRecord:
    unpriced = {coin: min(at_ms, now_ms) for coin, at_ms in record.unpriced.items()}
    stamps = ("requested_ms", "started_ms", "ended_ms", "failed_ms", "slice_ms")
    undecided = {coin: min(at_ms, now_ms) for coin, at_ms in record.undecided.items()}
    return _not_later(replace(record, unpriced=unpriced, undecided=undecided), now_ms, *stamps)
