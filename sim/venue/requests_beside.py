"""Requests about what lies beside trading perps: vaults, staking, deployments, signers, the law."""

from typing import Annotated

from msgspec import Meta

from sim.venue.request_base import OfUser, Request, User


class AskReferral(OfUser, frozen=True, tag="referral"):
    pass


class AskLegalCheck(OfUser, frozen=True, tag="legalCheck"):
    pass


class AskIsVip(OfUser, frozen=True, tag="isVip"):
    pass


class AskMultiSigSigners(OfUser, frozen=True, tag="userToMultiSigSigners"):
    pass


class AskPreTransferCheck(OfUser, frozen=True, tag="preTransferCheck"):
    source: User


class AskVaultEquities(OfUser, frozen=True, tag="userVaultEquities"):
    pass


class AskLeadingVaults(OfUser, frozen=True, tag="leadingVaults"):
    pass


class AskVaultDetails(Request, frozen=True, tag="vaultDetails"):
    vault_address: User
    user: User | None = None


class AskVaultSummaries(Request, frozen=True, tag="vaultSummaries"):
    pass


class AskDelegations(OfUser, frozen=True, tag="delegations"):
    pass


class AskDelegatorSummary(OfUser, frozen=True, tag="delegatorSummary"):
    pass


class AskDelegatorHistory(OfUser, frozen=True, tag="delegatorHistory"):
    pass


class AskDelegatorRewards(OfUser, frozen=True, tag="delegatorRewards"):
    pass


class AskValidatorSummaries(Request, frozen=True, tag="validatorSummaries"):
    pass


class AskValidatorVotes(Request, frozen=True, tag="validatorL1Votes"):
    pass


class AskPerpDeployAuction(Request, frozen=True, tag="perpDeployAuctionStatus"):
    pass


class AskSpotPairDeployAuction(Request, frozen=True, tag="spotPairDeployAuctionStatus"):
    pass


class AskSpotDeployState(OfUser, frozen=True, tag="spotDeployState"):
    pass


class AskTokenDetails(Request, frozen=True, tag="tokenDetails"):
    token_id: Annotated[str, Meta(pattern=r"^0x[0-9a-fA-F]{32}\Z")]


BesideRequest = (
    AskReferral
    | AskLegalCheck
    | AskIsVip
    | AskMultiSigSigners
    | AskPreTransferCheck
    | AskVaultEquities
    | AskLeadingVaults
    | AskVaultDetails
    | AskVaultSummaries
    | AskDelegations
    | AskDelegatorSummary
    | AskDelegatorHistory
    | AskDelegatorRewards
    | AskValidatorSummaries
    | AskValidatorVotes
    | AskPerpDeployAuction
    | AskSpotPairDeployAuction
    | AskSpotDeployState
    | AskTokenDetails
)
