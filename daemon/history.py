"""Keeps the recorded daily candles and hourly funding up to date, so that the night starts with complete days."""

import asyncio
from collections.abc import Sequence
from itertools import accumulate

import structlog

from adapters.ports import Clock, Reference, VenueError
from core.types import HEDGE_COINS, Coin, Instrument
from state.errors import StateError
from state.history import History

log = structlog.get_logger()

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
FUNDING_DAYS = 70
"""Funding enters through carry alone, which is pooled over 60 days and re-chosen each Monday (D3-8)."""
CANDLE_DAYS = 300
"""Far more than any window; what a recursive average remembers of older days is below a float's last bit."""
AT_ONCE = 8


class HistoryKeeper:
    """Reads what is missing, no more. One writer; the worker process reads the same file."""

    def __init__(self, *, reference: Reference, history: History, clock: Clock) -> None:
        self._reference = reference
        self._history = history
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def candles_until(self, day_ms: int, instruments: Sequence[Instrument]) -> list[str]:
        """Fetch the daily candles that are missing up to the day that opens at day_ms; return what went wrong."""
        missing = [i.coin for i in instruments if not i.delisted and self._behind(i.coin, day_ms)]
        return [w for w in await asyncio.gather(*(self._candles(c) for c in missing)) if w]

    async def funding(self, coins: Sequence[Coin], *, until_ms: int | None = None) -> list[str]:
        """Fetch the settled hours that are missing up to until_ms (or now), for the coins given; return what went wrong."""
        now_ms = self._clock.now_ms()
        hour_ms = (now_ms if until_ms is None else min(until_ms, now_ms)) // HOUR_MS * HOUR_MS
        behind = [c for c in coins if (self._history.last_funding_ms(c) or 0) < hour_ms]
        return [w for w in await asyncio.gather(*(self._funding(c) for c in behind)) if w]

    def tracked(self, coins: Sequence[Coin], *, min_volume_usd: float) -> list[Coin]:
        """Return the coins whose funding is worth its requests: hedges, and names that passed the filter lately."""
        near = [c for c in coins if self._volume_usd(c) >= 0.9 * min_volume_usd]
        return sorted({*near, *HEDGE_COINS})

    def _volume_usd(self, coin: Coin) -> float:
        """Return the largest 30-day mean of the last hundred days."""
        rows = self._history.candles(coin, from_ms=self._clock.now_ms() - 100 * DAY_MS)
        values = [v * (h + lo + c) / 3 for _, _, h, lo, c, v, _ in rows]
        sums = [0.0, *accumulate(values)]
        return max((b - a for a, b in zip(sums, sums[30:], strict=False)), default=sums[-1]) / 30

    def _behind(self, coin: Coin, day_ms: int) -> bool:
        last = self._history.last_candle_ms(coin)
        return last is None or last < day_ms

    async def _candles(self, coin: Coin) -> str:
        last = self._history.last_candle_ms(coin)
        first_ms = self._clock.now_ms() // DAY_MS * DAY_MS - CANDLE_DAYS * DAY_MS
        try:
            async with self._slots:
                candles = await self._reference.daily_candles(
                    coin, from_ms=first_ms if last is None else last + DAY_MS
                )
            self._record(coin, candles)
        except (VenueError, StateError, ValueError) as error:
            return f"daily candles of {coin}: {error}"
        return ""

    async def _funding(self, coin: Coin) -> str:
        last = self._history.last_funding_ms(coin)
        since = self._clock.now_ms() - FUNDING_DAYS * DAY_MS if last is None else last + HOUR_MS
        try:
            async with self._slots:
                rates = await self._reference.hourly_funding(coin, from_ms=since // HOUR_MS * HOUR_MS)
            self._history.record_funding(rates, now_ms=self._clock.now_ms())
        except (VenueError, StateError, ValueError) as error:
            return f"funding of {coin}: {error}"
        return ""

    def _record(self, coin: Coin, candles: Sequence[object]) -> None:
        recorded = self._history.record_candles(candles, now_ms=self._clock.now_ms())  # type: ignore[arg-type]
        if recorded.revised:
            log.warning("the venue changed final candles", coin=coin, candles=recorded.revised)
