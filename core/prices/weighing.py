"""From the feeds that count to one price: weights, clamp, average, confidence."""

from collections.abc import Sequence
from functools import lru_cache
from math import exp, fsum, inf

from core.prices.judging import Row
from core.prices.methodology import Average, Methodology, Weighing, Weights
from core.robust import capped, median, ranked_votes, three_votes_smooth, weighted_median


def clamp_within(base: str, methodology: Methodology) -> float:
    """Return the clamp of a base, 0 for none."""
    rules = methodology.outliers
    return dict(rules.clamp_of).get(base, rules.clamp) if rules.clamp_of else rules.clamp


def weigh(rows: Sequence[Row], weighing: Weighing, now_ms: int) -> None:
    """Give each row its weight; they sum to 1 (S4-16 to S4-21). Unknown volumes count like the median one."""
    if weighing.by is Weights.EQUAL and not weighing.alpha_per_s:
        for row, weight in zip(rows, _equal(len(rows), weighing.cap), strict=True):
            row.weight = weight
        return
    shares = _shares(rows, weighing)
    ages_s = [_age_s(row, now_ms) for row in rows]
    # relative to the youngest, which leaves the proportions: no decay makes all weights vanish
    decays = [exp(-weighing.alpha_per_s * (age_s - min(ages_s))) for age_s in ages_s]
    raw = [share * decay for share, decay in zip(shares, decays, strict=True)]
    if fsum(raw) <= 0:
        raw = [1.0] * len(rows)
    for row, weight in zip(rows, capped(raw, weighing.cap), strict=True):
        row.weight = weight


@lru_cache(maxsize=64)
def _equal(count: int, cap: float) -> tuple[float, ...]:
    return tuple(capped([1.0] * count, cap))


def _shares(rows: Sequence[Row], weighing: Weighing) -> list[float]:
    if weighing.by is Weights.EQUAL:
        return [1.0] * len(rows)
    if weighing.by is Weights.FIXED:
        fixed = dict(weighing.fixed)
        return [fixed.get(row.feed.source.lower(), weighing.unlisted) for row in rows]
    volumes = [_volume_usd(row, weighing) for row in rows]
    known = [volume for volume in volumes if volume is not None]
    usual = median(known) if known else 1.0
    return [usual if volume is None else volume for volume in volumes]


def volume_of(row: Row, weighing: Weighing) -> float | None:
    """Return the volume that counts, in the pair's quote currency: as told last, or slow."""
    return row.feed.volume if weighing.by is Weights.SLOW_VOLUME else row.feed.told


def _volume_usd(row: Row, weighing: Weighing) -> float | None:
    volume = volume_of(row, weighing)
    return None if volume is None or row.rate is None else volume * row.rate


def _age_s(row: Row, now_ms: int) -> float:
    assert row.feed.tick is not None, "a row that counts has a tick"
    return max(0, now_ms - row.feed.tick.at_ms) / 1000


def average(rows: Sequence[Row], middle: float, methodology: Methodology) -> float:
    """Return one price of weighted rows, each drawn to within the clamp of the middle."""
    within = clamp_within(rows[0].feed.symbol.partition("/")[0], methodology)
    low, high = (middle * (1 - within), middle * (1 + within)) if within else (0.0, inf)
    for row in rows:
        row.used = low if row.usd < low else high if row.usd > high else row.usd
    match methodology.weighing.average:
        case Average.MEAN:
            price = fsum(row.used * row.weight for row in rows)
            # rounding may leave the hull of the inputs by an ulp; a constant market must stay constant
            return min(max(price, min(row.used for row in rows)), max(row.used for row in rows))
        case Average.MEDIAN:
            return weighted_median([row.used for row in rows], [row.weight for row in rows])
        case Average.THREE_VOTES:
            return three_votes_smooth([(row.used, row.half) for row in rows])[0]


def confidence(rows: Sequence[Row], price: float) -> float:
    """Return how far the quarters of all votes stand from the price (E4-14)."""
    votes = ranked_votes([(row.usd, row.half) for row in rows])
    quarter = len(votes) >> 2
    return max(abs(price - votes[quarter]), abs(votes[-1 - quarter] - price))


def spread(rows: Sequence[Row]) -> float:
    """Return the distance of the highest from the lowest price, fraction of the lowest (S4-41)."""
    prices = [row.usd for row in rows]
    return max(prices) / min(prices) - 1
