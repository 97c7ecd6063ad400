"""The level of a crypto index and its divisor: level = sum of price x supply x factor / divisor (S0(b) E0-1 to E0-4).

applied is the only way to change an index. Every event has one price vector on both sides, keeps the level, and gives
the entry for the ledger; so the history never jumps for any other reason than prices. What the numbers mean to the
last digit is in core/levels/arithmetic.py. A level that was published stays as it is: Restate adds a correction.
"""

from collections.abc import Iterable
from decimal import Decimal

from core.levels.arithmetic import DIGITS, market_value, quotient, weight_of
from core.levels.checks import check_keys
from core.levels.turns import TURNS, Turn
from core.levels.types import (
    Change,
    Correction,
    Event,
    IndexRefused,
    IndexState,
    Launch,
    LedgerEntry,
    Price,
    Reweight,
)
from core.levels.vector import Prices, coverage, vector

__all__ = ["DIGITS", "applied", "correction", "coverage", "due", "level", "weights"]


def applied(state: IndexState | None, event: Event, prices: Prices, *, at_ms: int) -> Change:
    """Return the index after an event at these prices, and its entry. state is None before the launch.

    prices may hold more than is needed; the last vetted price of a member stands in for one that is not there.
    Raises IndexRefused, with the reason, where the event cannot be.
    """
    check_keys(prices.items())
    before = _before_launch(event, at_ms) if state is None else state
    if (state is None) != isinstance(event, Launch):
        raise IndexRefused("an index is launched once, before anything else happens to it")
    if at_ms < before.at_ms:
        raise IndexRefused(f"the event is of {at_ms}, the last one was at {before.at_ms}")
    turn = TURNS[type(event)](before, event, prices, at_ms)
    after = _after(before, turn, at_ms)
    return Change(state=after, entry=_entry(before, event, turn, after))


def level(state: IndexState, prices: Prices, *, at_ms: int) -> Decimal:
    """Return the level at these prices, 34 digits. Raises IndexRefused where a member has no price that stands."""
    told = vector(state, prices, (m.symbol for m in state.members), at_ms=at_ms)
    return quotient(market_value(state.members, told), state.divisor)


def weights(state: IndexState) -> dict[str, Decimal]:
    """Return each member's part of the index at the last vetted prices."""
    prices = {price.symbol: price for price in state.prices}
    value = market_value(state.members, prices)
    return {m.symbol: weight_of(m, prices, value) for m in state.members}


def due(state: IndexState, *, at_ms: int) -> Reweight | None:
    """Return the announced event whose time has come, None where there is none."""
    pending = state.pending
    return Reweight(targets=pending.targets) if pending and pending.effective_at_ms <= at_ms else None


def correction(past: IndexState, old: Decimal, prices: Iterable[Price]) -> Correction:
    """Return what a level would have been with other prices of some members, for a Restate.

    past is the index right after the entry that published old; prices not given stay as they were there.
    """
    known = {price.symbol: price for price in past.prices}
    right = known | {price.symbol: price for price in prices if price.symbol in known}
    new = quotient(market_value(past.members, right), past.divisor)
    return Correction(past.sequence, old, new, tuple(right.values()))


def _before_launch(event: Event, at_ms: int) -> IndexState:
    if not isinstance(event, Launch):
        raise IndexRefused("nothing can happen to an index before its launch")
    return IndexState(
        name=event.name,
        methodology=event.methodology,
        base_at_ms=at_ms,
        base_level=event.base_level,
        stale_ms=event.stale_ms,
        sequence=-1,
        at_ms=at_ms,
        divisor=Decimal(1),
        members=(),
        prices=(),
    )


def _after(state: IndexState, turn: Turn, at_ms: int) -> IndexState:
    return IndexState(
        name=state.name,
        methodology=state.methodology,
        base_at_ms=state.base_at_ms,
        base_level=state.base_level,
        stale_ms=state.stale_ms,
        sequence=state.sequence + 1,
        at_ms=at_ms,
        divisor=turn.divisor,
        members=turn.members,
        prices=tuple(turn.prices[m.symbol] for m in turn.members),
        pending=turn.pending,
    )


def _entry(before: IndexState, event: Event, turn: Turn, after: IndexState) -> LedgerEntry:
    value = market_value(turn.members, turn.prices) if turn.told else None
    return LedgerEntry(
        sequence=after.sequence,
        at_ms=after.at_ms,
        event=event,
        prices=tuple(turn.told[symbol] for symbol in sorted(turn.told)),
        members=None if after.members == before.members else after.members,
        divisor=after.divisor,
        before=None if turn.held is None else quotient(turn.held, before.divisor),
        level=None if value is None else quotient(value, after.divisor),
    )
