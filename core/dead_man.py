"""The venue's own switch: cancel every order of the account unless we say otherwise in time (hyperliquid.md 2.4, 2.7).

It is armed in the trading windows and put off by the engine's own ticks, so that it fires when ticks stop, when the
journal no longer commits, or when nothing reaches the venue. After a halt and after a stop it is left to fire.
Each time it is put off costs a request, so it is taken back where hedges need the last ones: orders expire by themselves.
"""

from decimal import Decimal

from msgspec.structs import replace

from core import allowance
from core.calendar import DAY_MS
from core.events import CancelScheduled
from core.intents import AnyIntent, RaiseAlert, ScheduleCancel
from core.state import DeadMan, Stage, State
from core.types import TradingState

AHEAD_MS = 20_000
"""How long after the last sign of life the venue cancels; put off when less than half of it is left."""
LEAD_MIN_MS = 5_000
"""The venue takes no time nearer than this."""
ANSWER_TIMEOUT_MS = 5_000
TRIGGERS_MAX = 10
"""Times a UTC day that the venue will do it; putting it off in time is not counted."""
TRADED_MIN_USD = Decimal(1_000_000)
WINDOWS = frozenset({Stage.PROJECTED, Stage.FREEZING, Stage.CORRECTED})

Step = tuple[State, tuple[AnyIntent, ...]]


def allowed(traded_usd: Decimal) -> bool:
    """Say whether the venue lets an account that has traded so much schedule a cancel."""
    return traded_usd >= TRADED_MIN_USD


def why_not(dead_man: DeadMan, *, day: int) -> str:
    """Return why the venue's switch may not be armed for an instant of a UTC day (days since 1970), "" when it may."""
    if dead_man.traded_usd is None:
        return "the account's traded volume is not known"
    if not allowed(dead_man.traded_usd):
        return f"the venue asks for ${TRADED_MIN_USD:,} of traded volume, the account has ${dead_man.traded_usd:,.0f}"
    if dead_man.fired.get(day, 0) >= TRIGGERS_MAX:
        return f"it fired {TRIGGERS_MAX} times on one UTC day"
    return dead_man.refused


def watch(state: State) -> Step:
    """On a tick: count what has fired, then arm, put off, or take back."""
    state = _counted(state)
    dead_man = state.dead_man
    if dead_man.asked_ms is not None and state.at_ms - dead_man.asked_ms < ANSWER_TIMEOUT_MS:
        return state, ()
    if state.stopping or state.trading is TradingState.HALTED or allowance.is_exhausted(state):
        return state, ()
    wanted_ms = _wanted_ms(state)
    if wanted_ms is None:
        stands = dead_man.armed_ms is not None or dead_man.maybe_ms is not None
        return _asked(state, None) if stands else (state, ())
    if dead_man.armed_ms is not None and dead_man.armed_ms - state.at_ms > AHEAD_MS // 2:
        return state, ()
    return _asked(state, wanted_ms)


def on_answer(state: State, event: CancelScheduled) -> Step:
    """Take note of what the venue said. A refusal ends the attempts of this session: expiries do it then."""
    dead_man = replace(state.dead_man, asked_ms=None)
    if event.taken is True:
        return replace(state, dead_man=replace(dead_man, armed_ms=event.scheduled_ms, maybe_ms=None)), ()
    if event.taken is None or event.scheduled_ms is None:
        return replace(state, dead_man=dead_man), ()
    refused = event.reason or "refused by the venue"
    state = replace(state, dead_man=replace(dead_man, maybe_ms=None, refused=refused))
    text = f"the venue's own cancel could not be armed, the orders' expiries protect alone: {event.reason}"
    return state, (RaiseAlert(level="warning", code="deadman", text=text),)


def learned(dead_man: DeadMan, traded_usd: Decimal | None) -> DeadMan:
    """Take the volume that a preflight read; an earlier refusal is tried again."""
    if traded_usd is None:
        return dead_man
    return replace(dead_man, traded_usd=traded_usd, refused="")


def on_restart(dead_man: DeadMan) -> DeadMan:
    """Nobody waits for an answer any more. What was asked for may stand, and is taken back with the rest."""
    return replace(dead_man, asked_ms=None)


def _wanted_ms(state: State) -> int | None:
    session = state.session
    if session is None or session.stage not in WINDOWS or allowance.is_for_hedges_alone(state):
        return None
    at_ms = state.at_ms + AHEAD_MS
    return None if why_not(state.dead_man, day=at_ms // DAY_MS) else at_ms


def _counted(state: State) -> State:
    """Count a trigger once, on the UTC day on which it fell, whatever day it was armed on.

    What was never proved to be armed is not counted: the venue keeps count itself, and its refusal is heard.
    """
    dead_man = state.dead_man
    if dead_man.maybe_ms is not None and state.at_ms >= dead_man.maybe_ms:
        dead_man = replace(dead_man, maybe_ms=None)
        state = replace(state, dead_man=dead_man)
    if dead_man.armed_ms is None or state.at_ms < dead_man.armed_ms:
        return state
    day = dead_man.armed_ms // DAY_MS
    fired = {d: n for d, n in dead_man.fired.items() if d >= day - 1}
    fired[day] = fired.get(day, 0) + 1
    return replace(state, dead_man=replace(dead_man, armed_ms=None, fired=fired))


def _asked(state: State, at_ms: int | None) -> Step:
    """What is asked for is on record before it is sent: a crash before the answer must not forget it."""
    dead_man = state.dead_man
    maybe_ms = dead_man.maybe_ms if at_ms is None else at_ms
    state = replace(state, dead_man=replace(dead_man, asked_ms=state.at_ms, maybe_ms=maybe_ms))
    return state, (ScheduleCancel(cancel_ms=at_ms),)
