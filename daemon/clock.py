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
        self._origin_s: float | None = None

    def now_ms(self) -> int:
        return self._epoch_ms + int(1000 * self.speed * self._elapsed_s())

    async def sleep(self, seconds: float) -> None:
        self._elapsed_s()
        await asyncio.sleep(max(seconds, 0.0) / self.speed)

    def _elapsed_s(self) -> float:
        now_s = asyncio.get_running_loop().time()
        if self._origin_s is None:
            self._origin_s = now_s
        return now_s - self._origin_s
