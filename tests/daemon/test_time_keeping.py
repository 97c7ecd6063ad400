"""Who sets the clock: the wall, the time that has passed, or the venue."""

import asyncio

import pytest

from adapters.ports import Unknown
from core.events import ClockSet
from daemon.alerts import Alerts
from daemon.clock import SteadyClock
from daemon.settings import AlertSettings
from daemon.time_keeping import AGREE_S, ASK_AGAIN_S, TimeKeeper
from daemon.venue_time import VenueTime
from sim.loop import run

NOON_MS = 1_753_444_800_000


class Machine:
    """The loop's time is the true one; the wall and the venue may each be wrong by some."""

    def __init__(self, *, wall_wrong_ms=0, venue_wrong_ms=0):
        self.wall_wrong_ms, self.venue_wrong_ms = wall_wrong_ms, venue_wrong_ms
        self.asked, self.events = [], []
        self.takes_s, self.is_away = 0.1, False
        self.clock = SteadyClock(self, lambda: asyncio.get_running_loop().time())
        self.alerts = Alerts(AlertSettings(), origin="test", now_ms=self.clock.now_ms)
        self.stamped_ago_ms = self.venue_stands_ms = self.venue_halted_ms = None
        told = VenueTime(self, self.stamped_ms)
        self.keeper = TimeKeeper(self.clock, told=told, alerts=self.alerts, put=self.events.append)

    @property
    def true_ms(self):
        return NOON_MS + round(1000 * asyncio.get_running_loop().time())

    @property
    def venue_ms(self):
        """A venue whose clock was ahead stands still until that time has come."""
        return self.venue_halted_ms or max(self.true_ms + self.venue_wrong_ms, self.venue_stands_ms or 0)

    def stamped_ms(self):
        return None if self.stamped_ago_ms is None else self.true_ms - self.stamped_ago_ms

    @property
    def wrong_ms(self):
        return self.clock.now_ms() - self.true_ms

    @property
    def codes(self):
        return {alert.code for alert in self.alerts.active()}

    def now_ms(self):
        return self.true_ms + self.wall_wrong_ms

    async def venue_time_ms(self):
        self.asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.takes_s / 2)
        told_ms = self.venue_ms
        await asyncio.sleep(self.takes_s / 2)
        if self.is_away:
            raise Unknown("away")
        return told_ms

    async def keep(self, seconds):
        task = asyncio.ensure_future(self.keeper.run())
        await asyncio.sleep(seconds)
        task.cancel()


def on_machine(night, **wrong):
    async def main():
        machine = Machine(**wrong)
        await night(machine)
        return machine

    return run(main())


@pytest.mark.parametrize("wrong_ms", [-3_600_000, -2_500, 2_500, 3_600_000])
def test_a_start_on_a_wrong_clock_goes_on_in_the_venues_time_and_says_so(wrong_ms):
    async def night(machine):
        began_s = asyncio.get_running_loop().time()
        await machine.keeper.begin()
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(AGREE_S + 0.2)
        assert abs(machine.wrong_ms) < 100
        assert machine.codes == {"clock.wrong"}
        machine.wall_wrong_ms = 0
        await machine.keep(2)
        assert machine.codes == set()
        assert abs(machine.wrong_ms) < 100

    assert on_machine(night, wall_wrong_ms=wrong_ms).events == []


@pytest.mark.parametrize("wrong_ms", [-1_900, 0, 1_900])
def test_a_start_on_a_clock_that_is_right_enough_is_left_alone(wrong_ms):
    async def night(machine):
        await machine.keeper.begin()
        await machine.keep(60)
        assert machine.wrong_ms == wrong_ms
        assert len(machine.asked) == 1

    on_machine(night, wall_wrong_ms=wrong_ms)


def test_a_slow_answer_is_no_proof_that_the_clock_is_wrong():
    async def night(machine):
        machine.takes_s = 1.8
        await machine.keeper.begin()
        assert machine.wrong_ms == 2_500

    on_machine(night, wall_wrong_ms=2_500)


