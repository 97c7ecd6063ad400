"""Pyth's own vectors (O4-6, O4-7): what its repository says its aggregate and its averages are."""

import json
from itertools import chain, repeat
from math import exp, log
from pathlib import Path
from typing import Any

import pytest

from core.prices.averages import ConfidenceAverage
from tests.core.prices.pyth_rule import MAX_AGE_SLOTS, Quote, Status, aggregate

DATA = Path(__file__).parent / "data"
AGGREGATION = json.loads((DATA / "pyth_aggregation.json").read_text())
AVERAGES = json.loads((DATA / "pyth_averages.json").read_text())
PUBLISHED_AT, AGGREGATED_AT = 1000, 1001
"""The slots of the repository's own test (program/rust/src/tests/test_aggregation.rs)."""

HALF_LIFE_SLOTS = 5921
DECAY = 117_065e-9
"""ln 2 / 5921 as Pyth has it, cut to nine decimals (pd.h)."""

CUT = 10 / 2**28
"""What one operation of Pyth's decimals may lose: digits are cut off a mantissa until it is under 2**28 (pd.h)."""


def number_of(case: dict[str, Any]) -> str:
    return str(case["case"])


def quote(price: int, confidence: int, status: int = 1, slots_later: int = 0) -> Quote:
    slot = PUBLISHED_AT + slots_later
    return Quote(price=price, confidence=confidence, status=Status(status), slot=slot)


@pytest.mark.parametrize("case", AGGREGATION["cases"], ids=number_of)
def test_the_aggregate_of_each_published_case_is_pyths(case: dict[str, Any]) -> None:
    price, confidence, status = case["expected"]
    found = aggregate([quote(*fields) for fields in case["quotes"]], AGGREGATED_AT)
    assert found == ((price, confidence) if status == "trading" else None)


def test_a_published_case_is_there_or_said_to_be_missing() -> None:
    found = {case["case"] for case in AGGREGATION["cases"]}
    assert sorted(found | {int(number) for number in AGGREGATION["missing"]}) == list(range(1, 40))
    assert len(found) == len(AGGREGATION["cases"]) == 31


def test_a_quote_counts_until_it_is_25_slots_old() -> None:
    quotes = [quote(100, 1), quote(200, 1, slots_later=MAX_AGE_SLOTS)]
    assert aggregate(quotes, PUBLISHED_AT + 25) == (150, 50)
    assert aggregate(quotes, PUBLISHED_AT + 26) == (200, 1)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.TRADING])
def test_only_a_quote_that_trades_counts(status: Status) -> None:
    assert aggregate([quote(100, 1), quote(200, 1, status)], AGGREGATED_AT) == (100, 1)


def test_there_is_no_price_of_fewer_publishers_than_it_takes() -> None:
    quotes = [quote(100, 1), quote(100, 1), quote(100, 0)]
    assert aggregate(quotes, AGGREGATED_AT, fewest=2) == (100, 1)
    assert aggregate(quotes, AGGREGATED_AT, fewest=3) is None


class Tolerance:
    """How far Pyth's average may be from the exact one, in ticks.

    Its sums, numerator and denominator, lose digits twice a sample (decay, addition), a price times its weight once
    more; the quotient and the price once each; then all to whole ticks. Its decay is a straight line, and it and the
    new sample's weight are cut: old weights that are off by d against the new one move the average by d / decay of the
    step it takes at most (1.1 d here: no decay is below 0.979), and that adds up.
    """

    def __init__(self) -> None:
        self.samples = 0
        self.decay_ticks = 0.0

    def after(self, slots: int, step: float, average: float) -> float:
        self.samples += 1
        if self.samples > 1:
            off = abs(exp(-log(2) * slots / HALF_LIFE_SLOTS) - (1 - DECAY * slots)) + 2 * CUT
            self.decay_ticks += 1.1 * off * abs(step)
        return 1 + (3 * self.samples + 2) * CUT * abs(average) + self.decay_ticks


def unrolled(runs: list[list[int]]) -> list[list[int]]:
    return list(chain.from_iterable(repeat(run[:-1], run[-1]) for run in runs))


def expect(samples: list[tuple[int, int, int]], published: list[int]) -> None:
    """Say that the average of samples (value, confidence, slots) is the published one, after each of them."""
    ours, tolerance, before = ConfidenceAverage(), Tolerance(), 0.0
    for (value, confidence, slots), theirs in zip(samples, published, strict=True):
        average = ours.add(value, confidence, slots=slots)
        assert abs(average - theirs) < tolerance.after(slots, average - before, average)
        before = average


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("case", AVERAGES["cases"], ids=number_of)
def test_the_price_average_of_each_published_case_is_pyths(case: dict[str, Any], sign: int) -> None:
    """Pyth's repository tests each a second time with negative prices."""
    samples = [(sign * price, confidence, slots) for price, confidence, slots in unrolled(case["samples"])]
    expect(samples, [sign * price for price, _ in unrolled(case["averages"])])


@pytest.mark.parametrize("case", AVERAGES["cases"], ids=number_of)
def test_the_confidence_average_of_each_published_case_is_pyths(case: dict[str, Any]) -> None:
    samples = [(confidence, confidence, slots) for _, confidence, slots in unrolled(case["samples"])]
    expect(samples, [confidence for _, confidence in unrolled(case["averages"])])
