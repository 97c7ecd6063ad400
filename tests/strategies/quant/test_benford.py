"""First digits against the law, sequences known to follow it, and ones known not to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from strategies.quant.benford import CHI_SQUARED_1, CHI_SQUARED_5, EXPECTED, Verdict, benford, first_digits


def test_the_laws_shares_powers_of_two_and_evenly_drawn_digits():
    """O0-3: the nine shares; the first thousand powers of two conform, digits drawn evenly do not."""
    table = [0.30103, 0.17609, 0.12494, 0.09691, 0.07918, 0.06695, 0.05799, 0.05115, 0.04576]
    assert pytest.approx(table, abs=5e-6) == EXPECTED
    found = benford(2.0 ** np.arange(1000))
    assert (found.verdict, found.values) == (Verdict.CONFORMS, 1000)
    assert found.chi_squared < CHI_SQUARED_5
    rng = np.random.default_rng(3)
    values = rng.integers(1, 10, 1000) * 10.0 ** rng.integers(0, 4, 1000)
    assert benford(values).verdict is Verdict.DOES_NOT


def test_the_quantiles_are_those_of_chi_squared_with_eight_degrees():
    assert pytest.approx(chi2.ppf([0.95, 0.99], 8), abs=5e-4) == [CHI_SQUARED_5, CHI_SQUARED_1]


@settings(max_examples=50)
@given(st.integers(1, 9), st.integers(-20, 20), st.integers(0, 999_999))
def test_the_first_digit_is_the_one_that_is_written_first(digit, exponent, rest):
    assert first_digits(np.array([float(f"{digit}.{rest:06d}e{exponent}")])).tolist() == [digit]


def test_single_digits_of_every_size_are_themselves():
    """0.3 / 0.1 is 2.9999999999999996."""
    written = np.array([[float(f"{digit}e{power}") for digit in range(1, 10)] for power in range(-12, 13)])
    assert (first_digits(written.ravel()).reshape(written.shape) == np.arange(1, 10)).all()


def test_what_is_not_positive_has_no_first_digit():
    assert first_digits(np.array([0.0, -3, np.nan, np.inf, 5])).tolist() == [5]
    assert benford(np.zeros(500)).verdict is Verdict.TOO_FEW


def test_fewer_than_three_hundred_values_say_nothing():
    assert benford(2.0 ** np.arange(299)).verdict is Verdict.TOO_FEW


def test_values_within_two_decades_say_nothing_and_one_speck_of_dust_does_not_widen_them():
    values = np.random.default_rng(4).uniform(100, 900, 1000)
    values[0] = 1e-9
    assert benford(values).verdict is Verdict.TOO_NARROW


def test_a_million_nearly_right_values_conform_though_chi_squared_rejects_them():
    """E0-13: lognormal with a spread of 0.75 decades is off by a part in a hundred."""
    values = 10 ** np.random.default_rng(5).normal(0, 0.45, 300_000)
    found = benford(values)
    assert found.chi_squared > CHI_SQUARED_1
    assert found.verdict is Verdict.CONFORMS


def test_honest_columns_of_the_least_length_are_rarely_called_nonconforming():
    rng = np.random.default_rng(6)
    verdicts = [benford(10 ** rng.uniform(0, 4, 300)).verdict for _ in range(400)]
    assert np.mean([v is Verdict.DOES_NOT for v in verdicts]) < 0.03
