"""Every night that was kept is played again for ever: what it once broke, or could, stays mended."""

from pathlib import Path

import pytest

from daemon.crash_points import same_book, without_the_kill
from daemon.played import play_night
from sim.faults import KINDS
from sim.night import read_night, written

KEPT = sorted((Path(__file__).parent / "nights").glob("*.json"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_a_kept_night_fails_no_checker(path):
    night = read_night(path)
    outcome = play_night(night)
    failures = outcome.failures
    if (whole := without_the_kill(night)) != night:
        failures += same_book(play_night(whole), outcome)
    assert failures == ()


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_a_kept_night_says_why_and_is_written_as_a_swarm_writes_it(path):
    night = read_night(path)
    assert len(night.why) > 20
    assert {fault.name for fault in night.faults} <= KINDS.keys()
    assert path.read_bytes() == written(night)


def test_there_are_kept_nights():
    assert len(KEPT) >= 3
