"""A sample of what `make swarm` plays: faulted nights, and one night killed at points spread over all of it."""

import pytest

from daemon.crash_points import COINS, crash_points
from daemon.played import play_night
from daemon.swarm import Tally, held_against, swarm
from daemon.swarm_pool import Pool
from sim.night import Night, drawn_night

NIGHTS, CHUNK = 200, 20
POINTS, SHARES = 60, 4


@pytest.fixture(scope="module")
def pool():
    """One process for each worker of the tests: the other cores belong to the others."""
    with Pool(play_night, 1) as pool:
        yield pool


@pytest.fixture(scope="module")
def base(pool):
    (played,) = pool.played([Night(seed=0, coins=COINS)])
    assert not played.failures
    assert played.outcome.fills > 100, "a night that trades nothing has nothing to lose"
    return played.outcome


def found(tally):
    return {checker: [(n.seed, f.text) for n, f in f] for checker, f in tally.by_checker().items()}


@pytest.mark.parametrize("first", range(0, NIGHTS, CHUNK))
def test_every_checker_holds_in_faulted_nights(first, pool):
    tally = Tally(CHUNK)
    swarm(pool, (drawn_night(seed) for seed in range(first, first + CHUNK)), tally, lambda _: None)
    assert found(tally) == {}
    assert tally.nights == CHUNK
    assert sum(tally.faults.values()) > CHUNK, "nights without faults prove little"
    assert tally.counts["fills"] > 20 * CHUNK


@pytest.mark.parametrize("share", range(SHARES))
def test_a_night_killed_at_any_point_ends_with_the_same_book(share, pool, base):
    every = max((base.first_writes + base.first_steps) // POINTS, 1)
    points = list(crash_points(base, every=every))[share::SHARES]
    tally = Tally(len(points))
    for played in pool.played(points):
        tally.add(held_against(base, played))
    assert {
        c: [(n.kill_at_step, n.kill_at_write, f.text) for n, f in f] for c, f in tally.by_checker().items()
    } == {}
    assert tally.nights >= POINTS // SHARES
    assert tally.counts["fills"] > 100 * tally.nights
    assert tally.counts["restarts"] >= tally.nights - 1, (
        "the last point is after the night, and nobody starts it again"
    )
