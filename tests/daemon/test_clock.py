import asyncio
import time

import time_machine
from hypothesis import given
from hypothesis import strategies as st

from daemon.clock import LoopClock, SteadyClock, VenueClock, WallClock
from sim.loop import run


def test_the_wall_clock_is_the_machines():
    with time_machine.travel(1_753_400_000.5, tick=False):
        assert WallClock().now_ms() == 1_753_400_000_500


class Machine:
    """A wall and a monotonic clock that a test moves."""

    def __init__(self):
        self.wall_ms, self.elapsed_s = 1_753_400_000_000, 77.0

    def now_ms(self):
        return self.wall_ms

    def pass_s(self, seconds):
        self.wall_ms += round(1000 * seconds)
        self.elapsed_s += seconds


@given(
    steps=st.lists(st.tuples(st.integers(0, 60_000), st.integers(-3_600_000, 3_600_000)), max_size=20),
)
def test_no_step_of_the_wall_moves_a_steady_clock_and_it_tells_how_far_they_are_apart(steps):
    machine = Machine()
    clock, now_ms = SteadyClock(machine, lambda: machine.elapsed_s), machine.wall_ms
    for passed_ms, stepped_ms in steps:
        machine.pass_s(passed_ms / 1000)
        machine.wall_ms += stepped_ms
        now_ms += passed_ms
        assert clock.now_ms() == now_ms
        assert clock.wall_ahead_ms() == machine.wall_ms - now_ms


def test_a_steady_clock_goes_on_from_where_it_is_anchored():
    machine = Machine()
    clock = SteadyClock(machine, lambda: machine.elapsed_s)
    clock.anchor(5_000)
    machine.pass_s(1.5)
    assert clock.now_ms() == 6_500


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
