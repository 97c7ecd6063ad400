"""Keeps the clock right where the machine's may be wrong: the venue's time decides, docs/decisions/0010-whose-time.md."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from adapters.ports import Reference, VenueError
from core.events import AnyEvent, ClockSet
from core.report import iso
from daemon.account_modes import CLOCK_SKEW_MAX_MS
from daemon.alerts import Alerts
from daemon.clock import SteadyClock
from daemon.night import Parts

log = structlog.get_logger()

LOOK_S = 1.0
ASK_AGAIN_S = 5.0
ANSWER_S = 2.0
STEP_MIN_MS = 1_000
BELIEVED_MAX_MS = 6 * 3_600_000
"""A clock that is wrong by more is for a person: nonces of a wrong day could not be taken back."""
STEPPED, WRONG = "clock.stepped", "clock.wrong"


class Keeping(Protocol):
    async def begin(self) -> None:
        """Make the clock right before anything is stamped by it; takes ANSWER_S at most."""

    async def run(self) -> None:
        """Keep it right, for ever."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far the clock and the wall are ahead of the venue's time, give or take doubt_ms: half of the round trip."""

    clock_ms: float
    wall_ms: float
    doubt_ms: float


class TimeKeeper:
    """Asks the venue when the wall and the clock differ, and until it has once confirmed the time."""

    def __init__(
        self, clock: SteadyClock, *, reference: Reference, alerts: Alerts, put: Callable[[AnyEvent], None]
    ) -> None:
        self._clock, self._reference, self._alerts, self._put = clock, reference, alerts, put
        self._confirmed = False
        self._code = STEPPED

    async def begin(self) -> None:
        """One question. Where no answer comes the wall stands, and is held against the venue when one does."""
        if (reading := await self._read()) is not None:
            self._confirm(reading)

    async def run(self) -> None:
        while True:
            self._tell()
            if self._confirmed and not self._differs():
                await self._clock.sleep(LOOK_S)
                continue
            if (reading := await self._read()) is not None and self._mend(reading):
                self._put(ClockSet(at_ms=self._clock.now_ms()))
            await self._clock.sleep(ASK_AGAIN_S)

    def _differs(self) -> bool:
        return abs(self._clock.wall_ahead_ms()) > STEP_MIN_MS

    async def _read(self) -> Reading | None:
        """Return what the venue's time says, None when it does not answer in time."""
        before_ms = self._clock.now_ms()
        try:
            async with asyncio.timeout(ANSWER_S):
                venue_ms = await self._reference.venue_time_ms()
        except (VenueError, TimeoutError) as error:
            log.warning("the venue's time could not be read", error=str(error) or "no answer in time")
            return None
        after_ms = self._clock.now_ms()
        ahead_ms = (before_ms + after_ms) / 2 - venue_ms
        return Reading(ahead_ms, ahead_ms + self._clock.wall_ahead_ms(), (after_ms - before_ms) / 2)

    def _mend(self, reading: Reading) -> bool:
        """Take the wall where it is nearer to the venue's time; say whether the clock was set.

        A clock that was confirmed once is never put on the venue's word alone: that one may be wrong as well.
        """
        if self._differs() and abs(reading.wall_ms) < abs(reading.clock_ms):
            self._set(self._clock.now_ms() + self._clock.wall_ahead_ms())
            return True
        return not self._confirmed and self._confirm(reading)

    def _confirm(self, reading: Reading) -> bool:
        """Take the first answer of a life: a clock that is wrong goes on from the venue's time. Say whether it was."""
        wrong_ms = abs(reading.clock_ms) - reading.doubt_ms
        if wrong_ms > BELIEVED_MAX_MS:
            return False
        self._confirmed = True
        if wrong_ms <= CLOCK_SKEW_MAX_MS:
            return False
        self._code = WRONG
        self._set(self._clock.now_ms() - round(reading.clock_ms))
        self._tell()
        return True

    def _set(self, now_ms: int) -> None:
        log.warning("the clock is set", was=iso(self._clock.now_ms()), now=iso(now_ms))
        self._clock.anchor(now_ms)

    def _tell(self) -> None:
        """The alert lasts as long as the machine's clock and ours differ."""
        if not self._differs():
            self._alerts.ended(self._code)
            self._code = STEPPED
            return
        ahead_s = self._clock.wall_ahead_ms() / 1000
        text = (
            f"the machine's clock differs from ours by {ahead_s:+.1f} s, the venue's time decides: mend NTP"
        )
        level = "error" if self._code == WRONG else "warning"
        self._alerts.raised(code=self._code, level=level, text=text)


class NoKeeping:
    """For clocks that nobody can step: those of dry runs."""

    async def begin(self) -> None:
        return None

    async def run(self) -> None:
        await asyncio.Event().wait()


def time_keeping(parts: Parts, put: Callable[[AnyEvent], None]) -> Keeping:
    if isinstance(parts.clock, SteadyClock):
        return TimeKeeper(parts.clock, reference=parts.reference, alerts=parts.alerts, put=put)
    return NoKeeping()
