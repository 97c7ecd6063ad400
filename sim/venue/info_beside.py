"""/info about what lies beside trading perps. This venue has no vaults, stakes or deployments: every account has none."""

from decimal import Decimal
from typing import Any

from sim.venue.account import Account
from sim.venue.state import VenueState
from sim.venue.wire import number

Document = dict[str, Any]

CODE_VOLUME_USD = Decimal(10_000)
"""What must have been traded before a referral code can be made."""

AUCTION_S = 31 * 3_600
AUCTION_GAS = "500.0"
ACTIVATION_FEE = "1.0"
LAWFUL: Document = {"ipAllowed": True, "acceptedTerms": True, "userAllowed": True}
NO_STAKE: Document = {
    "delegated": "0.0",
    "undelegated": "0.0",
    "totalPendingWithdrawal": "0.0",
    "nPendingWithdrawals": 0,
}


def referral(account: Account) -> Document:
    """Return an account that was referred by nobody and refers nobody."""
    rewards = {
        "cumVlm": number(account.traded_usd),
        "unclaimedRewards": "0.0",
        "claimedRewards": "0.0",
        "builderRewards": "0.0",
    }
    may_refer = account.traded_usd >= CODE_VOLUME_USD
    stage: Document = (
        {"stage": "needToCreateCode"}
        if may_refer
        else {"stage": "needToTrade", "data": {"required": number(CODE_VOLUME_USD)}}
    )
    return {
        "referredBy": None,
        **rewards,
        "referrerState": stage,
        "rewardHistory": [],
        "tokenToState": [[0, rewards]],
    }


def transfer_check(state: VenueState, user: str) -> Document:
    """Return whether an address may be sent to: one without an account here pays for its activation."""
    account = state.accounts.get(user.lower())
    return {
        "fee": ACTIVATION_FEE if account is None else "0.0",
        "isSanctioned": False,
        "userExists": account is not None,
        "userHasSentTx": account is not None and account.requests_used > 0,
    }


def auction(state: VenueState) -> Document:
    """Return the deployment auction that runs now: nobody bids, so its gas stays at the floor."""
    now_s = state.now_ms // 1000
    return {
        "startTimeSeconds": now_s - now_s % AUCTION_S,
        "durationSeconds": AUCTION_S,
        "startGas": AUCTION_GAS,
        "currentGas": AUCTION_GAS,
        "endGas": None,
    }


def spot_deploy_state(state: VenueState) -> Document:
    return {"states": [], "gasAuction": auction(state)}
