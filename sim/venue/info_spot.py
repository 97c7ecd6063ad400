"""/info about spot: listed as clients need it to start, and not traded here, so its one pair has an empty book."""

from typing import Any

from sim.venue.state import VenueState

Document = dict[str, Any]

PAIR = "PURR/USDC"
TOKENS: tuple[Document, ...] = (
    {
        "name": "USDC",
        "szDecimals": 8,
        "weiDecimals": 8,
        "index": 0,
        "tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054",
        "isCanonical": True,
        "evmContract": None,
        "fullName": None,
        "deployerTradingFeeShare": "0.0",
    },
    {
        "name": "PURR",
        "szDecimals": 0,
        "weiDecimals": 5,
        "index": 1,
        "tokenId": "0xc1fb593aeffbeb02f85e0308e9956a90",
        "isCanonical": True,
        "evmContract": {
            "address": "0x9b498c3c8a0b8cd8ba1d9851d40d186f1872b44e",
            "evm_extra_wei_decimals": 13,
        },
        "fullName": None,
        "deployerTradingFeeShare": "0.0",
    },
    {
        "name": "HYPE",
        "szDecimals": 2,
        "weiDecimals": 8,
        "index": 150,
        "tokenId": "0x0d01dc56dcaaca66ad901c959b4011ec",
        "isCanonical": False,
        "evmContract": None,
        "fullName": "Hyperliquid",
        "deployerTradingFeeShare": "0.0",
    },
)
"""As recorded in 2025. The index is not the place in this list."""

SPOT_META: Document = {
    "universe": [{"tokens": [1, 0], "name": PAIR, "index": 0, "isCanonical": True}],
    "tokens": list(TOKENS),
}

CONTEXT: Document = {
    "prevDayPx": "0.14821",
    "dayNtlVlm": "0.0",
    "markPx": "0.14821",
    "midPx": None,
    "circulatingSupply": "596400647.8014800549",
    "coin": PAIR,
    "totalSupply": "596400654.3242599964",
    "dayBaseVlm": "0.0",
}
"""Frozen at the recorded price, as the venue shows a coin that has no book."""


def is_spot(coin: str) -> bool:
    return coin == PAIR


def meta_and_contexts() -> list[Any]:
    return [SPOT_META, [CONTEXT]]


def empty_book(state: VenueState, coin: str) -> Document:
    return {"coin": coin, "time": state.now_ms, "levels": [[], []]}


def token_details(token_id: str) -> Document | None:
    """Return what is known of a token, or None; genesis and deployment are not recorded."""
    token = next((t for t in TOKENS if t["tokenId"] == token_id.lower()), None)
    if token is None:
        return None
    px = CONTEXT["markPx"] if token["name"] == "PURR" else "1.0" if token["name"] == "USDC" else "0.0"
    supply = CONTEXT if token["name"] == "PURR" else {"totalSupply": "0.0", "circulatingSupply": "0.0"}
    return {
        "name": token["name"],
        "maxSupply": supply["totalSupply"],
        "totalSupply": supply["totalSupply"],
        "circulatingSupply": supply["circulatingSupply"],
        "szDecimals": token["szDecimals"],
        "weiDecimals": token["weiDecimals"],
        "midPx": px,
        "markPx": px,
        "prevDayPx": px,
        "genesis": None,
        "deployer": None,
        "deployGas": None,
        "deployTime": None,
        "seededUsdc": "0.0",
        "nonCirculatingUserBalances": [],
        "futureEmissions": "0.0",
    }
