"""Who counts in an index price, who does not, and when one comes back."""

from dataclasses import replace

import pytest

from core.index_price import IndexPrice
from core.prices.methodology import Weighing, Weights
from core.prices.presets import BITMEX, BRIEF, NIGHTDESK
from core.prices.types import Published, Rate, Reason, State, Tick
from tests.core.prices.made import T, after, fed, index, input_of, tick, value_of

FIVE = {"a": 100.0, "b": 100.1, "c": 99.9, "d": 100.05, "e": 99.95}


def reason_of(value: Published, source: str) -> Reason | None:
    return input_of(value, source).reason


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf"), float("-inf")])
def test_a_price_that_is_none_leaves_its_feed_out_until_a_good_one_comes(price: float) -> None:
    made = index()
    after(made, FIVE, T)
    assert made.tick(tick("a", price, at_ms=T + 500)) is Reason.BAD_PRICE
    assert reason_of(made.evaluate(T + 500), "a") is Reason.BAD_PRICE
    made.tick(tick("a", 100.0, at_ms=T + 1000))
    assert reason_of(made.evaluate(T + 1000), "a") is None


@pytest.mark.parametrize(
    ("book", "reason"),
    [
        ((100.2, 100.1), Reason.CROSSED),
        ((90.0, 110.0), Reason.WIDE),
        ((float("nan"), 100.0), Reason.BAD_PRICE),
        ((0.0, 100.0), Reason.BAD_PRICE),
        ((-5.0, 100.0), Reason.BAD_PRICE),
    ],
)
def test_a_book_that_cannot_be_leaves_its_feed_out(book: tuple[float, float], reason: Reason) -> None:
    assert index().tick(tick("a", 100.0, book=book)) is reason


@pytest.mark.parametrize(
    ("ahead_ms", "reason"), [(1_001, Reason.FUTURE), (1_000, None), (-60_000, None), (-60_001, Reason.PAST)]
)
def test_a_stamp_far_from_its_receipt_is_refused(ahead_ms: int, reason: Reason | None) -> None:
    """E4-5: config default one second ahead."""
    assert index().tick(tick("a", 100.0, at_ms=T + ahead_ms, received_ms=T)) is reason


def test_a_stamp_ahead_within_the_tolerance_weighs_no_more_than_one_of_now() -> None:
    """E4-5: age is never below 0."""
    made = index(BRIEF)
    for source, ahead_ms in (("a", 900), ("b", 0), ("c", 0)):
        made.tick(tick(source, 100.0, at_ms=T + ahead_ms, received_ms=T))
    assert {given.weight for given in made.evaluate(T).inputs} == {1 / 3}


def test_late_and_repeated_ticks_change_nothing() -> None:
    made = index()
    after(made, FIVE, T)
    newest = tick("a", 100.3, at_ms=T + 1000)
    made.tick(newest)
    before = made.evaluate(T + 1000)
    assert made.tick(tick("a", 50.0, at_ms=T + 500, received_ms=T + 1100)) is Reason.REORDERED
    assert made.tick(newest) is Reason.DUPLICATE
    assert made.evaluate(T + 1000).price == before.price


def test_ticks_of_another_coin_and_pairs_without_a_quote_are_not_taken() -> None:
    assert index().tick(tick("a", 100.0, symbol="ETH/USD")) is Reason.UNKNOWN_SYMBOL
    assert index().tick(tick("a", 100.0, symbol="BTC")) is Reason.UNKNOWN_SYMBOL


def test_a_feed_is_stale_after_ten_seconds_without_news() -> None:
    """S4-13."""
    made = index()
    after(made, FIVE, T)
    after(made, dict.fromkeys("bcde", 100.0), T + 10_001)
    assert reason_of(made.evaluate(T + 10_000), "a") is None
    assert reason_of(made.evaluate(T + 10_001), "a") is Reason.STALE


def test_a_quiet_feed_whose_stream_lives_is_not_stale() -> None:
    """E4-6: staleness is of the book or heartbeat, not of trades."""
    made = index()
    after(made, FIVE, T)
    for second in range(1, 16):
        made.heartbeat("a", T + 1000 * second)
        after(made, dict.fromkeys("bcde", 100.0), T + 1000 * second)
    assert reason_of(made.evaluate(T + 15_000), "a") is None


