"""Whatever is signed is signed as the SDK signs it. The 44 recorded vectors are in tests/conformance/test_signing.py."""

import json
import subprocess
import sys

import pytest
from eth_account import Account as EthAccount
from hyperliquid.utils.signing import action_hash as sdk_action_hash
from hyperliquid.utils.signing import sign_l1_action
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.hyperliquid.signing import Network, Signature, Signer, action_hash
from tests.adapters.hyperliquid.desk import KEY


def numbers(signature):
    return int(signature["r"], 16), int(signature["s"], 16), signature["v"]


def ours(signature: Signature):
    return int(signature.r, 16), int(signature.s, 16), signature.v


words = st.text("abcdefghijklmnop0123456789.", min_size=0, max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | words,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(words, inner, max_size=20),
    max_leaves=60,
)


@settings(max_examples=60, deadline=None)
@given(
    action=st.dictionaries(words, values, max_size=8),
    secret=st.binary(min_size=32, max_size=32).filter(lambda b: 0 < int.from_bytes(b, "big") < 2**255),
    nonce=st.integers(0, 2**64 - 1),
    expires_ms=st.none() | st.integers(0, 2**64 - 1),
    vault=st.none() | st.binary(min_size=20, max_size=20).map(lambda b: "0x" + b.hex()),
)
def test_any_action_is_signed_as_the_sdk_signs_it(action, secret, nonce, expires_ms, vault):
    ours_hash = action_hash(action, nonce, vault=vault, expires_ms=expires_ms)
    assert ours_hash == sdk_action_hash(action, vault, nonce, expires_ms)
    for network in Network:
        theirs = sign_l1_action(
            EthAccount.from_key(secret), action, vault, nonce, expires_ms, network is Network.MAINNET
        )
        assert ours(Signer.from_key(secret.hex()).sign_hash(ours_hash, network)) == numbers(theirs)


@given(secret=st.binary(min_size=32, max_size=32).filter(lambda b: 0 < int.from_bytes(b, "big") < 2**255))
def test_an_address_is_the_one_that_belongs_to_the_key(secret):
    assert Signer.from_key("0x" + secret.hex()).address == EthAccount.from_key(secret).address.lower()


@pytest.mark.parametrize(
    "text", ["", "0x", "deadbeef", "z" * 64, "0" * 64, "f" * 64, "0x" + "1" * 65, "11" * 33]
)
def test_a_wrong_key_gives_one_clear_error_that_does_not_show_it(text):
    with pytest.raises(ValueError, match="64 hex digits") as caught:
        Signer.from_key(text)
    assert caught.value.__cause__ is None
    assert len(text) < 8 or text not in str(caught.value)


def test_a_signer_does_not_show_its_key():
    assert "11" * 8 not in repr(Signer.from_key(KEY)) + str(Signer.from_key(KEY))


def test_the_sdk_is_not_loaded_by_the_adapter():
    code = (
        "import sys, json, adapters.hyperliquid.gateway, adapters.hyperliquid.feed, adapters.hyperliquid.reference;"
        "print(json.dumps([m for m in ('hyperliquid', 'eth_account', 'requests', 'aiohttp', 'websockets') "
        "if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
