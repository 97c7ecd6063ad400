"""Shrinking is tested on failures whose smallest night is known beforehand."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sim.night import Night, drawn_night
from sim.nights.fault import Fault
from sim.shrink import COINS_MIN, END_MIN_S, START_MAX_S, shrink

NAMES = "abcdefghij"


def fault(name: str, **fields) -> Fault:
    return Fault(name=name, **{"at_s": 0.0, "for_s": 8.0, "intensity": 0.7} | fields)


def night(names: str) -> Night:
    return Night(seed=1, faults=tuple(fault(name) for name in names))


def names(night: Night) -> str:
    return "".join(f.name for f in night.faults)


@given(st.sets(st.sampled_from(NAMES), max_size=4))
@settings(max_examples=60, deadline=None)
def test_only_the_faults_that_are_needed_together_are_left(needed):
    shrunk = shrink(night(NAMES), lambda n: needed <= set(names(n)), plays_max=1000)
    assert set(names(shrunk.night)) == needed
    assert shrunk.whole


@given(st.sets(st.sampled_from(NAMES)), st.integers(0, 60), st.floats(0, 8), st.integers(4, 20))
@settings(max_examples=60, deadline=None)
def test_what_is_found_fails_and_costs_no_more_plays_than_allowed(needed, plays_max, for_s, coins):
    plays = []

    def fails(n: Night) -> bool:
        plays.append(n)
        long_enough = all(f.for_s >= for_s for f in n.faults)
        return needed <= set(names(n)) and long_enough and n.coins >= coins

    shrunk = shrink(night(NAMES), fails, plays_max=plays_max)
    assert len(plays) == shrunk.plays <= plays_max
    assert shrunk.night == night(NAMES) or fails(shrunk.night)


def test_no_night_is_played_twice():
    plays = []
    shrink(drawn_night(3), lambda n: bool(plays.append(repr(n))) or len(n.faults) > 1)
    assert len(plays) == len(set(plays)) > 3


def test_a_night_is_not_cut_so_short_that_it_fails_without_its_faults():
    shrunk = shrink(night("abc"), lambda n: n.end_s < 50 or "b" in names(n))
    assert names(shrunk.night) == "b"
    assert 50 <= shrunk.night.end_s < night("").end_s


def test_a_night_that_fails_without_faults_becomes_the_smallest_there_is():
    shrunk = shrink(drawn_night(1), lambda _: True)
    assert shrunk.night == replace(
        drawn_night(1),
        faults=(),
        coins=COINS_MIN,
        start_s=START_MAX_S,
        end_s=END_MIN_S,
        quiet_s=END_MIN_S,
    )


def test_a_fault_is_shortened_to_what_it_takes_within_a_second():
    shrunk = shrink(night("a"), lambda n: any(f.for_s >= 5 for f in n.faults))
    assert 5 <= shrunk.night.faults[0].for_s < 6.5
    assert shrunk.night.faults[0].intensity == 0


def test_time_is_taken_away_up_to_what_it_takes():
    shrunk = shrink(night(""), lambda n: n.end_s >= 30 and n.start_s <= -100)
    assert 30 <= shrunk.night.end_s < 32
    assert -102 < shrunk.night.start_s <= -100


def test_a_search_that_ran_out_of_plays_says_so():
    shrunk = shrink(night(NAMES), lambda n: "j" in names(n), plays_max=3)
    assert not shrunk.whole
    assert shrunk.plays == 3
    assert "j" in names(shrunk.night)
