"""What a window settles at, what it says of itself, and when it does not settle."""

import pytest

from core.prices.settling import Settled, SettlementRules, Settling, Unsettled
from core.prices.types import Input, Published, Reason, State

RULES = SettlementRules(window_s=60, stands_s=5.0)
MIDNIGHT = 1_700_006_400_000
START = MIDNIGHT - RULES.window_ms


def feed(source: str, usd: float, weight: float, reason: Reason | None = None) -> Input:
    return Input(
        source=source,
        symbol="BTC/USD",
        price=usd,
        at_ms=0,
        received_ms=0,
        volume=None,
        rate=1.0,
        usd=usd,
        used=usd,
        weight=weight,
        reason=reason,
    )


def value(
    at_ms: int, price: float | None = 100.0, state: State = State.OK, feeds: tuple[Input, ...] = ()
) -> Published:
    return Published(
        symbol="BTC/USD",
        at_ms=at_ms,
        sequence=1,
        token=7,
        state=state,
        cause="",  # type: ignore[arg-type]
        price=price,
        candidate=price,
        median=price,
        confidence=0.0,
        spread=0.0,
        good_ms=at_ms,
        active_feeds=3,
        accepted=False,
        methodology="nightdesk",
        inputs=feeds or tuple(feed(name, price or 1.0, 1 / 3) for name in "abc"),
    )


def each_second(*values: Published, led: bool = True) -> Settled:
    """Return what the first window settles at that these close, with one more value at its end."""
    settling = Settling(RULES)
    for one in values:
        assert settling.take(one, led=led) is None
    settled = settling.take(value(MIDNIGHT), led=True)
    assert settled is not None
    return settled


def test_a_constant_price_settles_at_itself_and_every_second_of_it_is_told() -> None:
    settled = each_second(*(value(START + 1000 * n) for n in range(60)))
    assert (settled.twap, settled.partitioned_median, settled.unsettled) == (100.0, 100.0, None)
    assert (settled.start_ms, settled.end_ms, settled.at_ms, settled.token) == (START, MIDNIGHT, MIDNIGHT, 7)
    assert (settled.coverage, settled.seconds.ok, settled.values) == (1.0, 60, 60)
    assert settled.medians == (100.0,) * 6


def test_what_was_before_the_window_stands_into_it_and_what_comes_at_its_end_is_not_in_it() -> None:
    settling = Settling(RULES)
    settling.take(value(START - 500, 50.0), led=True)
    for n in range(60):
        settling.take(value(START + 1000 * n + 500, 100.0), led=True)
    settled = settling.take(value(MIDNIGHT, 1e6), led=True)
    assert settled is not None
    assert settled.twap == pytest.approx((50 + 59 * 100) / 60)
    assert settled.values == 60


def test_half_a_window_at_each_of_two_prices_settles_in_the_middle() -> None:
    settled = each_second(*(value(START + 1000 * n, 100.0 if n < 30 else 140.0) for n in range(60)))
    assert settled.twap == pytest.approx(120.0)
    assert settled.partitioned_median == pytest.approx(120.0)


def test_a_venue_with_less_than_half_of_the_weight_moves_no_median_and_one_second_moves_one_a_sixth() -> None:
    """E0-10: what the construction is for."""
    lied = (feed("a", 100.0, 1 / 3), feed("b", 100.0, 1 / 3), feed("c", 109.0, 1 / 3))
    settled = each_second(*(value(START + 1000 * n, 103.0, feeds=lied) for n in range(60)))
    assert settled.twap == pytest.approx(103.0)
    assert settled.partitioned_median == 100.0
    spike = [value(START + 1000 * n, 500.0 if n == 7 else 100.0) for n in range(60)]
    settled = each_second(*spike)
    assert settled.twap == pytest.approx(100 + 400 / 60)
    assert settled.partitioned_median == 100.0


