import asyncio
import time

import time_machine

from daemon.clock import LoopClock, VenueClock, WallClock
from sim.loop import run


def test_the_wall_clock_is_the_machines():
    with time_machine.travel(1_753_400_000.5, tick=False):
        assert WallClock().now_ms() == 1_753_400_000_500


def test_virtual_seconds_are_the_clocks_own():
    clock = LoopClock(1_000)

    async def later():
        first = clock.now_ms()
        await clock.sleep(3600)
        return first, clock.now_ms()

    assert run(later()) == (1_000, 3_601_000)
    assert clock.now_ms() == 3_601_000


def test_before_the_loop_runs_time_stands_at_its_start():
    assert LoopClock(5_000).now_ms() == 5_000


def test_an_accelerated_clock_runs_and_sleeps_faster():
    clock = LoopClock(0, speed=100)

    async def later():
        clock.now_ms()
        await clock.sleep(5)
        return clock.now_ms()

    began = time.monotonic()
    assert 5_000 <= asyncio.run(later()) < 15_000
    assert time.monotonic() - began < 1


def test_a_venues_clock_goes_on_from_where_it_was_read():
    clock = VenueClock(1_000.0, speed=50.0, read_at_s=time.monotonic() - 2)
    assert 101_000 <= clock.now_ms() < 102_000


def test_sleeping_a_negative_time_returns_at_once():
    async def none():
        await WallClock().sleep(-1)
        await LoopClock(0).sleep(-1)
        await VenueClock(0, speed=1, read_at_s=0).sleep(-1)

    began = time.monotonic()
    asyncio.run(asyncio.wait_for(none(), 1))
    assert time.monotonic() - began < 1
