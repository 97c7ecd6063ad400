"""An index walked through history, by the same decisions and the same arithmetic as the daemon's (E0-25 to E0-28).

Each day sees the market up to its own close and nothing later. A review decides at a period's last close; what was
announced holds from the close so many days later. A member without a price stands at its last one for as long as the rules
let it, and then leaves at that price (E0-4).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from math import isfinite

import numpy as np

from core import index_level
from core.levels.overdue import overdue
from core.levels.types import (
    Announce,
    Event,
    IndexRefused,
    IndexState,
    Launch,
    LedgerEntry,
    Price,
    Publish,
    Reweight,
    Target,
)
from strategies.crypto_index.market import Market
from strategies.crypto_index.methodology import Methodology
from strategies.crypto_index.pipeline import Decision, NothingEligible, reviewed, reweighted
from strategies.crypto_index.schedule import DAY_MS, close_ms, is_last_of


@dataclass(frozen=True, slots=True)
class Day:
    """A close: the level, its weights then, and what was traded to hold them (share of the index, both sides)."""

    day: date
    level: Decimal
    weights: Mapping[str, float]
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
        try:
            state = _day(walk, state, market.until(day))
        except IndexRefused as error:
            raise IndexRefused(f"at the close of {day}: {error}") from error
        told(day)
    return walk


def targets_of(decision: Decision) -> tuple[Target, ...]:
    """Return what the index is to hold, in exact numbers: weights that sum to one to the last digit."""
    held = {s: Decimal(repr(w)) for s, w in decision.weights.items() if w > 0}
    whole = sum(held.values())
    return tuple(
        Target(symbol, Decimal(repr(decision.supplies[symbol])), weight / whole)
        for symbol, weight in held.items()
    )


def heard(market: Market, symbols: Sequence[str], *, stale_days: int) -> dict[str, Price]:
    """Return the newest close of each symbol, with its own time; none where it is more than stale_days old."""
    at_ms, rows = close_ms(market.day), market.close[-(stale_days + 1) :]
    columns = [market.place(symbol) for symbol in symbols]
    newest = rows[-1, columns].tolist()
    found = {}
    for symbol, i, usd in zip(symbols, columns, newest, strict=True):
        age = 0
        if not isfinite(usd):
            priced = np.flatnonzero(np.isfinite(rows[:, i]))
            if not len(priced):
                continue
            age, usd = len(rows) - 1 - int(priced[-1]), float(rows[priced[-1], i])
        found[symbol] = Price(symbol, Decimal(repr(usd)), at_ms - age * DAY_MS)
    return found


@dataclass(slots=True)
class _Today:
    """A day's market, and the prices that were asked for so far."""

    market: Market
    stale_days: int
    prices: dict[str, Price | None] = field(default_factory=dict)

    def told(self, symbols: Iterable[str]) -> dict[str, Price]:
        """Return the prices of those symbols that have one."""
        wanted = sorted(set(symbols))
        new = [symbol for symbol in wanted if symbol not in self.prices]
        if new:
            found = heard(self.market, new, stale_days=self.stale_days)
            self.prices |= {symbol: found.get(symbol) for symbol in new}
        return {symbol: price for symbol in wanted if (price := self.prices[symbol]) is not None}


def _day(walk: Walk, state: IndexState | None, market: Market) -> IndexState:
    rules = walk.methodology
    today = _Today(market, rules.eligibility.stale_max_days)
    if state is None:
        return _launched(walk, today)
    before, held = _weights(state, today.told(_symbols(state))), state.members
    state = _caught_up(walk, state, today)
    decision = _decision(market, rules, state)
    if decision is not None:
        walk.decisions.append(decision)
        state = _applied(walk, state, _taken_up(decision, rules), today)
    state = _applied(walk, state, Publish(), today)
    after = before if state.members == held else _weights(state, {})
    traded = sum(abs(after.get(s, 0.0) - before.get(s, 0.0)) for s in sorted({*after, *before}))
    walk.days.append(Day(market.day, _level(walk), after, traded))
    return state


def _launched(walk: Walk, today: _Today) -> IndexState:
    rules, market = walk.methodology, today.market
    decision = reviewed(market, rules)
    walk.decisions.append(decision)
    launch = Launch(
        name=rules.name.upper(),
        methodology=rules.name,
        base_level=Decimal(repr(rules.base.level)),
        stale_ms=(rules.eligibility.stale_max_days + 1) * DAY_MS,
        targets=targets_of(decision),
    )
    state = _applied(walk, None, launch, today)
    walk.days.append(Day(market.day, _level(walk), _weights(state, {}), 1.0))
    return state


def _level(walk: Walk) -> Decimal:
    level = walk.entries[-1].level
    assert level is not None
    return level


def _weights(state: IndexState, told: Mapping[str, Price]) -> dict[str, float]:
    """Return the members' parts of the index at the prices told, else at their last ones."""
    last = {price.symbol: price for price in state.prices}
    values = {
        m.symbol: float(m.supply) * float(m.factor) * float((told.get(m.symbol) or last[m.symbol]).usd)
        for m in state.members
    }
    whole = sum(values.values())
    return {symbol: value / whole for symbol, value in values.items()}


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


def _caught_up(walk: Walk, state: IndexState, today: _Today) -> IndexState:
    """Return the index without members whose last price is too old, and after what was announced for today (E0-4)."""
    told, at_ms = today.told(_symbols(state)), close_ms(today.market.day)
    if state.pending is None and all(member.symbol in told for member in state.members):
        return state
    while (event := overdue(state, told, at_ms=at_ms, by="backtest")) is not None:
        state = _applied(walk, state, event, today)
    return state


def _applied(walk: Walk, state: IndexState | None, event: Event, today: _Today) -> IndexState:
    targets: tuple[Target, ...] = event.targets if isinstance(event, Launch | Reweight | Announce) else ()
    symbols = [target.symbol for target in targets] + ([] if state is None else _symbols(state))
    change = index_level.applied(state, event, today.told(symbols), at_ms=close_ms(today.market.day))
    walk.entries.append(change.entry)
    return change.state


def _symbols(state: IndexState) -> list[str]:
    """Return who must have a price: members, and who is announced."""
    announced = state.pending.targets if state.pending else ()
    return [member.symbol for member in state.members] + [target.symbol for target in announced]
