"""The address's lifetime budget of requests: what is left of it, and for whom (hyperliquid.md 4.1).

An order costs one request, a dollar traded earns one. Hedges and cancels may use the last; slices leave what hedging and
flattening may still need. Before the venue's count was read nothing is known of it, and nothing is held back.
Refused envelopes cost nothing at the venue and are counted here: the error is to the safe side, until the next reading.
"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from core.events import AllowanceRead
from core.intents import (
    AnyIntent,
    BurnNonce,
    CancelEverything,
    CancelOrders,
    RaiseAlert,
    ScheduleCancel,
    SubmitOrders,
)
from core.state import ZERO, Allowance, State
from core.types import Answer, ClientOrderId, Coin, Fill, Order

HEDGES_KEPT = 200
"""Requests that only hedges may use. One that fills earns more than it cost; ten in a row that do not halt trading."""
FLATTENINGS_KEPT = 3
"""Attempts to close each position that are kept besides."""
THROTTLE_MS = 10_000
"""An address without requests may send one action in so long."""


def on_read(state: State, event: AllowanceRead) -> State:
    return replace(state, allowance=Allowance(used=event.used, cap=Decimal(event.cap)))


def charge(state: State, intents: tuple[AnyIntent, ...]) -> State:
    """Count what is about to be sent. Cancels count too, though the venue's cap for them is larger."""
    cost = sum(_cost(state, intent) for intent in intents)
    if state.allowance is None or not cost:
        return state
    return replace(state, allowance=replace(state.allowance, used=state.allowance.used + cost))


def _cost(state: State, intent: AnyIntent) -> int:
    match intent:
        case SubmitOrders(orders=orders):
            return len(orders)
        case CancelOrders(orders=named):
            return len(named)
        case CancelEverything():
            return len(state.orders.open)
        case BurnNonce(cloids=cloids):
            return _actions(state, cloids)
        case ScheduleCancel():
            return 1
        case _:
            return 0


def _actions(state: State, cloids: Iterable[ClientOrderId]) -> int:
    """Return how many actions orders were sent in: those of one were made in one instant."""
    return len({state.orders.open[c].order.created_ms for c in cloids if c in state.orders.open})


def earn(state: State, fills: Iterable[Fill]) -> State:
    """Credit one request for each dollar traded."""
    traded_usd = sum((fill.qty * fill.px for fill in fills), ZERO)
    if state.allowance is None or not traded_usd:
        return state
    return replace(state, allowance=replace(state.allowance, cap=state.allowance.cap + traded_usd))


def on_answers(state: State, answers: tuple[Answer, ...]) -> tuple[State, tuple[AnyIntent, ...]]:
    """Take the venue's word that nothing is left, whatever was counted here."""
    said = next((a.reason for a in answers if a.throttled), None)
    if said is None:
        return state, ()
    known = state.allowance or Allowance(used=0, cap=ZERO)
    state = replace(state, allowance=replace(known, used=max(known.used, int(known.cap) + 1)))
    text = f"the venue takes one action in 10 s until more is traded: slices stop, hedges go on: {said}"
    return state, (RaiseAlert(level="error", code="requests.exhausted", text=text),)


def pause_ms(state: State) -> int:
    """Return the shortest time between two actions that the venue will both take."""
    return THROTTLE_MS if is_exhausted(state) else 0


def reserve(state: State) -> int:
    """Return how many requests slices must leave."""
    return HEDGES_KEPT + FLATTENINGS_KEPT * len(state.book.positions)


def is_exhausted(state: State) -> bool:
    """Say whether the venue takes one action in 10 s: hedges need each of them."""
    return state.allowance is not None and state.allowance.left <= 0


def is_for_hedges_alone(state: State) -> bool:
    """Say whether what is left is what slices must leave; nothing that only helps slices may use it then."""
    return state.allowance is not None and state.allowance.left <= reserve(state)


def ration(state: State, orders: tuple[Order, ...]) -> tuple[tuple[Order, ...], dict[Coin, str]]:
    """Return the slices that the reserve allows, the largest first since they earn most, and why the others may not."""
    if state.allowance is None:
        return orders, {}
    room = max(state.allowance.left - reserve(state), 0)
    if len(orders) <= room:
        return orders, {}
    largest = sorted(orders, key=lambda order: -order.qty * order.limit_px)[:room]
    kept = {order.coin for order in largest}
    reason = f"only {state.allowance.left} requests left at the venue, {reserve(state)} are kept for hedges"
    return (
        tuple(order for order in orders if order.coin in kept),
        {order.coin: reason for order in orders if order.coin not in kept},
    )