def test_a_silent_venue_holds_a_start_up_for_two_seconds_and_is_asked_again():
    async def night(machine):
        machine.takes_s = 60.0
        began_s = asyncio.get_running_loop().time()
        await machine.keeper.begin()
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(2.0)
        machine.takes_s = 0.1
        await machine.keep(ASK_AGAIN_S + 1)
        assert abs(machine.wrong_ms) < 100

    machine = on_machine(night, wall_wrong_ms=3_600_000)
    (told,) = machine.events
    assert isinstance(told, ClockSet)


@pytest.mark.parametrize("step_ms", [-3_600_000, -1_500, 1_500, 3_600_000])
def test_a_step_of_the_wall_does_not_move_the_clock_and_the_venue_is_not_asked_too_often(step_ms):
    async def night(machine):
        await machine.keeper.begin()
        machine.wall_wrong_ms = step_ms
        await machine.keep(30)
        assert abs(machine.wrong_ms) < 100
        assert machine.codes == {"clock.stepped"}
        gaps_s = [b - a for a, b in zip(machine.asked, machine.asked[1:], strict=False)]
        assert len(gaps_s) >= 5
        assert min(gaps_s[1:]) >= ASK_AGAIN_S
        machine.wall_wrong_ms = 0
        await machine.keep(2)
        assert machine.codes == set()

    assert on_machine(night).events == []


def test_time_that_a_paused_machine_has_not_counted_is_taken_from_the_wall():
    async def night(machine):
        await machine.keeper.begin()
        machine.clock.anchor(machine.clock.now_ms() - 20_000)
        await machine.keep(3)
        assert abs(machine.wrong_ms) < 100

    assert [type(e) for e in on_machine(night).events] == [ClockSet]


def test_a_venue_whose_clock_is_wrong_moves_no_clock_that_was_confirmed():
    async def night(machine):
        await machine.keeper.begin()
        machine.venue_wrong_ms, machine.wall_wrong_ms = 30_000, -3_000
        await machine.keep(30)
        assert abs(machine.wrong_ms) < 100

    assert on_machine(night).events == []


def test_a_clock_that_is_wrong_by_a_day_is_left_to_a_person():
    async def night(machine):
        await machine.keeper.begin()
        await machine.keep(30)
        assert machine.wrong_ms == 86_400_000

    assert on_machine(night, wall_wrong_ms=86_400_000).events == []


@pytest.mark.parametrize("behind_ms", [5_000, 20_000, 3_600_000])
def test_a_node_that_is_behind_what_the_venue_has_stamped_before_moves_no_clock(behind_ms):
    async def night(machine):
        machine.stamped_ago_ms = 2_500
        await machine.keeper.begin()
        assert machine.wrong_ms == 0
        await machine.keep(12)
        assert len(machine.asked) > 2
        machine.venue_wrong_ms = 0
        await machine.keep(30)
        assert machine.wrong_ms == 0
        assert machine.codes == set()

    assert on_machine(night, venue_wrong_ms=-behind_ms).events == []


def test_a_wrong_clock_is_put_right_though_the_venue_has_stamped_something_before():
    async def night(machine):
        machine.stamped_ago_ms = 2_500
        await machine.keeper.begin()
        assert abs(machine.wrong_ms) < 100
        assert machine.codes == {"clock.wrong"}

    on_machine(night, wall_wrong_ms=30_000)


@pytest.mark.parametrize("ahead_ms", [2_500, 5_000, 20_000, 3_600_000])
def test_a_venue_that_is_ahead_for_a_moment_and_then_stands_still_moves_no_clock_that_is_right(ahead_ms):
    async def night(machine):
        machine.venue_stands_ms = machine.true_ms + ahead_ms
        await machine.keeper.begin()
        assert machine.wrong_ms == 0
        await machine.keep(60)
        assert machine.wrong_ms == 0
        assert machine.codes == set()

    machine = on_machine(night)
    assert machine.events == []
    gaps_s = [b - a for a, b in zip(machine.asked[3:], machine.asked[4:], strict=False)]
    assert all(gap_s >= ASK_AGAIN_S for gap_s in gaps_s), "and it is not asked in haste"


