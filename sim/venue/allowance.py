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
    """Refuse beyond the lifetime budget, but let one action pass every ten seconds. Nothing is charged yet."""
    if not _over(account, action, cost) or state.now_ms - account.throttled_ms >= THROTTLE_MS:
        return
    raise Refusal(
        f"Too many cumulative requests sent ({account.requests_used + cost} > {_cap(account, action)}) "
        f"for cumulative volume traded ${account.traded_usd:.2f}. "
        "Place taker orders to free up 1 request per USDC traded."
    )


def charge(state: VenueState, account: Account, action: AnyAction, cost: int) -> None:
    """Book an action that was carried out."""
    if _over(account, action, cost):
        account.throttled_ms = state.now_ms
    account.requests_used += cost


def _over(account: Account, action: AnyAction, cost: int) -> bool:
    if isinstance(action, ReserveRequestWeightAction):
        return False
    return account.requests_used + cost > _cap(account, action)


def _cap(account: Account, action: AnyAction) -> int:
    cap = account.requests_cap
    return (
        min(cap + CANCELS_EXTRA, 2 * cap) if isinstance(action, CancelAction | CancelByCloidAction) else cap
    )
