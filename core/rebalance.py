"""The life of a session: projected -> frozen -> corrected -> closed (or held, and why).

What is done depends on the clock and on what is recorded as done, never on the wake-up that came, so a
restart at any instant reads the stage and goes on (S3-14 to S3-17, E3-21 to E3-23).
"""

import math
from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec.structs import replace

from core import book, dead_man, reconcile, risk, trade, venue_mode
from core.calendar import Timetable, current_close_ms, next_phase, session_day, timetable
from core.events import PreflightDone, ProFormaFailed, ProFormaReady
from core.hedge import is_settled, renewed
from core.intents import (
    AnyIntent,
    FetchFills,
    FetchFunding,
    FetchSnapshot,
    RaiseAlert,
    RunPipeline,
    RunPreflight,
    WriteReport,
)
from core.orders import FILL_OVERLAP_MS, open_records
from core.sizing import target_qty
from core.state import ZERO, Opening, Session, Stage, State
from core.types import HEDGE_COINS, AccountSnapshot, Coin, Phase, ProForma, Purpose, TradingState

Step = tuple[State, tuple[AnyIntent, ...]]

ASK_AGAIN_MS = 2_000
PREFLIGHT_AGAIN_MS = 30_000
MIDS_WAIT_MS = 15_000
"""How long the projected phase waits for the first price of every name, after a start or a late preflight."""
ATTEMPTS_MAX = 10
ATTEMPT_AGAIN_MS = 15_000
"""A computation that failed is tried again after this: what ailed the venue's data a moment ago still does."""
BETA_MAX = 20.0
"""Several times what any coin moves with BTC or ETH, estimated on few days. A hedge by more would be the larger risk."""
CLOSING_MAX_MS = 90_000
"""How long the books may take to agree after the deadline before the report says that they did not."""


def advance(state: State) -> Step:
    """Move the session as far as the clock and the record allow."""
    intents: tuple[AnyIntent, ...] = ()
    for _ in Stage:
        state = _begun(state)
        before = _session(state).stage
        state, more = _STAGES[before](state)
        intents += more
        if _session(state).stage is before:
            break
    state, cancels = _cleared(state)
    return state, intents + cancels


def on_preflight(state: State, event: PreflightDone) -> State:
    session = state.session
    if session is None or session.day != event.session:
        return state
    session = replace(session, problems=event.problems)
    if not event.problems and session.universe is None:
        session = replace(session, universe=event.universe)
    known = dead_man.learned(state.dead_man, event.traded_usd)
    return replace(state, session=session, dead_man=known)


def on_proforma(state: State, event: ProFormaReady) -> Step:
    """Take the weights of the phase that waits for them; a late or foreign result changes nothing."""
    session = state.session
    if session is None or session.day != event.session or session.stage is not _WAITING_FOR[event.phase]:
        return state, ()
    if state.at_ms >= _give_up_ms(state, event.phase):
        return state, ()
    for coin in HEDGE_COINS:
        if why := _far_close(state, event.proforma, coin):
            reason = f"{coin}: {why}, and every beta is measured with it"
            failed = ProFormaFailed(at_ms=event.at_ms, session=session.day, phase=event.phase, reason=reason)
            return on_proforma_failed(state, failed)
    targets, held = _targets(state, event)
    state = replace(state, hedge=replace(state.hedge, betas=_betas(state, event.proforma, held)))
    stage = Stage.PROJECTED if event.phase is Phase.PROJECTED else Stage.CORRECTED
    record = replace(
        session.phase(event.phase),
        proforma=event.proforma,
        started_ms=state.at_ms,
        end_ms=_end_ms(state, event.phase),
        targets=targets,
        start_qty={c: state.book.positions.get(c, ZERO) for c in targets},
        arrival_mids={c: q.mid for c in targets if (q := state.quotes.get(c)) is not None},
        reason="",
    )
    session = session.with_phase(record)
    return _moved(replace(state, session=replace(session, held=held)), stage), ()


