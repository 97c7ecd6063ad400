"""The one clock: the wall's, or the loop's own time laid onto an epoch and perhaps accelerated.

Nothing else in the project asks what time it is.
"""

import asyncio
import time


class WallClock:
    """The machine's UTC clock; used for live trading, where NTP keeps it."""

    speed = 1.0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


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
