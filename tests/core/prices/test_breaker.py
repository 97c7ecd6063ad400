"""What is published when feeds are few, when they part, and when the price jumps."""

import pytest

from core.prices.breaker import Memory, passed
from core.prices.feeds import Feed
from core.prices.judging import Row
from core.prices.methodology import Methodology
from core.prices.presets import BRIEF, BYBIT, NIGHTDESK, OKX
from core.prices.types import Cause, Published, State
from tests.core.prices.made import T, after, fed, index, tick

SEVEN = {f"s{i}": 100.0 + 0.01 * i for i in range(7)}


def moved(by: float, sources: int = 7) -> dict[str, float]:
    """The seven, of which the first so many have moved by a fraction."""
    return {s: p * (1 + by) if i < sources else p for i, (s, p) in enumerate(SEVEN.items())}


def test_an_index_starts_without_a_price_until_two_feeds_agree_and_is_degraded_until_there_are_enough() -> (
    None
):
    """E4-9, E4-12: two from the beginning have no last index to be held against, only each other."""
    made = index()
    alone = after(made, {"a": 100.0}, T)
    assert (alone.state, alone.price, alone.cause) == (State.STARTING, None, Cause.QUORUM)
    two = after(made, {"b": 100.9}, T)
    assert (two.state, two.price, two.cause) == (State.DEGRADED, pytest.approx(100.45), Cause.QUORUM)
    assert [given.weight for given in two.inputs] == [0.5, 0.5]
    assert after(made, {"c": 100.0}, T).state is State.OK


@pytest.mark.parametrize(
    ("methodology", "prices"),
    [
        (NIGHTDESK, {"a": 100.0, "b": 101.1}),
        (NIGHTDESK, {"a": 100.0, "b": 200.0}),
        (BRIEF, {"a": 1.0, "b": 1.0}),
    ],
)
def test_two_feeds_that_disagree_or_rules_that_hold_make_no_first_price(
    methodology: Methodology, prices: dict[str, float]
) -> None:
    value = after(index(methodology), prices, T)
    assert (value.state, value.price) == (State.STARTING, None)


@pytest.mark.parametrize("fall", [-0.2, -0.3, 0.25, 0.12])
def test_a_real_move_by_all_is_published_within_three_seconds_and_says_so(fall: float) -> None:
    """M4-5, E4-11."""
    made = index()
    fed(made, SEVEN, from_ms=T, seconds=30)
    values = [after(made, moved(fall), T + 30_000 + 1000 * second) for second in range(4)]
    assert [value.state for value in values[:2]] == [State.HALTED, State.HALTED]
    assert values[0].cause is Cause.MOVE
    assert values[2].price == pytest.approx(100.03 * (1 + fall), rel=1e-3)
    assert (values[2].state, values[2].accepted) == (State.OK, True)
    assert (values[3].state, values[3].accepted) == (State.OK, False)


def test_a_real_move_that_venues_follow_one_after_the_other_is_published_within_three_seconds_of_the_last() -> (
    None
):
    made = index()
    fed(made, SEVEN, from_ms=T, seconds=30)
    for step in range(1, 8):
        after(made, moved(-0.2, sources=step), T + 30_000 + 300 * step)
    value = fed(made, moved(-0.2), from_ms=T + 32_500, seconds=3)
    assert value.state is State.OK
    assert value.price == pytest.approx(80.0, rel=1e-2)


@pytest.mark.parametrize("liars", [1, 2])
@pytest.mark.parametrize("by", [-0.5, -0.06, 0.06, 3.0])
def test_the_fall_of_a_single_venue_or_two_of_seven_is_never_published(liars: int, by: float) -> None:
    """M4-5."""
    made = index()
    fed(made, SEVEN, from_ms=T, seconds=5)
    value = fed(made, moved(by, sources=liars), from_ms=T + 5000, seconds=120)
    assert value.state is State.OK
    assert value.price == pytest.approx(100.0, rel=1e-3)


def test_the_briefs_breaker_freezes_a_real_crash_for_good() -> None:
    """E4-11: why it is not ours."""
    made = index(BRIEF)
    fed(made, SEVEN, from_ms=T, seconds=5)
    value = fed(made, moved(-0.2), from_ms=T + 5000, seconds=600)
    assert (value.state, value.cause) == (State.HALTED, Cause.MOVE)
    assert value.price == pytest.approx(100.03, rel=1e-3)
    assert value.age_ms == 600_000


