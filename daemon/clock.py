"""The one clock: the wall's as it was when it was anchored, or the loop's own time laid onto an epoch.

Nothing else in the project asks what time it is.
"""

import asyncio
import time
from collections.abc import Callable

from adapters.ports import Clock


class WallClock:
    """The machine's UTC clock, where NTP keeps it. It may be stepped at any moment: SteadyClock is what trades."""

    speed = 1.0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


ROUNDING_S = 1e-6
"""Elapsed time is a float of seconds; this much is not a millisecond less."""


class SteadyClock:
    """The wall's reading at its anchor and monotonic time since: no step of the wall moves it, only anchor does.

    elapsed_s is monotonic. On Linux NTP slews it as it slews the wall, so that the two drift apart by steps alone.
    """

    speed = 1.0

    def __init__(self, wall: Clock, elapsed_s: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._elapsed_s = wall, elapsed_s
        self._anchor = wall.now_ms(), elapsed_s()

    def now_ms(self) -> int:
        anchored_ms, since_s = self._anchor
        return anchored_ms + int(1000 * (self._elapsed_s() - since_s + ROUNDING_S))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))

    def wall_ahead_ms(self) -> int:
        """Return by how much the wall is ahead of this clock now; negative when it is behind."""
        return self._wall.now_ms() - self.now_ms()

    def anchor(self, now_ms: int) -> None:
        """Go on from now_ms."""
        self._anchor = now_ms, self._elapsed_s()


class LoopClock:
    """Time that starts at epoch_ms and runs speed times as fast as the event loop's, virtual or real.

    Its seconds are the clock's own: sleep(60) at speed 10 takes six of the loop's.
    """

    def __init__(self, epoch_ms: int, *, speed: float = 1.0) -> None:
        self.speed = speed
        self._epoch_ms = epoch_ms
        self._loop: asyncio.AbstractEventLoop | None = None
        self._origin_s = 0.0

    def now_ms(self) -> int:
        return self._epoch_ms + int(1000 * self.speed * self._elapsed_s())

    async def sleep(self, seconds: float) -> None:
        self._elapsed_s()
        await asyncio.sleep(max(seconds, 0.0) / self.speed)

    def _elapsed_s(self) -> float:
        """Time since the first look from inside a loop; zero before it and after the loop is gone."""
        if self._loop is None:
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:
                return 0.0
            self._origin_s = self._loop.time()
        return self._loop.time() - self._origin_s


class VenueClock:
    """Another process's clock: its reading at one moment of the monotonic clock, going on at its speed."""

    def __init__(self, now_ms: float, *, speed: float, read_at_s: float) -> None:
        self.speed = speed
        self._now_ms = now_ms
        self._read_at_s = read_at_s

    def now_ms(self) -> int:
        return int(self._now_ms + 1000 * self.speed * (time.monotonic() - self._read_at_s))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0) / self.speed)


def monotonic_s() -> float:
    """Return the machine's monotonic clock, for reading another clock against it."""
    return time.monotonic()


def loop_s() -> float:
    """Return the running loop's own time, which is monotonic: virtual where the loop is."""
    return asyncio.get_running_loop().time()
