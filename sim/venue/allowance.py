"""Whether it may ask: the lifetime budget of requests by address (hyperliquid.md 4.1)."""

from sim.venue.account import Account
from sim.venue.account_actions import ReserveRequestWeightAction
from sim.venue.actions import AnyAction
from sim.venue.order_actions import BatchModifyAction, CancelAction, CancelByCloidAction, OrderAction
from sim.venue.reply import Refusal
from sim.venue.state import VenueState

CANCELS_EXTRA = 100_000
THROTTLE_MS = 10_000


def weight(action: AnyAction) -> int:
    """Return what an action costs of the address budget: the length of its batch."""
    match action:
        case OrderAction(orders=members):
            return max(1, len(members))
        case CancelAction(cancels=cancels):
            return max(1, len(cancels))
        case CancelByCloidAction(cancels=by_cloid):
            return max(1, len(by_cloid))
        case BatchModifyAction(modifies=modifies):
            return max(1, len(modifies))
        case _:
            return 1


def within_budget(state: VenueState, account: Account, action: AnyAction, cost: int) -> None:
    """Refuse beyond the lifetime budget, but let one action pass every ten seconds."""
    cap = account.requests_cap
    if isinstance(action, CancelAction | CancelByCloidAction):
        cap = min(cap + CANCELS_EXTRA, 2 * cap)
    used = account.requests_used + cost
    if used <= cap or isinstance(action, ReserveRequestWeightAction):
        return
    if state.now_ms - account.throttled_ms >= THROTTLE_MS:
        account.throttled_ms = state.now_ms
        return
    raise Refusal(
        f"Too many cumulative requests sent ({used} > {cap}) for cumulative volume traded "
        f"${account.traded_usd:.2f}. Place taker orders to free up 1 request per USDC traded."
    )
