"""Keeps the clock right where the machine's may be wrong: the venue's time decides, docs/decisions/0010-whose-time.md."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from adapters.ports import VenueError
from core.events import AnyEvent, ClockSet
from core.report import iso
from daemon.account_modes import CLOCK_SKEW_MAX_MS
from daemon.alerts import Alerts
from daemon.clock import SteadyClock
from daemon.night import Parts
from daemon.venue_time import VenueTime

log = structlog.get_logger()

LOOK_S = 1.0
ASK_AGAIN_S = 5.0
ANSWER_S = 2.0
AGREE_S = 3.0
"""Two answers so far apart overrule the wall: a venue that was ahead for a moment stands still until that time has come."""
STEP_MIN_MS = 1_000
BELIEVED_MAX_MS = 6 * 3_600_000
"""A clock that is wrong by more is for a person: nonces of a wrong day could not be taken back."""
STEPPED, WRONG = "clock.stepped", "clock.wrong"


class Keeping(Protocol):
    async def begin(self) -> None:
        """Make the clock right before anything is stamped by it; takes 2 ANSWER_S + AGREE_S at most."""

    async def run(self) -> None:
        """Keep it right, for ever."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far the clock and the wall are ahead of the venue's time, give or take doubt_ms: half of the round trip.

    at_ms is when, by the clock.
    """

    at_ms: float
    clock_ms: float
    wall_ms: float
    doubt_ms: float


class TimeKeeper:
    """Asks the venue when the wall and the clock differ, and until it has once confirmed the time."""

    def __init__(
        self, clock: SteadyClock, *, told: VenueTime, alerts: Alerts, put: Callable[[AnyEvent], None]
    ) -> None:
        self._clock, self._told, self._alerts, self._put = clock, told, alerts, put
        self._confirmed = False
        self._code = STEPPED
        self._disputing: Reading | None = None

    async def begin(self) -> None:
        """One question, and another where the answer disputes the clock.

        Without answers that agree the wall stands, and is held against the venue when there are.
        """
        if (reading := await self._read()) is not None:
            self._confirm(reading)
        if self._disputing is None:
            return
        await self._clock.sleep(AGREE_S)
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
                said = await self._told.ask()
        except (VenueError, TimeoutError) as error:
            log.warning("the venue's time could not be read", error=str(error) or "no answer in time")
            return None
        after_ms = self._clock.now_ms()
        at_ms = (before_ms + after_ms) / 2
        ahead_ms = at_ms - said.venue_ms
        reading = Reading(at_ms, ahead_ms, ahead_ms + self._clock.wall_ahead_ms(), (after_ms - before_ms) / 2)
        return None if said.is_behind and not self._is_back(reading) else reading

    def _is_back(self, reading: Reading) -> bool:
        """Say whether an answer that is behind what was said before is true: the wall that was overruled says the same."""
        if self._code == WRONG and abs(reading.wall_ms) - reading.doubt_ms <= CLOCK_SKEW_MAX_MS:
            return True
        log.warning(
            "a node's time is behind what the venue has stamped",
            said=iso(round(reading.at_ms - reading.clock_ms)),
        )
        return False

    def _mend(self, reading: Reading) -> bool:
        """Take the wall where it is nearer to the venue's time; say whether the clock was set.

        A clock that was confirmed once is never put on the venue's word alone: that one may be wrong as well.
        """
        if self._differs() and abs(reading.wall_ms) < abs(reading.clock_ms):
            self._go_back()
            return True
        return not self._confirmed and self._confirm(reading)

    def _confirm(self, reading: Reading) -> bool:
        """Take what the venue first says in a life: a clock that is wrong goes on from its time. Say whether it was.

        One answer that disputes the clock proves nothing, nor does the one after it alone, whatever it says.
        """
        wrong_ms = abs(reading.clock_ms) - reading.doubt_ms
        if wrong_ms > BELIEVED_MAX_MS:
            return False
        in_doubt = wrong_ms > CLOCK_SKEW_MAX_MS or self._disputing is not None
        if in_doubt and not self._is_agreed(reading):
            return False
        self._confirmed, self._disputing = True, None
        if wrong_ms <= CLOCK_SKEW_MAX_MS:
            return False
        self._code = WRONG
        self._set(self._clock.now_ms() - round(reading.clock_ms))
        self._tell()
        return True

    def _is_agreed(self, reading: Reading) -> bool:
        """Say whether the venue's time has gone on as ours since an earlier answer; else this one is that for the next."""
        earlier = self._disputing
        if earlier is not None and reading.at_ms - earlier.at_ms < 1000 * AGREE_S:
            return False
        self._disputing = reading
        return earlier is not None and abs(earlier.clock_ms - reading.clock_ms) <= max(
            STEP_MIN_MS, earlier.doubt_ms + reading.doubt_ms
        )

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
        self._go_back()
        return True

    def _go_back(self) -> None:
        """Go on from the wall; one that the venue had overruled is to be confirmed anew."""
        if self._code == WRONG:
            self._confirmed = False
        self._set(self._clock.now_ms() + self._clock.wall_ahead_ms())
        self._tell()

    def _set(self, now_ms: int) -> None:
        self._disputing = None
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