def test_the_last_good_price_of_a_halt_is_no_price_of_that_second() -> None:
    """A window that was halted for longer than it may does not settle; a shorter halt is left out and told."""
    states = [State.HALTED if n < 6 else State.DEGRADED if n < 8 else State.OK for n in range(60)]
    values = [value(START + 1000 * n, 90.0 if n < 6 else 100.0, states[n]) for n in range(60)]
    settled = each_second(*values)
    assert (settled.twap, settled.coverage) == (100.0, 0.9)
    assert (settled.seconds.halted, settled.seconds.degraded, settled.seconds.ok) == (6, 2, 52)
    values[6] = value(START + 6000, 90.0, State.HALTED)
    settled = each_second(*values)
    assert (settled.twap, settled.partitioned_median) == (None, None)
    assert settled.unsettled is Unsettled.COVERAGE
    assert settled.coverage == pytest.approx(53 / 60)


def test_a_value_stands_for_so_long_and_later_seconds_are_missing() -> None:
    settled = each_second(value(START), value(START + 30_000), value(START + 59_000))
    assert (settled.seconds.ok, settled.seconds.missing) == (6 + 6 + 1, 47)
    assert settled.unsettled is Unsettled.COVERAGE


def test_what_began_in_mid_window_says_what_it_did_not_hear() -> None:
    settled = each_second(*(value(START + 1000 * n) for n in range(20, 60)))
    assert (settled.seconds.missing, settled.seconds.ok) == (20, 40)
    assert settled.unsettled is Unsettled.COVERAGE


def test_a_window_without_any_price_says_so_and_is_not_zero() -> None:
    settled = each_second(*(value(START + 1000 * n, None, State.STARTING) for n in range(60)))
    assert (settled.twap, settled.unsettled, settled.seconds.starting) == (None, Unsettled.NO_PRICE, 60)


def test_seconds_of_a_follower_count_and_are_told() -> None:
    settled = each_second(*(value(START + 1000 * n) for n in range(60)), led=False)
    assert (settled.seconds.standby, settled.seconds.ok, settled.twap) == (60, 60, 100.0)


def test_a_gap_of_days_tells_the_window_that_was_open_and_no_other() -> None:
    settling = Settling(RULES)
    assert settling.take(value(START - 3_600_000), led=True) is None
    settled = settling.take(value(MIDNIGHT + 3 * 86_400_000), led=True)
    assert settled is not None
    assert (settled.end_ms, settled.unsettled) == (MIDNIGHT, Unsettled.NO_PRICE)
    assert settling.take(value(MIDNIGHT + 3 * 86_400_000 + 1), led=True) is None


def test_a_venue_more_than_a_tenth_from_the_others_is_told_as_erroneous() -> None:
    """E0-10."""
    rows = (
        feed("a", 100.0, 0.5),
        feed("b", 101.0, 0.5),
        feed("c", 112.0, 0.0, Reason.OUTLIER),
        feed("d", 109.0, 0.0, Reason.DWELL),
        feed("e", 1.0, 0.0, Reason.STALE),
    )
    settled = each_second(*(value(START + 1000 * n, feeds=rows) for n in range(60)))
    assert settled.erroneous == ("c",)
    assert settled.partitioned_median == 100.0


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"window_s": 100}, "partitions"),
        ({"at_min": (0, 10), "window_s": 1800}, "apart"),
        ({"at_min": (5, 1430), "window_s": 1800}, "apart"),
        ({"at_min": (480, 0)}, "rise"),
        ({"at_min": ()}, "ends"),
        ({"at_min": (0, 480, 960)}, None),
    ],
)
def test_rules_that_contradict_each_other_say_so(changes: dict[str, object], fault: str | None) -> None:
    found = SettlementRules(**changes).fault()  # type: ignore[arg-type]
    assert (found is None) if fault is None else (found is not None and fault in found)


def test_windows_end_at_each_time_of_the_day() -> None:
    rules = SettlementRules(at_min=(0, 480))
    assert rules.end_after(MIDNIGHT - 1) == MIDNIGHT
    assert rules.end_after(MIDNIGHT) == MIDNIGHT + 8 * 3_600_000
    assert rules.end_after(MIDNIGHT + 8 * 3_600_000) == MIDNIGHT + 86_400_000
