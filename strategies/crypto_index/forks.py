"""Who carries on after a fork (E0-23). Pure.

The parent inherits the place in the index: the chain that holds the ticker on most core exchanges, else the larger
by market cap, else the older. The child is no member: it enters by eligibility like any other. What becomes of its
value is the event's to say (core/levels/turns.py).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

VOLUME_EXEMPT_DAYS = 45
"""For so long after a fork the two chains need not pass the volume rule (Bitwise); told, applied by nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One side of a fork: core exchanges that list it under the old ticker, cap in USD if known, first block's day."""

    name: str
    ticker_exchanges: frozenset[str]
    market_cap_usd: Decimal | None
    since: date


class Because(StrEnum):
    """What decided who is the parent."""

    TICKER = "holds the ticker on most core exchanges"
    MARKET_CAP = "has the larger market cap"
    AGE = "is the older chain"
    NAME = "comes first by name: ticker, market cap and age are equal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inheritance:
    """Parent and child, what decided, and until when the volume rule is waived for both (that day excluded)."""

    parent: Chain
    child: Chain
    because: Because
    volume_exempt_until: date


def inheritance(a: Chain, b: Chain, *, core_exchanges: frozenset[str], forked_on: date) -> Inheritance:
    """Return who inherits; the same whichever chain is named first.

    Raises ValueError when there is no core exchange, both have one name, an exchange gives both the ticker, or a
    market cap is no positive number.
    """
    _check(a, b, core_exchanges)
    parent, because = _parent(a, b, core_exchanges)
    return Inheritance(
        parent=parent,
        child=b if parent is a else a,
        because=because,
        volume_exempt_until=forked_on + timedelta(days=VOLUME_EXEMPT_DAYS),
    )


def literal_parent(a: Chain, b: Chain, *, core_exchanges: frozenset[str]) -> Chain:
    """Return the brief's choice (S0-63): the first if it holds the ticker on most, else the larger; ties to the first."""
    if _on_most(a, core_exchanges):
        return a
    return b if (b.market_cap_usd or 0) > (a.market_cap_usd or 0) else a


def _parent(a: Chain, b: Chain, core_exchanges: frozenset[str]) -> tuple[Chain, Because]:
    for chain in (a, b):
        if _on_most(chain, core_exchanges):
            return chain, Because.TICKER
    caps = (a.market_cap_usd, b.market_cap_usd)
    if caps[0] is not None and caps[1] is not None and caps[0] != caps[1]:
        return (a if caps[0] > caps[1] else b), Because.MARKET_CAP
    if a.since != b.since:
        return min(a, b, key=lambda chain: chain.since), Because.AGE
    return min(a, b, key=lambda chain: chain.name), Because.NAME


def _on_most(chain: Chain, core_exchanges: frozenset[str]) -> bool:
    return 2 * len(chain.ticker_exchanges & core_exchanges) > len(core_exchanges)


def _check(a: Chain, b: Chain, core_exchanges: frozenset[str]) -> None:
    if not core_exchanges:
        raise ValueError("a majority of no core exchanges says nothing")
    if a.name == b.name:
        raise ValueError(f"both chains are called {a.name}")
    if both := sorted(a.ticker_exchanges & b.ticker_exchanges):
        raise ValueError(f"{both[0]} lists both {a.name} and {b.name} under the old ticker")
    for chain in (a, b):
        cap = chain.market_cap_usd
        if cap is not None and not (cap.is_finite() and cap > 0):
            raise ValueError(f"market cap of {chain.name} is {cap}: a positive number or none")
