"""Averages that a few liars cannot move. Plain floats, small sequences, no arrays.

All of them give the same for every order of their inputs.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

Number = TypeVar("Number", int, float)


def median(values: Sequence[float]) -> float:
    """Return the middle value, or the mean of the two middle ones. Raises ValueError on nothing."""
    if not values:
        raise ValueError("a median needs at least one value")
    ranked, half = sorted(values), len(values) // 2
    return ranked[half] if len(ranked) % 2 else ranked[half - 1] / 2 + ranked[half] / 2


def weighted_median(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return the least value at and below which at least half of the weight stands (O4-10).

    Raises ValueError when no weight is positive.
    """
    ranked = sorted(zip(values, weights, strict=True))
    half, below = sum(weights) / 2, 0.0
    if half <= 0:
        raise ValueError("a weighted median needs a positive weight")
    for value, weight in ranked:
        below += weight
        # what stands at exactly one half must not depend on how the sums were rounded
        if below >= half * (1 - 1e-12):
            return value
    return ranked[-1][0]


def capped(weights: Sequence[float], cap: float) -> list[float]:
    """Return weights that sum to 1, none above cap, the others in their proportions.

    Where n * cap < 1 they are equal: nothing else comes nearer to the cap. Raises ValueError when none is positive.
    """
    total = sum(weights)
    if total <= 0:
        raise ValueError("capping needs weights with a positive sum")
    shares = [weight / total for weight in weights]
    if cap * len(shares) <= 1:
        return [1 / len(shares)] * len(shares)
    full: set[int] = set()
    while more := {i for i, share in enumerate(shares) if share > cap and i not in full}:
        full |= more
        rest = sum(weights[i] for i in range(len(shares)) if i not in full)
        left = 1 - cap * len(full)
        shares = _refilled(weights, full, cap=cap, scale=left / rest if rest > 0 else 0.0)
    total = sum(shares)
    return [share / total for share in shares]


def _refilled(weights: Sequence[float], full: set[int], *, cap: float, scale: float) -> list[float]:
    return [cap if i in full else weight * scale for i, weight in enumerate(weights)]


def three_votes(quotes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return Pyth's aggregate (price, confidence) of quotes (price, confidence), in whole ticks (O4-6).

    Each votes for p - c, p and p + c; the price is the votes' median, the confidence the larger distance to the
    quartiles. Means of two are rounded down. Exact for integers of any size. Raises ValueError on nothing.
    """
    p25, below, above, p75 = _marks(ranked_votes(quotes))
    middle = (below + above) // 2
    return middle, max(middle - p25, p75 - middle)


def three_votes_smooth(quotes: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the same of real numbers: the median unrounded."""
    p25, below, above, p75 = _marks(ranked_votes(quotes))
    middle = (below + above) / 2
    return middle, max(middle - p25, p75 - middle)


def ranked_votes(quotes: Iterable[tuple[Number, Number]]) -> list[Number]:
    """Return the three votes of each quote, in order."""
    votes: list[Number] = []
    for price, conf in quotes:
        votes += (price - conf, price, price + conf)
    votes.sort()
    return votes


def _marks(votes: Sequence[Number]) -> tuple[Number, Number, Number, Number]:
    """Return p25 at n // 4, the two middle votes (one twice where n is odd), and p75 as the mirror of p25."""
    if not votes:
        raise ValueError("an aggregate needs at least one quote")
    last = len(votes) - 1
    quarter = len(votes) >> 2
    return votes[quarter], votes[last // 2], votes[len(votes) // 2], votes[last - quarter]