def test_a_feed_that_disconnects_is_out_at_once_and_a_heartbeat_does_not_bring_it_back() -> None:
    """S4-34, S4-35."""
    made = index()
    after(made, FIVE, T)
    made.disconnected("a")
    made.heartbeat("a", T + 100)
    assert reason_of(made.evaluate(T + 100), "a") is Reason.DISCONNECTED
    made.tick(tick("a", 100.0, at_ms=T + 200))
    assert reason_of(made.evaluate(T + 200), "a") is None


def test_a_feed_that_repeats_itself_while_the_others_move_is_frozen() -> None:
    """E4-6: fresh stamps, an old price."""
    made = index()
    fed(made, FIVE, from_ms=T, seconds=5)
    for second in range(5, 60):
        moving = dict.fromkeys("bcde", 100.0 * (1 + 0.0001 * second))
        value = after(made, {"a": 100.0, **moving}, T + 1000 * second)
    assert reason_of(value, "a") is Reason.FROZEN


def test_a_feed_that_stands_still_with_the_others_is_not_frozen() -> None:
    made = index()
    fed(made, FIVE, from_ms=T, seconds=2)
    assert reason_of(fed(made, FIVE, from_ms=T + 2000, seconds=120), "a") is None


def test_a_feed_that_moved_with_the_others_and_then_stands_still_with_them_is_not_frozen() -> None:
    """What counts is where the others stood when its price last changed, not where they once were."""
    made = index()
    for second in range(30):
        after(made, {s: price * (1 + 0.001 * second) for s, price in FIVE.items()}, T + 1000 * second)
    there = {source: price * 1.029 for source, price in FIVE.items()}
    value = fed(made, there, from_ms=T + 30_000, seconds=60)
    assert [given.reason for given in value.inputs] == [None] * 5


def test_a_tick_that_was_received_before_a_heartbeat_takes_no_life_from_its_feed() -> None:
    made = index()
    after(made, FIVE, T)
    made.heartbeat("a", T + 9_000)
    made.tick(tick("a", 100.0, at_ms=T + 500))
    assert reason_of(made.evaluate(T + 15_000), "a") is None
    assert reason_of(made.evaluate(T + 19_001), "a") is Reason.STALE


def test_an_outlier_is_out_beyond_the_threshold_and_back_after_half_of_it_and_the_dwell() -> None:
    """S4-15, E4-10: out above 2.5 %, back below 1.25 % for more than 30 s."""
    made = index()
    assert reason_of(after(made, {**FIVE, "a": 102.6}, T), "a") is Reason.OUTLIER
    assert reason_of(after(made, {**FIVE, "a": 102.0}, T + 1000), "a") is Reason.OUTLIER
    assert reason_of(after(made, {**FIVE, "a": 101.0}, T + 2000), "a") is Reason.DWELL
    assert reason_of(fed(made, FIVE, from_ms=T + 3000, seconds=30), "a") is Reason.DWELL
    assert reason_of(after(made, FIVE, T + 33_000), "a") is None


def test_a_feed_that_was_out_four_times_must_behave_for_half_an_hour() -> None:
    """E4-10, BingX's rule."""
    made, at_ms = index(), T
    for _ in range(4):
        after(made, {**FIVE, "a": 103.0}, at_ms)
        value = fed(made, FIVE, from_ms=at_ms + 1000, seconds=40)
        at_ms += 60_000
    assert reason_of(value, "a") is Reason.REVIEW
    assert reason_of(fed(made, FIVE, from_ms=at_ms, seconds=1700), "a") is Reason.REVIEW
    assert reason_of(fed(made, FIVE, from_ms=at_ms + 1_700_000, seconds=200), "a") is None


def test_bitmexs_timeline_of_a_constituent_that_comes_back() -> None:
    """O4-8: 100 -> 150 at 15:00 excluded; within 2 % at 15:20; counts again at 15:35:05; evaluated every five seconds."""
    made, three = index(BITMEX), T - T % 86_400_000 + 15 * 3_600_000
    back_ms = None
    for at_ms in range(three - 60_000, three + 40 * 60_000, 5_000):
        price = 150.0 if three <= at_ms < three + 20 * 60_000 else 100.0
        value = after(made, {**FIVE, "a": price}, at_ms)
        if at_ms == three:
            assert reason_of(value, "a") is Reason.OUTLIER
        if at_ms > three and reason_of(value, "a") is None:
            back_ms = back_ms or at_ms
    assert back_ms == three + (35 * 60 + 5) * 1000


@pytest.mark.parametrize("factor", [1000.0, 0.001, 100.0, 0.01])
def test_a_price_in_another_unit_is_called_so(factor: float) -> None:
    assert reason_of(value_of({**FIVE, "a": 100.0 * factor}), "a") is Reason.UNIT


