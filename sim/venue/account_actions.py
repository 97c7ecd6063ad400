"""Actions about the account: leverage, money, signers, limits (hyperliquid.md 2.4)."""

from typing import Literal

from msgspec import field

from sim.venue.action_fields import (
    Action,
    Address,
    AddressOrNone,
    Count,
    Millionths,
    Millis,
    Number,
    SignedMillionths,
    Wei,
)


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


class CreateSubAccountAction(Action, frozen=True, tag="createSubAccount"):
    name: str


class SubAccountModifyAction(Action, frozen=True, tag="subAccountModify"):
    sub_account_user: Address
    name: str


class SubAccountTransferAction(Action, frozen=True, tag="subAccountTransfer"):
    """usd is in millionths of a dollar; a deposit goes from the master to the sub-account."""

    sub_account_user: Address
    is_deposit: bool
    usd: Millionths


class SubAccountSpotTransferAction(Action, frozen=True, tag="subAccountSpotTransfer"):
    sub_account_user: Address
    is_deposit: bool
    token: str
    amount: str


class VaultTransferAction(Action, frozen=True, tag="vaultTransfer"):
    vault_address: Address
    is_deposit: bool
    usd: Millionths


class AgentSetAbstractionAction(Action, frozen=True, tag="agentSetAbstraction"):
    abstraction: Literal["u", "p", "i"]


class AgentEnableDexAbstractionAction(Action, frozen=True, tag="agentEnableDexAbstraction"):
    pass


class ReserveRequestWeightAction(Action, frozen=True, tag="reserveRequestWeight"):
    weight: Count


class UserSigned(Action, frozen=True, kw_only=True):
    """Signed by the master itself, as typed data a wallet can show; its nonce is that of the envelope."""

    hyperliquid_chain: Literal["Mainnet", "Testnet"]
    signature_chain_id: str
    nonce: Millis


class ApproveAgentAction(UserSigned, frozen=True, kw_only=True, tag="approveAgent"):
    agent_address: Address
    agent_name: str | None = None


class ApproveBuilderFeeAction(UserSigned, frozen=True, kw_only=True, tag="approveBuilderFee"):
    max_fee_rate: str
    builder: Address


class UsdSendAction(UserSigned, frozen=True, kw_only=True, tag="usdSend"):
    destination: Address
    amount: str
    nonce: Millis = field(name="time")


class WithdrawAction(UserSigned, frozen=True, kw_only=True, tag="withdraw3"):
    destination: Address
    amount: str
    nonce: Millis = field(name="time")


class SpotSendAction(UserSigned, frozen=True, kw_only=True, tag="spotSend"):
    destination: Address
    token: str
    amount: str
    nonce: Millis = field(name="time")


class UsdClassTransferAction(UserSigned, frozen=True, kw_only=True, tag="usdClassTransfer"):
    """amount may end in ' subaccount:0x...', whose money it then is."""

    amount: str
    to_perp: bool


class SendAssetAction(UserSigned, frozen=True, kw_only=True, tag="sendAsset"):
    destination: Address
    source_dex: str
    destination_dex: str
    token: str
    amount: str
    from_sub_account: AddressOrNone


class UserSetAbstractionAction(UserSigned, frozen=True, kw_only=True, tag="userSetAbstraction"):
    user: Address
    abstraction: Literal["unifiedAccount", "portfolioMargin", "disabled"]


class UserDexAbstractionAction(UserSigned, frozen=True, kw_only=True, tag="userDexAbstraction"):
    user: Address
    enabled: bool


class TokenDelegateAction(UserSigned, frozen=True, kw_only=True, tag="tokenDelegate"):
    validator: Address
    wei: Wei
    is_undelegate: bool


class ConvertToMultiSigUserAction(UserSigned, frozen=True, kw_only=True, tag="convertToMultiSigUser"):
    """signers is JSON in a string."""

    signers: str


AccountActions = (
    UpdateLeverageAction
    | UpdateIsolatedMarginAction
    | TopUpIsolatedOnlyMarginAction
    | NoopAction
    | SetReferrerAction
    | ReserveRequestWeightAction
    | CreateSubAccountAction
    | SubAccountModifyAction
    | SubAccountTransferAction
    | SubAccountSpotTransferAction
    | VaultTransferAction
    | AgentSetAbstractionAction
    | UsdSendAction
    | WithdrawAction
    | SpotSendAction
    | UsdClassTransferAction
    | SendAssetAction
    | UserSetAbstractionAction
    | UserDexAbstractionAction
    | AgentEnableDexAbstractionAction
    | TokenDelegateAction
    | ConvertToMultiSigUserAction
    | ApproveAgentAction
    | ApproveBuilderFeeAction
)
