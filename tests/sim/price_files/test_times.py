"""Stamps in any unit, and in words, are milliseconds."""

from datetime import UTC, datetime

import pytest

from sim.price_files.times import milliseconds, stamp_of

T = 1_700_000_000_123


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (T, "ms"),
        (float(T), "ms"),
        (str(T), "ms"),
        (T / 1000, "s"),
        (str(T / 1000), "s"),
        (T * 1000, "us"),
        (T * 1_000_000, "ns"),
        (str(T * 1_000_000), "ns"),
        (datetime.fromtimestamp(T / 1000, UTC), "ms"),
        ("2023-11-14T22:13:20.123Z", "ms"),
        ("2023-11-14 22:13:20.123", "ms"),
        ("2023-11-14T23:13:20.123+01:00", "ms"),
    ],
)
def test_a_stamp_is_read_in_the_unit_that_makes_a_year_of_ours_of_it(value, unit):
    assert stamp_of(value) == (T, unit)


@pytest.mark.parametrize("value", [0, 1, 1000, -5, 86_400_000, 10**30])
def test_what_no_unit_makes_a_year_of_ours_of_is_ms(value):
    assert stamp_of(value) == (milliseconds(value, 1.0), "ms")


@pytest.mark.parametrize("value", [None, "", "x", "2023-13-45", float("nan"), True, [1], "1" * 50])
def test_what_is_no_stamp_is_none(value):
    assert stamp_of(value) in (None, (10**16, "ms"))
    assert (stamp_of(value) is None) == (value != "1" * 50)
