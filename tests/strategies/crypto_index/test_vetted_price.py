"""The vetted price: the brief's arithmetic, and what an exchange can and cannot do to the corrected one."""

from dataclasses import replace

import numpy as np
import pytest

from strategies.crypto_index.vetted_price import (
    MINUTE_MS,
    WINDOW_MINUTES,
    Candles,
    Rule,
    literal_vetted_price,
    vetted_price,
)

END = 1_700_000_040_000 // MINUTE_MS * MINUTE_MS


def half_hour(exchange, close, volume=1.0, *, minutes=WINDOW_MINUTES, end=END):
    start = end - MINUTE_MS * np.arange(minutes, 0, -1)
    return Candles(
        exchange=exchange,
        start_ms=start,
        close=np.broadcast_to(np.asarray(close, dtype=float), (minutes,)).copy(),
        volume=np.broadcast_to(np.asarray(volume, dtype=float), (minutes,)).copy(),
    )


def price(*exchanges, **options):
    return vetted_price(exchanges, end_ms=END, **options)


def test_the_brief_weighs_last_closes_by_median_volume_and_penalty():
    """S0-15 to S0-20, by hand: closes 1, 2, 6 have median 2 and deviation sqrt 7."""
    a = half_hour("a", [1, 2, 6], [3, 5, 4], minutes=3)
    b = half_hour("b", [5, 5, 5], 1, minutes=3)
    found = literal_vetted_price([a, b])
    penalty = 1 / (4 / np.sqrt(7))
    assert found.exchanges[0].penalty == pytest.approx(penalty)
    assert found.exchanges[1].penalty == 1
    assert found.price_usd == pytest.approx((6 * 4 * penalty + 5) / (4 * penalty + 1))
    assert found.rule is Rule.LITERAL


def test_closes_that_never_move_are_no_outliers():
    """S0-17: no deviation, no penalty, also for one minute alone."""
    found = literal_vetted_price([half_hour("a", 7.0), half_hour("b", [9.0], minutes=1)])
    assert [(e.deviation_usd, e.penalty) for e in found.exchanges] == [(0.0, 1.0), (0.0, 1.0)]
    assert found.price_usd == 8


def test_the_brief_punishes_a_trend_and_not_a_standing_lie():
    """E0-9."""
    trend = half_hour("moves", np.linspace(100, 110, WINDOW_MINUTES))
    liar = half_hour("lies", 150.0)
    found = literal_vetted_price([trend, liar])
    assert found.exchanges[0].penalty < 1 == found.exchanges[1].penalty


def test_the_brief_has_no_price_when_nothing_was_traded():
    """E0-12."""
    with pytest.raises(ZeroDivisionError):
        literal_vetted_price([half_hour("a", 1.0, 0.0)])


def test_all_that_move_together_are_believed_alike():
    trend = np.linspace(100, 110, WINDOW_MINUTES)
    found = price(*(half_hour(name, trend) for name in "abc"))
    assert found.price_usd == pytest.approx(105)
    assert [e.penalty for e in found.exchanges] == [1, 1, 1]
    assert found.rule is Rule.PENALISED


def test_of_four_the_one_that_stands_apart_counts_less():
    """E0-9: median 100, deviation 2 across exchanges, penalty 1 / 2 for the one 4 away."""
    found = price(*(half_hour(name, p) for name, p in zip("abcd", (100, 100, 100, 104), strict=True)))
    assert found.exchanges[3].penalty == pytest.approx(1 / 2)
    assert found.price_usd == pytest.approx((300 + 104 / 2) / 3.5)


def test_one_more_than_a_tenth_from_the_median_is_left_out_and_named():
    """E0-10."""
    found = price(
        *(half_hour(name, p) for name, p in zip("abc", (100, 101, 150), strict=True)), last_usd=100.2
    )
    assert "+48.5% from the median" in found.exchanges[2].fault
    assert (found.price_usd, found.rule) == (100.2, Rule.TWO)


def test_an_unfinished_minute_and_rows_before_the_window_do_not_count():
    """E0-11: an exchange that sends 720 rows, the last still forming."""
    good = half_hour("a", 100.0)
    long = half_hour("b", np.r_[np.full(90, 50.0), np.full(30, 100.0)], minutes=120)
    forming = replace(
        long,
        start_ms=np.append(long.start_ms, END),
        close=np.append(long.close, 900.0),
        volume=np.append(long.volume, 1e9),
    )
    assert price(good, long, half_hour("c", 100.0)).price_usd == pytest.approx(100)
    assert price(good, forming, half_hour("c", 100.0)).exchanges[1].price_usd == pytest.approx(100)


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (half_hour("x", 100.0, minutes=14), "14 of 30"),
        (half_hour("x", 100.0, end=END - 3_600_000), "0 of 30"),
        (half_hour("x", np.nan), "0 of 30"),
        (half_hour("x", -5.0), "0 of 30"),
        (half_hour("x", 100.0, np.inf), "0 of 30"),
        (replace(half_hour("x", 9.0), start_ms=np.full(30, END - MINUTE_MS)), "minutes twice"),
    ],
)
def test_an_exchange_without_good_minutes_does_not_spoil_the_others(bad, fault):
    """E0-12."""
    found = price(half_hour("a", 100.0), half_hour("b", 101.0), bad)
    assert fault in found.exchanges[2].fault
    assert found.price_usd == pytest.approx(100.5)


def test_two_exchanges_and_the_last_price_vote():
    """E4-9: the median of both feeds and the last index."""
    pair = (half_hour("a", 100.0), half_hour("b", 104.0, 1e6))
    assert [price(*pair, last_usd=last).price_usd for last in (90.0, 103.0, 200.0)] == [100, 103, 104]


def test_two_that_are_a_tenth_apart_and_no_last_price_give_none():
    found = price(half_hour("a", 100.0), half_hour("b", 120.0))
    assert (found.price_usd, found.rule) == (None, Rule.HELD)


@pytest.mark.parametrize(("last", "expected"), [(100.0, 101.0), (90.0, None), (None, None)])
def test_one_exchange_is_believed_near_the_last_price_only(last, expected):
    """E4-9."""
    assert price(half_hour("a", 101.0), last_usd=last, exchanges_min=1).price_usd == expected


@pytest.mark.parametrize("last", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_last_price_that_is_no_price_has_no_vote(last):
    pair = (half_hour("a", 100.0), half_hour("b", 104.0))
    assert price(*pair, last_usd=last) == price(*pair)
    assert price(pair[0], last_usd=last, exchanges_min=1).price_usd is None


def test_one_exchange_is_too_few_unless_it_is_said_to_be_enough():
    assert price(half_hour("a", 101.0), last_usd=101.0).rule is Rule.HELD
    assert price().price_usd is None


def test_where_nothing_was_traded_the_middle_of_the_exchanges_is_taken():
    """E0-12."""
    found = price(*(half_hour(name, p, 0.0) for name, p in zip("abc", (100, 101, 109), strict=True)))
    assert (found.price_usd, found.rule) == (101, Rule.NO_VOLUME)
