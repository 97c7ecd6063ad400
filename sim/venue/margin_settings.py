"""Actions about margin: leverage and its type, and the margin of isolated positions (hyperliquid.md 2.4, 2.6)."""

from decimal import Decimal

from sim.venue.account import Account, Position
from sim.venue.account_actions import (
    TopUpIsolatedOnlyMarginAction,
    UpdateIsolatedMarginAction,
    UpdateLeverageAction,
)
from sim.venue.assets import VenueAsset
from sim.venue.isolated import move_margin
from sim.venue.margin import free_usd, is_isolated, leverage_cap, leverage_of, valuation
from sim.venue.reply import Document, Handlers, Refusal, done
from sim.venue.state import VenueState
from sim.venue.wire import usd

MILLIONTH = Decimal("0.000001")
KEPT_SHARE = Decimal("0.1")
NO_ROOM = "Insufficient margin to change leverage."
NOT_ENOUGH = "Insufficient margin available."
TOO_MUCH = "Isolated margin cannot be reduced below the initial margin."
STRICT = "Isolated margin cannot be removed for this asset."
"""The venue's texts for these four are not known; these are ours."""


def asset_of(state: VenueState, asset_id: int) -> VenueAsset:
    asset = state.asset(asset_id)
    if asset is None:
        raise Refusal(f"Asset {asset_id} does not exist.")
    return asset


# --- leverage --------------------------------------------------------------------------------------------


def _leverage(state: VenueState, account: Account, action: UpdateLeverageAction) -> Document:
    asset = asset_of(state, action.asset)
    _check_leverage(state, account, asset, action)
    before = leverage_of(account, asset)
    account.leverage[asset.asset_id] = action.leverage
    worth = valuation(state, account)
    worth.renew(state, account, asset.asset_id)
    if action.leverage < before and not _margin_found(state, account, asset):
        account.leverage[asset.asset_id] = before
        worth.renew(state, account, asset.asset_id)
        raise Refusal(NO_ROOM)
    (account.isolated.discard if action.is_cross else account.isolated.add)(asset.asset_id)
    return done()


def _check_leverage(
    state: VenueState, account: Account, asset: VenueAsset, action: UpdateLeverageAction
) -> None:
    held = valuation(state, account).holdings.get(asset.asset_id)
    most = asset.leverage_max if held is None else leverage_cap(asset, held.value)
    if not 1 <= action.leverage <= most:
        raise Refusal("Invalid leverage value")
    if action.is_cross and asset.margin_mode is not None:
        raise Refusal("Cross margin is not allowed for this asset.")
    if held is not None and action.is_cross == is_isolated(account, asset):
        raise Refusal("Cannot switch leverage type with open position.")


def _margin_found(state: VenueState, account: Account, asset: VenueAsset) -> bool:
    """Return whether a lowered leverage can be carried; an isolated position gets the margin it lacks."""
    position = account.positions.get(asset.asset_id)
    if position is None or position.raw_usd is None:
        return free_usd(state, account) >= 0
    held = valuation(state, account).holdings[asset.asset_id]
    lacking = usd(held.value / leverage_of(account, asset)) - held.margin
    if lacking <= 0:
        return free_usd(state, account) >= 0
    if lacking > free_usd(state, account):
        return False
    _move(state, account, asset.asset_id, lacking)
    return True


# --- the margin of isolated positions --------------------------------------------------------------------


def _isolated_margin(state: VenueState, account: Account, action: UpdateIsolatedMarginAction) -> Document:
    asset = asset_of(state, action.asset)
    _isolated_position(account, asset)
    amount = action.ntli * MILLIONTH
    if amount > 0 and amount > free_usd(state, account):
        raise Refusal(NOT_ENOUGH)
    if amount < 0:
        _check_removal(state, account, asset, amount)
    _move(state, account, asset.asset_id, amount)
    return done()


def _isolated_position(account: Account, asset: VenueAsset) -> Position:
    position = account.positions.get(asset.asset_id)
    if position is None or position.raw_usd is None:
        raise Refusal("Position does not use isolated margin.")
    return position


def _check_removal(state: VenueState, account: Account, asset: VenueAsset, amount: Decimal) -> None:
    """What stays must be the initial margin, and a tenth of the notional (hyperliquid.md 4.3)."""
    held = valuation(state, account).holdings[asset.asset_id]
    if asset.margin_mode == "strictIsolated":
        raise Refusal(STRICT)
    if held.margin + amount < held.value * max(KEPT_SHARE, 1 / Decimal(leverage_of(account, asset))):
        raise Refusal(TOO_MUCH)


def _top_up(state: VenueState, account: Account, action: TopUpIsolatedOnlyMarginAction) -> Document:
    """Add what is lacking for the leverage that is asked for; nothing is ever taken out this way."""
    asset = asset_of(state, action.asset)
    _isolated_position(account, asset)
    leverage = Decimal(action.leverage)
    held = valuation(state, account).holdings[asset.asset_id]
    if leverage < 1 or usd(held.value / leverage) <= held.margin:
        raise Refusal("Invalid leverage value")
    amount = usd(held.value / leverage) - held.margin
    if amount > free_usd(state, account):
        raise Refusal(NOT_ENOUGH)
    _move(state, account, asset.asset_id, amount)
    return done()


def _move(state: VenueState, account: Account, asset_id: int, amount_usd: Decimal) -> None:
    move_margin(account, account.positions[asset_id], amount_usd)
    valuation(state, account).renew(state, account, asset_id)


HANDLERS: Handlers = {
    UpdateLeverageAction: _leverage,
    UpdateIsolatedMarginAction: _isolated_margin,
    TopUpIsolatedOnlyMarginAction: _top_up,
}
