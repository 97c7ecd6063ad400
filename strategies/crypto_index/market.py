"""What is known of all coins up to a day: prices, supplies, values traded, kinds. No row says anything of a later day."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from strategies.crypto_index.methodology import Category

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]

Dated = tuple[tuple[date, Category], ...]
"""Kinds of a coin, each from a day on, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Arrays (days, symbols), UTC days without holes: close (USD, of the day's end), supply (coins, as it was known that
    day), volume_usd (value traded that day); NaN where nothing is known. custodians is the custody map, None where there is
    none; first_seen is since when a coin is known to trade, where that is before the first row. blacklist: never a member.
    """

    days: Days
    symbols: tuple[str, ...]
    close: Floats
    supply: Floats
    volume_usd: Floats
    kinds: Mapping[str, Dated]
    custodians: Mapping[str, tuple[str, ...]] | None = None
    first_seen: Mapping[str, date] = field(default_factory=dict)
    blacklist: frozenset[str] = frozenset()
    places: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {symbol: i for i, symbol in enumerate(self.symbols)})

    def until(self, day: date) -> "Market":
        """Return the market without the days after day. Raises ValueError where nothing is left."""
        end = int(np.searchsorted(self.days, np.datetime64(day), side="right"))
        if not end:
            raise ValueError(f"no day up to {day}: the first row is of {self.days[0]}")
        return replace(
            self,
            days=self.days[:end],
            close=self.close[:end],
            supply=self.supply[:end],
            volume_usd=self.volume_usd[:end],
        )

    @property
    def day(self) -> date:
        """The last day."""
        last: date = self.days[-1].astype("datetime64[D]").item()
        return last

    def place(self, symbol: str) -> int:
        """Return the column of a symbol. Raises ValueError for one that has no column."""
        if symbol not in self.places:
            raise ValueError(f"{symbol}: nothing is known of it")
        return self.places[symbol]

    def kind(self, symbol: str) -> Category:
        """Return what a coin is on the last day; other where nobody says anything."""
        dated = self.kinds.get(symbol)
        if not dated:
            return Category.OTHER
        today = self.day
        return next((kind for since, kind in reversed(dated) if since <= today), Category.OTHER)


def carried(values: Floats, *, most_days: int) -> Floats:
    """Return values (t, n) with holes filled by the last value, for most_days at most (E0-27)."""
    rows = np.arange(len(values))[:, None]
    seen = np.where(np.isfinite(values), rows, -1)
    last = np.maximum.accumulate(seen, axis=0)
    fresh = (last >= 0) & (rows - last <= most_days)
    held: Floats = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(fresh, held, np.nan)
