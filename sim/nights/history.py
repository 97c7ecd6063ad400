"""What happened before a night, hour by hour: a factor model of prices, volumes and funding, shared by all nights.

Log returns an hour: BTC's, ETH's on it, and for every coin both betas, a drift that lasts (so that yesterday's return
tells something of tomorrow's) and noise. The level is the sample's last close at the hour where the night begins.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from sim.nights.listings import HEDGES, Listed
from sim.venue.assets import PRICE_DECIMALS_MAX, PRICE_FIGURES
from sim.venue.bars import DAY_MS, HOUR_MS
from sim.venue.candles import CandleRow
from sim.venue.days import Usual
from sim.venue.funding import DELAY_MAX_MS, FundingRow

REACH_MS = 3 * HOUR_MS
"""A night's ticks begin so long before its close and end so long after it."""

_HOURS = 24
_BTC_DAILY, _ETH_DAILY = 0.025, 0.02
_NOISE_SHARE, _DRIFT_SHARE, _DRIFT_KEPT = 0.5, 0.45, 0.75
_VOLUME_SPREAD = 0.35
_INTEREST, _CLAMP = 1_000_000, 5_000_000
_PREMIUM, _PREMIUM_SPREAD, _PREMIUM_KEPT = 1_000_000, 4_000_000, 0.98
_POWERS = 10 ** np.arange(PRICE_FIGURES, 18, dtype=np.int64)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Terms:
    """Which history, how many whole days of it before the day that the night closes, and how often prices move."""

    history_seed: int = 0
    history_days: int = 30
    tick_ms: int = 4_000

    def __post_init__(self) -> None:
        if HOUR_MS % self.tick_ms:
            raise ValueError(f"tick_ms {self.tick_ms}: an hour must be a whole number of ticks")


