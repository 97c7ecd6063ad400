"""Actions about the account: leverage, money, signers, limits (hyperliquid.md 2.4)."""

from typing import Literal

from sim.venue.action_fields import Action, Address, Count, Millis, Number, SignedMillionths


class UpdateLeverageAction(Action, frozen=True, tag="updateLeverage"):
    asset: Count
    is_cross: bool
    leverage: int


class UpdateIsolatedMarginAction(Action, frozen=True, tag="updateIsolatedMargin"):
    """ntli is in millionths of a dollar, negative to take margin out."""

    asset: Count
    is_buy: bool
    ntli: SignedMillionths


class TopUpIsolatedOnlyMarginAction(Action, frozen=True, tag="topUpIsolatedOnlyMargin"):
    asset: Count
    leverage: Number


class NoopAction(Action, frozen=True, tag="noop"):
    pass


class SetReferrerAction(Action, frozen=True, tag="setReferrer"):
    code: str


class ReserveRequestWeightAction(Action, frozen=True, tag="reserveRequestWeight"):
    weight: Count


class UserSigned(Action, frozen=True):
    """Signed by the master itself, as typed data a wallet can show."""

    hyperliquid_chain: Literal["Mainnet", "Testnet"]
    signature_chain_id: str


class ApproveAgentAction(UserSigned, frozen=True, kw_only=True, tag="approveAgent"):
    agent_address: Address
    nonce: Millis
    agent_name: str | None = None


class ApproveBuilderFeeAction(UserSigned, frozen=True, kw_only=True, tag="approveBuilderFee"):
    max_fee_rate: str
    builder: Address
    nonce: Millis


AccountActions = (
    UpdateLeverageAction
    | UpdateIsolatedMarginAction
    | TopUpIsolatedOnlyMarginAction
    | NoopAction
    | SetReferrerAction
    | ReserveRequestWeightAction
    | ApproveAgentAction
    | ApproveBuilderFeeAction
)
