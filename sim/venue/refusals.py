"""Why an order is not taken: the venue's words, and the status under which it is recorded (hyperliquid.md 1.4, 2.6)."""

from dataclasses import dataclass
from decimal import Decimal

from sim.venue import margin
from sim.venue.account import Account
from sim.venue.order import Order
from sim.venue.state import VenueState

NOTIONAL_MIN_USD = 10
FAR_SHARE = Decimal("0.95")
AGGRESSIVE_SHARE = Decimal("0.01")
OPEN_ORDERS_FREE = 1_000
OPEN_ORDERS_CAP = 5_000
VOLUME_PER_OPEN_ORDER_USD = 5_000_000
MARKET_NOTIONAL_USD = ((25, 15_000_000), (20, 5_000_000), (10, 2_000_000), (0, 500_000))
"""Maximum leverage from which on, the largest market order in USD (4.3)."""
LIMIT_FACTOR = 10
RECORDED = frozenset(
    {
        "badAloPxRejected",
        "iocCancelRejected",
        "marketOrderNoLiquidityRejected",
        "perpMarginRejected",
        "badTriggerPxRejected",
        "reduceOnlyRejected",
        "positionIncreaseAtOpenInterestCapRejected",
        "positionFlipAtOpenInterestCapRejected",
        "tooAggressiveAtOpenInterestCapRejected",
    }
)
"""Refusals that leave an order behind for orderStatus; of the others nothing is kept (1.4: only in some cases)."""


@dataclass(frozen=True, slots=True)
class Fault:
    text: str
    status: str


def named(order: Order, text: str, status: str) -> Fault:
    """Return a fault whose text ends in the asset, as most do."""
    return Fault(f"{text} asset={order.asset_id}", status)


def fault_of(state: VenueState, account: Account, order: Order) -> Fault | None:
    """Return why a limit order is refused before its book is asked; a reduce-only order is shrunk on the way."""
    return (
        listing_fault(state, order.asset_id)
        or _far_fault(state, order)
        or value_fault(account, order)
        or _count_fault(account, order)
        or _largest_fault(state, order)
        or reduce_only_fault(account, order)
        or _open_interest_fault(state, account, order)
        or margin_fault(state, account, order)
    )


def listing_fault(state: VenueState, asset_id: int) -> Fault | None:
    if state.prices.live(asset_id, state.now_ms):
        return None
    return Fault(f"Trading is halted for a delisted asset. asset={asset_id}", "delistedCanceled")


def _far_fault(state: VenueState, order: Order) -> Fault | None:
    mark = state.mark(order.asset_id)
    if abs(order.px - mark) <= FAR_SHARE * mark:
        return None
    return Fault("Order price cannot be more than 95% away from the reference price", "oracleRejected")


def value_fault(account: Account, order: Order) -> Fault | None:
    """Refuse less than 10 USD at the limit price, unless the order closes the position (2.7)."""
    if order.px * order.size >= NOTIONAL_MIN_USD or _closes_all(account, order):
        return None
    return named(order, "Order must have minimum value of $10.", "minTradeNtlRejected")


def _closes_all(account: Account, order: Order) -> bool:
    held = account.size(order.asset_id)
    return order.reduce_only and held * order.sign < 0 and order.size >= abs(held)


def _count_fault(account: Account, order: Order) -> Fault | None:
    if not order.rests:
        return None
    allowed = OPEN_ORDERS_FREE + int(account.traded_usd) // VOLUME_PER_OPEN_ORDER_USD
    if order.reduce_only:
        allowed = OPEN_ORDERS_FREE
    return _over(account, order, min(allowed, OPEN_ORDERS_CAP))


def trigger_count_fault(account: Account, order: Order) -> Fault | None:
    """From 1000 open orders on no trigger order is taken, however much was traded (4.1)."""
    return _over(account, order, OPEN_ORDERS_FREE)


def _over(account: Account, order: Order, allowed: int) -> Fault | None:
    if len(account.open_orders) < allowed:
        return None
    return named(order, "Too many open orders.", "tooManyOpenOrdersRejected")


def _largest_fault(state: VenueState, order: Order) -> Fault | None:
    leverage = state.prices.assets[order.asset_id].leverage_max
    largest = next(usd for floor, usd in MARKET_NOTIONAL_USD if leverage >= floor)
    if order.px * order.size <= largest * (LIMIT_FACTOR if order.rests else 1):
        return None
    return named(order, "Order has too large a notional value.", "perpMaxPositionRejected")


def reduce_only_fault(account: Account, order: Order) -> Fault | None:
    """Shrink a reduce-only order to what is held; return the fault if it would not reduce."""
    if not order.reduce_only:
        return None
    closable = -account.size(order.asset_id) * order.sign
    if closable <= 0:
        return named(order, "Reduce only order would increase position.", "reduceOnlyRejected")
    order.size = min(order.size, closable)
    return None


def margin_fault(state: VenueState, account: Account, order: Order) -> Fault | None:
    text = margin.margin_fault(state, account, order)
    return None if text is None else named(order, text, "perpMarginRejected")


# --- open interest -----------------------------------------------------------------------------------------


def at_open_interest_cap(state: VenueState, asset_id: int) -> bool:
    """Say whether a coin's open interest, in USD at the mark, has reached the cap set for it; without one, never."""
    cap_usd = state.open_interest_caps_usd.get(asset_id)
    if cap_usd is None:
        return False
    return state.prices.context(asset_id, state.now_ms).open_interest * state.mark(asset_id) >= cap_usd


def coins_at_open_interest_cap(state: VenueState) -> list[str]:
    """Return the names for perpsAtOpenInterestCap, by asset id."""
    capped = [i for i in sorted(state.open_interest_caps_usd) if at_open_interest_cap(state, i)]
    return [state.prices.assets[asset_id].name for asset_id in capped]


def _open_interest_fault(state: VenueState, account: Account, order: Order) -> Fault | None:
    if not at_open_interest_cap(state, order.asset_id):
        return None
    held = account.size(order.asset_id)
    text = "Order would increase open interest while open interest is capped."
    if held * order.sign >= 0:
        return named(order, text, "positionIncreaseAtOpenInterestCapRejected")
    if order.size > abs(held):
        return named(order, text, "positionFlipAtOpenInterestCapRejected")
    mark = state.mark(order.asset_id)
    if order.rests and abs(order.px - mark) > AGGRESSIVE_SHARE * mark:
        text = "Order price is too aggressive when open interest is at cap."
        return named(order, text, "tooAggressiveAtOpenInterestCapRejected")
    return None
