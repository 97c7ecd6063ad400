"""The market behind the simulated venue: prices, books, candles, funding and contexts of a data directory.

Pure, given the directory, the seed and the time: what is asked first or twice changes nothing. Recorded days, hours and
minutes are hit exactly; between them a seeded bridge; after the last day a seeded random walk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Self

from sim.venue.assets import VenueAsset, list_assets, price_decimals
from sim.venue.bars import DAY_MS, HOUR_MS
from sim.venue.book import Book, Ladder, Level, Noise
from sim.venue.candles import CandleRow, candle_rows
from sim.venue.days import DayRows
from sim.venue.draws import Draws
from sim.venue.funding import FundingRates, FundingRow
from sim.venue.prices import PricePath
from sim.venue.recorded import Recorded

__all__ = ["CandleRow", "Context", "FundingRow", "Ladder", "Level", "Market", "VenueAsset"]

_MAJORS = (0, 1)
_IMPACT_MAJOR_USD, _IMPACT_USD = Decimal(20_000), Decimal(6_000)
_PREMIUM_MAX = 0.005
_ORACLE_TICKS = 3
_OPEN_INTEREST_DAYS = 0.8


TICK_MS = 2_000
"""How often a coin's book changes, each coin at moments of its own."""


@dataclass(frozen=True, slots=True)
class Context:
    """One asset's context as metaAndAssetCtxs has it; mid, premium and impact are None without a book.

    Prices in USD, funding_rate and premium as fractions, open_interest and day_base_volume in base units.
    """

    mark: Decimal
    oracle: Decimal
    mid: Decimal | None
    funding_rate: Decimal
    premium: Decimal | None
    open_interest: Decimal
    prev_day_px: Decimal
    day_notional_usd: Decimal
    day_base_volume: Decimal
    impact: tuple[Decimal, Decimal] | None


class Market:
    """All coins of a data directory. Times are UTC milliseconds; an asset's id is its place in assets."""

    assets: tuple[VenueAsset, ...]
    first_ms: int
    last_ms: int

    def __init__(self, recorded: Recorded, *, seed: int, tick_ms: int = TICK_MS) -> None:
        self.assets = list_assets(recorded)
        self.first_ms = int(recorded.daily.times.min())
        self.last_ms = int(recorded.daily.times.max()) + DAY_MS
        self._recorded, self._seed, self._tick_ms = recorded, seed, tick_ms
        self._together = Draws(seed, "the market")
        self._noise = Noise(Draws(seed, "book sizes"))
        self._coins: list[_Coin | None] = [None] * len(self.assets)

    @classmethod
    def from_directory(cls, directory: Path, *, seed: int, tick_ms: int = TICK_MS) -> Self:
        """Read a data directory. Raises DataDirectoryError when its daily rows cannot be used."""
        return cls(Recorded(directory), seed=seed, tick_ms=tick_ms)

    def live(self, asset_id: int, at_ms: int) -> bool:
        """Say whether the asset trades: from its first live day until the end of its last one."""
        asset = self.assets[asset_id]
        ended = asset.delisted_from_ms is not None and at_ms >= asset.delisted_from_ms
        return at_ms >= asset.listed_from_ms and not ended

    def ladder(self, asset_id: int, at_ms: int) -> Ladder:
        """Return the book, which stays as it is until next_tick_ms; empty while the asset does not trade."""
        if not self.live(asset_id, at_ms):
            return Ladder(self._coin(asset_id).book.tick_ms(at_ms), (), ())
        return self._coin(asset_id).book.ladder(at_ms)

    def best(self, asset_id: int, at_ms: int) -> tuple[Level, Level] | None:
        """Return the first level of each side of ladder(), None while the asset does not trade."""
        return self._coin(asset_id).book.best(at_ms) if self.live(asset_id, at_ms) else None

    def next_tick_ms(self, asset_id: int, at_ms: int) -> int:
        return self._coin(asset_id).book.next_tick_ms(at_ms)

    def mid(self, asset_id: int, at_ms: int) -> Decimal:
        """Return the middle of the book (USD), to half a tick; of a delisted coin the last price."""
        if not self.live(asset_id, at_ms):
            return self._coin(asset_id).frozen(at_ms)
        return self._coin(asset_id).mid(at_ms)

    def mark(self, asset_id: int, at_ms: int) -> Decimal:
        """Return the mark price (USD): half the price of this tick, half the smoothed one."""
        if not self.live(asset_id, at_ms):
            return self._coin(asset_id).frozen(at_ms)
        return self._coin(asset_id).mark(at_ms)

    def oracle(self, asset_id: int, at_ms: int) -> Decimal:
        """Return the oracle price (USD): the smoothed price less the premium that funding speaks for."""
        if not self.live(asset_id, at_ms):
            return self._coin(asset_id).frozen(at_ms)
        return self._coin(asset_id).oracle(at_ms)

    def context(self, asset_id: int, at_ms: int) -> Context:
        if not self.live(asset_id, at_ms):
            return self._coin(asset_id).frozen_context(at_ms)
        return self._coin(asset_id).context(at_ms)

    def candles(
        self, asset_id: int, interval: str, *, start_ms: int, end_ms: int, now_ms: int
    ) -> list[CandleRow]:
        """Return what candleSnapshot answers at now_ms. Raises ValueError for an unknown interval."""
        path = self._coin(asset_id).path
        return candle_rows(path, interval, start_ms=start_ms, end_ms=end_ms, now_ms=now_ms)

    def funding_history(self, asset_id: int, *, start_ms: int, end_ms: int, now_ms: int) -> list[FundingRow]:
        """Return what fundingHistory answers at now_ms: at most 500 payments, ascending."""
        return self._coin(asset_id).funding.rows(start_ms=start_ms, end_ms=end_ms, now_ms=now_ms)

    def funding_rate(self, asset_id: int, hour_ms: int) -> Decimal:
        """Return the rate paid at the hour that hour_ms lies in (fraction of notional, positive: longs pay)."""
        return self._coin(asset_id).funding.rate(hour_ms) or Decimal(0)

    def _coin(self, asset_id: int) -> "_Coin":
        coin = self._coins[asset_id]
        if coin is None:
            asset = self.assets[asset_id]
            draws = Draws(self._seed, asset.name, market=self._together)
            coin = self._coins[asset_id] = _Coin(asset, self._recorded, draws, self._noise, self._tick_ms)
        return coin


