"""Prices over time: the settlement's average, the partitioned reference rate, and exponential averages.

Sources: Deribit's 30 minute delivery price (E4-18), the CME CF reference rate (E0-10), Hyperliquid's robust basis
average (O4-9), Pyth's price and confidence averages (O4-7).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, isfinite, log

from core.robust import weighted_median

TWAP_MS = 30 * 60_000
PARTITIONS = 12
PARTITION_MS = 5 * 60_000
BASIS_S = 150.0
PYTH_HALF_LIFE_SLOTS = 5921


@dataclass(frozen=True, slots=True)
class Settlement:
    """A settlement price, and how much of its window had a price. None when no part of it had one."""

    price: float | None
    covered: float


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade: price in the index currency, size in base units."""

    at_ms: int
    price: float
    size: float


def twap(
    values: Sequence[tuple[int, float]],
    end_ms: int,
    *,
    window_ms: int = TWAP_MS,
    stands_ms: int | None = None,
) -> Settlement:
    """Return the time-weighted average of values (ms, price) over the window that ends at end_ms.

    A value holds until the next one, and no longer than stands_ms. The share of the window in which none holds is not
    covered, and does not count.
    """
    start_ms, area, known_ms = end_ms - window_ms, 0.0, 0
    for since_ms, until_ms, price in _held(values, end_ms):
        held_ms = until_ms if stands_ms is None else min(until_ms, since_ms + stands_ms)
        part_ms = held_ms - max(since_ms, start_ms)
        if part_ms > 0:
            area, known_ms = area + price * part_ms, known_ms + part_ms
    return Settlement(area / known_ms if known_ms else None, known_ms / window_ms)


def _held(values: Sequence[tuple[int, float]], end_ms: int) -> Iterator[tuple[int, int, float]]:
    """Yield from when to when each value stood."""
    ranked = sorted(value for value in values if value[0] < end_ms)
    for index, (since_ms, price) in enumerate(ranked):
        yield since_ms, ranked[index + 1][0] if index + 1 < len(ranked) else end_ms, price


def reference_rate(trades: Sequence[Trade], end_ms: int) -> Settlement:
    """Return the mean over twelve partitions of five minutes of each one's volume-weighted median trade (E0-10).

    A partition without a trade is left out, as the CME CF methodology has it; covered says what share had one.
    """
    start_ms = end_ms - PARTITIONS * PARTITION_MS
    parts: list[list[Trade]] = [[] for _ in range(PARTITIONS)]
    for trade in trades:
        if start_ms <= trade.at_ms < end_ms and _counts(trade):
            parts[(trade.at_ms - start_ms) // PARTITION_MS].append(trade)
    rates = [
        weighted_median([trade.price for trade in part], [trade.size for trade in part])
        for part in parts
        if part
    ]
    return Settlement(sum(rates) / len(rates) if rates else None, len(rates) / PARTITIONS)


def _counts(trade: Trade) -> bool:
    return isfinite(trade.price) and isfinite(trade.size) and trade.price > 0 and trade.size > 0


@dataclass(slots=True)
class BasisAverage:
    """An exponential average of unevenly spaced samples (O4-9): each counts for the time since the one before it."""

    scale_s: float = BASIS_S
    _numerator: float = 0.0
    _denominator: float = 0.0

    def add(self, sample: float, elapsed_s: float) -> float | None:
        """Take a sample that stood for elapsed_s; return the average, None before any time has passed."""
        kept = exp(-elapsed_s / self.scale_s)
        self._numerator = self._numerator * kept + sample * elapsed_s
        self._denominator = self._denominator * kept + elapsed_s
        return self.value

    @property
    def value(self) -> float | None:
        return self._numerator / self._denominator if self._denominator > 0 else None


@dataclass(slots=True)
class ConfidenceAverage:
    """Pyth's average of a price: samples weigh 1 / confidence and halve in 5,921 slots (O4-7).

    Pyth's own starts anew after 4,145 slots without a sample (its decay is a straight line); this one decays on.
    """

    half_life_slots: float = PYTH_HALF_LIFE_SLOTS
    _numerator: float = 0.0
    _denominator: float = 0.0

    def add(self, sample: float, confidence: float, *, slots: float) -> float:
        """Take a sample slots after the last one; confidence is above 0. Return the average."""
        weight, kept = 1.0 / confidence, exp(-log(2) * slots / self.half_life_slots)
        self._numerator = self._numerator * kept + sample * weight
        self._denominator = self._denominator * kept + weight
        return self._numerator / self._denominator
