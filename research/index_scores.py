"""How good a published series was: wrong, held, missing, off, and how smooth."""

from collections.abc import Sequence
from dataclasses import dataclass

WRONG_BPS = 50.0
"""A published price further than this from the honest median is wrong (M4-2)."""

PUBLISHED = ("OK", "DEGRADED")


@dataclass(frozen=True, slots=True)
class Sample:
    """What was published at one time, for how long, and the prices that were right then (None: not known)."""

    state: str
    price: float | None
    seconds: float
    right: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Score:
    """wrong_s: published and wrong. halted_s: the last good price stood for lack of one. missing_s: nothing published.

    Errors are distances to the right prices while published; smooth_bps is the mean absolute second difference.
    """

    wrong_s: float
    halted_s: float
    missing_s: float
    mean_bps: float
    max_bps: float
    smooth_bps: float

    @property
    def rank(self) -> tuple[float, float, float]:
        """Less is better: wrong seconds, then seconds without a value, then the error to a tenth of a basis point."""
        return self.wrong_s, self.halted_s + self.missing_s, round(self.mean_bps, 1)


def scored(samples: Sequence[Sample]) -> Score:
    published = [s for s in samples if s.state in PUBLISHED and s.price is not None]
    compared = [(s, error) for s in published if (error := _error_bps(s)) is not None]
    length_s = sum(s.seconds for s, _ in compared)
    return Score(
        wrong_s=sum(s.seconds for s, error in compared if error > WRONG_BPS),
        halted_s=sum(s.seconds for s in samples if s.state == "HALTED"),
        missing_s=sum(s.seconds for s in samples if s.price is None),
        mean_bps=sum(s.seconds * error for s, error in compared) / length_s if length_s else 0.0,
        max_bps=max((error for _, error in compared), default=0.0),
        smooth_bps=_roughness_bps([s.price for s in samples if s.price is not None]),
    )


def added(scores: Sequence[Score]) -> Score:
    """Return one score for several of equal importance: seconds add up, errors are averaged, the largest stays."""
    count = max(len(scores), 1)
    return Score(
        wrong_s=sum(s.wrong_s for s in scores),
        halted_s=sum(s.halted_s for s in scores),
        missing_s=sum(s.missing_s for s in scores),
        mean_bps=sum(s.mean_bps for s in scores) / count,
        max_bps=max((s.max_bps for s in scores), default=0.0),
        smooth_bps=sum(s.smooth_bps for s in scores) / count,
    )


def _error_bps(sample: Sample) -> float | None:
    if sample.right is None or sample.price is None:
        return None
    low, high = sample.right
    nearest = min(max(sample.price, low), high)
    return 1e4 * abs(sample.price / nearest - 1)


def _roughness_bps(prices: Sequence[float]) -> float:
    bends = [
        abs(after - 2 * at + before) / at
        for before, at, after in zip(prices, prices[1:], prices[2:], strict=False)
    ]
    return 1e4 * sum(bends) / len(bends) if bends else 0.0
