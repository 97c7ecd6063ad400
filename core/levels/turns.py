"""What each event does to members, prices, divisor and announcement: one function for each, at one price vector."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec

from core.levels.arithmetic import (
    checked,
    divisor_after,
    has_weights,
    market_value,
    product,
    quotient,
    rounded,
    total,
    weighted,
)
from core.levels.checks import (
    check_corrections,
    check_member,
    check_reason,
    check_symbols,
    check_targets,
)
from core.levels.types import (
    Announce,
    ChangeSupply,
    Fork,
    ForkVariant,
    IndexEvent,
    IndexRefused,
    IndexState,
    Launch,
    Member,
    Pending,
    Price,
    Publish,
    Redenominate,
    Remove,
    Restate,
    Reweight,
    Target,
    Withdraw,
)
from core.levels.vector import Prices, vector


@dataclass(frozen=True, slots=True)
class Turn:
    """told: the vector. held: market value before the event, None where it needs no prices. The rest is after it."""

    told: dict[str, Price]
    held: Decimal | None
    members: tuple[Member, ...]
    prices: dict[str, Price]
    divisor: Decimal
    pending: Pending | None


def launch(state: IndexState, event: Launch, heard: Prices, at_ms: int) -> Turn:
    """D0 = MV0 / base level (E0-3)."""
    check_symbols([event.name.upper()], "name")
    checked(event.base_level, "the base level")
    check_targets(event.targets)
    if event.stale_ms <= 0:
        raise IndexRefused(f"stale_ms is {event.stale_ms}, must be above 0")
    prices = vector(state, heard, _symbols(event.targets), at_ms=at_ms)
    members = weighted(event.targets, prices)
    divisor = quotient(market_value(members, prices), event.base_level)
    return Turn(prices, None, members, prices, divisor, None)


def announce(state: IndexState, event: Announce, heard: Prices, at_ms: int) -> Turn:
    check_targets(event.targets)
    if state.pending is not None:
        raise IndexRefused(
            f"targets announced at {state.pending.announced_at_ms} wait for {state.pending.effective_at_ms}: "
            "let them take effect, or withdraw them"
        )
    if event.effective_at_ms <= at_ms:
        raise IndexRefused(
            f"effective at {event.effective_at_ms}, must be later than the announcement at {at_ms}"
        )
    pending = Pending(targets=event.targets, announced_at_ms=at_ms, effective_at_ms=event.effective_at_ms)
    return replace(_still(state), pending=pending)


def withdraw(state: IndexState, event: Withdraw, heard: Prices, at_ms: int) -> Turn:
    check_reason(event.reason, event.by)
    if state.pending is None:
        raise IndexRefused("nothing is announced that could be withdrawn")
    return replace(_still(state), pending=None)


def reweight(state: IndexState, event: Reweight, heard: Prices, at_ms: int) -> Turn:
    """The level is the same in the old and in the new members; to the bit the old ones if they have the weights."""
    check_targets(event.targets)
    pending = state.pending
    if pending is not None and (event.targets != pending.targets or at_ms < pending.effective_at_ms):
        raise IndexRefused(
            f"other targets are announced, effective at {pending.effective_at_ms}: withdraw them first"
            if event.targets != pending.targets
            else f"the targets are effective at {pending.effective_at_ms}, not yet at {at_ms}"
        )
    told = vector(state, heard, [*_symbols(state.members), *_symbols(event.targets)], at_ms=at_ms)
    same = has_weights(state.members, event.targets, told)
    members = state.members if same else weighted(event.targets, told)
    return replace(_changed(state, told, members), pending=None)


def remove(state: IndexState, event: Remove, heard: Prices, at_ms: int) -> Turn:
    """The others keep their units, so the weight goes to them in proportion (E0-22)."""
    check_reason(event.reason, event.by)
    check_symbols(event.symbols, "symbol")
    announced = _symbols(state.pending.targets) if state.pending else []
    for symbol in event.symbols:
        if symbol not in announced:
            check_member(state, symbol)
    members = tuple(m for m in state.members if m.symbol not in event.symbols)
    if not members:
        raise IndexRefused(f"{state.name} would have no member without {', '.join(event.symbols)}")
    told = vector(state, heard, _symbols(state.members), at_ms=at_ms, leaving=frozenset(event.symbols))
    return replace(_changed(state, told, members), pending=_without(state.pending, event.symbols))


def fork(state: IndexState, event: Fork, heard: Prices, at_ms: int) -> Turn:
    """The child counts in the index before the event and not after it, if it is distributed (E0-23)."""
    check_member(state, event.parent)
    check_symbols([event.child], "child")
    if event.child in _symbols(state.members):
        raise IndexRefused(f"the child {event.child} is a member of {state.name} already")
    checked(event.ratio, "the ratio")
    told = vector(state, heard, [*_symbols(state.members), event.child], at_ms=at_ms)
    turn = _changed(state, told, state.members)
    if event.variant is ForkVariant.DROPPED:
        return turn
    parent = next(m for m in state.members if m.symbol == event.parent)
    child = product(told[event.child].usd, event.ratio, parent.supply, parent.factor)
    kept = market_value(state.members, told)
    held = total([kept, child])
    return replace(turn, held=held, divisor=divisor_after(state.divisor, held, kept))


def redenominate(state: IndexState, event: Redenominate, heard: Prices, at_ms: int) -> Turn:
    """Price x k, supply / k: nothing else changes, to the bit the divisor."""
    check_member(state, event.symbol)
    checked(event.ratio, "the ratio")
    told = vector(state, heard, _symbols(state.members), at_ms=at_ms)
    old = told[event.symbol]
    prices = told | {event.symbol: Price(old.symbol, rounded(product(old.usd, event.ratio)), old.at_ms)}
    members = tuple(_divided(m, event) for m in state.members)
    pending = state.pending
    if pending is not None:
        targets = tuple(_divided(t, event) for t in pending.targets)
        pending = msgspec.structs.replace(pending, targets=targets)
    return Turn(told, market_value(state.members, told), members, prices, state.divisor, pending)


def change_supply(state: IndexState, event: ChangeSupply, heard: Prices, at_ms: int) -> Turn:
    check_symbols((s.symbol for s in event.supplies), "supply")
    for s in event.supplies:
        check_member(state, s.symbol)
        checked(s.supply, f"the supply of {s.symbol}")
    new = {s.symbol: s.supply for s in event.supplies}
    told = vector(state, heard, _symbols(state.members), at_ms=at_ms)
    members = tuple(Member(m.symbol, new.get(m.symbol, m.supply), m.factor) for m in state.members)
    return _changed(state, told, members)


def publish(state: IndexState, event: Publish, heard: Prices, at_ms: int) -> Turn:
    told = vector(state, heard, _symbols(state.members), at_ms=at_ms)
    return _changed(state, told, state.members)


def restate(state: IndexState, event: Restate, heard: Prices, at_ms: int) -> Turn:
    check_reason(event.reason, event.by)
    check_corrections(state, event.corrections)
    return _still(state)


TURNS: dict[type[IndexEvent], Callable[[IndexState, Any, Prices, int], Turn]] = {
    Launch: launch,
    Announce: announce,
    Withdraw: withdraw,
    Reweight: reweight,
    Remove: remove,
    Fork: fork,
    Redenominate: redenominate,
    ChangeSupply: change_supply,
    Publish: publish,
    Restate: restate,
}


def _still(state: IndexState) -> Turn:
    prices = {price.symbol: price for price in state.prices}
    return Turn({}, None, state.members, prices, state.divisor, state.pending)


def _changed(state: IndexState, told: dict[str, Price], members: tuple[Member, ...]) -> Turn:
    """Return a turn to other members that keeps the level."""
    held, prices = market_value(state.members, told), {m.symbol: told[m.symbol] for m in members}
    divisor = divisor_after(state.divisor, held, market_value(members, prices))
    return Turn(told, held, members, prices, divisor, state.pending)


def _without(pending: Pending | None, symbols: tuple[str, ...]) -> Pending | None:
    """Return what is announced without these; their weight goes to the others in proportion."""
    if pending is None or not set(symbols) & set(_symbols(pending.targets)):
        return pending
    left = [t for t in pending.targets if t.symbol not in symbols]
    if not left:
        return None
    weights = total(t.weight for t in left)
    targets = tuple(Target(t.symbol, t.supply, quotient(t.weight, weights)) for t in left)
    return msgspec.structs.replace(pending, targets=targets)


def _divided(one: Any, event: Redenominate) -> Any:
    """Return a member or a target with its part of the supply if it is the one redenominated."""
    if one.symbol != event.symbol:
        return one
    return msgspec.structs.replace(one, supply=quotient(one.supply, event.ratio))


def _symbols(named: Iterable[Member | Target]) -> list[str]:
    return [one.symbol for one in named]
