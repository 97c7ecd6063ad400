"""Public reads: what is listed, what it cost, what it paid. It fills adapters.ports.Reference."""

from dataclasses import replace
from decimal import Decimal

import structlog

from adapters.hyperliquid.budget import Priority
from adapters.hyperliquid.info import Info, refuse_faults
from adapters.hyperliquid.universe import Universe
from adapters.hyperliquid.wire.frames import read_best, read_mids
from adapters.hyperliquid.wire.gate import Fault, shown
from adapters.hyperliquid.wire.market import (
    Status,
    read_candles,
    read_day_volumes,
    read_funding_history,
    read_instruments,
    read_status,
)
from adapters.ports import Candle, Clock, HourlyFunding, VenueError, VenueStatus
from adapters.retry import ReadPolicy
from core.types import Coin, Instrument, Quote

DAY_MS = 86_400_000
FUNDING_PAGE = 500
"""Rows of fundingHistory in one reply."""
HASTY_S = 2.0
"""Time-out of a read that stands in for a stream: the next one is better than this one late."""

log = structlog.get_logger(__name__)


class HyperliquidReference:
    """Reads that need no account. All are retried; all raise VenueError."""

    def __init__(self, info: Info, universe: Universe) -> None:
        self._info = info
        self._hasty = replace(info, policy=ReadPolicy(attempts=1), timeout_s=HASTY_S)
        self._universe = universe

    async def instruments(self) -> tuple[Instrument, ...]:
        """Return all perpetuals of the main dex, delisted ones too, and remember them for gateway and feed."""
        listed, faults = await self._info.ask("meta", read_instruments, priority=Priority.ACCOUNT)
        _log("meta", faults)
        if not listed:
            raise VenueError("the venue lists no instrument that can be read; see the log for the rows")
        self._universe.replace(listed)
        return listed

    async def venue_time_ms(self) -> int:
        """Return the venue's clock, about 0.2 s old."""
        status = await self.status()
        if status.notice:
            log.warning("the venue announces a special status", status=status.notice)
        return status.time_ms

    async def status(self) -> VenueStatus:
        """Return the venue's clock and its notice, JSON as it came."""
        status = await self._info.ask("exchangeStatus", read_status, priority=Priority.ACCOUNT)
        return VenueStatus(status.time, _words(status))

    # --- what stands in for a stream: asked once, and soon given up --------------------------------------

    @property
    def clock(self) -> Clock:
        return self._info.clock

    @property
    def universe(self) -> Universe:
        return self._universe

    async def notice(self) -> str:
        """Return the venue's announcement of a special status in its own words, "" when there is none."""
        return _words(await self._hasty.ask("exchangeStatus", read_status, priority=Priority.ACCOUNT))

    async def mids(self) -> dict[str, Decimal]:
        """Return the mids of all coins. They carry no time."""
        return await self._hasty.ask("allMids", read_mids, priority=Priority.ACCOUNT)

    async def best(self, coin: Coin) -> Quote | None:
        """Return a coin's best prices with the venue's time; None where one side is empty."""
        now_ms = self._info.clock.now_ms
        return await self._hasty.ask(
            "l2Book", lambda body: read_best(body, now_ms=now_ms()), priority=Priority.ACCOUNT, coin=coin
        )

    async def day_volume_usd(self) -> dict[Coin, Decimal]:
        """Return USD traded in the last 24 h by coin."""
        volumes, faults = await self._info.ask(
            "metaAndAssetCtxs", read_day_volumes, priority=Priority.ACCOUNT
        )
        _log("metaAndAssetCtxs", faults)
        return volumes

    async def daily_candles(self, coin: Coin, *, from_ms: int) -> tuple[Candle, ...]:
        """Return daily candles that open at from_ms or later, oldest first; the last may still be open.

        Raises VenueError for a row that cannot be read or is another coin's: a gap would look like a return.
        """
        candles, faults = await self._info.ask(
            "candleSnapshot",
            read_candles,
            priority=Priority.HISTORY,
            req={"coin": coin, "interval": "1d", "startTime": from_ms, "endTime": self._end_ms()},
        )
        self._info.charge_rows("candleSnapshot", len(candles))
        refuse_faults(f"the daily candles of {coin}", faults)
        _refuse_others(coin, {candle.coin for candle in candles})
        by_day = {candle.open_ms: candle for candle in candles if candle.open_ms >= from_ms}
        return tuple(by_day[day] for day in sorted(by_day))

    async def hourly_funding(self, coin: Coin, *, from_ms: int) -> tuple[HourlyFunding, ...]:
        """Return the funding rates from from_ms on, one an hour, oldest first. The venue gives 500 a read."""
        by_hour: dict[int, HourlyFunding] = {}
        next_ms: int | None = from_ms
        while next_ms is not None:
            next_ms = await self._funding_page(coin, next_ms, by_hour)
        return tuple(by_hour[hour] for hour in sorted(by_hour))

    async def _funding_page(self, coin: Coin, from_ms: int, by_hour: dict[int, HourlyFunding]) -> int | None:
        """Add a page of rates; return the moment the next one begins, None after the last."""
        rows, faults = await self._info.ask(
            "fundingHistory", read_funding_history, priority=Priority.HISTORY, coin=coin, startTime=from_ms
        )
        self._info.charge_rows("fundingHistory", len(rows))
        refuse_faults(f"the funding history of {coin}", faults)
        _refuse_others(coin, {funding.coin for _, funding in rows})
        for _, funding in rows:
            by_hour.setdefault(funding.hour_ms, funding)
        later = [stamp for stamp, _ in rows if stamp >= from_ms]
        return max(later) + 1 if len(rows) >= FUNDING_PAGE and later else None

    def _end_ms(self) -> int:
        return self._info.clock.now_ms() + DAY_MS


def _words(status: Status) -> str:
    special = bytes(status.specialStatuses)
    return "" if special == b"null" else shown(special)


def _refuse_others(coin: Coin, received: set[Coin]) -> None:
    if received - {coin}:
        raise VenueError(f"asked for {coin}, received rows of {sorted(received - {coin})}")


def _log(what: str, faults: tuple[Fault, ...]) -> None:
    for fault in faults:
        log.error("a row could not be read", reply=what, fault=str(fault))
