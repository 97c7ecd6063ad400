"""Sub-accounts: made by a master, traded for by it or its agents, with money that comes from it (hyperliquid.md 2.1)."""

import hashlib
from typing import Any

from sim.venue.account import ZERO, Account
from sim.venue.account_actions import CreateSubAccountAction, SubAccountModifyAction
from sim.venue.margin import clearinghouse
from sim.venue.reply import Document, Handlers, Refusal, done, ok
from sim.venue.state import VenueState
from sim.venue.wire import number

VOLUME_MIN_USD = 100_000
USDC_TOKEN = 0


def acting_account(state: VenueState, owner: Account, vault_address: str | None) -> Account:
    """Return the account that an action of this owner is for. There are no vaults but sub-accounts of its own."""
    if vault_address is None:
        return owner
    address = "0x" + vault_address.removeprefix("0x").lower()
    account = state.accounts.get(address)
    if account is None or account.master != owner.address:
        raise Refusal(f"Vault not registered: {address}")
    return account


def own_or_sub(state: VenueState, owner: Account, address: str) -> Account:
    """Return the owner itself or a sub-account of its own. Raises Refusal for anybody else's."""
    return owner if address == owner.address else sub_account(state, owner, address)


def sub_account(state: VenueState, owner: Account, address: str) -> Account:
    """Return one of the owner's sub-accounts. The text for another address is ours."""
    account = state.accounts.get(address)
    if account is None or account.master != owner.address:
        raise Refusal(f"Sub-account {address} does not exist.")
    return account


def of_master(state: VenueState, account: Account) -> list[Account]:
    return [a for a in state.accounts.values() if a.master == account.address]


def sub_account_documents(state: VenueState, account: Account) -> list[dict[str, Any]] | None:
    """Return the answer to subAccounts: None without any."""
    rows = [
        {
            "name": sub.name,
            "subAccountUser": sub.address,
            "master": account.address,
            "clearinghouseState": clearinghouse(state, sub),
            "spotState": spot_state(sub),
        }
        for sub in of_master(state, account)
    ]
    return rows or None


def spot_state(account: Account) -> dict[str, Any]:
    """Return spotClearinghouseState: USDC is the only token here, and nothing holds it."""
    if account.spot_usd == 0:
        return {"balances": []}
    usdc = {
        "coin": "USDC",
        "token": USDC_TOKEN,
        "total": number(account.spot_usd),
        "hold": "0.0",
        "entryNtl": "0.0",
    }
    return {"balances": [usdc]}


def _create(state: VenueState, account: Account, action: CreateSubAccountAction) -> Document:
    _master_only(account)
    traded = account.traded_usd
    if traded < VOLUME_MIN_USD:
        raise Refusal(
            "Cannot create sub-accounts until enough volume traded. "
            f"Required: ${VOLUME_MIN_USD}. Traded: ${traded:.2f}."
        )
    number_of = len(of_master(state, account)) + 1
    address = "0x" + hashlib.sha256(f"{account.address} {number_of}".encode()).hexdigest()[:40]
    state.add_account(
        Account(
            address,
            deposited_usd=ZERO,
            cash_usd=ZERO,
            master=account.address,
            name=action.name,
            builder_fees=account.builder_fees,
        )
    )
    return ok("createSubAccount", address)


def _modify(state: VenueState, account: Account, action: SubAccountModifyAction) -> Document:
    sub_account(state, account, action.sub_account_user.lower()).name = action.name
    return done()


def _master_only(account: Account) -> None:
    if account.master is not None:
        raise Refusal("A sub-account cannot have sub-accounts.")


HANDLERS: Handlers = {CreateSubAccountAction: _create, SubAccountModifyAction: _modify}
