"""Who carries on after a fork, and what becomes of the other chain's coins (E0-23). Pure.

The parent inherits the place in the index: the chain that holds the ticker on most core exchanges, else the larger
by market cap, else the older. The child is no member: it enters by eligibility like any other. Its first vetted
price is worth something to who held the parent: an index that pays that out lowers nothing, one that drops it does.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

VOLUME_EXEMPT_DAYS = 45
"""For so long after a fork the two chains need not pass the volume rule (Bitwise)."""


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


class ChildValue(StrEnum):
    """What an index does with the child's value."""

    DROPPED = "dropped"
    DISTRIBUTED = "distributed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """USD that a unit of the parent brings in coins of the child, and what of that enters the total-return level."""

    child: str
    value_usd: Decimal
    reinvested_usd: Decimal


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


def child_distribution(
    child: str, *, coins_per_unit: Decimal, first_price_usd: Decimal | None, rule: ChildValue
) -> Distribution | None:
    """Return what the child is worth to a unit of the parent at its first vetted price; None until there is one.

    Raises ValueError on a price or a ratio that is not a positive number.
    """
    if first_price_usd is None:
        return None
    for name, value in (("coins per unit", coins_per_unit), ("first price", first_price_usd)):
        if not (value.is_finite() and value > 0):
            raise ValueError(f"{name} of {child} is {value}: it must be a positive number")
    worth = coins_per_unit * first_price_usd
    kept = worth if rule is ChildValue.DISTRIBUTED else Decimal(0)
    return Distribution(child=child, value_usd=worth, reinvested_usd=kept)


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
