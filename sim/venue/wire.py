"""The venue's words on the wire: decimal strings, JSON, replies."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal
from functools import lru_cache
from typing import Any

import msgspec

CENT_OF_A_CENT = Decimal("0.000001")
"""USDC has six decimals at the venue."""

WIDE = Context(prec=60)
"""An order of 10^12 at a price of 10^12 may be asked for, and its value has more digits than the usual 28."""

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, without its headers but for the content type."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The venue closes a connection. 1006 means: without a close frame."""

    code: int


@lru_cache(maxsize=1 << 16)  # sizes and prices come again and again, forty in every book
def number(value: Decimal) -> str:
    """Return a decimal as the venue prints it: no exponent, '.0' after whole numbers, never '-0.0'; NaN as it is."""
    text = format(value, "f")
    if "." not in text:
        text += ".0" if value.is_finite() else ""
    elif text[-1] == "0":
        text = text.rstrip("0")
        if text[-1] == ".":
            text += "0"
    return "0.0" if text == "-0.0" else text


def usd(value: Decimal) -> Decimal:
    """Round an amount of USDC to the venue's six decimals."""
    return value.quantize(CENT_OF_A_CENT, context=WIDE)


def fee_usd(notional: Decimal, rate: Decimal) -> Decimal:
    """Return the fee in USDC. Cut, not rounded: so it is in the recorded fills (hyperliquid.md 1.3)."""
    return (notional * rate).quantize(CENT_OF_A_CENT, rounding=ROUND_DOWN)


def encode(document: Any) -> bytes:
    return msgspec.json.encode(document)


def reply(document: Any, *, status: int = 200) -> Reply:
    return Reply(status, JSON, encode(document))
