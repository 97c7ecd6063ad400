"""Typed data as a wallet signs it, by the SDK's own signing; and the money actions a client can send."""

import hyperliquid.utils.signing as signing

from tests.sim.venue.desk import MASTER

DONE = {"status": "ok", "response": {"type": "default"}}
TYPES = {
    "usdSend": ("time", signing.USD_SEND_SIGN_TYPES, "UsdSend"),
    "withdraw3": ("time", signing.WITHDRAW_SIGN_TYPES, "Withdraw"),
    "spotSend": ("time", signing.SPOT_TRANSFER_SIGN_TYPES, "SpotSend"),
    "usdClassTransfer": ("nonce", signing.USD_CLASS_TRANSFER_SIGN_TYPES, "UsdClassTransfer"),
    "sendAsset": ("nonce", signing.SEND_ASSET_SIGN_TYPES, "SendAsset"),
    "userDexAbstraction": ("nonce", signing.USER_DEX_ABSTRACTION_SIGN_TYPES, "UserDexAbstraction"),
    "tokenDelegate": ("nonce", signing.TOKEN_DELEGATE_TYPES, "TokenDelegate"),
    "convertToMultiSigUser": (
        "nonce",
        signing.CONVERT_TO_MULTI_SIG_USER_SIGN_TYPES,
        "ConvertToMultiSigUser",
    ),
    "userSetAbstraction": ("nonce", signing.USER_SET_ABSTRACTION_SIGN_TYPES, "UserSetAbstraction"),
}


def err(text):
    return {"status": "err", "response": text}


def sign_and_send(desk, kind, *, signer=MASTER, nonce=None, vault=None, **fields):
    """Sign a user-signed action and send it; nonce is what the action says, the envelope's is the desk's."""
    desk.nonce += 1
    named, types, title = TYPES[kind]
    action = {"type": kind, **fields, named: desk.nonce if nonce is None else nonce}
    primary = f"HyperliquidTransaction:{title}"
    signature = signing.sign_user_signed_action(signer, action, types, primary, False)
    return desk.send(action, signature, desk.nonce, vault=vault)


def usd_send(desk, amount, to, **options):
    return sign_and_send(desk, "usdSend", destination=to, amount=str(amount), **options)


def withdraw(desk, amount, to, **options):
    return sign_and_send(desk, "withdraw3", destination=to, amount=str(amount), **options)


def spot_send(desk, amount, to, *, token="USDC:0x6d1e7cde53ba9467b783cb7c530ce054", **options):
    return sign_and_send(desk, "spotSend", destination=to, token=token, amount=str(amount), **options)


def to_class(desk, amount, *, perp, **options):
    return sign_and_send(desk, "usdClassTransfer", amount=str(amount), toPerp=perp, **options)


def send_asset(desk, amount, to, *, way=("", ""), sub="", token="USDC", **options):
    fields = {"destination": to, "sourceDex": way[0], "destinationDex": way[1], "token": token}
    return sign_and_send(desk, "sendAsset", **fields, amount=str(amount), fromSubAccount=sub, **options)


def set_abstraction(desk, user, mode, **options):
    return sign_and_send(desk, "userSetAbstraction", user=user, abstraction=mode, **options)


def with_sub_account(desk, usd=0, name="one"):
    """Give the master enough volume, make a sub-account, send it money, and return its address."""
    account = desk.venue._account(MASTER.address)
    account.traded_usd = max(account.traded_usd, type(account.traded_usd)(100_000))
    reply = desk.post({"type": "createSubAccount", "name": name})
    sub = reply["response"]["data"]
    if usd:
        assert sub_transfer(desk, sub, usd) == DONE
    return sub


def sub_transfer(desk, sub, usd, *, deposit=True, **options):
    action = {
        "type": "subAccountTransfer",
        "subAccountUser": sub,
        "isDeposit": deposit,
        "usd": int(usd * 10**6),
    }
    return desk.post(action, **options)


def ledger(desk, user):
    return [row["delta"] for row in desk.info("userNonFundingLedgerUpdates", user=user, startTime=0)]