def on_proforma_failed(state: State, event: ProFormaFailed) -> Step:
    session = state.session
    if session is None or session.day != event.session or session.stage is not _WAITING_FOR[event.phase]:
        return state, ()
    record = replace(
        session.phase(event.phase), requested_ms=None, failed_ms=state.at_ms, reason=event.reason
    )
    state = replace(state, session=session.with_phase(record))
    text = f"{event.phase.value} pipeline failed, the book is held: {event.reason}"
    return state, (RaiseAlert(level="error", code=f"pipeline.{event.phase.value}", text=text),)


def on_restart(state: State) -> State:
    """A computation that was asked for before the crash is asked for again."""
    session = state.session
    if session is None:
        return state
    session = replace(session, restarts=session.restarts + 1, preflight_asked_ms=0)
    for record in (session.projected, session.correction):
        if record.proforma is None:
            session = session.with_phase(replace(record, requested_ms=None, failed_ms=0, attempts=0))
    return replace(state, session=session)


# --- the stages, in their order ------------------------------------------------------------------------


def _begun(state: State) -> State:
    """Open the record of the session that now belongs to; the one that is done stays until the next preflight."""
    close_ms = current_close_ms(state.at_ms, state.settings.session)
    session = state.session
    if session is not None and session.stage is not Stage.DONE:
        return state
    if session is not None:
        too_early = state.at_ms < timetable(close_ms, state.settings.session).preflight_ms
        if too_early or session.close_ms >= close_ms:
            return state
    session = Session(day=session_day(close_ms), close_ms=close_ms, stage_ms=state.at_ms)
    return replace(state, session=session)


def _waiting(state: State) -> Step:
    if state.at_ms < _table(state).preflight_ms:
        return state, ()
    session = replace(_session(state), legs={})
    state = replace(state, session=session, hedge=renewed(state.hedge))
    return _moved(state, Stage.PREFLIGHT), (FetchSnapshot(),)


def _preflight(state: State) -> Step:
    session, table = _session(state), _table(state)
    if state.at_ms >= table.deadline_ms:
        return _missed(state, session)
    state, intents = _with_opening(state)
    session = _session(state)
    if session.universe is None:
        state, more = _ask_preflight(state)
        return state, intents + more
    if session.opening is None or state.at_ms < table.projected_ms:
        return state, intents
    if state.at_ms < min(table.freeze_ms, table.close_ms):
        return _moved(state, Stage.PROJECTING), intents
    record = replace(session.projected, reason="the session opened too late to project its close")
    return _moved(replace(state, session=session.with_phase(record)), Stage.FROZEN), intents


def _projecting(state: State) -> Step:
    if state.at_ms >= _table(state).freeze_ms:
        return _moved(_gave_up(state, Phase.PROJECTED), Stage.FREEZING), ()
    if not _is_priced(state):
        return state, ()
    return _ask_pipeline(state, Phase.PROJECTED)


def _is_priced(state: State) -> bool:
    """Say whether live mids can stand for closes: both hedges always, the names as far as they came in time."""
    if any(risk.fresh_quote(state, coin) is None for coin in HEDGE_COINS):
        return False
    waited_ms = state.at_ms - max(_session(state).stage_ms, state.started_ms)
    names = (*(_session(state).universe or ()), *state.book.positions)
    return waited_ms >= MIDS_WAIT_MS or all(risk.fresh_quote(state, coin) is not None for coin in names)


def _projected(state: State) -> Step:
    if state.at_ms >= _table(state).freeze_ms:
        return _moved(_ended(state, Phase.PROJECTED), Stage.FREEZING), ()
    return trade.slice_book(state, Phase.PROJECTED)


def _freezing(state: State) -> Step:
    """Wait for the ends of what was open, and for last fills (E3-22); unknown orders keep counting."""
    records = open_records(state, Purpose.PROJECTED)
    if not records or state.at_ms >= _table(state).correction_ms:
        return _moved(state, Stage.FROZEN), (FetchFills(from_ms=_overlap_ms(state)),)
    return state, ()


def _frozen(state: State) -> Step:
    if state.at_ms < _table(state).correction_ms:
        return state, ()
    return _moved(state, Stage.CORRECTING), ()


