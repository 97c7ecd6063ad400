"""What happened on the account that no order of ours did: a second writer's orders and fills, and the venue's own doings.

Both stop new risk (docs/decisions/0008): targets were made for an account that only we trade.
"""

from collections.abc import Collection, Iterable, Sequence

from core import risk
from core.intents import AnyIntent, CancelOrders, RaiseAlert
from core.notices import noted
from core.orders import purpose_of
from core.state import State
from core.types import Answer, ClientOrderId, Fill, OpenOrder, Outcome

Step = tuple[State, tuple[AnyIntent, ...]]

BY_ORDER = frozenset(
    {
        "Open Long",
        "Close Long",
        "Open Short",
        "Close Short",
        "Long > Short",
        "Short > Long",
        "Buy",
        "Sell",
    }
)
"""Directions of fills that somebody's order made (hyperliquid.md 1.3); all other words are the venue's own doing."""

HARMLESS = frozenset({"Settlement", "Spot Dust Conversion"})
"""The venue's doings that end something and leave the rest of the account as it was."""


def is_ours(state: State, cloid: ClientOrderId | None) -> bool:
    """Say whether the id is one we gave: our magic, and a counter that we have come to."""
    return cloid is not None and purpose_of(cloid) is not None and int(cloid[-12:], 16) < state.orders.counter


def on_fills(state: State, fills: Iterable[Fill]) -> Step:
    """Tell the fills that no order of ours made, and stop new risk unless they are harmless."""
    strange = [f for f in fills if not is_ours(state, f.cloid)]
    if not strange:
        return state, ()
    text = "; ".join(f"{f.coin} {f.side.value} {f.qty} at {f.px} ({f.direction})" for f in strange)
    told = RaiseAlert(level="warning", code="fills.foreign", text=f"fills that no order of ours made: {text}")
    grave = [reason for f in strange if (reason := _reason(f))]
    state, intents = risk.reduce(state, grave[0]) if grave else (state, ())
    return state, (told, *intents)


def on_late_fills(state: State, fills: Iterable[Fill], *, known: Collection[ClientOrderId]) -> Step:
    """Tell of fills of ours whose order was held to be over, or never to have been. They are booked and hedged like all."""
    late = [f for f in fills if is_ours(state, f.cloid) and f.cloid not in known]
    if not late:
        return state, ()
    text = "; ".join(f"{f.coin} {f.side.value} {f.qty} at {f.px}, {f.cloid}" for f in late)
    text = f"orders of ours that were held to be over have filled: {text}"
    return noted(state, text), (RaiseAlert(level="error", code="fills.late", text=text),)


def cancel_orphans(state: State, orders: Sequence[OpenOrder]) -> Step:
    """Cancel what rests under an id of ours and is not on record: a lost journal's, or one that landed after its end."""
    orphans = [(o.coin, o.cloid) for o in orders if is_ours(state, o.cloid) and o.cloid]
    names = tuple((coin, cloid) for coin, cloid in orphans if cloid not in state.orders.open)
    if not names:
        return state, ()
    text = (
        f"{len(names)} orders of ours that are not on record rest at the venue and are cancelled: "
        + ", ".join(f"{coin} {cloid}" for coin, cloid in names)
    )
    return state, (CancelOrders(orders=names), RaiseAlert(level="warning", code="orders.orphaned", text=text))


def _reason(fill: Fill) -> str:
    """Return why the fill stops new risk, "" when it does not."""
    what = f"{fill.coin} {fill.side.value} {fill.qty} at {fill.px} ({fill.direction})"
    if fill.liquidated or fill.direction.startswith("Liquidated"):
        return f"the venue liquidated a position: {what}"
    if fill.direction in BY_ORDER:
        return f"a second writer trades on this account: {what}"
    if fill.direction in HARMLESS:
        return ""
    return f"the venue changed a position: {what}"


def on_orders(state: State, orders: Sequence[OpenOrder]) -> Step:
    """Stop new risk over an order that we did not place."""
    strange = [o for o in orders if not is_ours(state, o.cloid)]
    if not strange:
        return state, ()
    text = "; ".join(
        f"{o.coin} {o.side.value} {o.remaining_qty} at {o.limit_px}, oid {o.oid}" for o in strange
    )
    return risk.reduce(state, f"a second writer has orders on this account: {text}")


def on_answers(state: State, answers: Sequence[Answer]) -> Step:
    """Stop new risk over an answer to a question that we never asked: it is about somebody else's order."""
    live = (Outcome.RESTING, Outcome.FILLED)
    strange = [a for a in answers if a.outcome in live and not is_ours(state, a.cloid)]
    if not strange:
        return state, ()
    text = "; ".join(f"{a.cloid} {a.outcome.value}, oid {a.oid}" for a in strange)
    return risk.reduce(state, f"a second writer has orders on this account: {text}")
