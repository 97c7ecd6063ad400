"""A review as it is asked for and answered: plain values, which go to a process of its own and come back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from core.levels.types import Announce, Event, IndexState, Launch, Price, Reweight, Target
from daemon.crypto_index.place import Files, Place
from strategies.crypto_index.methodology import Methodology
from strategies.crypto_index.schedule import DAY_MS, close_ms

REVIEW = "daemon.crypto_index.reviews:review"
BLACKLIST = "daemon.crypto_index.reviews:blacklist"


class Kind(StrEnum):
    """What a review decides: nothing but the closes, the members' weights, or members with their weights."""

    CLOSES = "closes"
    WEIGHTS = "weights"
    MEMBERS = "members"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """asof: the day whose close is the last that may be known, None for the newest; members: who is in.

    announced: whose closes are wanted besides.
    """

    files: Files
    rules: Methodology
    kind: Kind
    asof: date | None = None
    members: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """day is the last one of the data up to asof. closes (USD) are of members and targets, each with its own time.

    targets are what the index is to hold: none where only closes were asked for, or where nobody is eligible, which
    refused says then. lines are what was decided, each with the part that did (S0-5).
    """

    day: date
    closes: Mapping[str, Price]
    targets: tuple[Target, ...] = ()
    refused: str = ""
    lines: tuple[tuple[str, str], ...] = ()


def asked_of(where: Place, state: IndexState | None, kind: Kind, asof: date | None) -> Asked:
    """Return what is asked about an index as it is; state is None before its launch."""
    pending = None if state is None else state.pending
    return Asked(
        files=where.files,
        rules=where.rules,
        kind=kind,
        asof=asof,
        members=() if state is None else tuple(member.symbol for member in state.members),
        announced=() if pending is None else tuple(target.symbol for target in pending.targets),
    )


def launch_of(found: Review, rules: Methodology) -> Launch:
    return Launch(
        name=rules.name.upper(),
        methodology=rules.name,
        base_level=Decimal(repr(rules.base.level)),
        stale_ms=(rules.eligibility.stale_max_days + 1) * DAY_MS,
        targets=found.targets,
    )


def event_of(found: Review, rules: Methodology) -> Event:
    """Return what a review of a running index leads to, at the close that it was decided at."""
    wait = rules.schedule.announced_days
    if not wait:
        return Reweight(targets=found.targets)
    return Announce(targets=found.targets, effective_at_ms=close_ms(found.day) + wait * DAY_MS)