def test_a_move_on_which_the_feeds_do_not_agree_is_held_and_then_published_as_degraded() -> None:
    made = index()
    fed(made, SEVEN, from_ms=T, seconds=5)
    apart = {s: 80.0 * (1 + 0.011 * i) for i, s in enumerate(SEVEN)}
    held = fed(made, apart, from_ms=T + 5000, seconds=25)
    assert (held.state, held.price) == (State.HALTED, pytest.approx(100.03, rel=1e-3))
    late = fed(made, apart, from_ms=T + 30_000, seconds=10)
    assert (late.state, late.cause) == (State.DEGRADED, Cause.UNCONFIRMED)
    assert late.confidence is not None
    assert late.confidence > 1.0


def test_a_split_market_holds_the_last_good_price() -> None:
    """E4-8: three of seven and four of seven are two camps, two of seven are outliers."""
    made = index()
    fed(made, SEVEN, from_ms=T, seconds=5)
    split = after(made, moved(0.04, sources=3), T + 5000)
    assert (split.state, split.cause) == (State.HALTED, Cause.SPLIT)
    assert split.price == pytest.approx(100.03, rel=1e-3)
    assert after(made, moved(0.04, sources=2), T + 6000).state is State.OK


def test_a_crash_is_published_soon_though_the_venues_that_died_in_it_still_stand_at_the_old_price() -> None:
    """Three of seven fall silent with their streams open: they are stale after ten seconds, and a camp for two."""
    made, crashed = index(), dict(list(moved(-0.15, sources=7).items())[:4])
    fed(made, SEVEN, from_ms=T, seconds=5)
    values = [after(made, crashed, T + 4000 + 1000 * second) for second in range(1, 9)]
    assert [value.cause for value in values[:2]] == [Cause.SPLIT, Cause.SPLIT]
    first = next(i for i, value in enumerate(values) if value.state is State.OK)
    assert first <= 5
    assert values[first].accepted
    assert values[first].price == pytest.approx(85.0, rel=1e-3)


def test_the_smaller_part_of_the_feeds_is_no_market_when_the_larger_falls_silent() -> None:
    made = index()
    fed(made, SEVEN, from_ms=T, seconds=5)
    three = dict(list(moved(-0.15, sources=7).items())[:3])
    values = [after(made, three, T + 4000 + 1000 * second) for second in range(1, 10)]
    assert {value.cause for value in values} == {Cause.SPLIT}


def test_of_two_equal_camps_that_both_fell_silent_neither_is_believed() -> None:
    made, six = index(), {s: p for s, p in SEVEN.items() if s != "s6"}
    fed(made, six, from_ms=T, seconds=5)
    after(made, {s: p * (1.04 if s in ("s0", "s1", "s2") else 1.0) for s, p in six.items()}, T + 5000)
    value = made.evaluate(T + 12_000)
    assert (value.state, value.cause) == (State.HALTED, Cause.SPLIT)


def test_a_camp_that_always_speaks_rarely_is_no_dead_one_for_being_silent_between_two_prices() -> None:
    made, slow = index(), ("s0", "s1", "s2")
    for second in range(100):
        now = {s: p + 0.001 * second for s, p in SEVEN.items() if s not in slow or second % 4 == 0}
        after(made, now, T + 1000 * second)
    after(made, moved(0.04, sources=3), T + 100_000)
    rest = {s: p for s, p in SEVEN.items() if s not in slow}
    value = [after(made, rest, T + 100_000 + 1000 * second) for second in range(1, 4)][-1]
    assert (value.state, value.cause) == (State.HALTED, Cause.SPLIT)


def test_the_feed_that_moved_first_counts_at_once_where_too_few_would_be_left() -> None:
    """E4-10: dwelling is against one that flaps, not against the first of all."""
    made, three = index(), {"a": 100.0, "b": 100.0, "c": 100.0}
    fed(made, three, from_ms=T, seconds=5)
    after(made, {**three, "a": 104.0}, T + 5000)
    value = after(made, dict.fromkeys(three, 104.0), T + 6000)
    assert (value.state, value.active_feeds, value.price) == (State.OK, 3, pytest.approx(104.0))


@pytest.mark.parametrize(("agree", "accepted"), [(3, False), (4, True)])
def test_a_move_is_confirmed_by_most_feeds_and_not_by_half_of_them(agree: int, accepted: bool) -> None:
    memory = Memory()
    memory.good(100.0, T)
    sound = [Row(Feed(f"s{i}", "BTC/USD"), usd=80.0 if i < agree else 90.0) for i in range(6)]
    for second in range(3):
        at_ms = T + 1000 + 1000 * second
        outcome = passed(80.0, sound, memory, NIGHTDESK.breaker, now_ms=at_ms)
    assert outcome.accepted is accepted