def _correcting(state: State) -> Step:
    if state.at_ms >= _table(state).deadline_ms:
        return _moved(_gave_up(state, Phase.CORRECTION), Stage.CLOSING), ()
    return _ask_pipeline(state, Phase.CORRECTION)


def _corrected(state: State) -> Step:
    if state.at_ms >= _table(state).deadline_ms:
        return _moved(_ended(state, Phase.CORRECTION), Stage.CLOSING), ()
    return trade.slice_book(state, Phase.CORRECTION)


def _closing(state: State) -> Step:
    """Wait until the venue's ledger and ours say the same, then report; report the difference if they never do."""
    session = _session(state)
    waited_ms = state.at_ms - session.stage_ms
    halted = state.trading is TradingState.HALTED
    quiet = not state.orders.open and (halted or is_settled(state))
    snapshot = state.account.snapshot
    if quiet and snapshot is not None and _books_agree(state, session.stage_ms):
        session = replace(session, closing=snapshot, closing_ledger=state.book.ledger)
        return _moved(replace(state, session=session), Stage.DONE), (WriteReport(session=session.day),)
    if waited_ms > CLOSING_MAX_MS:
        session = replace(session, closing=snapshot, closing_ledger=state.book.ledger)
        text = "after the deadline the venue's ledger and ours still differ; see the report"
        alert = RaiseAlert(level="error", code="closing", text=text)
        state = replace(state, session=session)
        return _moved(state, Stage.DONE), (WriteReport(session=session.day), alert)
    return _ask_books(state)


def _done(state: State) -> Step:
    return state, ()


_STAGES: dict[Stage, Callable[[State], Step]] = {
    Stage.WAITING: _waiting,
    Stage.PREFLIGHT: _preflight,
    Stage.PROJECTING: _projecting,
    Stage.PROJECTED: _projected,
    Stage.FREEZING: _freezing,
    Stage.FROZEN: _frozen,
    Stage.CORRECTING: _correcting,
    Stage.CORRECTED: _corrected,
    Stage.CLOSING: _closing,
    Stage.DONE: _done,
}

_LEGS_ON = {Stage.PROJECTED: Purpose.PROJECTED, Stage.CORRECTED: Purpose.CORRECTION}

_WAITING_FOR = {Phase.PROJECTED: Stage.PROJECTING, Phase.CORRECTION: Stage.CORRECTING}


# --- what a stage needs --------------------------------------------------------------------------------


def _with_opening(state: State) -> Step:
    """Fix the account as the session found it, from a snapshot taken in this session."""
    session, snapshot = _session(state), state.account.snapshot
    if session.opening is not None:
        return state, ()
    if snapshot is not None and snapshot.at_ms >= session.stage_ms - 1000 and _may_open(state, snapshot):
        opening = Opening(snapshot=snapshot, ledger=state.book.ledger)
        return replace(state, session=replace(session, opening=opening)), ()
    if state.at_ms - state.account.asked_ms < ASK_AGAIN_MS:
        return state, ()
    return replace(state, account=replace(state.account, asked_ms=state.at_ms)), (FetchSnapshot(),)


def _may_open(state: State, snapshot: AccountSnapshot) -> bool:
    """Say whether the snapshot and the ledger are of one moment: a fill in only one would be profit or loss."""
    quiet = not state.orders.open and state.book.last_fill_ms <= snapshot.at_ms
    proved = reconcile.is_proved(state)
    return quiet and proved and not book.differences(state.book, snapshot) and snapshot.equity_usd > 0


def _why_not_open(state: State) -> str:
    session, snapshot = _session(state), state.account.snapshot
    if session.problems:
        return "; ".join(session.problems)
    if session.opening is None and snapshot is None:
        return "the account could not be read"
    if session.opening is None and snapshot is not None and snapshot.equity_usd <= 0:
        return f"the account has no equity: {snapshot.equity_usd} USD"
    if session.opening is None and state.account.mismatch:
        return f"positions differ from the venue: {state.account.mismatch}"
    if session.opening is None and not reconcile.is_proved(state):
        return "the fills of the account could not be proved"
    return "the daemon was not ready in time"


