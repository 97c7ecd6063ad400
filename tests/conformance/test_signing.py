"""The 44 signing vectors of three other clients (hyperliquid.md 6.1): our venue recovers the signer of every one, our
adapter makes the same signature, and a nonce one higher recovers a stranger."""

import eth_account
import pytest
from hyperliquid.utils.signing import USD_SEND_SIGN_TYPES, WITHDRAW_SIGN_TYPES

from adapters.hyperliquid.signing import Network, Signer
from adapters.hyperliquid.signing import action_hash as adapter_hash
from sim.venue.signature import Chain, action_hash, agent_digest, recover, user_signed_digest
from tests.conformance.recordings import MESSAGES, document, needs_messages

pytestmark = needs_messages

FILES = ("sdk_signing_vectors.json", "nktkas_signing_vectors.json", "rust_signing_vectors.json")
NETWORKS = {"mainnet": (Chain.MAINNET, Network.MAINNET), "testnet": (Chain.TESTNET, Network.TESTNET)}
FEE_TYPES = [
    {"name": "hyperliquidChain", "type": "string"},
    {"name": "maxFeeRate", "type": "string"},
    {"name": "builder", "type": "address"},
    {"name": "nonce", "type": "uint64"},
]
USER_TYPES = {
    "usdSend": (USD_SEND_SIGN_TYPES, "UsdSend"),
    "withdraw3": (WITHDRAW_SIGN_TYPES, "Withdraw"),
    "approveBuilderFee": (FEE_TYPES, "ApproveBuilderFee"),
}


def vectors(kind):
    if not MESSAGES.is_dir():
        return []
    rows = ((name, document(f"vectors/{name}").get(kind, [])) for name in FILES)
    return [(name.split("_")[0], row) for name, found in rows for row in found]


def signed(kind):
    """Return one case for each network that a vector gives a signature for."""
    return [
        pytest.param(row, network, id=f"{name} {row['name']} {network}")
        for name, row in vectors(kind)
        for network in NETWORKS
        if row.get(network)
    ]


def venue_hash(row, nonce=None):
    return action_hash(
        row["action"],
        vault=row["vaultAddress"],
        nonce=row["nonce"] if nonce is None else nonce,
        expires_after=row["expiresAfter"],
    )


def recovered(digest, signature):
    return recover(digest, int(signature["r"], 16), int(signature["s"], 16), signature["v"])


def address(key):
    return eth_account.Account.from_key(key).address.lower()


def numbers(signature):
    return int(signature["r"], 16), int(signature["s"], 16), signature["v"]


def ours(signature):
    return int(signature.r, 16), int(signature.s, 16), signature.v


def test_there_are_forty_four_vectors():
    counts = len(vectors("hash")), len(signed("l1")), len(signed("userSigned"))
    assert sum(counts) == 44
    assert min(counts) >= 4


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"{name} {row['name']}") for name, row in vectors("hash")]
)
def test_an_action_hashes_as_recorded(row):
    assert "0x" + venue_hash(row).hex() == row["hash"]
    expires_ms = row.get("expiresAfter")
    made = adapter_hash(row["action"], row["nonce"], vault=row.get("vaultAddress"), expires_ms=expires_ms)
    assert "0x" + made.hex() == row["hash"]


@pytest.mark.parametrize(("row", "network"), signed("l1"))
def test_the_venue_knows_who_signed_an_action(row, network):
    chain, _ = NETWORKS[network]
    assert recovered(agent_digest(venue_hash(row), chain), row[network]) == address(row["key"])


@pytest.mark.parametrize(("row", "network"), signed("l1"))
def test_a_nonce_one_higher_recovers_a_stranger(row, network):
    chain, _ = NETWORKS[network]
    digest = agent_digest(venue_hash(row, row["nonce"] + 1), chain)
    assert recovered(digest, row[network]) != address(row["key"])


@pytest.mark.parametrize(("row", "network"), signed("l1"))
def test_the_other_network_recovers_a_stranger(row, network):
    other = "testnet" if network == "mainnet" else "mainnet"
    digest = agent_digest(venue_hash(row), NETWORKS[other][0])
    assert recovered(digest, row[network]) != address(row["key"])


@pytest.mark.parametrize(("row", "network"), signed("userSigned"))
def test_the_venue_knows_who_signed_typed_data(row, network):
    chain, _ = NETWORKS[network]
    message = {"type": row["type"], **row["message"]}
    assert recovered(user_signed_digest(message, chain), row[network]) == address(row["key"])
    [number] = (k for k in ("time", "nonce") if k in message)
    later = user_signed_digest(message | {number: message[number] + 1}, chain)
    assert recovered(later, row[network]) != address(row["key"])


@pytest.mark.parametrize(("row", "network"), signed("l1"))
def test_the_adapter_signs_an_action_with_the_recorded_numbers(row, network):
    made = adapter_hash(
        row["action"], row["nonce"], vault=row["vaultAddress"], expires_ms=row["expiresAfter"]
    )
    assert ours(Signer.from_key(row["key"]).sign_hash(made, NETWORKS[network][1])) == numbers(row[network])


@pytest.mark.parametrize(("row", "network"), signed("userSigned"))
def test_the_adapter_signs_typed_data_with_the_recorded_numbers(row, network):
    fields, primary = USER_TYPES[row["type"]]
    signer = Signer.from_key(row["key"])
    made = signer.sign_user_action(row["message"], fields, name=primary, network=NETWORKS[network][1])
    assert ours(made) == numbers(row[network])
