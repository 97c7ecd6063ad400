"""Scripted markets are the same each time, and their true price is that of the venues that tell no lies."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from core.prices.types import Tick
from sim.price_events import EVENTS
from sim.price_events.scene import LEVEL, T0_MS, VENUES, Event, calm, heard

ROOT = Path(__file__).resolve().parents[2]
CALM = Event(name="calm", about="")
PRINTED = "from tests.sim.test_price_events import hash_of; print(hash_of('flash_crash_one'))"


def hash_of(name):
    return sha256(repr(heard(EVENTS[name])).encode()).hexdigest()


def test_there_are_more_events_than_the_goal_asks_for():
    assert len(EVENTS) >= 30
    assert len({event.about for event in EVENTS.values()}) == len(EVENTS)


def test_an_event_is_the_same_in_every_process():
    environ = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(ROOT)}
    said = subprocess.run(
        [sys.executable, "-c", PRINTED], env=environ, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == hash_of("flash_crash_one")


@pytest.mark.parametrize("name", EVENTS)
def test_what_is_heard_is_in_order_and_from_all_venues_before_the_event(name):
    event = EVENTS[name]
    found = heard(event)
    assert [one.received_ms for one in found] == sorted(one.received_ms for one in found)
    before = {one.source for one in found if isinstance(one, Tick) and one.received_ms < T0_MS - 20_500}
    assert before == set(VENUES)


@pytest.mark.parametrize("name", EVENTS)
def test_something_is_not_as_in_a_calm_market(name):
    event = EVENTS[name]

    def words(one):
        return (one.source, one.symbol, round(one.price), one.volume_24h, one.bid and round(one.bid))

    def said(of):
        return [words(one) if isinstance(one, Tick) and one.price == one.price else one for one in heard(of)]

    quiet = Event(name=name, about="", seconds=event.seconds)
    assert said(event) != said(quiet)


@pytest.mark.parametrize("name", EVENTS)
def test_venues_that_tell_no_lies_stand_at_their_worth(name):
    event = EVENTS[name]
    skewed = name in ("clock_ahead", "clock_behind", "duplicates")
    for one in heard(event):
        if isinstance(one, Tick) and one.base == "BTC" and one.source not in event.liars and not skewed:
            second = (one.at_ms - T0_MS) / 1000
            worth = event.worth_at(one.source, second) / event.worth.get(one.quote, calm)(second)
            assert one.price == pytest.approx(worth, rel=2e-4)


def test_the_truth_of_a_staggered_crash_falls_when_most_venues_have_fallen():
    event = EVENTS["crash_staggered"]
    assert event.true_price(0.0) == pytest.approx(LEVEL, rel=1e-3)
    assert event.true_price(2.9) > 0.99 * LEVEL
    assert event.true_price(5.1) == pytest.approx(0.8 * LEVEL, rel=1e-3)
    low, high = event.truth(5.1)
    assert (low, high) == (
        pytest.approx(0.8 * LEVEL, rel=1e-3),
        pytest.approx(event.true_price(3.6), rel=1e-3),
    )


def test_liars_are_a_minority_in_every_event():
    assert all(2 * len(event.liars) < len(VENUES) for event in EVENTS.values())
