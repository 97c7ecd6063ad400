import asyncio
from datetime import UTC, datetime

import pytest
import time_machine

from core.config import SessionSettings
from daemon.clock import LoopClock
from daemon.scheduler import ClockAlarms, WallAlarms, alarm_times
from sim.loop import run

SESSION = SessionSettings()


async def nothing():
    return None


def test_there_is_an_alarm_for_every_instant_of_the_night():
    assert alarm_times(SESSION) == [(23, 45, 0), (23, 50, 0), (0, 1, 0), (0, 2, 0), (0, 7, 0)]


@pytest.fixture
def jobs():
    async def look():
        alarms = WallAlarms(SESSION, wake=lambda: None, hourly=nothing)
        await alarms.run()
        found = {job.id: job for job in alarms._scheduler.get_jobs()}
        alarms.close()
        return found

    with time_machine.travel(datetime(2025, 7, 21, 12, 30, tzinfo=UTC), tick=False):
        return asyncio.run(look())


def test_a_late_alarm_is_still_rung_and_several_missed_ones_once(jobs):
    assert len(jobs) == 6
    for job in jobs.values():
        assert job.misfire_grace_time is None
        assert job.coalesce is True
        assert job.max_instances == 1


def test_each_alarm_rings_next_at_its_own_instant_in_utc(jobs):
    when = {name: job.next_run_time for name, job in jobs.items()}
    assert when["23:45:00"] == datetime(2025, 7, 21, 23, 45, tzinfo=UTC)
    assert when["23:50:00"] == datetime(2025, 7, 21, 23, 50, tzinfo=UTC)
    assert when["00:01:00"] == datetime(2025, 7, 22, 0, 1, tzinfo=UTC)
    assert when["00:02:00"] == datetime(2025, 7, 22, 0, 2, tzinfo=UTC)
    assert when["00:07:00"] == datetime(2025, 7, 22, 0, 7, tzinfo=UTC)
    assert when["hourly"] == datetime(2025, 7, 21, 13, 1, tzinfo=UTC)


def test_another_timetable_has_other_alarms():
    session = SessionSettings(preflight_s=-1800, deadline_s=540)
    assert alarm_times(session)[0] == (23, 30, 0)
    assert alarm_times(session)[-1] == (0, 9, 0)


def test_an_alarm_wakes_and_closing_twice_is_harmless():
    woken = []

    async def ring():
        alarms = WallAlarms(SESSION, wake=lambda: woken.append(1), hourly=nothing)
        await alarms.run()
        assert alarms.next_alarm() == datetime(2025, 7, 21, 23, 45, tzinfo=UTC)
        alarms._scheduler.get_job("23:45:00").modify(next_run_time=datetime.now(UTC))
        await asyncio.sleep(0.1)
        alarms.close()
        alarms.close()

    with time_machine.travel(datetime(2025, 7, 21, 23, 44, 59, tzinfo=UTC), tick=True):
        asyncio.run(ring())
    assert woken == [1]


def test_on_another_clock_the_hour_is_rung_a_minute_past():
    start_ms = int(datetime(2025, 7, 21, 22, 30, tzinfo=UTC).timestamp() * 1000)
    clock, rung = LoopClock(start_ms), []

    async def hourly():
        rung.append(clock.now_ms())

    async def some_hours():
        ringing = asyncio.ensure_future(ClockAlarms(clock, hourly=hourly).run())
        await clock.sleep(3 * 3600)
        ringing.cancel()

    run(some_hours())
    assert [round((at - start_ms) / 60_000) for at in rung] == [31, 91, 151]
