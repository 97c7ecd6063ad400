"""Funding as the venue pays and serves it: recorded rates by the hour, never recomputed (hyperliquid.md 4.2)."""

from decimal import Decimal
from typing import TypedDict

import numpy as np

from sim.venue.assets import VenueAsset
from sim.venue.bars import DAY_MS, HOUR_MS
from sim.venue.draws import Draws
from sim.venue.recorded import Recorded

ROWS_MAX = 500
DELAY_MAX_MS = 118
"""A payment is stamped 1 to 118 ms after its hour (1.2)."""

_INTEREST_8H = Decimal("0.0001")
_CLAMP_8H = Decimal("0.0005")
_HOURS = 24
_SPLIT_DECIMALS = 12
_DELAY, _PREMIUM = 6, 7


class FundingRow(TypedDict):
    """One row of fundingHistory: rate as fraction of notional per payment, positive when longs pay; time in ms."""

    coin: str
    fundingRate: str
    premium: str
    time: int


class FundingRates:
    """One coin's payments: hours in the hourly file; the rest of the day's sum over the rest of its count; else none.

    After the data the mean of the last day's payments is paid every hour.
    """

    def __init__(self, asset: VenueAsset, recorded: Recorded, draws: Draws) -> None:
        self._asset, self._recorded, self._draws = asset, recorded, draws
        self._daily = recorded.daily.of(asset.name)
        self._place = {int(day): i for i, day in enumerate(self._daily.times)}
        self._days: dict[int, dict[int, Decimal]] = {}
        self._premiums: dict[int, Decimal] = {}

    def rate(self, hour_ms: int) -> Decimal | None:
        """Return the rate paid at the hour that hour_ms lies in, None when nothing is paid."""
        hour = hour_ms // HOUR_MS * HOUR_MS
        return self._day(hour // DAY_MS * DAY_MS).get(hour)

    def premium(self, hour_ms: int) -> Decimal:
        """Return an average premium under which the venue's formula gives the hour's rate."""
        hour = hour_ms // HOUR_MS * HOUR_MS
        known = self._premiums.get(hour)
        if known is None:
            known = self._premiums[hour] = self._premium(hour)
        return known

    def _premium(self, hour: int) -> Decimal:
        rate = self.rate(hour)
        if rate is None:
            return Decimal(0)
        rate_8h = 8 * rate
        if rate_8h == _INTEREST_8H:
            share = self._draws.uniforms(hour, hour, _PREMIUM)[0]
            return round((_INTEREST_8H + _CLAMP_8H) * Decimal(share), 10)
        return rate_8h + _CLAMP_8H if rate_8h > _INTEREST_8H else rate_8h - _CLAMP_8H

    def rows(self, *, start_ms: int, end_ms: int, now_ms: int) -> list[FundingRow]:
        """Return the first 500 payments stamped start_ms to end_ms, ascending; none after now_ms."""
        last = min(end_ms, now_ms)
        found: list[FundingRow] = []
        first_ms = int(self._daily.times[0])
        for day in range(max(start_ms, first_ms) // DAY_MS * DAY_MS, last + 1, DAY_MS):
            for hour, rate in self._day(day).items():
                stamp = hour + self._delay_ms(hour)
                if start_ms <= stamp <= last:
                    found.append(self._row(hour, stamp, rate))
            if len(found) >= ROWS_MAX:
                break
        return found[:ROWS_MAX]

    def _row(self, hour: int, stamp: int, rate: Decimal) -> FundingRow:
        premium = f"{self.premium(hour):f}"
        return FundingRow(coin=self._asset.name, fundingRate=f"{rate:f}", premium=premium, time=stamp)

    def _delay_ms(self, hour: int) -> int:
        return 1 + int(self._draws.uniforms(hour, hour, _DELAY)[0] * DELAY_MAX_MS)

    def _day(self, day: int) -> dict[int, Decimal]:
        known = self._days.get(day)
        if known is None:
            known = self._days[day] = self._read_day(day)
        return known

    def _read_day(self, day: int) -> dict[int, Decimal]:
        """Return the day's payments in order of time, by their hour."""
        if day > int(self._daily.times[-1]):
            return self._after_the_data(day)
        hourly = self._recorded.funding.of(self._asset.name)
        first, last = np.searchsorted(hourly.times, (day, day + DAY_MS))
        hours, rates = hourly.times[first:last], hourly.columns["rate"][first:last]
        paid = {int(h) // HOUR_MS * HOUR_MS: _decimal(str(r)) for h, r in zip(hours, rates, strict=True)}
        return dict(sorted({**paid, **self._rest_of(day, paid)}.items()))

    def _rest_of(self, day: int, paid: dict[int, Decimal]) -> dict[int, Decimal]:
        """Spread what the day's sum has beyond the recorded hours over the payments that they lack."""
        place = self._place.get(day)
        if place is None:
            return {}
        total = float(self._daily.columns["funding"][place])
        count = min(int(self._daily.columns["funding_n"][place]), _HOURS) - len(paid)
        if count <= 0 or not np.isfinite(total):
            return {}
        rate = _decimal(repr(round((total - float(sum(paid.values()))) / count, _SPLIT_DECIMALS)))
        free = [hour for hour in range(day, day + DAY_MS, HOUR_MS) if hour not in paid]
        return {free[k * len(free) // count]: rate for k in range(count)}

    def _after_the_data(self, day: int) -> dict[int, Decimal]:
        last = self._day(int(self._daily.times[-1]))
        if not last or self._asset.delisted_from_ms is not None:
            return {}
        rate = round(sum(last.values(), Decimal(0)) / len(last), _SPLIT_DECIMALS)
        return {day + hour * HOUR_MS: rate for hour in range(_HOURS)}


def _decimal(text: str) -> Decimal:
    """Return a recorded rate; inf and NaN stop here. Raises ValueError for them."""
    rate = Decimal(text)
    if not rate.is_finite():
        raise ValueError(f"funding_1h.parquet: rate {text} is not a number")
    return rate
