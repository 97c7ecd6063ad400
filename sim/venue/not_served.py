"""Actions that the real venue knows and this one does not carry out: staking, multi-sig, the dexes of others (2.2).

They are read and their signer is found as usual, and then refused. The texts are ours.
"""

from sim.venue.account import Account
from sim.venue.account_actions import (
    AgentEnableDexAbstractionAction,
    ConvertToMultiSigUserAction,
    TokenDelegateAction,
    UserDexAbstractionAction,
)
from sim.venue.reply import Document, Handlers, Refusal
from sim.venue.state import VenueState

NotServed = (
    TokenDelegateAction
    | ConvertToMultiSigUserAction
    | UserDexAbstractionAction
    | AgentEnableDexAbstractionAction
)
WORDS: dict[type, str] = {
    TokenDelegateAction: "Staking",
    ConvertToMultiSigUserAction: "A multi-sig account",
    UserDexAbstractionAction: "Dex abstraction",
    AgentEnableDexAbstractionAction: "Dex abstraction",
}


def _refuse(state: VenueState, account: Account, action: NotServed) -> Document:
    raise Refusal(f"{WORDS[type(action)]} is not served by this venue.")


HANDLERS: Handlers = dict.fromkeys(WORDS, _refuse)
