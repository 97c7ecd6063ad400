"""Signatures the venue accepts, made by hand, because the SDK's own way takes ten times as long.

An L1 action is hashed as msgpack, nonce, vault and expiry, and that hash is signed as an EIP-712 message
whose type and domain never change (hyperliquid.md 2.2). The venue's own code stays the definition: tests hold
every signature made here equal to the SDK's. The SDK itself is imported only for actions that move money.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import coincurve
import msgspec
from Crypto.Hash import keccak

KEY_HELP = "a signing key is 0x and 64 hex digits, not zero, below the order of secp256k1"


class Network(StrEnum):
    """Which chain a signature is for; the word is the source that the venue hashes.

    TESTNET is for every host but the venue's own mainnet, the simulator included. It is configured and
    never guessed from an address, so that a proxy in front of mainnet still gets mainnet signatures.
    """

    MAINNET = "a"
    TESTNET = "b"


class Signature(NamedTuple):
    """ECDSA signature: r and s as 0x and 64 hex digits, v 27 or 28."""

    r: str
    s: str
    v: int


def keccak256(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


_AGENT_TYPE = keccak256(b"Agent(string source,bytes32 connectionId)")
_DOMAIN = keccak256(
    keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    + keccak256(b"Exchange")
    + keccak256(b"1")
    + (1337).to_bytes(32, "big")
    + bytes(32)
)
_MESSAGE_HEAD = b"\x19\x01" + _DOMAIN
_STRUCT_HEAD = {network: _AGENT_TYPE + keccak256(network.value.encode()) for network in Network}

_packer = msgspec.msgpack.Encoder()


def action_hash(
    action: object, nonce: int, *, vault: str | None = None, expires_ms: int | None = None
) -> bytes:
    """Return the 32 bytes that stand for an action. The order of its keys counts.

    vault is a sub-account's or vault's address, with or without 0x; expires_ms enters only when it is set.
    """
    data = _packer.encode(action) + nonce.to_bytes(8, "big")
    data += b"\x00" if vault is None else b"\x01" + bytes.fromhex(vault.removeprefix("0x"))
    if expires_ms is not None:
        data += b"\x00" + expires_ms.to_bytes(8, "big")
    return keccak256(data)


def agent_digest(connection_id: bytes, network: Network) -> bytes:
    """Return the EIP-712 digest of Agent{source, connectionId}."""
    return keccak256(_MESSAGE_HEAD + keccak256(_STRUCT_HEAD[network] + connection_id))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Signer:
    """One secret key and its address (lower case). It never shows the key."""

    address: str
    _key: coincurve.PrivateKey

    @classmethod
    def from_key(cls, key_hex: str) -> "Signer":
        """Read a key. Raises ValueError with the rule, and never with the text that was given."""
        try:
            secret = bytes.fromhex(key_hex.strip().removeprefix("0x"))
            if len(secret) != 32:
                raise ValueError
            key = coincurve.PrivateKey(secret)
        except ValueError:
            raise ValueError(f"the signing key cannot be used: {KEY_HELP}") from None
        public = key.public_key.format(compressed=False)
        return cls("0x" + keccak256(public[1:])[12:].hex(), key)

    def __repr__(self) -> str:
        return f"Signer({self.address})"

    def sign_digest(self, digest: bytes) -> Signature:
        raw = self._key.sign_recoverable(digest, hasher=None).hex()
        return Signature("0x" + raw[:64], "0x" + raw[64:128], 27 + int(raw[128:], 16))

    def sign_hash(self, connection_id: bytes, network: Network) -> Signature:
        """Sign the hash of an L1 action for one network."""
        return self.sign_digest(agent_digest(connection_id, network))

    def sign_user_action(
        self, action: Mapping[str, Any], fields: Sequence[Mapping[str, str]], *, name: str, network: Network
    ) -> Signature:
        """Sign an action that only the master key may sign (usdSend, withdraw3, approveAgent), by the SDK.

        fields are the SDK's sign types, name its primary type without the prefix. It loads the SDK (0.3 s, 40 MB).
        """
        from eth_account import Account as EthAccount
        from hyperliquid.utils.signing import sign_user_signed_action

        wallet = EthAccount.from_key(self._key.secret)
        primary = f"HyperliquidTransaction:{name}"
        made = sign_user_signed_action(
            wallet, dict(action), list(fields), primary, network is Network.MAINNET
        )
        return Signature(f"0x{int(made['r'], 16):064x}", f"0x{int(made['s'], 16):064x}", made["v"])
