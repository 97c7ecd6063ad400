"""The clock of a venue that runs as a process of its own."""

import asyncio
import time


class VenueClock:
    """UTC milliseconds that began at start_ms when this was made, and pass speed times as fast as the wall's."""

    def __init__(self, start_ms: int, *, speed: float = 1.0) -> None:
        self.speed = speed
        self._start_ms = start_ms
        self._origin_s = time.monotonic()

    def now_ms(self) -> int:
        return self._start_ms + int((time.monotonic() - self._origin_s) * 1000 * self.speed)

    async def sleep(self, seconds: float) -> None:
        """Sleep seconds of this clock."""
        await asyncio.sleep(max(seconds, 0.0) / self.speed)


def wall_ms() -> int:
    return time.time_ns() // 1_000_000