def test_a_volume_that_jumps_is_not_believed_before_it_stood_for_an_hour() -> None:
    made = index()
    for source, price in FIVE.items():
        made.tick(tick(source, price, volume=1e9))
    made.tick(tick("a", 100.0, volume=1e12, at_ms=T + 1000))
    value = made.evaluate(T + 1000)
    assert reason_of(value, "a") is Reason.VOLUME
    assert input_of(value, "a").volume == 1e9
    for source in FIVE:
        made.tick(tick(source, 100.0, volume=1e12 if source == "a" else 1e9, at_ms=T + 3_601_000))
    assert reason_of(made.evaluate(T + 3_601_000), "a") is None


@pytest.mark.parametrize("volume", [float("nan"), float("inf"), -1.0])
def test_a_volume_that_is_none_never_weighs(volume: float) -> None:
    made = index()
    for source, price in FIVE.items():
        made.tick(tick(source, price, volume=volume if source == "a" else 1e9))
    assert reason_of(made.evaluate(T), "a") is Reason.VOLUME


def test_a_venue_without_a_volume_weighs_like_the_middle_one() -> None:
    """No information is not zero."""
    made = index(replace(NIGHTDESK, weighing=Weighing(by=Weights.SLOW_VOLUME, cap=1.0)))
    for source, volume in (("a", None), ("b", 1e9), ("c", 2e9), ("d", 3e9)):
        made.tick(tick(source, 100.0, volume=volume))
    value = made.evaluate(T)
    assert [given.weight for given in value.inputs] == pytest.approx([2 / 8, 1 / 8, 2 / 8, 3 / 8])


def usdt(price: float, state: State = State.OK) -> dict[str, Rate]:
    return {"USDT": Rate(quote="USDT", price=price, at_ms=T, feeds=3, state=state)}


def in_usdt(source: str, price: float) -> Tick:
    return tick(source, price, symbol="BTC/USDT")


def three_in_dollars() -> IndexPrice:
    made = index()
    after(made, {"a": 100.0, "b": 100.1, "c": 99.9}, T)
    return made


def test_a_stablecoins_quote_is_converted_and_the_depeg_does_not_reach_the_index() -> None:
    """E4-4."""
    made = three_in_dollars()
    made.tick(in_usdt("d", 100.0 / 0.97))
    value = made.evaluate(T, usdt(0.97))
    assert input_of(value, "d").usd == pytest.approx(100.0)
    assert reason_of(value, "d") is None


@pytest.mark.parametrize("rates", [{}, usdt(0.97, State.HALTED), usdt(0.97, State.STARTING)])
def test_without_a_live_conversion_its_quotes_do_not_count(rates: dict[str, Rate]) -> None:
    made = three_in_dollars()
    made.tick(in_usdt("d", 100.0))
    assert reason_of(made.evaluate(T, rates), "d") is Reason.NO_CONVERSION


def test_a_venue_has_one_voice_its_dollar_pair_while_that_lives() -> None:
    made = three_in_dollars()
    made.tick(in_usdt("a", 100.0))
    both = made.evaluate(T, usdt(1.0))
    assert [(given.symbol, given.reason) for given in both.inputs if given.source == "a"] == [
        ("BTC/USD", None),
        ("BTC/USDT", Reason.SECONDARY),
    ]
    for source in "bc":
        made.tick(tick(source, 100.0, at_ms=T + 11_000))
    made.tick(tick("a", 100.0, symbol="BTC/USDT", at_ms=T + 11_000))
    late = made.evaluate(T + 11_000, usdt(1.0))
    assert [given.reason for given in late.inputs if given.source == "a"] == [Reason.STALE, None]


def test_the_brief_takes_stablecoins_for_dollars() -> None:
    made = index(BRIEF)
    for source in "abc":
        made.tick(in_usdt(source, 100.0))
    assert made.evaluate(T).price == 100.0


def test_a_volume_stands_until_the_next_one_is_told() -> None:
    """Books come without a volume: a feed's weight is not another one between two tickers."""
    made = index(BRIEF)
    for source, volume in (("a", 3e9), ("b", 1e9), ("c", 1e9)):
        made.tick(tick(source, 100.0, volume=volume))
    made.tick(tick("a", 100.0, volume=None, at_ms=T + 1))
    assert input_of(made.evaluate(T + 1), "a").weight == pytest.approx(0.6, abs=1e-4)
