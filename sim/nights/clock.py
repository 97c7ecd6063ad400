"""The clocks of a world: its own, and the daemon's, which may be wrong."""

import asyncio

from sim.nights.life import Life

ROUNDING_S = 1e-7
"""The loop's time is a float of seconds; this much is not a millisecond less."""


class WorldClock:
    """Milliseconds since 1970 on the loop's virtual time. Fills adapters.ports.Clock for one life, or for the venue."""

    speed = 1.0

    def __init__(self, loop: asyncio.AbstractEventLoop, epoch_ms: int, *, life: Life | None = None) -> None:
        self._loop, self._epoch_ms, self._life = loop, epoch_ms, life

    def now_ms(self) -> int:
        now_ms = self._epoch_ms + int(1000 * (self._loop.time() + ROUNDING_S))
        return now_ms if self._life is None else now_ms + self._life.skew_ms

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))
