"""Rows without a time of receipt: which stamps are believed, and what becomes of the others."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.prices.board import PriceBoard
from core.prices.presets import PRESETS
from core.prices.types import Reason, State, Tick
from sim.price_files.order import in_order, longest

T = 1_700_000_000_000
HOUR_MS = 3_600_000
VENUES = ("binance", "coinbase", "kraken", "okx", "bybit")


def tick(source, at_ms, price=50_000.0, symbol="BTC/USD"):
    return Tick(source=source, symbol=symbol, price=price, at_ms=at_ms, received_ms=at_ms, volume_24h=1e6)


def rounds(seconds=30, venues=VENUES, step_ms=1000):
    """Each venue once a second, one after the other, the way a recorder writes them."""
    return [tick(s, T + step_ms * n + 20 * i) for n in range(seconds) for i, s in enumerate(venues)]


def replayed(*files):
    """Return the reasons of what was not taken, and the values at each stamp."""
    heard, board = in_order([], files), PriceBoard(PRESETS["nightdesk"])
    reasons, values = [], []
    for one in heard:
        reasons.append((one.source, board.tick(one)))
        values.append(board.evaluate(one.received_ms)[-1])
    return [found for found in reasons if found[1] is not None], values


def test_believed_stamps_stand_for_the_time_of_receipt():
    ticks = rounds()
    assert in_order([], [ticks]) == ticks


@pytest.mark.parametrize("place", [0, 7, 74, 140, 149])
@pytest.mark.parametrize(("ahead_ms", "reason"), [(HOUR_MS, Reason.FUTURE), (30 * 86_400_000, Reason.FUTURE)])
def test_a_stamp_far_ahead_is_refused_wherever_it_stands_and_nothing_is_evaluated_then(
    place, ahead_ms, reason
):
    ticks = rounds()
    ticks[place] = tick(ticks[place].source, ticks[place].at_ms + ahead_ms, 51_000.0)
    refused, values = replayed(ticks)
    assert refused == [(ticks[place].source, reason)]
    assert values[-1].at_ms <= T + 30_000
    assert (values[-1].state, values[-1].price) == (State.OK, 50_000.0)


@pytest.mark.parametrize("place", [7, 74, 139])
@pytest.mark.parametrize("ahead_ms", [5_000, 60_000, 600_000])
def test_a_stamp_ahead_of_its_venues_own_later_ones_is_refused(place, ahead_ms):
    ticks = rounds()
    ticks[place] = tick(ticks[place].source, ticks[place].at_ms + ahead_ms, 51_000.0)
    refused, values = replayed(ticks)
    assert refused == [(ticks[place].source, Reason.FUTURE)]
    assert (values[-1].state, values[-1].at_ms) == (State.OK, T + 29_080)


def test_one_row_a_venue_and_one_of_them_a_day_ahead():
    refused, values = replayed(
        [tick("binance", T), tick("x", T + 24 * HOUR_MS), tick("okx", T - 9), tick("kraken", T)]
    )
    assert refused == [("x", Reason.FUTURE)]
    assert (values[-1].at_ms, values[-1].state) == (T, State.OK)


@pytest.mark.parametrize("venues", [1, 2])
def test_where_one_venue_speaks_or_two_a_lone_row_far_ahead_is_refused_too(venues):
    refused, values = replayed([*rounds(venues=VENUES[:venues]), tick(VENUES[0], T + 24 * HOUR_MS)])
    assert refused == [(VENUES[0], Reason.FUTURE)]
    assert values[-1].at_ms < T + 30_000


@pytest.mark.parametrize("behind_ms", [HOUR_MS, T - 1])
def test_a_stamp_far_behind_is_refused_as_past(behind_ms):
    ticks = [tick("x", T - behind_ms), *rounds()]
    refused, values = replayed(ticks)
    assert refused == [("x", Reason.PAST)]
    assert min(value.at_ms for value in values) == T


def test_a_late_row_is_out_of_order_and_the_newer_price_stands():
    ticks = [*rounds(), tick("okx", T + 25_000, 49_000.0)]
    refused, values = replayed(ticks)
    assert refused == [("okx", Reason.REORDERED)]
    assert values[-1].price == 50_000.0


def test_a_row_that_is_there_twice_is_a_duplicate():
    ticks = rounds()
    refused, _ = replayed([*ticks[:50], ticks[49], *ticks[50:]])
    assert refused == [(ticks[49].source, Reason.DUPLICATE)]


def test_a_venue_whose_clock_is_a_minute_ahead_never_counts():
    ticks = [tick(t.source, t.at_ms + 60_000) if t.source == "okx" else t for t in rounds()]
    refused, values = replayed(ticks)
    assert [reason for source, reason in refused if source == "okx"] == [Reason.FUTURE] * len(refused)
    assert (values[-1].active_feeds, values[-1].at_ms) == (4, T + 29_080)


def test_where_half_of_the_venues_are_a_minute_ahead_of_the_others_nobody_knows_whose_clock_is_wrong():
    ticks = [tick(t.source, t.at_ms + 60_000 * (t.source in VENUES[:2])) for t in rounds(venues=VENUES[:4])]
    assert in_order([], [ticks]) == sorted(ticks, key=lambda t: t.at_ms)


def test_one_fresh_row_before_those_of_stale_venues_is_not_ahead():
    ticks = [tick("okx", T), *(tick(source, T - 20_000) for source in VENUES if source != "okx")]
    refused, values = replayed(ticks)
    assert refused == []
    assert (values[-1].at_ms, values[-1].active_feeds) == (T, 1)


@pytest.mark.parametrize("arranged", ["by venue", "newest first", "shuffled", "a file each"])
def test_rows_in_any_other_order_than_that_of_time_are_sorted(arranged):
    ticks = rounds()
    files = {
        "by venue": [sorted(ticks, key=lambda t: t.source)],
        "newest first": [ticks[::-1]],
        "shuffled": [random.Random(1).sample(ticks, len(ticks))],
        "a file each": [[t for t in ticks if t.source == source] for source in VENUES],
    }[arranged]
    assert in_order([], files) == ticks


def every(source, interval_ms, from_ms=0, until_ms=120_000):
    return [tick(source, T + at_ms) for at_ms in range(from_ms, until_ms, interval_ms)]


def test_two_halves_of_a_recording_in_the_wrong_order_are_sorted():
    earlier, later = rounds(seconds=18), [tick(t.source, t.at_ms + 60_000) for t in rounds(seconds=12)]
    assert in_order([], [[*later, *earlier]]) == [*earlier, *later]


def test_a_venue_with_few_rows_before_one_with_many_is_not_ahead_of_it():
    ticks = [*every("kraken", 10_000), *every("okx", 1_000)]
    assert len(in_order([], [ticks])) == len({(t.source, t.received_ms) for t in in_order([], [ticks])})


def test_venues_that_were_written_down_in_turns_of_a_minute_are_sorted():
    ticks = [
        one
        for minute in range(4)
        for source, interval_ms in (("kraken", 3_000), ("okx", 1_000), ("bybit", 2_500))
        for one in every(source, interval_ms, 60_000 * minute, 60_000 * (minute + 1))
    ]
    assert [one.received_ms - one.at_ms for one in in_order([], [ticks])] == [0] * len(ticks)


def test_in_shuffled_rows_a_stamp_far_ahead_is_found_all_the_same():
    ticks = [*rounds(), tick("okx", T + HOUR_MS)]
    refused, values = replayed(random.Random(2).sample(ticks, len(ticks)))
    assert refused == [("okx", Reason.FUTURE)]
    assert values[-1].at_ms == T + 29_080


@pytest.mark.parametrize("silent_s", [15, 200, 1000])
def test_a_venue_that_speaks_again_alone_after_all_fell_silent_is_heard(silent_s):
    """What is stale is shown by a later stamp of somebody else: for as long as any preset waits."""
    refused, values = replayed([*(tick(s, T) for s in VENUES), tick("okx", T + 1000 * silent_s, 50_100.0)])
    assert refused == []
    assert (values[-1].at_ms, values[-1].active_feeds) == (T + 1000 * silent_s, 1)


def test_an_outage_of_all_is_no_reason_to_doubt_what_comes_after():
    ticks = [*rounds(), *(tick(t.source, t.at_ms + 5 * HOUR_MS) for t in rounds(seconds=3))]
    assert in_order([], [ticks]) == ticks


def test_two_of_three_venues_that_speak_once_a_day_later_are_not_believed():
    ticks = rounds(seconds=60, venues=VENUES[:3])
    late = [tick(source, T + 24 * HOUR_MS) for source in VENUES[:2]]
    refused, values = replayed([*ticks, *late])
    assert refused == [(source, Reason.FUTURE) for source in VENUES[:2]]
    assert values[-1].at_ms < T + 60_000


def test_a_small_file_of_another_year_is_read_beside_a_large_one():
    old = [tick("kraken", T - 400 * 24 * HOUR_MS + n) for n in range(3)]
    assert in_order([], [rounds(), old]) == [*old, *rounds()]


def test_what_has_a_time_of_receipt_is_left_as_it_is():
    ticks = rounds()
    dated = [tick("okx", T + HOUR_MS)]
    assert in_order(dated, [ticks])[-1] == dated[0]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(
            st.builds(
                tick, st.sampled_from(VENUES), st.integers(-(10**13), 10**14) | st.integers(T, T + 99_999)
            ),
            max_size=12,
        ),
        max_size=3,
    )
)
def test_whatever_stamps_there_are_every_row_is_heard_once_and_in_order(files):
    heard = in_order([], files)
    said = sorted((one.source, one.at_ms) for file in files for one in file)
    assert sorted((one.source, one.at_ms) for one in heard) == said
    assert [one.received_ms for one in heard] == sorted(one.received_ms for one in heard)
    assert {one.received_ms for one in heard} <= {one.at_ms for one in heard}


@pytest.mark.parametrize("seed", range(5))
def test_the_longest_run_is_as_long_as_any_and_never_falls(seed):
    draw = random.Random(seed)
    values = [draw.randrange(12) for _ in range(11)]
    best = max(
        bin(mask).count("1")
        for mask in range(1 << len(values))
        if (chosen := [v for i, v in enumerate(values) if mask >> i & 1]) == sorted(chosen)
    )
    for late in (0, 3, 100):
        run = longest(values, late)
        assert len(run) == best
        assert run == sorted(run)
        assert [values[i] for i in run] == sorted(values[i] for i in run)


def test_of_two_that_contradict_each_other_the_later_is_late_unless_the_first_is_far_ahead():
    assert longest([1, 2, 5, 3], late=2) == [0, 1, 2]
    assert longest([1, 2, 9, 3], late=2) == [0, 1, 3]
