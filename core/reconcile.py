"""The venue's clearinghouse state against the book: adopted once, compared ever after, never papered over."""

from msgspec.structs import replace

from core import book, risk, second_writer
from core.events import SnapshotReceived, StreamChanged
from core.intents import AnyIntent, FetchFills, FetchSnapshot, RaiseAlert
from core.orders import FILL_OVERLAP_MS, settle
from core.state import ZERO, Stage, State
from core.types import AccountSnapshot

Step = tuple[State, tuple[AnyIntent, ...]]

MISMATCHES_MAX = 4
HOURLY_MS = 3_600_000
COVERAGE_MS = 60_000
RETRY_MS = 2_000
"""Also how soon fills are read again after the stream came: no read proves those of its last second and a half."""
DOUBT_MS = 5_000
"""How often fills are read while the stream cannot be relied on, or the chain of a position is broken."""
NIGHT_MS = 20_000
"""How old the account may grow while a session trades: loss_max is only as good as the equity it looks at."""
COVERED_AGE_MS = 45_000
"""How old the proof of fills may be for new risk while they stream in: two reads of the night in a row may fail."""
DEAF_AGE_MS = 12_000
"""The same while the stream is down: two reads of those that stand in for it."""
SNAPSHOT_AGE_MS = 10_000
"""State older than this when it was asked for is what a node shows that fell behind (hyperliquid.md 4.6): no news"""
SNAPSHOT_AHEAD_MS = 600_000
"""One from the future would stand above all that come before that time; no clock of a venue is so far off."""


def is_proved(state: State) -> bool:
    """Say whether the ledger is proved closely enough for new risk. Hedges and cancels do not ask."""
    account, covered = state.account, state.book.covered_to_ms
    if covered is None or state.book.broken or account.stale_ms:
        return False
    if not account.stream_up:
        return state.at_ms - covered <= DEAF_AGE_MS
    return covered >= account.stream_ms and state.at_ms - covered <= COVERED_AGE_MS


def on_snapshot(state: State, event: SnapshotReceived) -> Step:
    """Take the venue's word; where it contradicts a fully covered book, look again, and then halt with both numbers."""
    snapshot, last = event.snapshot, state.account.snapshot
    age_ms = (event.asked_ms or state.at_ms) - snapshot.at_ms
    if last is not None and snapshot.at_ms < last.at_ms:
        return state, ()
    if age_ms > SNAPSHOT_AGE_MS or age_ms < -SNAPSHOT_AHEAD_MS:
        return _old(state, age_ms)
    account = replace(state.account, snapshot=snapshot, taken_ms=state.at_ms, stale_ms=0)
    state = settle(replace(state, account=account))
    state, strange = second_writer.on_orders(state, snapshot.open_orders)
    state, orphans = second_writer.cancel_orphans(state, snapshot.open_orders)
    state, intents = _compared(state, snapshot)
    return state, (*strange, *orphans, *intents)


def _old(state: State, age_ms: int) -> Step:
    """Adopt nothing that is old, or that claims to come from the future, and ask again soon."""
    since_ms = state.account.stale_ms or state.at_ms
    state = replace(state, account=replace(state.account, stale_ms=since_ms))
    how = "old" if age_ms > 0 else "ahead"
    text = f"the venue's account state is {abs(age_ms) / 1000:.0f} s {how} and was not taken: slices wait for a young one"
    return state, (RaiseAlert(level="warning", code="account.stale", text=text),)


def _compared(state: State, snapshot: AccountSnapshot) -> Step:
    if state.book.opened_ms is None:
        state = replace(state, book=book.opened(state.book, snapshot))
        return state, (FetchFills(from_ms=snapshot.at_ms), *_told_blind(state))
    if not _comparable(state, snapshot):
        return state, ()
    differences = book.differences(state.book, snapshot)
    if not differences:
        account = replace(state.account, mismatches=0, mismatch="", mismatch_ms=0)
        return replace(state, account=account, book=book.agreed(state.book)), ()
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


def on_broken_chain(before: State, state: State) -> Step:
    """Say once that a fill does not follow the one before it, and read the ledger again."""
    new = state.book.broken.keys() - before.book.broken.keys()
    if not new:
        return state, ()
    ours = state.book.positions
    text = ", ".join(f"{c}: ours {ours.get(c, ZERO)}, venue {state.book.broken[c]}" for c in sorted(new))
    alert = RaiseAlert(
        level="warning", code="fills.gap", text=f"a fill does not follow the one before it: {text}"
    )
    state, reads = _asked(state, fills=True)
    return state, (alert, *reads)


def on_stream(state: State, event: StreamChanged) -> Step:
    """The account stream came or went, or was deaf: what was missed is in the venue's ledger, and is read at once."""
    account = replace(state.account, stream_up=event.up, stream_ms=event.at_ms)
    state = replace(state, account=account)
    text = f"account stream down: {event.reason}"
    told = () if event.up else (RaiseAlert(level="warning", code="stream.down", text=text),)
    if state.book.opened_ms is None:
        return state, told
    state, reads = _asked(state, fills=True)
    return state, (*told, *reads)


def keep_covered(state: State) -> Step:
    """On the clock: prove the fills of the last minute, sooner when in doubt, and look at the whole account."""
    account = state.account
    if state.book.opened_ms is None:
        return _asked(state, fills=False) if _due(state, account.asked_ms, RETRY_MS) else (state, ())
    doubted = account.mismatches or account.stale_ms
    if doubted and _due(state, account.asked_ms, RETRY_MS):
        return _asked(state, fills=True)
    if state.book.broken and _due(state, account.asked_ms, DOUBT_MS):
        return _asked(state, fills=True)
    if _due(state, account.asked_ms, NIGHT_MS if _is_night(state) else HOURLY_MS):
        return _asked(state, fills=True)
    if _due(state, account.fills_asked_ms, _fills_again_ms(state)):
        state = replace(state, account=replace(account, fills_asked_ms=state.at_ms))
        return state, (FetchFills(from_ms=overlap_start_ms(state)),)
    return state, ()


def _fills_again_ms(state: State) -> int:
    """Return how long after the last read of fills the next is due."""
    account = state.account
    if _is_relied_on(state):
        return COVERAGE_MS
    is_first = account.fills_asked_ms - account.stream_ms < RETRY_MS
    return RETRY_MS if account.stream_up and is_first else DOUBT_MS


def _is_relied_on(state: State) -> bool:
    """Say whether fills stream in, and those from before they did so are proved."""
    return state.account.stream_up and (state.book.covered_to_ms or 0) >= state.account.stream_ms


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