def _ask_preflight(state: State) -> Step:
    session = _session(state)
    if session.preflight_asked_ms and state.at_ms - session.preflight_asked_ms < PREFLIGHT_AGAIN_MS:
        return state, ()
    state = replace(state, session=replace(session, preflight_asked_ms=state.at_ms))
    held = tuple(sorted(c for c in state.book.positions if c not in HEDGE_COINS))
    return state, (RunPreflight(session=session.day, held=held),)


def _give_up_ms(state: State, phase: Phase) -> int:
    """Return when a result of the phase is of no more use."""
    return _table(state).freeze_ms if phase is Phase.PROJECTED else _table(state).deadline_ms


def _ask_pipeline(state: State, phase: Phase) -> Step:
    session = _session(state)
    record, opening = session.phase(phase), session.opening
    if record.requested_ms is not None or record.attempts >= ATTEMPTS_MAX or opening is None:
        return state, ()
    if record.failed_ms and state.at_ms - record.failed_ms < ATTEMPT_AGAIN_MS:
        return state, ()
    record = replace(record, requested_ms=state.at_ms, attempts=record.attempts + 1)
    universe = session.universe or ()
    held = {c: p.qty for c, p in opening.snapshot.positions.items() if c not in HEDGE_COINS and p.qty}
    mids = {
        c: q.mid for c in (*HEDGE_COINS, *universe, *held) if (q := risk.fresh_quote(state, c)) is not None
    }
    intent = RunPipeline(
        session=session.day,
        phase=phase,
        universe=universe,
        held_qty=held,
        equity_usd=opening.snapshot.equity_usd,
        prices=mids if phase is Phase.PROJECTED else {},
        give_up_ms=_give_up_ms(state, phase),
    )
    return replace(state, session=session.with_phase(record)), (intent,)


def _ask_books(state: State) -> Step:
    """Ask for fills, funding and positions together, again and again until they agree."""
    if state.at_ms - state.account.asked_ms < ASK_AGAIN_MS:
        return state, ()
    opening = _session(state).opening
    since_ms = opening.snapshot.at_ms if opening else _table(state).preflight_ms
    account = replace(state.account, asked_ms=state.at_ms)
    reads = (FetchFills(from_ms=_overlap_ms(state)), FetchFunding(from_ms=since_ms), FetchSnapshot())
    return replace(state, account=account), reads


def _books_agree(state: State, since_ms: int) -> bool:
    snapshot = state.account.snapshot
    assert snapshot is not None
    fresh = snapshot.at_ms >= since_ms and state.book.funding_to_ms >= since_ms
    proved = (state.book.covered_to_ms or 0) >= since_ms and state.book.last_fill_ms <= snapshot.at_ms
    return fresh and proved and not state.account.mismatches


def _cleared(state: State) -> Step:
    """Cancel what rests of a leg that is not on, whenever it is found: a start may have slept through the freeze.

    The others end by themselves and are chased by their ids. One whose cancel did no good is asked about, and comes again.
    """
    on = _LEGS_ON.get(_session(state).stage)
    over = (purpose for purpose in trade.PURPOSE.values() if purpose is not on)
    return venue_mode.cancelled(state, open_records(state, *over))


def _targets(state: State, event: ProFormaReady) -> tuple[dict[Coin, Decimal], dict[Coin, str]]:
    """Return target quantities by coin, and for coins that are held as they are the reason."""
    session, proforma = _session(state), event.proforma
    targets: dict[Coin, Decimal] = {}
    held: dict[Coin, str] = {}
    coins = proforma.weights.keys() | state.book.positions.keys()
    coins |= set(event.missing_closes) & session.projected.targets.keys()
    for coin in sorted(coins - set(HEDGE_COINS)):
        now = state.book.positions.get(coin, ZERO)
        reason = _why_held(state, event, coin)
        if reason:
            held[coin] = reason
            kept = session.projected.targets.get(coin) if coin in event.missing_closes else None
            targets[coin] = now if kept is None else kept
        else:
            targets[coin] = _sized(state, proforma, coin)
    return targets, held


