"""The venue's clearinghouse state against the book: adopted once, compared ever after, never papered over."""

from msgspec.structs import replace

from core import book, risk
from core.intents import AnyIntent, FetchFills, FetchSnapshot, RaiseAlert
from core.orders import FILL_OVERLAP_MS
from core.state import Stage, State
from core.types import AccountSnapshot

Step = tuple[State, tuple[AnyIntent, ...]]

MISMATCHES_MAX = 4
HOURLY_MS = 3_600_000
COVERAGE_MS = 60_000
RETRY_MS = 2_000
NIGHT_MS = 20_000
"""How old the account may grow while a session trades: loss_max is only as good as the equity it looks at."""


def on_snapshot(state: State, snapshot: AccountSnapshot) -> Step:
    """Take the venue's word; where it contradicts a fully covered book, look again, and then halt with both numbers."""
    last = state.account.snapshot
    if last is not None and snapshot.at_ms < last.at_ms:
        return state, ()
    state = replace(state, account=replace(state.account, snapshot=snapshot))
    if state.book.opened_ms is None:
        state = replace(state, book=book.opened(state.book, snapshot))
        return state, (FetchFills(from_ms=snapshot.at_ms), *_told_blind(state))
    if not _comparable(state, snapshot):
        return state, ()
    differences = book.differences(state.book, snapshot)
    if not differences:
        return replace(state, account=replace(state.account, mismatches=0, mismatch="", mismatch_ms=0)), ()
    text = ", ".join(f"{coin}: ours {ours}, venue {theirs}" for coin, (ours, theirs) in differences.items())
    since_ms = state.account.mismatch_ms if text == state.account.mismatch else snapshot.at_ms
    account = replace(
        state.account, mismatches=state.account.mismatches + 1, mismatch=text, mismatch_ms=since_ms
    )
    state = replace(state, account=account)
    if account.mismatches >= MISMATCHES_MAX and (state.book.covered_to_ms or 0) >= since_ms:
        return risk.halt(state, f"positions differ from the venue with every fill booked: {text}")
    alert = RaiseAlert(level="warning", code="positions.differ", text=text)
    return state, (alert, FetchFills(from_ms=overlap_start_ms(state)))


def keep_covered(state: State) -> Step:
    """On the clock: prove the fills of the last minute, and look at the whole account once an hour."""
    if state.book.opened_ms is None:
        return _asked(state, fills=False) if _due(state, state.account.asked_ms, RETRY_MS) else (state, ())
    if state.account.mismatches and _due(state, state.account.asked_ms, RETRY_MS):
        return _asked(state, fills=True)
    if _due(state, state.account.asked_ms, NIGHT_MS if _is_night(state) else HOURLY_MS):
        return _asked(state, fills=True)
    if _due(state, state.account.fills_asked_ms, COVERAGE_MS):
        state = replace(state, account=replace(state.account, fills_asked_ms=state.at_ms))
        return state, (FetchFills(from_ms=overlap_start_ms(state)),)
    return state, ()


def _is_night(state: State) -> bool:
    return state.session is not None and state.session.stage not in (Stage.WAITING, Stage.DONE)


def _told_blind(state: State) -> tuple[AnyIntent, ...]:
    """Positions adopted without a single beta cannot be hedged: a guess would trade away hedges that are there."""
    if not state.book.positions or state.hedge.betas:
        return ()
    text = f"{len(state.book.positions)} positions adopted without betas: no hedge until the first pipeline of a session"
    return (RaiseAlert(level="warning", code="hedge.blind", text=text),)


def overlap_start_ms(state: State) -> int:
    covered = state.book.covered_to_ms
    return (state.at_ms if covered is None else covered) - FILL_OVERLAP_MS


def _asked(state: State, *, fills: bool) -> Step:
    account = replace(state.account, asked_ms=state.at_ms, fills_asked_ms=state.at_ms)
    reads = (FetchFills(from_ms=overlap_start_ms(state)),) if fills else ()
    return replace(state, account=account), (*reads, FetchSnapshot())


def _due(state: State, asked_ms: int, every_ms: int) -> bool:
    return state.at_ms - asked_ms >= every_ms


def _comparable(state: State, snapshot: AccountSnapshot) -> bool:
    """Only a quiet moment can be compared: nothing in flight, and no fill newer than the snapshot."""
    return not state.orders.open and state.book.last_fill_ms <= snapshot.at_ms