def legal(fine: Ints, decimals: int) -> Ints:
    """Round prices in units of 10^-decimals to the venue's five figures; whole dollars are always legal."""
    beyond = np.searchsorted(_POWERS, fine, side="right")
    step = 10 ** np.minimum(beyond, decimals)
    return np.asarray((fine + step // 2) // step * step)


def legal_one(fine: int, decimals: int) -> int:
    """Round one price as legal() does."""
    step = 1
    while decimals > 0 and fine // step >= 10**PRICE_FIGURES:
        step, decimals = step * 10, decimals - 1
    return (fine + step // 2) // step * step


@lru_cache(maxsize=1024)
def history_of(coin: Listed, terms: Terms, close_ms: int) -> "History":
    """Return a coin's history; nights on the same terms with the same close share it."""
    return History(coin, terms, close_ms)


@lru_cache(maxsize=8)
def _factors(terms: Terms) -> tuple[Floats, Floats]:
    """Return BTC's hourly log returns and what ETH has beside them."""
    rng = np.random.default_rng([terms.history_seed, terms.history_days])
    hours = (terms.history_days + 1) * _HOURS
    btc, eth = rng.standard_normal((2, hours)) / np.sqrt(_HOURS)
    return btc * _BTC_DAILY, eth * _ETH_DAILY


class History:
    """One coin's hours from first_ms to begins_ms, where the night's ticks begin, and its days' volumes.

    Prices are whole numbers of 10^-decimals USD, legal ones; price k holds for the hour from first_ms + k hours on.
    """

    def __init__(self, coin: Listed, terms: Terms, close_ms: int) -> None:
        self.coin, self.terms, self.close_ms = coin, terms, close_ms
        self.first_ms = close_ms - (terms.history_days + 1) * DAY_MS
        self.begins_ms = close_ms - REACH_MS
        self.decimals = PRICE_DECIMALS_MAX - coin.asset.size_decimals
        self.unit = Decimal(1).scaleb(-self.decimals)
        seeds = [terms.history_seed, terms.history_days, *coin.asset.name.encode()]
        self._rng = np.random.default_rng(seeds)
        fine = self._levels()
        self.prices, self.anchor = fine[:-1], int(fine[-1])
        self.volumes = self._volumes()
        self._premiums = self._drawn_premiums()
        self.ended: dict[int, CandleRow] = {}
        """Rows of whole days before the one that the night closes, as far as they were asked for."""

    def _levels(self) -> Ints:
        """Return the price of every hour, and last the one that the night begins with."""
        hours = (self.begins_ms - self.first_ms) // HOUR_MS
        logs = np.cumsum(self._returns()[:hours])
        top = self.coin.px * 10.0**self.decimals
        level = top * np.exp(np.concatenate([[0.0], logs]) - logs[-1])
        return legal(np.maximum(np.rint(level), 1.0).astype(np.int64), self.decimals)

    def _returns(self) -> Floats:
        btc, eth = _factors(self.terms)
        rng, hedge = self._rng, self.coin.asset.asset_id
        if hedge < HEDGES:
            return btc if hedge == 0 else btc + eth
        beta_btc, beta_eth = rng.uniform(0.6, 1.4), rng.uniform(0.0, 0.8)
        noise = rng.standard_normal(len(btc)) * self.coin.volatility * _NOISE_SHARE / np.sqrt(_HOURS)
        drift = np.repeat(self._drift(), _HOURS) / _HOURS
        return np.asarray(beta_btc * btc + beta_eth * eth + noise + drift)

    def _drift(self) -> Floats:
        """Return each day's drift: some of the day's before is kept."""
        shocks = self._rng.standard_normal(self.terms.history_days + 1) * self.coin.volatility * _DRIFT_SHARE
        return np.asarray(_kept(shocks, _DRIFT_KEPT) * np.sqrt(1.0 - _DRIFT_KEPT**2))

    def _volumes(self) -> list[float]:
        """Return the volume of each day and of the two that the night lies in, in base units, whole lots."""
        days = self.terms.history_days
        closes = self.prices[_HOURS - 1 :: _HOURS][:days] * float(self.unit)
        px = np.concatenate([closes, [closes[-1]] * 2])
        usd = self.coin.volume_usd * np.exp(_VOLUME_SPREAD * self._rng.standard_normal(days + 2))
        return [round(float(v), self.coin.asset.size_decimals) for v in usd / px]

    def volume(self, day_ms: int) -> float:
        """Return a day's volume (base units); days outside have their neighbours'."""
        day = (day_ms - self.first_ms) // DAY_MS
        return self.volumes[min(max(day, 0), len(self.volumes) - 1)]

    @cached_property
    def usual(self) -> Usual:
        """Return what the venue's book model asks of a coin; the same for the whole night."""
        px = self.anchor * float(self.unit)
        return Usual(px=px, volume=self.coin.volume_usd / px, volatility=self.coin.volatility)

    # --- funding ------------------------------------------------------------------------------------------

    def _drawn_premiums(self) -> Ints:
        """Return each hour's premium, in 10^-10: the coin's own level and what moves slowly around it."""
        hours = (self.close_ms + REACH_MS - self.first_ms) // HOUR_MS + 2
        level = _PREMIUM + self._rng.standard_normal() * _PREMIUM_SPREAD / 2
        moves = self._rng.standard_normal(hours) * _PREMIUM_SPREAD * np.sqrt(1.0 - _PREMIUM_KEPT**2)
        return np.asarray(np.rint(level + _kept(moves, _PREMIUM_KEPT)), dtype=np.int64)

    def premium(self, hour_ms: int) -> float:
        """Return an hour's average premium of the impact prices over the oracle, as a fraction."""
        return int(self._premiums[self._hour(hour_ms)]) * 1e-10

    def rate(self, hour_ms: int) -> Decimal:
        """Return the rate paid at an hour, by the venue's formula from its premium (hyperliquid.md 4.2)."""
        return self._rates[self._hour(hour_ms)]

    @cached_property
    def _rates(self) -> list[Decimal]:
        premium = self._premiums
        rate_8h = premium + np.clip(_INTEREST - premium, -_CLAMP, _CLAMP)
        return [Decimal(int(n)).scaleb(-10) for n in rate_8h // 8]

    @cached_property
    def payments(self) -> tuple[FundingRow, ...]:
        """Return every hour's row of fundingHistory, stamped a little after the hour."""
        name = self.coin.asset.name
        delays = self._rng.integers(1, DELAY_MAX_MS + 1, len(self._rates))
        return tuple(
            FundingRow(
                coin=name,
                fundingRate=f"{rate:f}",
                premium=f"{Decimal(int(premium)).scaleb(-10):f}",
                time=self.first_ms + k * HOUR_MS + int(delays[k]),
            )
            for k, (rate, premium) in enumerate(zip(self._rates, self._premiums, strict=True))
        )

    @cached_property
    def stamps(self) -> list[int]:
        """Return the times of payments."""
        return [row["time"] for row in self.payments]

    def _hour(self, at_ms: int) -> int:
        return min(max((at_ms - self.first_ms) // HOUR_MS, 0), len(self._premiums) - 1)


def _kept(shocks: Floats, kept: float) -> Floats:
    """Return a series of which each member keeps a share of the one before."""
    out, last = np.empty_like(shocks), 0.0
    for k, shock in enumerate(shocks.tolist()):
        out[k] = last = kept * last + shock
    return out
