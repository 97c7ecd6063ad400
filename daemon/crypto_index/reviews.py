"""One review from a data directory, as a value: a process of its own may make it. Nothing after its day is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from adapters.crypto_mcap import BUNDLED_CUSTODY, CUSTODY, read_blacklist, read_market
from adapters.tables import DataFault
from core.levels.types import Announce, Event, Launch, Price, Reweight
from daemon.crypto_index.place import Files
from daemon.options import BadUse
from research.index_walk import DAY_MS, close_ms, heard, targets_of
from strategies.crypto_index.market import Market
from strategies.crypto_index.methodology import Methodology
from strategies.crypto_index.pipeline import Decision, Line, NothingEligible, reviewed, reweighted


class Kind(StrEnum):
    """What a review decides: nothing but the closes, the members' weights, or members with their weights."""

    CLOSES = "closes"
    WEIGHTS = "weights"
    MEMBERS = "members"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """asof: the day whose close is the last that may be known, None for the newest; members: who is in."""

    files: Files
    rules: Methodology
    kind: Kind
    asof: date | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """day is the last one of the data up to asof. closes (USD) are of members and targets, each with its own time.

    decision is None where only closes were asked for, or where nobody is eligible: refused says so then.
    """

    day: date
    closes: Mapping[str, Price]
    decision: Decision | None = None
    refused: str = ""
    lines: tuple[Line, ...] = ()


def review(asked: Asked) -> Review:
    """Read and decide. Raises BadUse where data, blacklist or custody map cannot be used: nothing is decided then."""
    market = read(asked.files, asked.asof)
    known = [symbol for symbol in asked.members if symbol in market.places]
    stale_days = asked.rules.eligibility.stale_max_days
    data = Line(
        "DataEngine", f"{asked.files.data}: {len(market.symbols)} coins, {market.days[0]} to {market.day}"
    )
    try:
        decision = _decided(asked, market, known)
    except NothingEligible as error:
        closes = heard(market, known, stale_days=stale_days)
        return Review(day=market.day, closes=closes, refused=str(error), lines=(data,))
    except ValueError as error:
        raise BadUse(f"{asked.files.data}: {error}") from error
    wanted = sorted({*known, *(decision.weights if decision else ())})
    lines = (data, *_tagged(decision)) if decision else (data,)
    closes = heard(market, wanted, stale_days=stale_days)
    return Review(day=market.day, closes=closes, decision=decision, lines=lines)


def read(files: Files, asof: date | None) -> Market:
    """Return the market up to a day's close. Raises BadUse."""
    own = files.data / CUSTODY
    custody = files.custody or (None if own.exists() else BUNDLED_CUSTODY)
    try:
        market = read_market(files.data, custody=custody, blacklist=files.blacklist)
        return market if asof is None else market.until(min(asof, market.day))
    except (ValueError, OSError) as error:
        raise BadUse(str(error)) from error


def blacklist(files: Files) -> frozenset[str]:
    """Return who must leave today. Raises BadUse where the list is none (E0-22)."""
    asked = files.blacklist
    try:
        return read_blacklist(asked or files.data / "blacklist.json", is_asked=asked is not None)
    except (DataFault, OSError) as error:
        raise BadUse(str(error)) from error


def launch_of(decision: Decision, rules: Methodology) -> Launch:
    return Launch(
        name=rules.name.upper(),
        methodology=rules.name,
        base_level=Decimal(repr(rules.base.level)),
        stale_ms=(rules.eligibility.stale_max_days + 1) * DAY_MS,
        targets=targets_of(decision),
    )


def event_of(decision: Decision, rules: Methodology) -> Event:
    """Return what a review of a running index leads to, at the close that it was decided at."""
    wait = rules.schedule.announced_days
    targets = targets_of(decision)
    if not wait:
        return Reweight(targets=targets)
    return Announce(targets=targets, effective_at_ms=close_ms(decision.day) + wait * DAY_MS)


def _decided(asked: Asked, market: Market, known: list[str]) -> Decision | None:
    if asked.kind is Kind.CLOSES:
        return None
    if asked.kind is Kind.WEIGHTS:
        return reweighted(market, asked.rules, members=known)
    return reviewed(market, asked.rules, incumbents=known)


TAGS = {"Count": "AICBrain"}
"""The brief's name of a part, where ours is another one (S0-5)."""


def _tagged(decision: Decision) -> tuple[Line, ...]:
    return tuple(Line(TAGS.get(line.tag, line.tag), line.text) for line in decision.lines)
