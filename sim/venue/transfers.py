"""Money between accounts, between perp and spot, and out: usdSend, withdraw3, sendAsset and the rest (2.2, 2.4, 4.3).

Every movement is a row of userNonFundingLedgerUpdates of every account that it touches. Amounts in USDC, six decimals.
Where an amount is refused the venue's text is not known; those texts are ours.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sim.venue.account import Account, LedgerRow
from sim.venue.account_actions import (
    SendAssetAction,
    SpotSendAction,
    SubAccountSpotTransferAction,
    SubAccountTransferAction,
    UsdClassTransferAction,
    UsdSendAction,
    VaultTransferAction,
    WithdrawAction,
)
from sim.venue.margin import cross_equity_usd, free_usd, valuation
from sim.venue.reply import Document, Handlers, Refusal, done
from sim.venue.state import VenueState
from sim.venue.sub_accounts import sub_account
from sim.venue.wire import number

WITHDRAWAL_FEE_USD = Decimal(1)
MILLIONTH = Decimal("0.000001")
KEPT_SHARE = Decimal("0.1")
USDC = re.compile(r"^USDC(:0x[0-9a-fA-F]+)?$")
AMOUNT = re.compile(r"^([0-9]{1,15}(?:\.[0-9]{1,6}0*)?)(?: subaccount:(0x[0-9a-fA-F]{40}))?$")
NO_AMOUNT = "Invalid amount."
NO_TOKEN = "Token is not served by this venue."
TOO_LITTLE = "Insufficient balance for transfer."
TOO_LITTLE_TO_WITHDRAW = "Insufficient balance for withdrawal."


@dataclass(frozen=True, slots=True)
class Purse:
    """One account's perp or spot money."""

    account: Account
    spot: bool

    def add(self, amount_usd: Decimal) -> None:
        if self.spot:
            self.account.spot_usd += amount_usd
        else:
            self.account.cash_usd += amount_usd


def transferable_usd(state: VenueState, account: Account) -> Decimal:
    """Return what may leave the perp account: initial margin stays, and a tenth of the notional (4.3)."""
    tenth = KEPT_SHARE * valuation(state, account).cross.value
    return min(free_usd(state, account), cross_equity_usd(state, account) - tenth)


def amount_usd(text: str) -> Decimal:
    """Read an amount. Raises Refusal unless it is positive and has at most six decimals."""
    found = AMOUNT.match(text)
    if found is None or found[2] is not None or Decimal(found[1]) <= 0:
        raise Refusal(NO_AMOUNT)
    return Decimal(found[1])


def _pay(state: VenueState, purse: Purse, amount: Decimal, text: str = TOO_LITTLE) -> None:
    """Take money out of a purse. Raises Refusal if it may not leave."""
    has = purse.account.spot_usd if purse.spot else transferable_usd(state, purse.account)
    if amount <= 0:
        raise Refusal(NO_AMOUNT)
    if amount > has:
        raise Refusal(text)
    purse.add(-amount)


def _note(state: VenueState, accounts: tuple[Account, ...], delta: dict[str, Any]) -> None:
    hash_ = state.ids.hash()
    for account in accounts:
        state.note_ledger(LedgerRow(account.address, state.now_ms, hash_, delta))


def _between(source: Account, target: Account) -> dict[str, str]:
    return {"user": source.address, "destination": target.address}


# --- one account ---------------------------------------------------------------------------------------------


def _class_transfer(state: VenueState, owner: Account, action: UsdClassTransferAction) -> Document:
    """Move between spot and perp, of a sub-account if the amount names one."""
    found = AMOUNT.match(action.amount)
    if found is None:
        raise Refusal(NO_AMOUNT)
    account = owner if found[2] is None else sub_account(state, owner, found[2].lower())
    amount = Decimal(found[1])
    _pay(state, Purse(account, spot=action.to_perp), amount)
    Purse(account, spot=not action.to_perp).add(amount)
    delta = {"type": "accountClassTransfer", "usdc": number(amount), "toPerp": action.to_perp}
    _note(state, (account,), delta)
    return done()


def _withdraw(state: VenueState, account: Account, action: WithdrawAction) -> Document:
    """Let money leave the venue; the fee comes out of the amount, as in the recorded row."""
    amount = amount_usd(action.amount)
    if amount <= WITHDRAWAL_FEE_USD:
        raise Refusal(NO_AMOUNT)
    _pay(state, Purse(account, spot=False), amount, TOO_LITTLE_TO_WITHDRAW)
    delta = {
        "type": "withdraw",
        "usdc": number(amount - WITHDRAWAL_FEE_USD),
        "nonce": action.nonce * 1000,
        "fee": number(WITHDRAWAL_FEE_USD),
    }
    _note(state, (account,), delta)
    return done()


