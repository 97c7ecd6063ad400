"""What is due, against a count of days by hand: no midnight and no review is forgotten, none comes twice."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from core.index_level import applied
from core.levels.types import Announce, Publish, Reweight, Withdraw
from daemon.crypto_index.asking import Kind
from daemon.crypto_index.due import Done, day_of, kind_of
from daemon.crypto_index.methodology_file import chosen
from strategies.crypto_index.methodology import Every, Schedule
from tests.core.levels.indices import DAY, T0, launch, prices, targets

TARGETS, OTHERS = targets(A=(10, ".5"), B=(15, ".5")), targets(A=(10, ".4"), B=(15, ".6"))
NOON_MS = DAY // 2


def ms(day):
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("seed", range(20))
def test_midnights_are_all_those_since_the_last_level_and_none_after_now(seed):
    rng = Random(seed)
    level_ms, now_ms = T0 + rng.randrange(5 * DAY), T0 + rng.randrange(9 * DAY)
    if seed % 2:
        level_ms -= level_ms % DAY
        now_ms -= now_ms % DAY
    found = Done(level_ms=level_ms).midnights(now_ms)
    assert found == [at_ms for at_ms in range(T0 - T0 % DAY, now_ms + 1, DAY) if at_ms > level_ms]
    assert Done(level_ms=level_ms, passed_ms=now_ms).midnights(now_ms) == []


@pytest.mark.parametrize("members", [Every.MONTH, Every.QUARTER])
def test_the_newest_review_that_is_missed_is_due_and_chooses_members_where_one_that_does_was_missed(members):
    rules = replace(chosen("top"), schedule=Schedule(weights=Every.MONTH, members=members))
    first = date(2021, 1, 10)
    for waited in range(0, 200, 3):
        now_ms = ms(first + timedelta(days=waited)) + NOON_MS * (waited % 2)
        days = [first + timedelta(days=n) for n in range(waited)]
        missed = [day for day in days if (day + timedelta(days=1)).day == 1]
        chooses = any(members is Every.MONTH or day.month % 3 == 0 for day in missed)
        kind = Kind.MEMBERS if chooses else Kind.WEIGHTS
        assert Done(review_ms=ms(first)).review(rules, now_ms) == ((missed[-1], kind) if missed else None)


def test_a_review_at_its_close_is_done_and_one_a_moment_before_is_not():
    rules, day = chosen("top"), date(2021, 3, 31)
    closed_ms = ms(date(2021, 4, 1))
    assert Done(review_ms=closed_ms).review(rules, closed_ms) is None
    assert Done(review_ms=closed_ms - 1).review(rules, closed_ms) == (day, Kind.MEMBERS)


def test_a_day_that_has_closed_is_the_one_before_midnight():
    at_ms = ms(date(2021, 4, 1))
    assert [day_of(at_ms - 1), day_of(at_ms)] == [date(2021, 3, 30), date(2021, 3, 31)]
    assert kind_of(Schedule(weights=Every.MONTH, members=Every.QUARTER), date(2021, 3, 31)) is Kind.MEMBERS
    assert kind_of(Schedule(weights=Every.MONTH, members=Every.QUARTER), date(2021, 4, 30)) is Kind.WEIGHTS
    assert kind_of(Schedule(weights=Every.QUARTER, members=Every.QUARTER), date(2021, 4, 30)) is None


def taken(*events):
    """Days after the launch of the last level and the last review, by these events, one on each day."""
    told, done, state = prices(A=100, B=50), Done(), None
    for place, event in enumerate([launch(TARGETS, stale_ms=99 * DAY), *events]):
        change = applied(state, event, told if state is None else {}, at_ms=T0 + place * DAY)
        done.took(change)
        state = change.state
    return (done.level_ms - T0) // DAY, (done.review_ms - T0) // DAY


def test_a_review_is_a_launch_a_reweight_or_an_announcement_and_not_what_was_announced_taking_effect():
    announced = Announce(targets=OTHERS, effective_at_ms=T0 + 3 * DAY)
    assert taken() == (0, 0)
    assert taken(Publish(), Reweight(targets=OTHERS)) == (1, 2)
    assert taken(announced, Publish(), Reweight(targets=OTHERS)) == (2, 1)
    gone = Withdraw(reason="a later one", by="rule")
    assert taken(announced, gone, Reweight(targets=OTHERS)) == (0, 3)