class _Coin:
    """One asset's path, book and funding, and the prices derived from them."""

    def __init__(
        self, asset: VenueAsset, recorded: Recorded, draws: Draws, noise: Noise, tick_ms: int
    ) -> None:
        self.asset = asset
        days = DayRows(asset, recorded.daily.of(asset.name), draws)
        self.path = PricePath(days, recorded, draws)
        self.book = Book(self.path, noise, draws, tick_ms=tick_ms)
        self.funding = FundingRates(asset, recorded, draws)
        self._day_ago = PricePath(days, recorded, draws)
        self._tick_ms = tick_ms
        self._context: tuple[int, Context] | None = None
        self._impact_usd = _IMPACT_MAJOR_USD if asset.asset_id in _MAJORS else _IMPACT_USD

    def mid(self, at_ms: int) -> Decimal:
        touch = self.book.touch(at_ms)
        return Decimal((touch.bid + touch.ask) * 5).scaleb(-touch.decimals - 1)

    def mark(self, at_ms: int) -> Decimal:
        return self._rounded((self.book.touch(at_ms).price + self._smooth(at_ms)) / 2.0)

    def oracle(self, at_ms: int) -> Decimal:
        return self._rounded(self._smooth(at_ms) / (1.0 + self._premium(at_ms)))

    def frozen(self, at_ms: int) -> Decimal:
        """Return the price of a coin that does not trade: the first one before its listing, else the last."""
        ended = self.asset.delisted_from_ms
        at = self.asset.listed_from_ms if ended is None or at_ms < ended else ended - 1
        return _decimal(self.path.price(at))

    def context(self, at_ms: int) -> Context:
        """Return the context of the tick that holds at_ms."""
        at = self.book.tick_ms(at_ms)
        if self._context is None or self._context[0] != at:
            self._context = at, self._context_of(at)
        return self._context[1]

    def _context_of(self, at: int) -> Context:
        oracle, ladder = self.oracle(at), self.book.ladder(at)
        impact = impact_px(ladder.bids, self._impact_usd), impact_px(ladder.asks, self._impact_usd)
        previous, volume = self._day_ago.price(at - DAY_MS), self._day_volume(at)
        value = volume * (previous + self.book.touch(at).price) / 2.0
        return Context(
            mark=self.mark(at),
            oracle=oracle,
            mid=self.mid(at),
            funding_rate=self._rate_estimate(at),
            premium=_premium(impact, oracle),
            open_interest=self._size(
                self.path.days.usual(at // DAY_MS * DAY_MS).volume * _OPEN_INTEREST_DAYS
            ),
            prev_day_px=self._rounded(previous),
            day_notional_usd=Decimal(round(value * 100)).scaleb(-2),
            day_base_volume=self._size(volume),
            impact=impact,
        )

    def frozen_context(self, at_ms: int) -> Context:
        px, nothing = self.frozen(at_ms), Decimal(0)
        return Context(px, px, None, nothing, None, nothing, px, nothing, nothing, None)

    def _day_volume(self, at_ms: int) -> float:
        """Return the volume of the last 24 hours (base units)."""
        day = at_ms // DAY_MS * DAY_MS
        before = self.path.days.volume(day - DAY_MS)
        passed = self._day_ago.volume_before(at_ms - DAY_MS) if before else 0.0
        return max(before - passed, 0.0) + self.path.volume_before(at_ms)

    def _smooth(self, at_ms: int) -> float:
        """Return the mean price of this tick and the ones before it."""
        at = self.book.tick_ms(at_ms)
        ticks = [self.book.touch(at - back * self._tick_ms).price for back in reversed(range(_ORACLE_TICKS))]
        return sum(ticks) / len(ticks)

    def _premium(self, at_ms: int) -> float:
        """Return the premium of mid over oracle, moving through the hour from one payment's to the next one's."""
        hour = at_ms // HOUR_MS * HOUR_MS
        share = (at_ms - hour) / HOUR_MS
        now, then = (_bounded(float(self.funding.premium(h))) for h in (hour, hour + HOUR_MS))
        return now + share * (then - now)

    def _rate_estimate(self, at_ms: int) -> Decimal:
        """Return the running estimate of the next payment: its rate, as far as the hour has passed."""
        hour = at_ms // HOUR_MS * HOUR_MS
        share = Decimal((at_ms - hour) * 1000 // HOUR_MS).scaleb(-3)
        now, then = (self.funding.rate(h) or Decimal(0) for h in (hour, hour + HOUR_MS))
        return round(now + share * (then - now), 10)

    def _rounded(self, px: float) -> Decimal:
        decimals = price_decimals(px, self.asset.size_decimals)
        return Decimal(round(px * 10**decimals)).scaleb(-decimals)

    def _size(self, volume: float) -> Decimal:
        return Decimal(round(volume * 10**self.asset.size_decimals)).scaleb(-self.asset.size_decimals)


def impact_px(levels: Sequence[Level], notional_usd: Decimal) -> Decimal:
    """Return the average price of trading a notional through the levels; of all that is there if it is less."""
    spent, bought = Decimal(0), Decimal(0)
    for level in levels:
        size = min(level.size, (notional_usd - spent) / level.px)
        spent, bought = spent + size * level.px, bought + size
        if spent >= notional_usd:
            break
    return _significant(spent / bought)


def _premium(impact: tuple[Decimal, Decimal], oracle: Decimal) -> Decimal:
    """Return the premium of the impact prices over the oracle (hyperliquid.md 4.2)."""
    bid, ask = impact
    return round((max(bid - oracle, Decimal(0)) - max(oracle - ask, Decimal(0))) / oracle, 10)


def _bounded(premium: float) -> float:
    return min(max(premium, -_PREMIUM_MAX), _PREMIUM_MAX)


def _decimal(px: float) -> Decimal:
    return Decimal(repr(px))


def _significant(px: Decimal) -> Decimal:
    """Round to six figures and no exponent, as the venue writes impact prices."""
    return round(px, max(5 - px.adjusted(), 0))