def _why_held(state: State, event: ProFormaReady, coin: Coin) -> str:
    if coin in event.missing_closes:
        kept = "projected target" if coin in _session(state).projected.targets else "position"
        return f"official close missing: {kept} kept"
    if coin not in event.proforma.weights:
        why = event.proforma.reasons.get(coin, "the pipeline knows nothing of this coin")
        return f"{why}: position kept"
    if state.instruments.get(coin) is None or state.instruments[coin].delisted:
        return "not tradable at the venue: position kept"
    if not math.isfinite(event.proforma.weights[coin]):
        return f"weight {event.proforma.weights[coin]} is not a number: position kept"
    if event.proforma.closes.get(coin, ZERO) <= 0:
        return "no price to size with: position kept"
    why = _far_close(state, event.proforma, coin) or _wild_beta(event.proforma, coin)
    return f"{why}: position kept" if why else ""


def _wild_beta(proforma: ProForma, coin: Coin) -> str:
    """Return what is wrong with betas that no coin has; "" when nothing is. NaN is no beta, and is left out later."""
    betas = proforma.betas.get(coin, ())
    if not any(abs(beta) > BETA_MAX for beta in betas):
        return ""
    words = ", ".join(f"{beta:.3g}" for beta in betas)
    return f"betas of {words} come from a close in other units, or from none"


def _far_close(state: State, proforma: ProForma, coin: Coin) -> str:
    """Return what is wrong with a close that is far from the live price; "" when nothing is, or no price is known."""
    close, quote = proforma.closes.get(coin, ZERO), state.quotes.get(coin)
    limit = state.settings.risk.price_gap_max
    if quote is None or close <= 0 or abs(float(close / quote.mid) - 1) <= limit:
        return ""
    return f"close {close} is more than {limit:.0%} from the live mid {quote.mid}"


def _betas(state: State, proforma: ProForma, held: Mapping[Coin, str]) -> dict[Coin, tuple[float, float]]:
    """Return the betas in force with the new ones; a coin that is held for its close keeps those it had.

    A close in other units makes a beta of thousands, and a hedge a thousand times the position.
    """
    new = {c: b for c, b in proforma.betas.items() if c not in held and all(map(math.isfinite, b))}
    return {**state.hedge.betas, **new}


def _sized(state: State, proforma: ProForma, coin: Coin) -> Decimal:
    opening = _session(state).opening
    assert opening is not None
    return target_qty(
        proforma.weights[coin],
        equity_usd=opening.snapshot.equity_usd,
        px=proforma.closes[coin],
        instrument=state.instruments[coin],
    )


def _missed(state: State, session: Session) -> Step:
    reasons = _why_not_open(state)
    text = f"session {session.day} was missed, the book is held: {reasons}"
    session = replace(session, projected=replace(session.projected, reason=reasons))
    session = replace(session, correction=replace(session.correction, reason=reasons))
    alert = RaiseAlert(level="error", code="session.missed", text=text)
    return _moved(replace(state, session=session), Stage.CLOSING), (alert,)


def _gave_up(state: State, phase: Phase) -> State:
    session = _session(state)
    record = session.phase(phase)
    reason = record.reason or "no result from the pipeline in time"
    return replace(state, session=session.with_phase(replace(record, ended_ms=state.at_ms, reason=reason)))


def _ended(state: State, phase: Phase) -> State:
    session = _session(state)
    return replace(state, session=session.with_phase(replace(session.phase(phase), ended_ms=state.at_ms)))


def _end_ms(state: State, phase: Phase) -> int:
    table = _table(state)
    return table.projected_end_ms if phase is Phase.PROJECTED else table.deadline_ms


def _moved(state: State, stage: Stage) -> State:
    return replace(state, session=replace(_session(state), stage=stage, stage_ms=state.at_ms))


def _session(state: State) -> Session:
    assert state.session is not None
    return state.session


def _table(state: State) -> Timetable:
    return timetable(_session(state).close_ms, state.settings.session)


def _overlap_ms(state: State) -> int:
    return (state.book.covered_to_ms or state.at_ms) - FILL_OVERLAP_MS


def what_is_next(state: State) -> tuple[str, int]:
    """Return the next instant of the timetable, for status."""
    return next_phase(state.at_ms, state.settings.session)
