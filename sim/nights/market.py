"""The market of a deterministic world: made, distorted where it is told to be, and cheap to ask.

Pure in (seed, terms, close, time): what is asked first or twice changes nothing. Ticks are common to all coins, from three
hours before the close to three after it; before them the price moves once an hour, after them not at all.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Self

from sim.nights.distortions import (
    BadNumber,
    Delisting,
    Distortion,
    Halted,
    Listing,
    OfBook,
    OfData,
    OfPath,
)
from sim.nights.history import REACH_MS, History, Terms, history_of
from sim.nights.listings import HEDGES, Listed, listed
from sim.nights.path import Path
from sim.nights.quotes import Quotes
from sim.nights.rows import Rows
from sim.venue.agenda import FOREVER_MS
from sim.venue.assets import VenueAsset
from sim.venue.bars import DAY_MS
from sim.venue.book import Ladder, Level
from sim.venue.candles import CandleRow
from sim.venue.funding import FundingRow
from sim.venue.market import Context

COINS_MIN, COINS_MAX = 3, 120
TERMS = Terms()


class WorldMarket:
    """A PriceSource. Prices in USD, sizes in base units, times in UTC milliseconds; an asset's id is its place."""

    def __init__(
        self,
        seed: int,
        coins: Sequence[Listed],
        *,
        night: tuple[Terms, int],
        distortions: Sequence[Distortion],
    ) -> None:
        """coins are in the order of their ids; night is (terms, close_ms)."""
        self._seed, (self._terms, self._close_ms) = seed, night
        self._tick_ms = self._terms.tick_ms
        self.first_ms = self._close_ms - (self._terms.history_days + 1) * DAY_MS
        self.last_ms = self._close_ms + REACH_MS
        self.assets = tuple(
            _told(replace(coin.asset, asset_id=place, listed_from_ms=self.first_ms), distortions)
            for place, coin in enumerate(coins)
        )
        self._listed, self._distortions = coins, distortions
        self._coins: list[_Coin | None] = [None] * len(coins)

    @classmethod
    def drawn(
        cls,
        seed: int,
        *,
        coins: int,
        close_ms: int,
        distortions: Sequence[Distortion] = (),
        terms: Terms = TERMS,
    ) -> Self:
        """Make a world's market: coins that are listed in its night have the last ids, as at the venue.

        Raises ValueError for a number of coins, a close or a distortion that it cannot have.
        """
        if not COINS_MIN <= coins <= COINS_MAX:
            raise ValueError(f"{coins} coins: a world has {COINS_MIN} to {COINS_MAX}")
        if close_ms % DAY_MS:
            raise ValueError(f"close_ms is {close_ms}: a day closes at midnight UTC")
        chosen = listed()[:coins]
        _refuse_unknown([coin.asset.name for coin in chosen], distortions)
        late = {one.coin for one in distortions if isinstance(one, Listing)}
        ordered = sorted(chosen, key=lambda coin: coin.asset.name in late)
        return cls(seed, ordered, night=(terms, close_ms), distortions=distortions)

    def live(self, asset_id: int, at_ms: int) -> bool:
        """Say whether the asset trades: from its listing to its delisting."""
        coin = self._coins[asset_id] or self._open(asset_id)
        return coin.starts_ms <= at_ms < coin.ends_ms

    def ladder(self, asset_id: int, at_ms: int) -> Ladder:
        """Return the book, which stays as it is until next_tick_ms; empty while the asset does not trade."""
        coin = self._coins[asset_id] or self._open(asset_id)
        if not coin.starts_ms <= at_ms < coin.ends_ms:
            return Ladder(at_ms - at_ms % self._tick_ms, (), ())
        now = coin.now
        if not now.at_ms <= at_ms < now.until_ms:
            now.turn(at_ms)
        return now.ladder()

    def best(self, asset_id: int, at_ms: int) -> tuple[Level, Level] | None:
        """Return the first level of each side of ladder(), None while a side has none."""
        coin = self._coins[asset_id] or self._open(asset_id)
        if not coin.starts_ms <= at_ms < coin.ends_ms:
            return None
        now = coin.now
        if not now.at_ms <= at_ms < now.until_ms:
            now.turn(at_ms)
        return now.best()

    def next_tick_ms(self, asset_id: int, at_ms: int) -> int:
        """Return when the book may change next; a halted coin's when its halt ends."""
        tick = at_ms - at_ms % self._tick_ms
        coin = self._coins[asset_id] or self._open(asset_id)
        for halt in coin.halts:
            if halt.at.holds(tick):
                return -(-halt.at.to_ms // self._tick_ms) * self._tick_ms
        return tick + self._tick_ms

    def mid(self, asset_id: int, at_ms: int) -> Decimal:
        """Return the middle of the book (USD); the last price where there is none."""
        coin = self._coins[asset_id] or self._open(asset_id)
        now = coin.now
        if not coin.starts_ms <= at_ms < coin.ends_ms:
            return now.frozen(coin.last_trading(at_ms))
        if not now.at_ms <= at_ms < now.until_ms:
            now.turn(at_ms)
        return now.mid()

    def mark(self, asset_id: int, at_ms: int) -> Decimal:
        """Return the mark price (USD): half the price of this tick, half the smoothed one."""
        coin = self._coins[asset_id] or self._open(asset_id)
        lately = coin.lately
        if not coin.starts_ms <= at_ms < coin.ends_ms:
            return lately.frozen(coin.last_trading(at_ms))
        if not lately.at_ms <= at_ms < lately.until_ms:
            lately.turn(at_ms)
        return lately.mark()

    def oracle(self, asset_id: int, at_ms: int) -> Decimal:
        """Return the oracle price (USD): the smoothed price less the premium that funding speaks for."""
        coin = self._coins[asset_id] or self._open(asset_id)
        if not coin.starts_ms <= at_ms < coin.ends_ms:
            return coin.lately.frozen(coin.last_trading(at_ms))
        return coin.lately_at(at_ms).oracle()

    def context(self, asset_id: int, at_ms: int) -> Context:
        """Return the context of the tick that holds at_ms."""
        coin = self._coins[asset_id] or self._open(asset_id)
        if not coin.starts_ms <= at_ms < coin.ends_ms:
            return coin.lately.frozen_context(coin.last_trading(at_ms))
        return coin.lately_at(at_ms).context()

    def candles(
        self, asset_id: int, interval: str, *, start_ms: int, end_ms: int, now_ms: int
    ) -> list[CandleRow]:
        """Return what candleSnapshot answers at now_ms. Raises ValueError for an unknown interval."""
        rows = (self._coins[asset_id] or self._open(asset_id)).rows
        return rows.candles(interval, start_ms=start_ms, end_ms=end_ms, now_ms=now_ms)

    def funding_history(self, asset_id: int, *, start_ms: int, end_ms: int, now_ms: int) -> list[FundingRow]:
        """Return what fundingHistory answers at now_ms: at most 500 payments, ascending."""
        rows = (self._coins[asset_id] or self._open(asset_id)).rows
        return rows.payments(start_ms=start_ms, end_ms=end_ms, now_ms=now_ms)

    def funding_rate(self, asset_id: int, hour_ms: int) -> Decimal:
        """Return the rate paid at the hour that hour_ms lies in (fraction of notional, positive: longs pay)."""
        return (self._coins[asset_id] or self._open(asset_id)).rows.rate(hour_ms)

    def _open(self, asset_id: int) -> "_Coin":
        """Make a coin when it is first asked for: its whole night in one go."""
        history = history_of(self._listed[asset_id], self._terms, self._close_ms)
        asset = self.assets[asset_id]
        coin = self._coins[asset_id] = _Coin(asset, (history, self._seed), _of(asset.name, self._distortions))
        return coin


class _Coin:
    """One coin. Books are asked for as of now, marks and contexts as of the last renewal: two ticks, two Quotes."""

    def __init__(
        self, asset: VenueAsset, source: tuple[History, int], distortions: Sequence[Distortion]
    ) -> None:
        history, seed = source
        self.starts_ms = asset.listed_from_ms
        self.ends_ms = FOREVER_MS if asset.delisted_from_ms is None else asset.delisted_from_ms
        path = Path(history, seed, [d for d in distortions if isinstance(d, OfPath)])
        of_book = [d for d in distortions if isinstance(d, OfBook)]
        bad = [d for d in distortions if isinstance(d, BadNumber)]
        self.halts = [d for d in distortions if isinstance(d, Halted)]
        self.now = Quotes(asset, path, seed=seed, faults=of_book, bad=bad)
        self.lately = Quotes(asset, path, seed=seed, faults=of_book, bad=bad)
        self.rows = Rows(asset, path, [d for d in distortions if isinstance(d, OfData)])

    def lately_at(self, at_ms: int) -> Quotes:
        if not self.lately.at_ms <= at_ms < self.lately.until_ms:
            self.lately.turn(at_ms)
        return self.lately

    def last_trading(self, at_ms: int) -> int:
        """Return the moment whose price a coin shows that does not trade: its first one, or its last."""
        return self.starts_ms if at_ms < self.starts_ms else self.ends_ms - 1


def _of(coin: str, distortions: Sequence[Distortion]) -> list[Distortion]:
    return [d for d in distortions if not isinstance(d, Delisting | Listing) and d.at.of(coin)]


def _told(asset: VenueAsset, distortions: Sequence[Distortion]) -> VenueAsset:
    """Return the asset with the listing and delisting that the distortions have for it."""
    for one in distortions:
        if isinstance(one, Listing) and one.coin == asset.name:
            asset = replace(asset, listed_from_ms=one.at_ms)
        if isinstance(one, Delisting) and one.coin == asset.name:
            asset = replace(asset, delisted_from_ms=one.at_ms)
    return asset


def _refuse_unknown(names: Sequence[str], distortions: Sequence[Distortion]) -> None:
    """Raise ValueError for a distortion of a coin that is not there: it would do nothing, and nobody would know."""
    for one in distortions:
        coin = one.coin if isinstance(one, Delisting | Listing) else one.at.coin
        if coin is not None and coin not in names:
            raise ValueError(f"{one}: the world has no {coin}")
        if isinstance(one, Delisting | Listing) and coin in names[:HEDGES]:
            raise ValueError(f"{one}: every book is hedged with {coin}")
