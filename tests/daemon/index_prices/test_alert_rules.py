from hypothesis import given, settings
from hypothesis import strategies as st

from core.prices.types import Cause, Reason, State
from daemon.index_prices.alert_rules import Begun, Ended, Levels, Rules
from tests.daemon.index_prices.values import fed, value

LEVELS = Levels(spread=0.01, settle_s=5, calm_s=30, start_s=30)


def told(*values, levels=LEVELS):
    """Return what is told of values that come one a second."""
    rules, found = Rules(levels), []
    for second, one in enumerate(values):
        at_ms = 1000 * second
        found += [(second, *short(x)) for x in rules.take([one(at_ms)])]
    return found


def short(one):
    return ("began", one.level, one.code) if isinstance(one, Begun) else ("ended", one.code)


def fine(at_ms):
    return value(at_ms=at_ms)


def with_feed(reason):
    return lambda at_ms: value(at_ms=at_ms, inputs=(fed(reason=reason),))


def in_state(state, cause, **changes):
    return lambda at_ms: value(at_ms=at_ms, state=state, cause=cause, **changes)


def test_too_few_feeds_are_critical_at_once_and_over_when_they_have_been_back_for_a_while():
    few = in_state(State.DEGRADED, Cause.QUORUM, active_feeds=2)
    assert told(fine, few, few, *[fine] * 40) == [
        (1, "began", "critical", "index.feeds.BTC/USD"),
        (32, "ended", "index.feeds.BTC/USD"),
    ]


def test_each_kind_of_breaker_is_critical_at_once():
    for cause in (Cause.MOVE, Cause.SPLIT, Cause.UNCONFIRMED):
        found = told(fine, in_state(State.HALTED, cause, candidate=40_000.0))
        assert found == [(1, "began", "critical", "index.breaker.BTC/USD")]


def test_a_feed_that_is_left_out_is_a_warning_when_that_has_stood_for_a_while():
    stale = with_feed(Reason.STALE)
    assert told(fine, *[stale] * 10) == [(6, "began", "warning", "index.feed.kraken.BTC/USD")]
    assert told(fine, *[stale] * 5, fine, *[stale] * 5) == []


def test_a_feed_whose_reason_changes_is_told_once():
    reasons = (Reason.DISCONNECTED, Reason.STALE, Reason.OUTLIER, Reason.DWELL)
    assert len(told(*(with_feed(reasons[n // 5]) for n in range(20)))) == 1


def test_a_venues_second_pair_is_left_out_without_anybody_being_told():
    assert told(*[with_feed(Reason.SECONDARY)] * 20) == []


def test_a_spread_is_told_above_its_level_and_not_at_it():
    def wide(spread):
        return lambda at_ms: value(at_ms=at_ms, spread=spread)

    assert told(*[wide(0.01)] * 20) == []
    assert told(*[wide(0.0101)] * 20) == [(5, "began", "warning", "index.spread.BTC/USD")]


def test_what_comes_and_goes_is_told_once():
    few = in_state(State.DEGRADED, Cause.QUORUM)
    found = told(*[few, fine] * 100, *[fine] * 60)
    assert [kind for _, kind, *_ in found] == ["began", "ended"]


def test_venues_have_time_to_be_heard_for_the_first_time():
    starting = in_state(State.STARTING, Cause.NO_FEEDS, price=None, inputs=(fed(reason=Reason.NO_TICK),))
    assert told(*[starting] * 30) == []
    assert {code for _, _, _, code in told(*[starting] * 32)} == {
        "index.feeds.BTC/USD",
        "index.feed.kraken.BTC/USD",
    }


def test_a_hold_by_a_person_is_told_though_nobody_forgot_it():
    found = told(fine, in_state(State.HALTED, Cause.MANUAL))
    assert found == [(1, "began", "warning", "index.held.BTC/USD")]


def test_an_instance_that_stops_publishing_ends_what_it_told():
    rules = Rules(LEVELS)
    few = value(state=State.DEGRADED, cause=Cause.QUORUM)
    assert len(list(rules.take([few]))) == 1
    assert list(rules.clear()) == [Ended("index.feeds.BTC/USD")]
    assert rules.active() == ()
    assert len(list(rules.take([few]))) == 1


def test_an_instance_that_publishes_again_gives_venues_time_as_at_its_first_start():
    unheard = in_state(State.STARTING, Cause.NO_FEEDS, price=None, inputs=(fed(reason=Reason.NO_TICK),))
    rules = Rules(LEVELS)
    assert list(rules.take([unheard(0)])) == []
    list(rules.clear())
    assert [one for second in range(60, 90) for one in rules.take([unheard(1000 * second)])] == []
    assert list(rules.take([unheard(90_000)]))


def test_a_text_names_what_a_person_needs():
    few = value(state=State.HALTED, cause=Cause.MOVE, candidate=40_000.0)
    [begun] = Rules(LEVELS).take([few])
    assert all(word in begun.text for word in ("BTC/USD", "50,000", "40,000", "HALTED"))


STATES = st.sampled_from(
    [
        fine,
        with_feed(Reason.STALE),
        in_state(State.DEGRADED, Cause.QUORUM),
        in_state(State.HALTED, Cause.SPLIT),
    ]
)


@settings(max_examples=30)
@given(st.lists(STATES, max_size=80))
def test_every_alert_ends_before_it_begins_again_and_ends_only_after_calm(values):
    open_since = {}
    for second, kind, *rest in told(*values, *[fine] * 31):
        code = rest[-1]
        if kind == "began":
            assert code not in open_since
            open_since[code] = second
        else:
            assert second - open_since.pop(code) >= LEVELS.calm_s
    assert open_since == {}
