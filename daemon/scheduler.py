"""Alarms: they make the engine look at the clock at the right instants. What is due, core.calendar decides.

A lost, late or doubled alarm is harmless; the tick of every second would find the same thing due.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from adapters.ports import Clock
from core.calendar import DAY_MS
from core.config import SessionSettings

HOUR_S = 3_600
HOURLY_AT_S = 60
"""A minute past the hour: the hour's funding is paid and in the venue's ledger."""

Wake = Callable[[], None]
Hourly = Callable[[], Awaitable[None]]


def alarm_times(session: SessionSettings) -> list[tuple[int, int, int]]:
    """Return the instants of the timetable as (hour, minute, second) UTC."""
    offsets = (
        session.preflight_s,
        session.projected_s,
        session.freeze_s,
        session.correction_s,
        session.deadline_s,
    )
    return [(s // HOUR_S, s // 60 % 60, s % 60) for s in (offset % (DAY_MS // 1000) for offset in offsets)]


class WallAlarms:
    """APScheduler on the wall clock. Its misfire rules are off: it wakes, it does not decide (style.md 4.6)."""

    def __init__(self, session: SessionSettings, *, wake: Wake, hourly: Hourly) -> None:
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults=defaults, executors={"default": AsyncIOExecutor()}
        )
        for hour, minute, second in alarm_times(session):
            trigger = CronTrigger(hour=hour, minute=minute, second=second, timezone=UTC)
            self._scheduler.add_job(
                wake, trigger, id=f"{hour:02d}:{minute:02d}:{second:02d}", replace_existing=True
            )
        hours = CronTrigger(minute=HOURLY_AT_S // 60, second=HOURLY_AT_S % 60, timezone=UTC)
        self._scheduler.add_job(hourly, hours, id="hourly")

    async def run(self) -> None:
        """Start the alarms; they run on the loop until close."""
        self._scheduler.start()

    def next_alarm(self) -> datetime | None:
        times = [job.next_run_time for job in self._scheduler.get_jobs() if job.next_run_time]
        return min(times, default=None)

    def close(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


class ClockAlarms:
    """The hourly job on a clock that is not the wall's; phases need no alarm there, the tick is exact enough."""

    def __init__(self, clock: Clock, *, hourly: Hourly) -> None:
        self._clock = clock
        self._hourly = hourly

    async def run(self) -> None:
        while True:
            now_s = self._clock.now_ms() / 1000
            next_s = (now_s - HOURLY_AT_S) // HOUR_S * HOUR_S + HOUR_S + HOURLY_AT_S
            await self._clock.sleep(next_s - now_s)
            await self._hourly()

    def close(self) -> None:
        return None
