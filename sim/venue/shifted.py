"""A market laid onto another time: what it was at t - shift_ms, it is at t."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from sim.venue.assets import VenueAsset
from sim.venue.book import Ladder, Level
from sim.venue.candles import CandleRow
from sim.venue.funding import FundingRow
from sim.venue.price_source import PriceSource

if TYPE_CHECKING:
    from sim.venue.market import Context

DAY_MS = 86_400_000


def shift_onto(last_ms: int, now_ms: int) -> int:
    """Return the whole days in ms by which the last full day of data has to be moved to be today."""
    return (now_ms // DAY_MS - (last_ms // DAY_MS - 1)) * DAY_MS


class ShiftedPrices:
    """A PriceSource whose every stamp is shift_ms later than its source's. The shift is in whole days."""

    def __init__(self, source: PriceSource, shift_ms: int) -> None:
        if shift_ms % DAY_MS:
            raise ValueError(f"shift is {shift_ms} ms; it must be whole days, or funding hours would not fit")
        self._source, self._shift_ms = source, shift_ms
        self.first_ms, self.last_ms = source.first_ms + shift_ms, source.last_ms + shift_ms
        self.assets: Sequence[VenueAsset] = tuple(self._moved(asset) for asset in source.assets)

    def _moved(self, asset: VenueAsset) -> VenueAsset:
        ended = asset.delisted_from_ms
        return replace(
            asset,
            listed_from_ms=asset.listed_from_ms + self._shift_ms,
            delisted_from_ms=None if ended is None else ended + self._shift_ms,
        )

    def live(self, asset_id: int, at_ms: int) -> bool:
        return self._source.live(asset_id, at_ms - self._shift_ms)

    def ladder(self, asset_id: int, at_ms: int) -> Ladder:
        ladder = self._source.ladder(asset_id, at_ms - self._shift_ms)
        return Ladder(ladder.at_ms + self._shift_ms, ladder.bids, ladder.asks)

    def best(self, asset_id: int, at_ms: int) -> tuple[Level, Level] | None:
        return self._source.best(asset_id, at_ms - self._shift_ms)

    def next_tick_ms(self, asset_id: int, at_ms: int) -> int:
        return self._source.next_tick_ms(asset_id, at_ms - self._shift_ms) + self._shift_ms

    def mid(self, asset_id: int, at_ms: int) -> Decimal:
        return self._source.mid(asset_id, at_ms - self._shift_ms)

    def mark(self, asset_id: int, at_ms: int) -> Decimal:
        return self._source.mark(asset_id, at_ms - self._shift_ms)

    def oracle(self, asset_id: int, at_ms: int) -> Decimal:
        return self._source.oracle(asset_id, at_ms - self._shift_ms)

    def context(self, asset_id: int, at_ms: int) -> "Context":
        return self._source.context(asset_id, at_ms - self._shift_ms)

    def candles(
        self, asset_id: int, interval: str, *, start_ms: int, end_ms: int, now_ms: int
    ) -> list[CandleRow]:
        back = self._shift_ms
        rows = self._source.candles(
            asset_id, interval, start_ms=start_ms - back, end_ms=end_ms - back, now_ms=now_ms - back
        )
        return [CandleRow(**{**row, "t": row["t"] + back, "T": row["T"] + back}) for row in rows]

    def funding_history(self, asset_id: int, *, start_ms: int, end_ms: int, now_ms: int) -> list[FundingRow]:
        back = self._shift_ms
        rows = self._source.funding_history(
            asset_id, start_ms=start_ms - back, end_ms=end_ms - back, now_ms=now_ms - back
        )
        return [FundingRow(**{**row, "time": row["time"] + back}) for row in rows]

    def funding_rate(self, asset_id: int, hour_ms: int) -> Decimal:
        return self._source.funding_rate(asset_id, hour_ms - self._shift_ms)
