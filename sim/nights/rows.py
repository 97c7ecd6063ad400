"""Candles and funding payments as they are asked for, with what distortions leave out, revise or spoil."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal

from sim.nights.distortions import (
    CANDLE_FIELDS,
    BadNumber,
    CandleUnit,
    MissingClose,
    MissingFunding,
    OfData,
    RevisedClose,
)
from sim.nights.history import History, legal_one
from sim.nights.path import Path
from sim.venue.assets import VenueAsset
from sim.venue.bars import DAY_MS
from sim.venue.candles import CANDLES_MAX, INTERVAL_MS, CandleRow, ends_ms, opened_ms
from sim.venue.funding import ROWS_MAX, FundingRow
from sim.venue.recorded import text_of

_TRADE_USD = 1_500.0
_DAY = "1d"


class Rows:
    """One coin's rows. A candle covers the path exactly: open, high, low and close are prices that it shows."""

    def __init__(self, asset: VenueAsset, path: Path, faults: Sequence[OfData]) -> None:
        self._asset, self._path, self._faults = asset, path, faults
        self._history: History = path.history
        self._ended: dict[int, CandleRow] = {}

    def candles(self, interval: str, *, start_ms: int, end_ms: int, now_ms: int) -> list[CandleRow]:
        """Return what candleSnapshot answers at now_ms. Raises ValueError for an unknown interval."""
        if interval not in INTERVAL_MS:
            raise ValueError(f"interval {interval!r}: the venue has {', '.join(INTERVAL_MS)}")
        step_ms = INTERVAL_MS[interval]
        oldest = opened_ms(now_ms, interval) - (CANDLES_MAX - 1) * step_ms
        opened = max(opened_ms(start_ms, interval), oldest, opened_ms(self._first_ms, interval))
        found = []
        while opened <= min(end_ms, now_ms):
            row = self._row(opened, interval, now_ms)
            if row is not None:
                found.append(row)
            opened = ends_ms(opened, interval)
        return self._spoiled(found, now_ms) if interval == _DAY and self._faults else found

    @property
    def _first_ms(self) -> int:
        return max(self._asset.listed_from_ms, self._history.first_ms)

    def _row(self, opened: int, interval: str, now_ms: int) -> CandleRow | None:
        """Return one candle, None when the coin did not trade in it. An ended day is worked out once."""
        until = ends_ms(opened, interval)
        ended = self._asset.delisted_from_ms
        start = max(opened, self._first_ms)
        stop = min(until, now_ms + 1) if ended is None else min(until, now_ms + 1, ended)
        if start >= stop:
            return None
        if interval != _DAY or (start, stop) != (opened, until):
            return self._made((opened, until, interval), (start, stop))
        kept = self._history.ended if until <= self._history.begins_ms else self._ended
        row = kept.get(opened)
        if row is None:
            row = kept[opened] = self._made((opened, until, interval), (start, stop))
        return row.copy()

    def _made(self, candle: tuple[int, int, str], part: tuple[int, int]) -> CandleRow:
        opened, until, interval = candle
        prices = self._path.stretch(*part)
        volume = sum(self._volumes(*part))
        trades = volume * float(self._history.unit) * prices.item(-1) / _TRADE_USD
        return CandleRow(
            t=opened,
            T=until - 1,
            s=self._asset.name,
            i=interval,
            o=self._text(prices.item(0)),
            c=self._text(prices.item(-1)),
            h=self._text(int(prices.max())),
            l=self._text(int(prices.min())),
            v=text_of(float(round(volume, self._asset.size_decimals))),
            n=max(round(trades), 1),
        )

    def _volumes(self, from_ms: int, until_ms: int) -> Iterable[float]:
        """Yield what was traded on each day that a stretch touches, as far as it covers it."""
        for day in range(from_ms // DAY_MS * DAY_MS, until_ms, DAY_MS):
            covered = min(until_ms, day + DAY_MS) - max(from_ms, day)
            yield self._history.volume(day) * covered / DAY_MS

    def _text(self, fine: int) -> str:
        return text_of(fine / 10**self._history.decimals)

    # --- faults --------------------------------------------------------------------------------------------

    def _spoiled(self, rows: list[CandleRow], now_ms: int) -> list[CandleRow]:
        """Return daily rows as they are shown at now_ms: what is wrong concerns the day that ended last.

        A bad number comes last: what is no number can be neither revised nor told in other units.
        """
        ended = now_ms // DAY_MS * DAY_MS - DAY_MS
        for fault in sorted(self._faults, key=lambda fault: isinstance(fault, BadNumber)):
            if not fault.at.holds(now_ms):
                continue
            if isinstance(fault, MissingClose):
                rows = [row for row in rows if row["t"] != ended]
            elif isinstance(fault, RevisedClose):
                rows = [self._revised(row, fault.fraction) if row["t"] == ended else row for row in rows]
            elif isinstance(fault, CandleUnit):
                rows = [self._in_unit(row, fault.times) if row["t"] == ended else row for row in rows]
            elif isinstance(fault, BadNumber) and fault.field in CANDLE_FIELDS:
                rows = [_with(row, fault) if row["t"] == ended else row for row in rows]
        return rows

    def _revised(self, row: CandleRow, fraction: float) -> CandleRow:
        decimals = self._history.decimals
        wrong = legal_one(max(round(float(row["c"]) * (1.0 + fraction) * 10**decimals), 1), decimals)
        px = wrong / 10**decimals
        return CandleRow(
            **{
                **row,
                "c": text_of(px),
                "h": text_of(max(float(row["h"]), px)),
                "l": text_of(min(float(row["l"]), px)),
            }
        )

    def _in_unit(self, row: CandleRow, times: float) -> CandleRow:
        told = row.copy()
        told["o"], told["h"] = _times(row["o"], times), _times(row["h"], times)
        told["l"], told["c"] = _times(row["l"], times), _times(row["c"], times)
        told["v"] = text_of(round(float(row["v"]) / times, self._asset.size_decimals))
        return told

    # --- funding -------------------------------------------------------------------------------------------

    def payments(self, *, start_ms: int, end_ms: int, now_ms: int) -> list[FundingRow]:
        """Return what fundingHistory answers at now_ms: at most 500 payments, ascending."""
        ended = self._asset.delisted_from_ms
        first, last = max(start_ms, self._first_ms), min(end_ms, now_ms)
        last = last if ended is None else min(last, ended - 1)
        stamps = self._history.stamps
        rows = self._history.payments[bisect_left(stamps, first) : bisect_right(stamps, last)]
        for fault in self._faults:
            if isinstance(fault, MissingFunding):
                rows = tuple(row for row in rows if not fault.at.holds(row["time"]))
        return list(rows[:ROWS_MAX])

    def rate(self, hour_ms: int) -> Decimal:
        """Return the rate paid at an hour, zero while the coin does not trade."""
        ended = self._asset.delisted_from_ms
        lives = hour_ms >= self._first_ms and (ended is None or hour_ms < ended)
        return self._history.rate(hour_ms) if lives else Decimal(0)


def _times(price: str, times: float) -> str:
    return text_of(float(f"{float(price) * times:.5g}"))


def _with(row: CandleRow, bad: BadNumber) -> CandleRow:
    spoiled = row.copy()
    spoiled[bad.field] = bad.text  # type: ignore[literal-required]  # one of CANDLE_FIELDS
    return spoiled
