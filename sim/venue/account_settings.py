"""Actions about the account: leverage, bought requests, agents, builders (hyperliquid.md 2.3, 2.4)."""

from decimal import Decimal

from sim.venue.account import Account
from sim.venue.account_actions import (
    ApproveAgentAction,
    ApproveBuilderFeeAction,
    NoopAction,
    ReserveRequestWeightAction,
    SetReferrerAction,
    UpdateLeverageAction,
)
from sim.venue.margin import equity_usd, leverage_of, resting_margin_usd, valuation
from sim.venue.reply import Document, Handlers, Refusal, done
from sim.venue.state import VenueState

NAMED_AGENTS_MAX = 3
REQUEST_PRICE_USD = Decimal("0.0005")
NOBODY = "0x" + 40 * "0"


def _nothing(state: VenueState, account: Account, action: NoopAction | SetReferrerAction) -> Document:
    return done()


def _leverage(state: VenueState, account: Account, action: UpdateLeverageAction) -> Document:
    asset = state.asset(action.asset)
    if asset is None:
        raise Refusal(f"Asset {action.asset} does not exist.")
    if not 1 <= action.leverage <= asset.leverage_max:
        raise Refusal("Invalid leverage value")
    if not action.is_cross:
        held = asset.asset_id in account.positions
        raise Refusal(
            "Cannot switch leverage type with open position."
            if held
            else "Isolated margin is not served by this venue."
        )
    before = leverage_of(account, asset)
    account.leverage[asset.asset_id] = action.leverage
    worth = valuation(state, account)
    worth.renew(state, account, asset.asset_id)
    if action.leverage < before and (
        equity_usd(state, account) < worth.margin + resting_margin_usd(state, account)
    ):
        account.leverage[asset.asset_id] = before
        worth.renew(state, account, asset.asset_id)
        raise Refusal("Insufficient margin to change leverage.")
    return done()


def _buy_requests(state: VenueState, account: Account, action: ReserveRequestWeightAction) -> Document:
    cost_usd = action.weight * REQUEST_PRICE_USD
    if cost_usd > equity_usd(state, account) - valuation(state, account).margin:
        raise Refusal("Insufficient balance to reserve request weight.")
    account.requests_bought += action.weight
    account.cash_usd -= cost_usd
    return done()


def _approve_agent(state: VenueState, account: Account, action: ApproveAgentAction) -> Document:
    address = action.agent_address.lower()
    name, _, until = (action.agent_name or "").partition(" valid_until ")
    mine = [a for a in state.agents.values() if a.master == account.address and a.name != name]
    if address == NOBODY:
        state.agents = {
            k: a for k, a in state.agents.items() if (a.master, a.name) != (account.address, name)
        }
        return done()
    if address in state.agents or address in state.accounts:
        raise Refusal("Extra agent already used.")
    if name and len([a for a in mine if a.name]) >= NAMED_AGENTS_MAX:
        raise Refusal(
            f"Too many extra agents for cumulative volume traded. Current limit is {NAMED_AGENTS_MAX}"
        )
    if until and (not until.isdigit() or int(until) < state.now_ms):
        raise Refusal("Agent valid_until already expired.")
    state.approve(address, account.address, name, int(until) if until else None)
    return done()


def _approve_builder(state: VenueState, account: Account, action: ApproveBuilderFeeAction) -> Document:
    try:
        rate = Decimal(action.max_fee_rate.removesuffix("%"))
    except ArithmeticError as e:
        raise Refusal("Invalid builder fee rate.") from e
    if not (action.max_fee_rate.endswith("%") and rate.is_finite() and 0 <= rate <= Decimal("0.1")):
        raise Refusal("Invalid builder fee rate.")
    account.builder_fees[action.builder.lower()] = int(rate * 1000)
    return done()


HANDLERS: Handlers = {
    NoopAction: _nothing,
    SetReferrerAction: _nothing,
    UpdateLeverageAction: _leverage,
    ReserveRequestWeightAction: _buy_requests,
    ApproveAgentAction: _approve_agent,
    ApproveBuilderFeeAction: _approve_builder,
}
