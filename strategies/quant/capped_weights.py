"""Weights between a floor and a cap: the only ones that keep the proportions of all that touch neither (E0-19)."""

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from strategies.quant.trailing import Floats

CAP = 0.35
FLOOR = 0.01
"""The brief's limits (S0-44), which are Bloomberg Galaxy's."""

NEGLIGIBLE = 1e-290
"""Share of the largest below which a value counts as none: its reciprocal would not be a number."""

ROUNDS = 100
VIOLATION = 1e-9
SUM_TOLERANCE = 1e-6
"""The brief's loop: rounds, tolerance of a limit, tolerance of the sum (S0-53)."""


class Limits(StrEnum):
    """What became of the limits that were asked for."""

    AS_ASKED = "as asked"
    CAP_WIDENED = "cap widened to 1/n: so few names cannot sum to 1 under it"
    FLOOR_LOWERED = "floor lowered to 1/n: so many names cannot sum to 1 above it"
    IMPOSSIBLE = "impossible: limits given up and weights renormalised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The limits in force, shares of the index, and how they differ from those asked for."""

    floor: float
    cap: float
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class CappedWeights:
    """Weights (n,) that sum to 1, in the order of the input, and the limits that they keep."""

    weights: Floats
    bounds: Bounds


def feasible_bounds(names: int, *, floor: float = FLOOR, cap: float = CAP) -> Bounds:
    """Return limits under which names weights can sum to 1; every weight is 1/n where they had to move.

    Raises ValueError unless 0 <= floor <= cap and there is a name.
    """
    if names < 1:
        raise ValueError("an index needs at least one name to weigh")
    if not 0 <= floor <= cap < np.inf:
        raise ValueError(f"floor {floor} and cap {cap} leave no room: 0 <= floor <= cap must hold")
    if names * cap < 1:
        return Bounds(floor=min(floor, 1 / names), cap=1 / names, limits=Limits.CAP_WIDENED)
    if names * floor > 1:
        return Bounds(floor=1 / names, cap=max(cap, 1 / names), limits=Limits.FLOOR_LOWERED)
    return Bounds(floor=floor, cap=cap, limits=Limits.AS_ASKED)


def capped_weights(sizes: Floats, *, floor: float = FLOOR, cap: float = CAP) -> CappedWeights:
    """Return clip(theta * sizes, floor, cap) with the theta that makes it sum to 1 (E0-19).

    sizes (n,): market values, in any unit, none negative and not all zero; names of size zero share alike what
    the others may not take. Raises ValueError naming the place of what is no size.
    """
    check_sizes(sizes)
    bounds = feasible_bounds(len(sizes), floor=floor, cap=cap)
    if bounds.limits is not Limits.AS_ASKED:
        return CappedWeights(weights=np.full(len(sizes), 1 / len(sizes)), bounds=bounds)
    shares = sizes / sizes.max()
    shares = np.where(shares < NEGLIGIBLE, 0.0, shares)
    weights = np.clip(_scale(shares, bounds) * shares, bounds.floor, bounds.cap)
    return CappedWeights(weights=_filled(weights, shares, bounds), bounds=bounds)


def check_sizes(sizes: Floats) -> None:
    """Raise ValueError unless sizes is one column of finite numbers, none negative, with a positive sum."""
    if sizes.ndim != 1 or not len(sizes):
        raise ValueError(f"sizes have shape {sizes.shape}: one value a name is needed, and at least one name")
    wrong = ~np.isfinite(sizes) | (sizes < 0)
    if wrong.any():
        i = int(wrong.argmax())
        raise ValueError(f"size [{i}] is {sizes[i]}: it must be a finite number, zero or more")
    if not sizes.any():
        raise ValueError("all sizes are zero: there is nothing to weigh by")


def _scale(shares: Floats, bounds: Bounds) -> float:
    """Return theta: the sum rises along straight lines between corners, so find the line and solve it."""
    some = shares[shares > 0]
    to_floor, to_cap = bounds.floor / some, bounds.cap / some
    corners = np.unique(np.concatenate((to_floor, to_cap)))

    def total(i: int) -> float:
        return float(np.clip(corners[i] * shares, bounds.floor, bounds.cap).sum())

    right = bisect_left(range(len(corners)), 1.0, key=total)
    if right == 0 or right == len(corners):
        return float(corners[min(right, len(corners) - 1)])
    low, high = float(corners[right - 1]), float(corners[right])
    # corners are compared with themselves: low * share may round to just under the cap
    full, least = to_cap <= low, to_floor >= high
    between = float(some[~(full | least)].sum())
    if not between:
        return high
    held = bounds.cap * int(full.sum()) + bounds.floor * (int(least.sum()) + len(shares) - len(some))
    return min(max((1 - held) / between, low), high)


def _filled(weights: Floats, shares: Floats, bounds: Bounds) -> Floats:
    """Give names of size zero what is left once all others stand at the cap: the limit of a tiny equal size."""
    none = shares == 0
    left = 1 - float(weights[~none].sum())
    if none.any() and left > bounds.floor * int(none.sum()):
        weights = np.where(none, min(left / int(none.sum()), bounds.cap), weights)
    return weights


def literal_capped_weights(sizes: Floats, *, floor: float = FLOOR, cap: float = CAP) -> CappedWeights:
    """Return the weights of the brief's loop (S0-52 to S0-55), kept for comparison.

    It clips, then spreads what is missing in proportion among those off the cap (or takes what is too much from
    those off the floor), and starts again. It may end with a limit broken; IMPOSSIBLE where it says so itself.
    """
    check_sizes(sizes)
    weights = sizes / sizes.sum()
    limits = Limits.AS_ASKED
    for _ in range(ROUNDS):
        over, under = weights > cap + VIOLATION, weights < floor - VIOLATION
        if not (over.any() or under.any()) and abs(weights.sum() - 1) < SUM_TOLERANCE:
            break
        weights = np.where(over, cap, np.where(under, floor, weights))
        residual = 1.0 - float(weights.sum())
        if abs(residual) < SUM_TOLERANCE:
            break
        targets = weights < cap - VIOLATION if residual > 0 else weights > floor + VIOLATION
        if not targets.any():
            weights, limits = weights / weights.sum(), Limits.IMPOSSIBLE
            break
        weights = _spread(weights, targets, residual)
    return CappedWeights(weights=weights, bounds=Bounds(floor=floor, cap=cap, limits=limits))


def _spread(weights: Floats, targets: NDArray[np.bool_], residual: float) -> Floats:
    whole = float(weights[targets].sum())
    if whole == 0:
        return np.where(targets, weights + residual / int(targets.sum()), weights)
    return np.where(targets, weights * (1 + residual / whole), weights)
