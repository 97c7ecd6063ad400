"""Time set back: a state whose stamps were made by a clock that was ahead, as of the time that it really is.

What lies in the future becomes now, so that nothing waits until a wrong time has come. Positions, fills, targets, ids,
the session's stage and what the venue stamped stay: an order's expiry is what the venue was told, right or wrong.
"""

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
        quotes={c: replace(q, received_ms=min(q.received_ms, now_ms)) for c, q in state.quotes.items()},
        session=_session(state, now_ms),
    )


def _or_none(at_ms: int | None, now_ms: int) -> int | None:
    return None if at_ms is None else min(at_ms, now_ms)


def _book(book: Book, now_ms: int) -> Book:
    """Coverage of the future is none: the last minute is read again, as by every read."""
    covered_ms = book.covered_to_ms
    if covered_ms is not None and covered_ms > now_ms:
        covered_ms = now_ms - FILL_OVERLAP_MS
    return replace(book, covered_to_ms=covered_ms, funding_to_ms=min(book.funding_to_ms, now_ms))


def _orders(orders: Orders, now_ms: int) -> Orders:
    return replace(
        orders,
        open={cloid: _record(record, now_ms) for cloid, record in orders.open.items()},
        recent_ms=tuple(min(at_ms, now_ms) for at_ms in orders.recent_ms),
    )


def _record(record: OrderRecord, now_ms: int) -> OrderRecord:
    return replace(
        record,
        order=replace(record.order, created_ms=min(record.order.created_ms, now_ms)),
        since_ms=min(record.since_ms, now_ms),
        asked_ms=min(record.asked_ms, now_ms),
        spent_ms=_or_none(record.spent_ms, now_ms),
    )


def _hedge(hedge: HedgeState, now_ms: int) -> HedgeState:
    return replace(
        hedge,
        last_sent_ms=min(hedge.last_sent_ms, now_ms),
        turnover=tuple((min(at_ms, now_ms), usd) for at_ms, usd in hedge.turnover),
        outside_since_ms=_or_none(hedge.outside_since_ms, now_ms),
    )


def _account(account: Account, now_ms: int) -> Account:
    """post_only_until_ms goes too: where the venue still takes no orders that trade at once, it says so at the next."""
    return replace(
        account,
        asked_ms=min(account.asked_ms, now_ms),
        fills_asked_ms=min(account.fills_asked_ms, now_ms),
        funding_asked_ms=min(account.funding_asked_ms, now_ms),
        mismatch_ms=min(account.mismatch_ms, now_ms),
        stream_ms=min(account.stream_ms, now_ms),
        stale_ms=min(account.stale_ms, now_ms),
        post_only_until_ms=min(account.post_only_until_ms, now_ms),
    )


def _dead_man(dead_man: DeadMan, now_ms: int) -> DeadMan:
    """A switch set for a wrong time guards nothing now: it may stand, so that it is put off or taken back."""
    asked_ms = _or_none(dead_man.asked_ms, now_ms)
    if dead_man.armed_ms is None or dead_man.armed_ms <= now_ms + AHEAD_MS:
        return replace(dead_man, asked_ms=asked_ms)
    maybe_ms = max(dead_man.armed_ms, dead_man.maybe_ms or 0)
    return replace(dead_man, asked_ms=asked_ms, armed_ms=None, maybe_ms=maybe_ms)


def _session(state: State, now_ms: int) -> Session | None:
    """A night that was begun or ended too early is forgotten: it is still to be played, from what is held now."""
    session = state.session
    if session is None or _is_too_early(session, now_ms, state.settings.session):
        return None
    return replace(
        session,
        stage_ms=min(session.stage_ms, now_ms),
        preflight_asked_ms=min(session.preflight_asked_ms, now_ms),
        projected=_phase(session.projected, now_ms),
        correction=_phase(session.correction, now_ms),
        notices=tuple((min(at_ms, now_ms), text) for at_ms, text in session.notices),
    )


def _is_too_early(session: Session, now_ms: int, settings: SessionSettings) -> bool:
    """No night closes before its deadline, and none begins before the one before it is over."""
    if session.close_ms > current_close_ms(now_ms, settings):
        return True
    ended = session.stage in (Stage.CLOSING, Stage.DONE)
    return ended and now_ms < timetable(session.close_ms, settings).deadline_ms


def _phase(record: PhaseRecord, now_ms: int) -> PhaseRecord:
    return replace(
        record,
        requested_ms=_or_none(record.requested_ms, now_ms),
        started_ms=_or_none(record.started_ms, now_ms),
        ended_ms=_or_none(record.ended_ms, now_ms),
        failed_ms=min(record.failed_ms, now_ms),
        slice_ms=min(record.slice_ms, now_ms),
        unpriced={coin: min(at_ms, now_ms) for coin, at_ms in record.unpriced.items()},
    )
