"""POST /exchange: an envelope is opened, its signer known, its nonce used, and its action carried out (2)."""

from sim.venue import (
    account_settings,
    agents,
    margin_settings,
    not_served,
    ordering,
    sub_accounts,
    transfers,
    twaps,
)
from sim.venue.account_actions import UserSigned
from sim.venue.actions import Envelope, canonical
from sim.venue.allowance import charge, weight, within_budget
from sim.venue.reply import Document, Handlers, Refusal
from sim.venue.state import VenueState
from sim.venue.sub_accounts import acting_account
from sim.venue.who import account_for, signer_of

WEIGHT_MAX = 200
EXPIRED_COST = 5
HANDLERS: Handlers = {
    **ordering.HANDLERS,
    **twaps.HANDLERS,
    **margin_settings.HANDLERS,
    **account_settings.HANDLERS,
    **agents.HANDLERS,
    **sub_accounts.HANDLERS,
    **transfers.HANDLERS,
    **not_served.HANDLERS,
}


def act(state: VenueState, envelope: Envelope) -> Document:
    """Carry out a signed action and return the reply. Raises Unrecoverable for a signature of nobody."""
    try:
        return _act(state, envelope)
    except Refusal as e:
        return {"status": "err", "response": str(e)}


def _act(state: VenueState, envelope: Envelope) -> Document:
    cost = weight(envelope.action)
    if cost > WEIGHT_MAX:
        raise Refusal(f"Signed action over weight limit of {WEIGHT_MAX}.")
    action = canonical(envelope.action)
    signer = signer_of(state, envelope, action)
    account = account_for(state, signer, action)
    if not isinstance(action, UserSigned):
        account = acting_account(state, account, envelope.vault_address)
    nonces = state.signer_nonces(signer)
    refusal = nonces.refusal(envelope.nonce, state.now_ms)
    if refusal is not None:
        raise Refusal(refusal)
    nonces.use(envelope.nonce)
    if envelope.expires_after is not None and state.now_ms > envelope.expires_after:
        account.requests_used += EXPIRED_COST * cost
        raise Refusal("Action already expired")
    within_budget(state, account, action, cost)
    reply = HANDLERS[type(action)](state, account, action)
    charge(state, account, action, cost)
    return reply
