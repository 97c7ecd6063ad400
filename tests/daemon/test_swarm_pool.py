"""The processes that play nights: none of them may take the swarm along, or hold it up."""

import os

from daemon.swarm_pool import ONE_THREAD, PROCESS, WORLD, Pool
from sim.night import Night
from tests.daemon.deadly import outcome, play


def threads(night: Night):
    return outcome(
        night, stage=",".join(os.environ[name] for name in sorted(ONE_THREAD)), records=os.getpid()
    )


def played(seeds, *, jobs, night_max_s=60.0, play=play):
    with Pool(play, jobs, night_max_s=night_max_s) as pool:
        found = {p.night.seed: p for p in pool.played(Night(seed=seed) for seed in seeds)}
        pids = [worker.process.pid for worker in pool._workers]
    return found, pids


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_process_that_dies_is_a_failure_of_its_night_and_no_other():
    found, _ = played((0, 2, 7, 8), jobs=1)
    assert sorted(found) == [0, 2, 7, 8]
    assert [s for s, p in found.items() if p.failures] == [2]
    (failure,) = found[2].failures
    assert (failure.checker, failure.text) == (PROCESS, "ended with exit code -9")


def test_a_night_without_end_is_a_failure_after_a_while_and_holds_nothing_up():
    found, _ = played((3, 0, 1), jobs=2, night_max_s=4.0)
    assert [s for s, p in found.items() if p.failures] == [3]
    assert found[3].failures[0].text == "no end after 4 s of real time"


def test_what_a_world_raises_is_told_with_its_place():
    found, _ = played((4, 0), jobs=1)
    (failure,) = found[4].failures
    assert failure.checker == WORLD
    assert failure.text.startswith("ZeroDivisionError: a world went wrong (deadly.py:")
    assert found[0].failures == ()


def test_a_process_plays_many_nights_on_one_thread_and_ends_with_its_pool():
    found, pids = played(range(6), jobs=1, play=threads)
    assert {p.outcome.stage for p in found.values()} == {"1,1,1"}
    assert {p.outcome.records for p in found.values()} == set(pids)
    assert all(gone(pid) for pid in pids)
