"""An index walked through history, by the same decisions and the same arithmetic as the daemon's (E0-25 to E0-28).

Each day sees the market up to its own close and nothing later. A review decides at a period's last close; what was
announced holds from the close so many days later. A member without a price stands at its last one for as long as the rules
let it, and then leaves at that price (E0-4).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from core import index_level
from core.levels.types import (
    Announce,
    Event,
    IndexState,
    Launch,
    LedgerEntry,
    Price,
    Publish,
    RemovalCause,
    Remove,
    Reweight,
    Target,
)
from strategies.crypto_index.market import Market
from strategies.crypto_index.methodology import Every, Methodology
from strategies.crypto_index.pipeline import Decision, NothingEligible, reviewed, reweighted

DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Day:
    """A close: the level, its weights then, and what was traded to hold them (share of the index, both sides)."""

    day: date
    level: Decimal
    weights: Mapping[str, Decimal]
    traded: float


@dataclass(slots=True)
class Walk:
    """entries is the ledger; decisions are the reviews, in order."""

    methodology: Methodology
    days: list[Day] = field(default_factory=list)
    entries: list[LedgerEntry] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)


def walked(
    market: Market,
    rules: Methodology,
    start: date,
    end: date,
    *,
    told: Callable[[date], None] = lambda _: None,
) -> Walk:
    """Return the index from the close of start to that of end. told hears of each day that is done.

    Raises ValueError where the days are not in the market, and NothingEligible where nobody may be a member at the start.
    """
    first, last = market.days[0].item(), market.day
    if not first <= start < end <= last:
        raise ValueError(f"{start} to {end} is not within the data, which have {first} to {last}")
    walk, state = Walk(rules), None
    for k in range((end - start).days + 1):
        day = start + timedelta(days=k)
        state = _day(walk, state, market.until(day))
        told(day)
    return walk


def close_ms(day: date) -> int:
    """Return when a day closes: the next midnight UTC."""
    return ((day - EPOCH).days + 1) * DAY_MS


def targets_of(decision: Decision) -> tuple[Target, ...]:
    """Return what the index is to hold, in exact numbers: weights that sum to one to the last digit."""
    held = {s: Decimal(repr(w)) for s, w in decision.weights.items() if w > 0}
    whole = sum(held.values())
    return tuple(
        Target(symbol, Decimal(repr(decision.supplies[symbol])), weight / whole)
        for symbol, weight in held.items()
    )


def is_last_of(every: Every, day: date) -> bool:
    """Say whether a day is the last of its month, or quarter."""
    following = day + timedelta(days=1)
    return following.day == 1 and (every is Every.MONTH or following.month % 3 == 1)


def heard(market: Market, symbols: set[str]) -> dict[str, Price]:
    """Return the closes of the market's last day of those symbols that have one."""
    at_ms, row = close_ms(market.day), market.close[-1]
    found = {}
    for symbol in sorted(symbols):
        usd = row[market.place(symbol)]
        if np.isfinite(usd):
            found[symbol] = Price(symbol, Decimal(repr(float(usd))), at_ms)
    return found


def _day(walk: Walk, state: IndexState | None, market: Market) -> IndexState:
    rules, day = walk.methodology, market.day
    if state is None:
        return _launched(walk, market)
    state = _without_the_priceless(walk, state, market)
    before = _drifted(state, market)
    due = index_level.due(state, at_ms=close_ms(day))
    if due is not None:
        state = _applied(walk, state, due, market)
    decision = _decision(market, rules, state)
    if decision is not None:
        walk.decisions.append(decision)
        state = _applied(walk, state, _taken_up(decision, rules), market)
    state = _applied(walk, state, Publish(), market)
    level = walk.entries[-1].level
    assert level is not None
    after = index_level.weights(state)
    traded = sum(abs(float(after.get(s, 0) - before.get(s, 0))) for s in {*after, *before})
    walk.days.append(Day(day, level, after, traded))
    return state


def _launched(walk: Walk, market: Market) -> IndexState:
    rules = walk.methodology
    decision = reviewed(market, rules)
    walk.decisions.append(decision)
    launch = Launch(
        name=rules.name.upper(),
        methodology=rules.name,
        base_level=Decimal(repr(rules.base.level)),
        stale_ms=(rules.eligibility.stale_max_days + 1) * DAY_MS,
        targets=targets_of(decision),
    )
    state = _applied(walk, None, launch, market)
    level = walk.entries[-1].level
    assert level is not None
    walk.days.append(Day(market.day, level, index_level.weights(state), 1.0))
    return state


def _decision(market: Market, rules: Methodology, state: IndexState) -> Decision | None:
    """Return what a review decides, where the day has one; nothing eligible leaves the index as it is."""
    members = [member.symbol for member in state.members]
    try:
        if is_last_of(rules.schedule.members, market.day):
            return reviewed(market, rules, incumbents=members)
        if is_last_of(rules.schedule.weights, market.day):
            return reweighted(market, rules, members=members)
    except NothingEligible:
        return None
    return None


def _taken_up(decision: Decision, rules: Methodology) -> Event:
    targets = targets_of(decision)
    wait = rules.schedule.announced_days
    if not wait:
        return Reweight(targets=targets)
    return Announce(targets=targets, effective_at_ms=close_ms(decision.day + timedelta(days=wait)))


def _without_the_priceless(walk: Walk, state: IndexState, market: Market) -> IndexState:
    at_ms = close_ms(market.day)
    gone = index_level.coverage(state, _heard_of(state, market), at_ms=at_ms).excluded
    if not gone:
        return state
    cause = RemovalCause.NO_PRICE
    said = f"no price within {state.stale_ms // DAY_MS} days"
    return _applied(walk, state, Remove(symbols=gone, cause=cause, reason=said, by="backtest"), market)


def _drifted(state: IndexState, market: Market) -> dict[str, Decimal]:
    """Return the weights before anything is traded, at the day's prices."""
    change = index_level.applied(state, Publish(), _heard_of(state, market), at_ms=close_ms(market.day))
    return index_level.weights(change.state)


def _heard_of(state: IndexState, market: Market, *, event: Event | None = None) -> dict[str, Price]:
    targets = event.targets if isinstance(event, Launch | Reweight | Announce) else ()
    return heard(market, {m.symbol for m in state.members} | {t.symbol for t in targets})


def _applied(walk: Walk, state: IndexState | None, event: Event, market: Market) -> IndexState:
    if state is None:
        assert isinstance(event, Launch)
        prices = heard(market, {t.symbol for t in event.targets})
    else:
        prices = _heard_of(state, market, event=event)
    change = index_level.applied(state, event, prices, at_ms=close_ms(market.day))
    walk.entries.append(change.entry)
    return change.state
