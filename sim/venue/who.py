"""Who asks: the signer of an action, and the account it acts for (hyperliquid.md 2.2, 2.3)."""

import msgspec

from sim.venue.account import Account
from sim.venue.account_actions import UserSigned
from sim.venue.actions import AnyAction, Envelope
from sim.venue.reply import Refusal
from sim.venue.signature import Unrecoverable, action_hash, agent_digest, recover, user_signed_digest
from sim.venue.state import VenueState


def signer_of(state: VenueState, envelope: Envelope, action: AnyAction) -> str:
    if isinstance(action, UserSigned):
        digest = _user_signed(state, envelope, action)
    else:
        connection_id = action_hash(
            action,
            vault=envelope.vault_address,
            nonce=envelope.nonce,
            expires_after=envelope.expires_after,
        )
        digest = agent_digest(connection_id, state.chain)
    signature = envelope.signature
    return recover(digest, int(signature.r, 16), int(signature.s, 16), signature.v)


def _user_signed(state: VenueState, envelope: Envelope, action: UserSigned) -> bytes:
    if action.hyperliquid_chain != state.chain.title:
        raise Refusal("Mainnet and testnet require different signature.")
    if action.nonce != envelope.nonce:
        raise Refusal("Nonce mismatch.")
    try:
        return user_signed_digest(msgspec.to_builtins(action), state.chain)
    except (ValueError, OverflowError) as e:
        raise Unrecoverable(f"signatureChainId is no chain: {e}") from e


def account_for(state: VenueState, signer: str, action: AnyAction) -> Account:
    """Return whose action it is. An agent stays its master's even if somebody sends money to its address."""
    account, agent = state.accounts.get(signer), state.agents.get(signer)
    if isinstance(action, UserSigned):
        if account is None:
            raise Refusal(f"Must deposit before performing actions. User: {signer}")
        return account
    if account is not None and agent is None:
        return account
    if agent is None or agent.master not in state.accounts:
        raise Refusal(f"User or API Wallet {signer} does not exist.")
    return state.accounts[agent.master]
