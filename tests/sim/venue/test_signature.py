"""Who signed: the 44 vectors of three other clients, and what one wrong byte does (hyperliquid.md 6.1)."""

import json

import eth_account
import pytest

from sim.venue.signature import (
    USER_SIGNED,
    Chain,
    Unrecoverable,
    action_hash,
    agent_digest,
    recover,
    user_signed_digest,
)
from tests.sim.venue.desk import MESSAGES, needs_messages

CHAINS = {"mainnet": Chain.MAINNET, "testnet": Chain.TESTNET}


def vectors(kind):
    if not MESSAGES.is_dir():
        return []
    files = sorted((MESSAGES / "vectors").glob("*.json"))
    return [(f.stem, row) for f in files for row in json.loads(f.read_text()).get(kind, [])]


def signed(kind):
    return [
        pytest.param(row, network, id=f"{name} {row['name']} {network}")
        for name, row in vectors(kind)
        for network in CHAINS
        if network in row
    ]


def connection(row, nonce=None):
    return action_hash(
        row["action"],
        vault=row["vaultAddress"],
        nonce=row["nonce"] if nonce is None else nonce,
        expires_after=row["expiresAfter"],
    )


def signer(digest, signature):
    return recover(digest, int(signature["r"], 16), int(signature["s"], 16), signature["v"])


def address(key):
    return eth_account.Account.from_key(key).address.lower()


@needs_messages
def test_there_are_forty_four_vectors():
    assert len(vectors("hash")) + len(signed("l1")) + len(signed("userSigned")) == 44


@needs_messages
@pytest.mark.parametrize("row", [pytest.param(r, id=r["name"]) for _, r in vectors("hash")])
def test_an_action_hashes_as_recorded(row):
    assert "0x" + connection(row).hex() == row["hash"]


@needs_messages
@pytest.mark.parametrize(("row", "network"), signed("l1"))
def test_the_signer_of_an_action_is_recovered(row, network):
    digest = agent_digest(connection(row), CHAINS[network])
    assert signer(digest, row[network]) == address(row["key"])


@needs_messages
@pytest.mark.parametrize(("row", "network"), signed("l1"))
def test_another_nonce_recovers_a_stranger(row, network):
    digest = agent_digest(connection(row, row["nonce"] + 1), CHAINS[network])
    assert signer(digest, row[network]) != address(row["key"])


@needs_messages
@pytest.mark.parametrize(("row", "network"), signed("userSigned"))
def test_the_signer_of_typed_data_is_recovered(row, network):
    digest = user_signed_digest({"type": row["type"], **row["message"]}, CHAINS[network])
    assert signer(digest, row[network]) == address(row["key"])


def test_a_signature_of_no_point_is_refused():
    with pytest.raises(Unrecoverable, match="belong to no key"):
        recover(b"\1" * 32, 2**256 - 1, 1, 27)


def test_every_user_signed_type_begins_with_a_capital():
    assert all(title[0].isupper() for title, _ in USER_SIGNED.values())
