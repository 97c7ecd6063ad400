"""Pyth's aggregate of its publishers' quotes, in whole ticks (O4-6).

Source: github.com/pyth-network/pyth-client, program/c/src/oracle/upd_aggregate.h at 05b55194ac.
"""

from collections.abc import Sequence
from enum import IntEnum

from core.robust import three_votes
from core.types import Value

MAX_AGE_SLOTS = 25


class Status(IntEnum):
    """What a publisher says of its quote."""

    UNKNOWN = 0
    TRADING = 1
    HALTED = 2
    AUCTION = 3
    IGNORED = 4


class Quote(Value, frozen=True, kw_only=True):
    """One publisher's quote. price and confidence are ticks of one exponent; slot is when it was published."""

    price: int
    confidence: int
    status: Status
    slot: int


def aggregate(quotes: Sequence[Quote], slot: int, *, fewest: int = 0) -> tuple[int, int] | None:
    """Return the price and its confidence at a slot; None (status unknown) where too few quotes count."""
    votes = [(quote.price, quote.confidence) for quote in quotes if _counts(quote, slot)]
    return three_votes(votes) if votes and len(votes) >= fewest else None


def _counts(quote: Quote, slot: int) -> bool:
    fresh = slot - quote.slot <= MAX_AGE_SLOTS
    return quote.status is Status.TRADING and quote.confidence > 0 and fresh
