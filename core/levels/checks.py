"""What an event must be before anything is counted. Each raises IndexRefused."""

from collections.abc import Iterable

from core.levels.arithmetic import ONE, SAME_WEIGHT, checked, total
from core.levels.types import Correction, IndexRefused, IndexState, Price, Target


def check_targets(targets: tuple[Target, ...]) -> None:
    check_symbols((t.symbol for t in targets), "target")
    for target in targets:
        checked(target.supply, f"the supply of {target.symbol}")
        checked(target.weight, f"the weight of {target.symbol}")
    weights = total(t.weight for t in targets)
    if abs(weights - ONE) > SAME_WEIGHT:
        raise IndexRefused(f"the weights sum to {weights}, must sum to 1 within {SAME_WEIGHT}")


def check_symbols(symbols: Iterable[str], what: str) -> None:
    """Refuse none at all, one that is no upper-case ticker, and one that comes twice."""
    seen = []
    for symbol in symbols:
        if not symbol or symbol != symbol.strip().upper():
            raise IndexRefused(f"{what} {symbol!r} is no upper-case ticker")
        if symbol in seen:
            raise IndexRefused(f"{what} {symbol} is given twice")
        seen.append(symbol)
    if not seen:
        raise IndexRefused(f"no {what} is given")


def check_reason(reason: str, by: str) -> None:
    if not reason.strip() or not by.strip():
        raise IndexRefused("give a reason and who decided: both go into the ledger")


def check_member(state: IndexState, symbol: str) -> None:
    if symbol not in {member.symbol for member in state.members}:
        known = ", ".join(member.symbol for member in state.members)
        raise IndexRefused(f"{symbol} is no member of {state.name}; its members are {known}")


def check_corrections(state: IndexState, corrections: tuple[Correction, ...]) -> None:
    if not corrections:
        raise IndexRefused("no correction is given")
    numbers = [c.sequence for c in corrections]
    if len(set(numbers)) != len(numbers) or not all(0 <= n <= state.sequence for n in numbers):
        raise IndexRefused(
            f"corrections are of entries {numbers}, must each be of another one up to {state.sequence}"
        )
    for c in corrections:
        if checked(c.old, f"the level of entry {c.sequence}") == checked(
            c.new, f"the correction of {c.sequence}"
        ):
            raise IndexRefused(f"entry {c.sequence}: the level {c.old} is not corrected by itself")
        check_prices(c.prices)


def check_prices(prices: tuple[Price, ...]) -> None:
    check_symbols((p.symbol for p in prices), "price")
    for price in prices:
        checked(price.usd, f"the price of {price.symbol}")


def check_keys(prices: Iterable[tuple[str, Price]]) -> None:
    for symbol, price in prices:
        if symbol != price.symbol:
            raise IndexRefused(f"the price under {symbol} is of {price.symbol}")