# --- between accounts ----------------------------------------------------------------------------------------


def _usd_send(state: VenueState, account: Account, action: UsdSendAction) -> Document:
    amount = amount_usd(action.amount)
    _pay(state, Purse(account, spot=False), amount)
    target = state.account_or_new(action.destination)
    target.cash_usd += amount
    delta = {"type": "internalTransfer", "usdc": number(amount), **_between(account, target), "fee": "0.0"}
    _note(state, _both(account, target), delta)
    return done()


def _spot_send(state: VenueState, account: Account, action: SpotSendAction) -> Document:
    _check_token(action.token)
    amount = amount_usd(action.amount)
    _pay(state, Purse(account, spot=True), amount)
    target = state.account_or_new(action.destination)
    target.spot_usd += amount
    _note(state, _both(account, target), _spot_transfer(account, target, amount))
    return done()


def _spot_transfer(source: Account, target: Account, amount: Decimal) -> dict[str, Any]:
    return {
        "type": "spotTransfer",
        "token": "USDC",
        "amount": number(amount),
        "usdcValue": number(amount),
        **_between(source, target),
        "fee": "0.0",
        "nativeTokenFee": "0.0",
        "nonce": None,
        "feeToken": "",
    }


def _send_asset(state: VenueState, owner: Account, action: SendAssetAction) -> Document:
    """Move USDC from anyone's purse that the signer owns to anyone's; there is one perp dex, and it has no name."""
    _check_token(action.token)
    if not {action.source_dex, action.destination_dex} <= {"", "spot"}:
        raise Refusal("Perp dex does not exist.")
    source = owner
    if action.from_sub_account:
        source = sub_account(state, owner, action.from_sub_account.lower())
    amount = amount_usd(action.amount)
    _pay(state, Purse(source, spot=action.source_dex == "spot"), amount)
    target = state.account_or_new(action.destination)
    Purse(target, spot=action.destination_dex == "spot").add(amount)
    delta = {
        **_spot_transfer(source, target, amount),
        "type": "send",
        "sourceDex": action.source_dex,
        "destinationDex": action.destination_dex,
        "nonce": action.nonce,
    }
    _note(state, _both(source, target), delta)
    return done()


def _check_token(token: str) -> None:
    if USDC.match(token) is None:
        raise Refusal(NO_TOKEN)


def _both(source: Account, target: Account) -> tuple[Account, ...]:
    return (source,) if source is target else (source, target)


# --- sub-accounts and vaults ---------------------------------------------------------------------------------


def _sub_transfer(state: VenueState, owner: Account, action: SubAccountTransferAction) -> Document:
    """Move perp money to a sub-account (isDeposit) or back; usd counts millionths."""
    source, target = _ends(state, owner, action)
    amount = action.usd * MILLIONTH
    _pay(state, Purse(source, spot=False), amount)
    target.cash_usd += amount
    delta = {"type": "subAccountTransfer", "usdc": number(amount), **_between(source, target)}
    _note(state, (source, target), delta)
    return done()


def _sub_spot_transfer(state: VenueState, owner: Account, action: SubAccountSpotTransferAction) -> Document:
    _check_token(action.token)
    source, target = _ends(state, owner, action)
    amount = amount_usd(action.amount)
    _pay(state, Purse(source, spot=True), amount)
    target.spot_usd += amount
    _note(state, (source, target), _spot_transfer(source, target, amount))
    return done()


def _ends(
    state: VenueState, owner: Account, action: SubAccountTransferAction | SubAccountSpotTransferAction
) -> tuple[Account, Account]:
    sub = sub_account(state, owner, action.sub_account_user.lower())
    return (owner, sub) if action.is_deposit else (sub, owner)


def _vault_transfer(state: VenueState, account: Account, action: VaultTransferAction) -> Document:
    raise Refusal(f"Vault not registered: {action.vault_address.lower()}")


HANDLERS: Handlers = {
    UsdClassTransferAction: _class_transfer,
    WithdrawAction: _withdraw,
    UsdSendAction: _usd_send,
    SpotSendAction: _spot_send,
    SendAssetAction: _send_asset,
    SubAccountTransferAction: _sub_transfer,
    SubAccountSpotTransferAction: _sub_spot_transfer,
    VaultTransferAction: _vault_transfer,
}
