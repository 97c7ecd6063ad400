"""The venue's post-only window after an upgrade: slices and hedges rest at the touch until it takes others again.

The venue's refusal proves the window (hyperliquid.md 2.6); its announcement of a special status only makes slices careful.
"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from core.events import VenueNoticed
from core.intents import AnyIntent, CancelOrders, RaiseAlert
from core.notices import noted
from core.sizing import round_price
from core.state import OrderRecord, OrderStatus, State
from core.types import Answer, Outcome, Quote, Side, Tif, TradingState

Step = tuple[State, tuple[AnyIntent, ...]]

REFUSAL = "only post-only orders allowed"
"""The beginning of the venue's words; what follows varies."""
SWEEP_MS = 1_000
POST_ONLY_MS = 30_000
"""After this an order that takes is tried again: being refused once more costs nothing."""


def is_refusal(answer: Answer) -> bool:
    return answer.outcome is Outcome.REJECTED and REFUSAL in answer.reason.lower()


def is_post_only(state: State) -> bool:
    """Say whether the venue has just refused an order because it would have traded at once."""
    return state.at_ms < state.account.post_only_until_ms


def is_careful(state: State) -> bool:
    """Say whether slices rest: in the window, and while the venue announces a special status."""
    return is_post_only(state) or bool(state.account.notice)


def touch_px(quote: Quote, side: Side, *, size_decimals: int) -> Decimal:
    """Return the price at which an order rests first in line and takes nothing, on the grid."""
    return round_price(quote.bid if side is Side.BUY else quote.ask, side, size_decimals)


def on_answers(state: State, answers: Iterable[Answer]) -> Step:
    """Begin the window at a refusal and prolong it with every other; end it when an order that takes was filled."""
    answers = tuple(answers)
    until_ms = state.account.post_only_until_ms
    if any(is_refusal(a) for a in answers):
        return _begun(state)
    began_ms = until_ms - POST_ONLY_MS
    if is_post_only(state) and any(_has_taken(state, a, began_ms) for a in answers):
        state = replace(state, account=replace(state.account, post_only_until_ms=0))
        return noted(state, "the venue takes all orders again"), ()
    return state, ()


def _begun(state: State) -> Step:
    told: tuple[AnyIntent, ...] = ()
    if not is_post_only(state):
        text = "the venue takes post-only orders alone: slices and hedges rest at the touch"
        told = (RaiseAlert(level="warning", code="venue.post_only", text=text),)
        state = noted(state, text)
    account = replace(state.account, post_only_until_ms=state.at_ms + POST_ONLY_MS)
    return replace(state, account=account), told


def _has_taken(state: State, answer: Answer, began_ms: int) -> bool:
    record = state.orders.open.get(answer.cloid)
    if record is None or answer.outcome is not Outcome.FILLED:
        return False
    return record.order.tif is Tif.IOC and record.order.created_ms >= began_ms


def on_notice(state: State, event: VenueNoticed) -> Step:
    if event.notice == state.account.notice:
        return state, ()
    state = replace(state, account=replace(state.account, notice=event.notice))
    if not event.notice:
        return noted(state, "the venue announces nothing special any more"), ()
    text = f"the venue announces a special status, slices rest at the touch: {event.notice}"
    return noted(state, text), (RaiseAlert(level="warning", code="venue.notice", text=text),)


def swept(state: State) -> Step:
    """After a kill and during a stop let nothing rest: an order that was on its way then came after the cancel of all."""
    if state.trading is not TradingState.HALTED and not state.stopping:
        return state, ()
    resting = [r for r in state.orders.open.values() if state.at_ms - r.asked_ms >= SWEEP_MS]
    return cancelled(state, resting)


def cancelled(state: State, records: Iterable[OrderRecord]) -> Step:
    """Cancel orders that rest. What becomes of them is unknown from here on, until the venue has said it."""
    resting = {r.order.cloid: r for r in records if r.status is OrderStatus.RESTING}
    if not resting:
        return state, ()
    unknown = {
        cloid: replace(r, status=OrderStatus.UNKNOWN, asked_ms=state.at_ms) for cloid, r in resting.items()
    }
    orders = replace(state.orders, open={**state.orders.open, **unknown})
    names = tuple((r.order.coin, cloid) for cloid, r in resting.items())
    return replace(state, orders=orders), (CancelOrders(orders=names),)
