"""Exact sums, rounded once: each published number is the exact rational one, to 34 digits, half to even.

So it depends on no order of summation, and whoever counts with fractions finds the same digits.
"""

from collections.abc import Iterable, Mapping
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    Underflow,
)

from core.levels.types import IndexRefused, Member, Price, Target

DIGITS = 34
EXPONENT_MAX = 40
"""Numbers from outside lie within 1e-40 and 1e41, which keeps every product and sum within _EXACT."""

_BROKEN = [InvalidOperation, DivisionByZero, Overflow, Underflow]
ROUNDED = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN, traps=_BROKEN)
_EXACT = Context(prec=2000, rounding=ROUND_HALF_EVEN, traps=[*_BROKEN, Inexact])

ONE = Decimal(1)
SAME_WEIGHT = Decimal("1e-12")
"""Weights that differ by no more are the same (O0-12)."""


def market_value(members: Iterable[Member], prices: Mapping[str, Price]) -> Decimal:
    """Return the exact sum of price x supply x factor, USD."""
    return total(product(prices[m.symbol].usd, m.supply, m.factor) for m in members)


def product(*numbers: Decimal) -> Decimal:
    """Return the exact product."""
    result = ONE
    for number in numbers:
        result = _EXACT.multiply(result, number)
    return result


def total(numbers: Iterable[Decimal]) -> Decimal:
    """Return the exact sum."""
    result = Decimal(0)
    for number in numbers:
        result = _EXACT.add(result, number)
    return result


def quotient(above: Decimal, below: Decimal) -> Decimal:
    """Return the ratio, rounded to 34 digits."""
    return ROUNDED.divide(above, below)


def rounded(number: Decimal) -> Decimal:
    return ROUNDED.plus(number)


def divisor_after(divisor: Decimal, before: Decimal, after: Decimal) -> Decimal:
    """Return the divisor that keeps the level (O0-5); the old one to the bit where the market value is the same."""
    return quotient(product(divisor, after), before)


def weighted(targets: tuple[Target, ...], prices: Mapping[str, Price]) -> tuple[Member, ...]:
    """Return members that have the targets' weights: factor = Z w / (p q), Z the plain market cap (E0-1)."""
    caps = {t.symbol: product(prices[t.symbol].usd, t.supply) for t in targets}
    plain, weights = total(caps.values()), total(t.weight for t in targets)
    return tuple(
        Member(t.symbol, t.supply, quotient(product(plain, t.weight), product(weights, caps[t.symbol])))
        for t in sorted(targets, key=lambda t: t.symbol)
    )


def has_weights(
    members: tuple[Member, ...], targets: tuple[Target, ...], prices: Mapping[str, Price]
) -> bool:
    """Say whether members with these supplies have these weights already."""
    wanted = {t.symbol: t for t in targets}
    if {(m.symbol, m.supply) for m in members} != {(t.symbol, t.supply) for t in targets}:
        return False
    value = market_value(members, prices)
    return all(
        abs(ROUNDED.subtract(weight_of(m, prices, value), wanted[m.symbol].weight)) <= SAME_WEIGHT
        for m in members
    )


def weight_of(member: Member, prices: Mapping[str, Price], value: Decimal) -> Decimal:
    """Return the member's part of the index's market value."""
    return quotient(product(prices[member.symbol].usd, member.supply, member.factor), value)


def checked(number: Decimal, what: str) -> Decimal:
    """Return a number from outside. Raises IndexRefused where it is not finite, not above 0, too long or too far off."""
    if not isinstance(number, Decimal):
        raise IndexRefused(f"{what} is {number!r}, must be a Decimal")
    if not number.is_finite() or number <= 0:
        raise IndexRefused(f"{what} is {number}, must be a number above 0")
    if len(number.as_tuple().digits) > DIGITS:
        raise IndexRefused(f"{what} is {number}, must have at most {DIGITS} digits")
    if abs(number.adjusted()) > EXPONENT_MAX:
        raise IndexRefused(f"{what} is {number}, must lie within 1e-{EXPONENT_MAX} and 1e{EXPONENT_MAX}")
    return number
