"""Sharpe inference against the published example and against what the words mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.quant.sharpe import (
    Record,
    deflated_sharpe,
    expected_maximum,
    minimum_track_record,
    probabilistic_sharpe,
    record,
    standard_error,
)

PUBLISHED = Record(sharpe=2.5 / np.sqrt(250), skew=-3.0, kurtosis=10.0, days=1250)
"""Bailey and Lopez de Prado (2014): five years of days, annual Sharpe 2.5, found among trials of variance 0.5."""

records = st.builds(
    Record,
    sharpe=st.floats(0.01, 0.3),
    skew=st.floats(-2, 2),
    kurtosis=st.floats(6, 20),
    days=st.integers(20, 3000),
)


def trials(n):
    x = np.linspace(-1, 1, n)
    return x / x.std(ddof=1) * np.sqrt(0.5 / 250)


def test_the_published_hurdle_and_deflated_sharpe_are_found():
    """O0-2c: .1132 a day for a hundred trials, .9004; of 46 trials .9505."""
    assert expected_maximum(trials(100)) == pytest.approx(0.1132, abs=5e-5)
    found = [deflated_sharpe(PUBLISHED, trials=trials(n)) for n in (100, 46)]
    assert found == pytest.approx([0.9004, 0.9505], abs=1e-4)


MONTHLY = Record(sharpe=0.458, skew=-2.448, kurtosis=10.164, days=24)
"""Bailey and Lopez de Prado (2012): two years of months of a fund with fat tails."""


def test_the_published_probability_of_a_short_record_with_fat_tails_is_found():
    """O0-2: .913, were it normal .982, with a third year .9535."""
    normal = Record(sharpe=0.458, skew=0.0, kurtosis=3.0, days=24)
    longer = Record(sharpe=0.458, skew=-2.448, kurtosis=10.164, days=36)
    found = [probabilistic_sharpe(of) for of in (MONTHLY, normal, longer)]
    assert found == pytest.approx([0.913, 0.982, 0.9535], abs=5e-4)


def test_the_published_minimum_record_of_a_fund_is_found():
    """O0-2b: 34.6 months, 15.3 if its returns were normal."""
    normal = Record(sharpe=0.458, skew=0.0, kurtosis=3.0, days=24)
    found = [minimum_track_record(of) for of in (MONTHLY, normal)]
    assert found == pytest.approx([34.6, 15.3], abs=0.05)


def test_one_trial_needs_no_deflation():
    assert deflated_sharpe(PUBLISHED, trials=np.array([0.1])) == probabilistic_sharpe(PUBLISHED)


@given(records)
def test_a_record_of_the_minimum_length_has_just_the_confidence(of):
    days = minimum_track_record(of, confidence=0.95)
    error = standard_error(of) * np.sqrt((of.days - 1) / (days - 1))
    assert of.sharpe / error == pytest.approx(1.6448536269514722, rel=1e-9)


def test_a_losing_record_never_proves_a_gain():
    losing = Record(sharpe=-0.1, skew=0.0, kurtosis=3.0, days=500)
    assert minimum_track_record(losing) == float("inf")
    assert probabilistic_sharpe(losing) < 0.05


def test_the_standard_error_is_that_of_simulated_records():
    rng = np.random.default_rng(4)
    draws = rng.standard_gamma(4, size=(4000, 250)) / 2 - 1.7
    found = draws.mean(axis=1) / draws.std(axis=1, ddof=1)
    errors = [standard_error(record(row)) for row in draws[:400]]
    assert np.mean(errors) == pytest.approx(found.std(), rel=0.05)


def test_returns_that_never_move_have_a_sharpe_of_zero():
    assert record(np.zeros(10)).sharpe == 0
    assert record(np.full(10, 1e-3)).sharpe == 0


def test_a_hole_in_the_returns_is_refused_by_its_place():
    with pytest.raises(ValueError, match=r"\[1\] is nan"):
        record(np.array([0.1, np.nan, 0.2]))


def test_one_day_is_not_a_record():
    with pytest.raises(ValueError, match="two days or more"):
        record(np.array([0.1]))
