"""Actions about the account: bought requests, referrer, builders, account mode (hyperliquid.md 1.3, 2.3, 2.4)."""

from decimal import Decimal

from sim.venue.account import Account
from sim.venue.account_actions import (
    AgentSetAbstractionAction,
    ApproveBuilderFeeAction,
    NoopAction,
    ReserveRequestWeightAction,
    SetReferrerAction,
    UserSetAbstractionAction,
)
from sim.venue.margin import free_usd
from sim.venue.reply import Document, Handlers, Refusal, done
from sim.venue.state import VenueState
from sim.venue.sub_accounts import own_or_sub

REQUEST_PRICE_USD = Decimal("0.0005")
BUILDER_RATE_MAX = Decimal("0.1")
ABSTRACTIONS = {"u": "unifiedAccount", "p": "portfolioMargin", "i": "disabled"}


def _nothing(state: VenueState, account: Account, action: NoopAction) -> Document:
    return done()


def _set_referrer(state: VenueState, account: Account, action: SetReferrerAction) -> Document:
    """Take note of the first code. The text for a second one is unverified."""
    if account.referrer is not None:
        raise Refusal("Referrer already set")
    account.referrer = action.code
    return done()


def _buy_requests(state: VenueState, account: Account, action: ReserveRequestWeightAction) -> Document:
    """Sell requests at 0.0005 USDC each (2.4). The text for an empty account is ours."""
    cost_usd = action.weight * REQUEST_PRICE_USD
    if cost_usd > free_usd(state, account):
        raise Refusal("Insufficient balance to reserve request weight.")
    account.requests_bought += action.weight
    account.cash_usd -= cost_usd
    return done()


def _approve_builder(state: VenueState, account: Account, action: ApproveBuilderFeeAction) -> Document:
    """Allow a builder up to a rate in percent, at most 0.1 (4.4). The text for a bad rate is ours."""
    try:
        rate = Decimal(action.max_fee_rate.removesuffix("%"))
    except ArithmeticError as e:
        raise Refusal("Invalid builder fee rate.") from e
    if not (action.max_fee_rate.endswith("%") and rate.is_finite() and 0 <= rate <= BUILDER_RATE_MAX):
        raise Refusal("Invalid builder fee rate.")
    account.builder_fees[action.builder.lower()] = int(rate * 1000)
    return done()


def _user_abstraction(state: VenueState, account: Account, action: UserSetAbstractionAction) -> Document:
    """Record the account mode, which userAbstraction then answers; margin is not unified here, whatever it says."""
    own_or_sub(state, account, action.user.lower()).abstraction = action.abstraction
    return done()


def _agent_abstraction(state: VenueState, account: Account, action: AgentSetAbstractionAction) -> Document:
    account.abstraction = ABSTRACTIONS[action.abstraction]
    return done()


HANDLERS: Handlers = {
    NoopAction: _nothing,
    SetReferrerAction: _set_referrer,
    ReserveRequestWeightAction: _buy_requests,
    ApproveBuilderFeeAction: _approve_builder,
    UserSetAbstractionAction: _user_abstraction,
    AgentSetAbstractionAction: _agent_abstraction,
}
