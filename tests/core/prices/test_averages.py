"""Settlement prices and averages over time."""

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.prices.averages import (
    PARTITION_MS,
    PARTITIONS,
    TWAP_MS,
    BasisAverage,
    ConfidenceAverage,
    Settlement,
    Trade,
    reference_rate,
    twap,
)

END = 1_700_000_000_000


def test_a_constant_price_settles_at_itself() -> None:
    assert twap([(END - 2 * TWAP_MS, 100.0)], END) == Settlement(100.0, 1.0)


def test_each_value_counts_for_as_long_as_it_stood() -> None:
    values = [(END - TWAP_MS, 100.0), (END - TWAP_MS // 4, 140.0)]
    assert twap(values, END).price == pytest.approx(110.0)


def test_what_was_not_known_does_not_count_and_is_told() -> None:
    assert twap([(END - TWAP_MS // 2, 100.0)], END) == Settlement(100.0, 0.5)
    assert twap([], END) == Settlement(None, 0.0)


@given(
    st.lists(st.tuples(st.integers(END - TWAP_MS, END + TWAP_MS), st.floats(1, 1000)), min_size=1, max_size=8)
)
def test_a_settlement_does_not_know_what_comes_after_it(values: list[tuple[int, float]]) -> None:
    before = [value for value in values if value[0] < END]
    assert twap(values, END) == twap(before, END)


def part(number: int, *trades: tuple[float, float]) -> list[Trade]:
    start_ms = END - (PARTITIONS - number) * PARTITION_MS
    return [Trade(start_ms + i, price, size) for i, (price, size) in enumerate(trades)]


def test_the_reference_rate_is_the_mean_of_twelve_volume_weighted_medians() -> None:
    """E0-10: one large trade in one partition moves its median, not the others'."""
    trades = [trade for number in range(PARTITIONS) for trade in part(number, (100.0, 1.0), (101.0, 5.0))]
    assert reference_rate(trades, END) == Settlement(101.0, 1.0)
    manipulated = trades + part(3, (200.0, 1e6))
    assert reference_rate(manipulated, END).price == pytest.approx((11 * 101 + 200) / 12)


def test_a_partitions_rate_is_the_first_price_at_which_half_of_the_size_is_reached() -> None:
    """O0-5c: 100 x 1, 101 x 3, 102 x 2 give 101; partitions count alike, an empty one not at all."""
    worked = [(100.0, 1.0), (101.0, 3.0), (102.0, 2.0)]
    assert reference_rate(part(2, *worked), END).price == 101.0
    large = [(price, 100 * size) for price, size in worked]
    assert reference_rate(part(2, *large) + part(5, (111.0, 0.1)), END) == Settlement(106.0, 2 / 12)


def test_partitions_without_a_trade_are_left_out_and_told() -> None:
    rate = reference_rate(part(0, (100.0, 1.0)) + part(6, (102.0, 1.0)), END)
    assert rate == Settlement(101.0, 2 / 12)


@pytest.mark.parametrize(
    "bad", [(float("nan"), 1.0), (0.0, 1.0), (-1.0, 1.0), (100.0, 0.0), (100.0, float("inf"))]
)
def test_a_trade_that_is_none_does_not_count(bad: tuple[float, float]) -> None:
    assert reference_rate(part(0, (100.0, 1.0), bad), END).price == 100.0


def test_trades_at_the_ends_of_the_window_belong_to_the_hour_they_begin_in() -> None:
    start_ms = END - PARTITIONS * PARTITION_MS
    inside, after = Trade(start_ms, 100.0, 1.0), Trade(END, 200.0, 1.0)
    assert reference_rate([inside, after], END) == Settlement(100.0, 1 / 12)


@given(st.floats(-1, 1), st.lists(st.floats(0.1, 1000), min_size=1, max_size=6))
def test_a_constant_is_a_fixed_point_of_the_basis_average(sample: float, times_s: list[float]) -> None:
    """O4-9."""
    average = BasisAverage()
    for elapsed_s in times_s:
        assert average.add(sample, elapsed_s) == pytest.approx(sample, abs=1e-12)


def test_the_basis_average_forgets_with_its_scale() -> None:
    """O4-9: after 150 s of another value the old one keeps 1 / e of its weight."""
    average = BasisAverage()
    average.add(1.0, 150.0)
    kept = 150.0 * exp(-1)
    assert average.add(0.0, 150.0) == pytest.approx(kept / (kept + 150.0))


def test_a_sample_of_half_the_confidence_counts_half_and_all_halve_in_5921_slots() -> None:
    """O4-7: decay ln 2 / 5921 a slot, weight 1 / confidence."""
    average = ConfidenceAverage()
    average.add(100.0, 1.0, slots=0)
    assert average.add(200.0, 2.0, slots=5921) == pytest.approx(150.0)
