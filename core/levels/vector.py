"""One price vector for both sides of an event (E0-2), and the rule for a member without a price (E0-4).

The last vetted price stands for a missing one within the staleness limit; a member beyond it is excluded by an
event at its last valid price; where nothing would be left, nothing is done. The level is never set anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.levels.arithmetic import checked
from core.levels.types import IndexRefused, IndexState, Price

DAY_MS = 86_400_000

Prices = Mapping[str, Price]


@dataclass(frozen=True, slots=True)
class Coverage:
    """fresh: members priced now. carried: those whose last vetted price stands. excluded: those it is too old for."""

    fresh: tuple[str, ...]
    carried: tuple[str, ...]
    excluded: tuple[str, ...]


def coverage(state: IndexState, heard: Prices, *, at_ms: int) -> Coverage:
    """Say what stands for each member's price. excluded goes into a Remove with cause NO_PRICE, as it is.

    Raises IndexRefused where a price is none, or where no member has one: then nothing may be published.
    """
    last = {price.symbol: price for price in state.prices}
    fresh: list[str] = []
    carried: list[str] = []
    excluded: list[str] = []
    for symbol in sorted(last):
        found = newest(heard.get(symbol), last[symbol], at_ms)
        if at_ms - found.at_ms > state.stale_ms:
            excluded.append(symbol)
        else:
            (fresh if found is heard.get(symbol) else carried).append(symbol)
    if not fresh and not carried:
        raise IndexRefused(
            f"no member of {state.name} has a price within {state.stale_ms / DAY_MS:g} days; the level stands still"
        )
    return Coverage(tuple(fresh), tuple(carried), tuple(excluded))


def vector(
    state: IndexState,
    heard: Prices,
    symbols: Iterable[str],
    *,
    at_ms: int,
    leaving: frozenset[str] = frozenset(),
) -> dict[str, Price]:
    """Return the price of each symbol, by symbol. leaving: those whose last price counts however old it is.

    Raises IndexRefused naming every symbol without one.
    """
    last = {price.symbol: price for price in state.prices}
    found: dict[str, Price] = {}
    missing = []
    for symbol in sorted(set(symbols)):
        told, known = heard.get(symbol), last.get(symbol)
        price = newest(told, known, at_ms) if told or known else None
        if price is None or (symbol not in leaving and at_ms - price.at_ms > state.stale_ms):
            missing.append(symbol)
        else:
            found[symbol] = price
    if missing:
        raise IndexRefused(
            f"no price within {state.stale_ms / DAY_MS:g} days of {', '.join(missing)}: find one, or exclude what has none"
        )
    return found


def newest(told: Price | None, known: Price | None, at_ms: int) -> Price:
    """Return the later of a price heard now and the last vetted one; at the same time the one heard."""
    if told is None:
        assert known is not None
        return known
    checked(told.usd, f"the price of {told.symbol}")
    if told.at_ms > at_ms:
        raise IndexRefused(f"the price of {told.symbol} is of {told.at_ms}, later than the event at {at_ms}")
    return told if known is None or told.at_ms >= known.at_ms else known