@pytest.mark.parametrize("ahead_ms", [-20_000, 5_000, 20_000])
def test_a_venue_that_is_wrong_for_less_than_the_time_between_two_answers_moves_no_clock(ahead_ms):
    async def night(machine):
        beginning = asyncio.ensure_future(machine.keeper.begin())
        await asyncio.sleep(AGREE_S - 0.1)
        machine.venue_wrong_ms = 0
        await beginning
        await machine.keep(60)
        assert machine.wrong_ms == 0
        assert machine.codes == set()

    machine = on_machine(night, venue_wrong_ms=ahead_ms)
    assert machine.events == []
    assert len(machine.asked) == 4, "the fourth one, which agrees with the second, has confirmed the clock"


def test_a_venue_that_was_ahead_for_longer_is_let_go_of_at_its_first_true_answer():
    async def night(machine):
        await machine.keeper.begin()
        assert machine.wrong_ms == pytest.approx(20_000, abs=100)
        assert machine.codes == {"clock.wrong"}
        machine.venue_wrong_ms, machine.stamped_ago_ms = 0, -20_000
        await machine.keep(1)
        assert machine.wrong_ms == 0
        assert machine.codes == set()

    assert [type(e) for e in on_machine(night, venue_wrong_ms=20_000).events] == [ClockSet]


def test_a_clock_that_went_back_to_a_wrong_wall_is_put_right_by_the_next_answers_that_agree():
    """A venue that has halted says the same for so long that the wall, which it overruled, is nearer."""

    async def night(machine):
        await machine.keeper.begin()
        machine.venue_halted_ms = machine.true_ms
        await machine.keep(40)
        assert machine.wrong_ms == -20_000
        machine.venue_halted_ms = None
        await machine.keep(30)
        assert abs(machine.wrong_ms) < 100
        assert machine.codes == {"clock.wrong"}

    assert [type(e) for e in on_machine(night, wall_wrong_ms=-20_000).events] == [ClockSet, ClockSet]


def test_an_answer_that_the_next_one_does_not_reach_is_not_held_against_later_ones():
    async def night(machine):
        beginning = asyncio.ensure_future(machine.keeper.begin())
        await asyncio.sleep(1)
        machine.venue_wrong_ms = 0
        await beginning
        await machine.keep(ASK_AGAIN_S + 1)
        assert abs(machine.wrong_ms) < 100

    on_machine(night, wall_wrong_ms=30_000, venue_wrong_ms=3_600_000)


def test_a_dispute_about_a_clock_that_was_set_meanwhile_is_forgotten():
    async def night(machine):
        asyncio.get_running_loop().call_later(1, setattr, machine, "is_away", True)
        await machine.keeper.begin()
        machine.is_away, machine.wall_wrong_ms = False, 0
        await machine.keep(60)
        assert abs(machine.wrong_ms) < 100

    assert len(on_machine(night, wall_wrong_ms=3_600_000).asked) <= 5, "it is confirmed, though it went back"


def test_a_node_that_is_behind_moves_no_confirmed_clock_to_a_wall_that_was_stepped_as_far():
    async def night(machine):
        await machine.keeper.begin()
        machine.stamped_ago_ms = 0
        machine.wall_wrong_ms = machine.venue_wrong_ms = -20_000
        await machine.keep(30)
        assert machine.wrong_ms == 0

    assert on_machine(night).events == []


@pytest.mark.parametrize(("stamped_ago_ms", "lasts_s"), [(0, 30), (None, 10)])
def test_a_node_that_is_behind_does_not_bring_back_a_wall_that_is_wrong(stamped_ago_ms, lasts_s):
    async def night(machine):
        await machine.keeper.begin()
        machine.venue_wrong_ms, machine.stamped_ago_ms = -20_000, stamped_ago_ms
        await machine.keep(lasts_s)
        assert abs(machine.wrong_ms) < 100

    assert on_machine(night, wall_wrong_ms=-30_000).events == []


def test_a_node_behind_that_put_a_clock_is_found_out_by_what_the_venue_stamps_next():
    async def night(machine):
        await machine.keeper.begin()
        assert machine.wrong_ms == pytest.approx(-20_000, abs=100)
        machine.stamped_ago_ms = 0
        await machine.keep(2)
        assert machine.wrong_ms == 0
        assert machine.codes == set()

    assert [type(e) for e in on_machine(night, venue_wrong_ms=-20_000).events] == [ClockSet]
