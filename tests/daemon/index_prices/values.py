"""Published values and their inputs, as a test wants them."""

from core.prices.settling import Seconds, Settled
from core.prices.types import Cause, Input, Published, State

PRICE = 50_000.0


def fed(source="kraken", **changes):
    given = {
        "source": source,
        "symbol": "BTC/USD",
        "price": 1.0,
        "at_ms": 900,
        "received_ms": 1000,
        "volume": 1.0,
        "rate": 1.0,
        "usd": 1.0,
        "used": 1.0,
        "weight": 1.0,
        "reason": None,
    }
    return Input(**given | changes)


def value(**changes):
    """Return a published value, OK unless something else is said."""
    given = {
        "symbol": "BTC/USD",
        "at_ms": 1000,
        "sequence": 1,
        "token": 1,
        "state": State.OK,
        "cause": Cause.NONE,
        "price": PRICE,
        "candidate": PRICE,
        "median": PRICE,
        "confidence": 1.0,
        "spread": 0.0,
        "good_ms": 1000,
        "active_feeds": 3,
        "accepted": False,
        "methodology": "nightdesk",
        "inputs": (),
    }
    return Published(**given | changes)


def settled(**changes):
    """Return a settlement, of a whole window unless something else is said."""
    seconds = Seconds(expected=1800, ok=1800, degraded=0, halted=0, starting=0, missing=0, standby=0)
    given = {
        "symbol": "BTC/USD",
        "start_ms": 0,
        "end_ms": 1_800_000,
        "at_ms": 1_800_500,
        "token": 1,
        "methodology": "nightdesk",
        "twap": 100.0,
        "partitioned_median": 101.0,
        "unsettled": None,
        "coverage": 1.0,
        "coverage_min": 0.9,
        "seconds": seconds,
        "values": 1800,
        "medians": (101.0,) * 6,
        "erroneous": (),
    }
    return Settled(**given | changes)
