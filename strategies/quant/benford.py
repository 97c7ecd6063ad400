"""First digits against Benford's law (E0-13).

Sizes that grow by multiplication begin with d in log10(1 + 1/d) of cases; drawn evenly or from a narrow range they do
not. chi-squared rejects everything once there is enough of it, so a verdict needs the mean absolute deviation too.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from strategies.quant.trailing import Floats

EXPECTED = np.log10(1 + 1 / np.arange(1, 10))
"""Shares of the first digits 1 to 9."""

CHI_SQUARED_5 = 15.507
CHI_SQUARED_1 = 20.090
"""Quantiles of chi-squared with 8 degrees of freedom: above them one honest column in 20, in 100."""

NONCONFORMING = 0.015
"""Mean absolute deviation of the nine shares above which a column does not conform (Nigrini)."""

VALUES_MIN = 300
DECADES_MIN = 2.0
EDGE = 0.01
"""Share cut off at each end before the span is measured: one speck of dust must not widen it."""


class Verdict(StrEnum):
    """What the digits say."""

    CONFORMS = "conforms"
    DOES_NOT = "does not conform"
    TOO_FEW = "too few values to say"
    TOO_NARROW = "span too narrow for the law to hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Benford:
    """Counts of the digits 1 to 9, chi-squared, mean absolute deviation, decades between the 1 % and 99 % points."""

    counts: NDArray[np.int64]
    chi_squared: float
    deviation: float
    decades: float
    verdict: Verdict

    @property
    def values(self) -> int:
        return int(self.counts.sum())


def first_digits(values: Floats) -> NDArray[np.int64]:
    """Return the first significant digit of each positive, finite value (t,); the others are left out."""
    some = values[np.isfinite(values) & (values > 0)]
    lead = some / 10.0 ** np.floor(np.log10(some))
    # 0.3 / 0.1 is 2.9999999999999996, and log10 may round up to a whole number
    lead = np.where(lead < 1 - 1e-12, lead * 10, lead) * (1 + 1e-12)
    digits = np.floor(lead).astype(np.int64)
    return np.where(digits > 9, 1, digits)


def benford(values: Floats) -> Benford:
    """Test the first digits of values (t,), trade sizes or volumes of any unit; zero, negative and NaN do not count.

    Nonconforming is what both exceeds chi-squared's 1 % point and deviates by more than 0.015: the first alone
    rejects every long column, the second every short one.
    """
    some = values[np.isfinite(values) & (values > 0)]
    counts = np.bincount(first_digits(some), minlength=10)[1:]
    total = int(counts.sum())
    if not total:
        return Benford(counts=counts, chi_squared=0.0, deviation=0.0, decades=0.0, verdict=Verdict.TOO_FEW)
    chi_squared = float(((counts - total * EXPECTED) ** 2 / (total * EXPECTED)).sum())
    deviation = float(np.abs(counts / total - EXPECTED).mean())
    decades = float(np.diff(np.log10(np.quantile(some, [EDGE, 1 - EDGE])))[0])
    return Benford(
        counts=counts,
        chi_squared=chi_squared,
        deviation=deviation,
        decades=decades,
        verdict=_verdict(total, decades, chi_squared, deviation),
    )


def _verdict(total: int, decades: float, chi_squared: float, deviation: float) -> Verdict:
    if total < VALUES_MIN:
        return Verdict.TOO_FEW
    if decades < DECADES_MIN:
        return Verdict.TOO_NARROW
    far = chi_squared > CHI_SQUARED_1 and deviation > NONCONFORMING
    return Verdict.DOES_NOT if far else Verdict.CONFORMS
