"""What an index level is made of: members, prices, what may happen to them, and the entry each event leaves.

Quantities, prices and levels are Decimal of at most 34 digits, USD. Times are integer milliseconds since 1970 (UTC).
A symbol is an upper-case ticker.
"""

from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

import msgspec

from core.types import Value


class IndexRefused(Exception):
    """An event that cannot be: the text says what is wrong and what would be right. Nothing has changed."""


class Price(msgspec.Struct, frozen=True, array_like=True):
    """A vetted price in USD and the time at which it was one."""

    symbol: str
    usd: Decimal
    at_ms: int


class Member(msgspec.Struct, frozen=True, array_like=True):
    """supply in coins; factor is the adjustment factor AWF. supply x factor are the units the index holds (E0-1)."""

    symbol: str
    supply: Decimal
    factor: Decimal


class Target(msgspec.Struct, frozen=True, array_like=True):
    """What a member is to be: its supply in coins, and its weight as a fraction of the index."""

    symbol: str
    supply: Decimal
    weight: Decimal


class Supply(msgspec.Struct, frozen=True, array_like=True):
    symbol: str
    supply: Decimal


class Correction(msgspec.Struct, frozen=True, array_like=True):
    """A level published as entry number sequence, as it stood and as it is with the prices that were right."""

    sequence: int
    old: Decimal
    new: Decimal
    prices: tuple[Price, ...]


class RemovalCause(StrEnum):
    BLACKLIST = "blacklist"
    """Removed the same day for a breach, fraud or ruling (E0-22)."""
    DELISTING = "delisting"
    NO_PRICE = "no_price"
    """Excluded because its last valid price is older than the staleness limit (E0-4)."""


class ForkVariant(StrEnum):
    """What becomes of the child's value at its first vetted price (E0-23)."""

    DROPPED = "dropped"
    TOTAL_RETURN = "total_return"
    """Distributed: put into all members in proportion, as a dividend would be."""


class IndexEvent(Value, frozen=True, kw_only=True, tag=True, tag_field="kind"):
    """What may happen to an index."""


class Launch(IndexEvent, frozen=True, kw_only=True):
    """The first entry. methodology is what the methodology is called; the base date is the entry's time.

    stale_ms: how old the last vetted price of a member may be and still stand for it.
    """

    name: str
    methodology: str
    base_level: Decimal
    stale_ms: int
    targets: tuple[Target, ...]


class Announce(IndexEvent, frozen=True, kw_only=True):
    """Targets that are to take effect, as a Reweight, at effective_at_ms or at the first prices after it."""

    targets: tuple[Target, ...]
    effective_at_ms: int


class Withdraw(IndexEvent, frozen=True, kw_only=True):
    """What was announced does not take effect."""

    reason: str
    by: str


class Reweight(IndexEvent, frozen=True, kw_only=True):
    targets: tuple[Target, ...]


class Remove(IndexEvent, frozen=True, kw_only=True):
    """Members, or announced ones, leave at their last vetted price, however old; the others keep their units."""

    symbols: tuple[str, ...]
    cause: RemovalCause
    reason: str
    by: str


class Fork(IndexEvent, frozen=True, kw_only=True):
    """Each coin of the member parent became that and ratio coins of child, which has its first vetted price now."""

    parent: str
    child: str
    ratio: Decimal
    variant: ForkVariant
    reason: str = ""
    by: str = ""


class Redenominate(IndexEvent, frozen=True, kw_only=True):
    """From now on the price is ratio times what it was and the supply that part of it; prices are the old ones."""

    symbol: str
    ratio: Decimal
    reason: str = ""
    by: str = ""


class ChangeSupply(IndexEvent, frozen=True, kw_only=True):
    """Factors stay, so weights follow the supplies."""

    supplies: tuple[Supply, ...]


class Publish(IndexEvent, frozen=True, kw_only=True):
    """A level and nothing else."""


class Restate(IndexEvent, frozen=True, kw_only=True):
    """Corrects levels that were published with wrong prices. The entries they are in stay as they are.

    Members and divisor are never corrected backwards: a wrong one is put right by an event that keeps the level.
    """

    corrections: tuple[Correction, ...]
    reason: str
    by: str


Event: TypeAlias = (
    Launch | Announce | Withdraw | Reweight | Remove | Fork | Redenominate | ChangeSupply | Publish | Restate
)


class Pending(Value, frozen=True, kw_only=True):
    """What is announced, without the members that were removed since."""

    targets: tuple[Target, ...]
    announced_at_ms: int
    effective_at_ms: int


class IndexState(Value, frozen=True, kw_only=True):
    """All that the next event needs. sequence and at_ms are those of the last entry; members are sorted by symbol.

    prices: the last vetted price of each member.
    """

    name: str
    methodology: str
    base_at_ms: int
    base_level: Decimal
    stale_ms: int
    sequence: int
    at_ms: int
    divisor: Decimal
    members: tuple[Member, ...]
    prices: tuple[Price, ...]
    pending: Pending | None = None


class LedgerEntry(Value, frozen=True, kw_only=True):
    """One event, the one price vector it was done at, and what it made.

    before and level are the index before and after it at these prices; None where the event needs no prices.
    members: all of them after it, None where the event cannot change them.
    """

    sequence: int
    at_ms: int
    event: Event
    prices: tuple[Price, ...]
    members: tuple[Member, ...] | None
    divisor: Decimal
    before: Decimal | None
    level: Decimal | None


class Change(Value, frozen=True, kw_only=True):
    """The index after an event, and the entry for its ledger."""

    state: IndexState
    entry: LedgerEntry
