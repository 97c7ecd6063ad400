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


class VenueTime:
    """What the venue says of the time. stamped_ms: the newest time that it has stamped anything with, None: nothing."""

    def __init__(self, reference: Reference, stamped_ms: Callable[[], int | None]) -> None:
        self._reference, self._stamped_ms = reference, stamped_ms
        self._newest_ms = 0

    @property
    def newest_ms(self) -> int:
        """The venue's time is this or later, unless its clock went back."""
        return max(self._newest_ms, self._stamped_ms() or 0)

    async def ask_ms(self) -> int:
        """Return the venue's time. Raises VenueError, also where the answer is a node's that is behind the others."""
        known_ms = self.newest_ms
        said_ms = await self._reference.venue_time_ms()
        if said_ms < known_ms - CLOCK_SKEW_MAX_MS:
            raise VenueError(
                f"a node said that it is {iso(said_ms)}, and the venue has stamped {iso(known_ms)}"
            )
        self._newest_ms = max(self._newest_ms, said_ms)
        return said_ms


class TimeKeeper:
    """Asks the venue when the wall and the clock differ, and until it has once confirmed the time."""

    def __init__(
        self, clock: SteadyClock, *, told: VenueTime, alerts: Alerts, put: Callable[[AnyEvent], None]
    ) -> None:
        self._clock, self._told, self._alerts, self._put = clock, told, alerts, put
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
            await self._pause()

    async def _pause(self) -> None:
        """Wait until the venue may be asked again, and look meanwhile whether it has not told better by itself."""
        for _ in range(round(ASK_AGAIN_S / LOOK_S)):
            await self._clock.sleep(LOOK_S)
            if self._take_back():
                self._put(ClockSet(at_ms=self._clock.now_ms()))
                return

    def _differs(self) -> bool:
        return abs(self._clock.wall_ahead_ms()) > STEP_MIN_MS

    async def _read(self) -> Reading | None:
        """Return what the venue's time says, None when it does not answer in time."""
        before_ms = self._clock.now_ms()
        try:
            async with asyncio.timeout(ANSWER_S):
                venue_ms = await self._told.ask_ms()
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

    def _take_back(self) -> bool:
        """Go back to the wall where the venue's word, which put the clock, was a node's that is behind. Say whether it was.

        The venue has stamped something with a time that our clock has yet to come to, and the wall is nearer to it.
        """
        if self._code != WRONG or not self._differs():
            return False
        now_ms, known_ms = self._clock.now_ms(), self._told.newest_ms
        wall_ms = now_ms + self._clock.wall_ahead_ms()
        if known_ms <= now_ms + CLOCK_SKEW_MAX_MS or abs(wall_ms - known_ms) > known_ms - now_ms:
            return False
        self._confirmed = False
        self._set(wall_ms)
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


def time_keeping(
    parts: Parts, put: Callable[[AnyEvent], None], stamped_ms: Callable[[], int | None]
) -> Keeping:
    """stamped_ms is the newest time of the venue's that is known, None: none is."""
    if isinstance(parts.clock, SteadyClock):
        told = VenueTime(parts.reference, stamped_ms)
        return TimeKeeper(parts.clock, told=told, alerts=parts.alerts, put=put)
    return NoKeeping()
