"""Nights that keep the crypto index: launch, review, level and removal, over kills, a power cut and full disks."""

import asyncio

import pytest

from core.levels.types import Launch, Publish, Remove, Reweight
from daemon.crypto_index.kept import history
from daemon.played import play_night, played
from sim.night import Night
from sim.nights.fault import Fault
from sim.nights.kept_index import DIRECTORY

IN_TIME, BY_OPERATOR = 7, "operator"
"""A seed whose data come with the close, and whose operator takes a member out 74 s before it."""


def test_a_quiet_night_launches_removes_reviews_and_settles_an_index(tmp_path):
    world = played(Night(seed=IN_TIME, coins=8, keeps_index=True), tmp_path)
    entries = list(history(world.directory / DIRECTORY))
    assert [type(entry.event) for entry in entries] == [Launch, Remove, Reweight, Publish]
    assert entries[1].event.by == BY_OPERATOR
    assert [entry.at_ms for entry in entries[2:]] == [world.close_ms] * 2
    assert entries[2].divisor != entries[1].divisor
    assert world.checkers.failures == {}
    assert world.checkers.figures["index_told"] > 100


FAULTS = (
    Fault(name="index-disk-full", at_s=-108.0, for_s=12.0, intensity=0.1),
    Fault(name="kill-at-write", at_s=-90.0, intensity=0.8),
    Fault(name="power-cut", at_s=-72.0, for_s=2.0),
    Fault(name="slow-fsync", at_s=-2.0, for_s=6.0, intensity=0.3),
    Fault(name="power-cut", at_s=7.0, for_s=2.0),
)


def test_kills_and_failing_disks_lose_nothing_that_was_told_and_the_index_goes_on():
    night = Night(seed=IN_TIME, coins=8, faults=FAULTS, keeps_index=True)
    outcome = play_night(night)
    assert outcome.failures == ()
    assert outcome.lives >= 4
    assert outcome.figures["index_levels"] == 1
    assert outcome.figures["index_told"] > 20


@pytest.mark.parametrize("fails", [False, True])
def test_a_slow_disk_holds_up_who_writes_to_it_apart_and_nobody_else(tmp_path, fails):
    from random import Random

    from sim.nights.loop import WorldLoop
    from sim.nights.machine_disk import MachineDisk

    loop = WorldLoop(Random(0))
    disk = MachineDisk(tmp_path, loop, Random(0))

    def slow():
        disk._takes(2.0)
        if fails:
            raise ValueError

    async def both():
        waiting = asyncio.ensure_future(disk.apart(slow))
        await asyncio.sleep(0.5)
        others_s = loop.time()
        await asyncio.gather(waiting, return_exceptions=True)
        return others_s, loop.time()

    began_s = loop.time()
    assert [round(at_s - began_s, 3) for at_s in loop.run_until_complete(both())] == [0.5, 2.0]
    loop.close()