def test_values_closer_than_a_tenth_of_a_second_are_one_for_the_limits() -> None:
    memory = Memory()
    for count in range(100):
        memory.good(100.0 + count, T + 10 * count)
    assert memory.recent_ms == [T + 100 * count for count in range(10)]
    assert memory.price == 199.0


def left(made_from: int, count: int, at_ms: int) -> Published:
    """An index of seven feeds of which so many are left, eleven seconds later."""
    made = index()
    fed(made, SEVEN, from_ms=T, seconds=made_from)
    return after(made, dict(list(SEVEN.items())[:count]), at_ms)


@pytest.mark.parametrize(
    ("count", "state"), [(3, State.OK), (2, State.DEGRADED), (1, State.DEGRADED), (0, State.HALTED)]
)
def test_fewer_feeds_than_the_minimum_are_degraded_and_none_is_halted(count: int, state: State) -> None:
    """S4-26, E4-12."""
    value = left(5, count, T + 20_000)
    assert value.state is state
    assert value.price == pytest.approx(100.0, rel=1e-3)
    assert value.active_feeds == count


def test_of_two_feeds_the_one_nearer_to_the_last_index_is_published() -> None:
    """E4-9, Bybit's rule: the median of both and the last index."""
    made = index()
    fed(made, SEVEN, from_ms=T, seconds=5)
    value = after(made, {"s0": 100.0, "s1": 101.0}, T + 20_000)
    assert value.price == pytest.approx(100.03, rel=1e-4)
    assert after(made, {"s0": 100.5, "s1": 101.0}, T + 21_000).price == 100.5


@pytest.mark.parametrize(("methodology", "within"), [(NIGHTDESK, 0.02), (BYBIT, 0.10)])
def test_a_lone_feed_counts_only_near_the_last_index(methodology: object, within: float) -> None:
    """E4-9."""
    near, far = 100.0 * (1 + within * 0.9), 100.0 * (1 + within * 1.1)
    for price, state in ((near, State.DEGRADED), (far, State.HALTED)):
        made = index(methodology)  # type: ignore[arg-type]
        fed(made, dict.fromkeys(SEVEN, 100.0), from_ms=T, seconds=2)
        value = after(made, {"s0": price}, T + 1_000_000)
        assert value.state is state
        assert value.price == pytest.approx(price if state is State.DEGRADED else 100.0)


def test_okx_goes_on_with_whatever_is_left() -> None:
    made = index(OKX)
    fed(made, SEVEN, from_ms=T, seconds=2)
    value = after(made, {"s0": 150.0}, T + 20_000)
    assert (value.state, value.price) == (State.OK, 150.0)


def test_a_halted_index_tells_how_old_its_price_is_and_recovers_when_feeds_come_back() -> None:
    made = index()
    fed(made, SEVEN, from_ms=T, seconds=1)
    halted = made.evaluate(T + 60_000)
    assert (halted.state, halted.age_ms) == (State.HALTED, 60_000)
    back = after(made, SEVEN, T + 61_000)
    assert (back.state, back.age_ms) == (State.OK, 0)


def test_a_hold_by_hand_stands_until_it_is_taken_back() -> None:
    """E4-11: manual override."""
    made = index()
    fed(made, SEVEN, from_ms=T, seconds=2)
    made.held_by_hand = "venue maintenance"
    held = after(made, moved(0.01), T + 2000)
    assert (held.state, held.cause) == (State.HALTED, Cause.MANUAL)
    made.held_by_hand = None
    assert after(made, moved(0.01), T + 3000).state is State.OK


def test_sequences_rise_by_one_and_the_token_is_the_leases() -> None:
    made = index()
    values = [made.evaluate(T + i, token=7) for i in range(3)]
    assert [(value.sequence, value.token) for value in values] == [(1, 7), (2, 7), (3, 7)]


def test_confidence_is_how_far_the_quarters_of_the_votes_are() -> None:
    """E4-14: for one price and a spread of 2 around it, the half spread."""
    made = index()
    for source in "abc":
        made.tick(tick(source, 1000.0, book=(999.0, 1001.0)))
    assert made.evaluate(T).confidence == 1.0


@pytest.mark.parametrize(("book", "confidence"), [(None, None), ((99.9, 100.1), pytest.approx(0.1))])
def test_a_lone_feed_without_a_book_has_no_confidence_and_not_that_of_certainty(
    book: tuple[float, float] | None, confidence: float | None
) -> None:
    made = index()
    assert after(made, dict.fromkeys("abc", 100.0), T).confidence == 0
    made.disconnected("b")
    made.disconnected("c")
    made.tick(tick("a", 100.0, at_ms=T + 1000, book=book))
    value = made.evaluate(T + 1000)
    assert (value.state, value.price, value.confidence) == (State.DEGRADED, 100.0, confidence)
