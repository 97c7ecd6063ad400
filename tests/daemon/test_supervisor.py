import asyncio

from daemon.clock import LoopClock
from daemon.supervisor import keep_running
from sim.loop import run


def starts_of(job, seconds):
    clock, starts = LoopClock(0), []

    async def noted():
        starts.append(clock.now_ms() // 1000)
        await job(clock, len(starts))

    async def watch():
        task = asyncio.ensure_future(keep_running("test", noted, clock=clock))
        await clock.sleep(seconds)
        task.cancel()

    run(watch())
    return starts


def test_a_job_that_fails_is_run_again_after_longer_and_longer_waits():
    async def fails(clock, turn):
        raise ConnectionError("gone")

    assert starts_of(fails, 130) == [0, 1, 3, 7, 15, 31, 61, 91, 121]


def test_a_job_that_ends_is_run_again_too():
    async def ends(clock, turn):
        return None

    assert starts_of(ends, 4) == [0, 1, 3]


def test_after_a_long_good_time_the_wait_is_short_again():
    async def fails_late(clock, turn):
        await clock.sleep(100 if turn == 3 else 0)
        raise ConnectionError("gone")

    assert starts_of(fails_late, 106) == [0, 1, 3, 104]
