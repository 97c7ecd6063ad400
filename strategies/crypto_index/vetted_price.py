"""One price of a coin from half an hour of minutes on several exchanges: the brief's way and a corrected one.

The brief compares each exchange with its own last half hour (S0-13 to S0-21). Here exchanges are compared with each
other (E0-9), on whole minutes of one window (E0-11), and none can spoil the rest (E0-12). Methods of
`nightdesk index-price settle` beside the reference rate of core/prices/averages.py (E0-10).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from strategies.quant.trailing import Floats

MINUTE_MS = 60_000
WINDOW_MINUTES = 30
MINUTES_MIN = 15
"""Whole minutes that an exchange must have in the window; half of it."""

ERRONEOUS = 0.10
"""Distance to the median of all above which an exchange is left out (E0-10)."""

ALONE = 0.02
"""Distance to the last price within which a single exchange is believed (E4-9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """One exchange's minutes, oldest first: start in ms UTC, close in USD, volume in coins; all (t,)."""

    exchange: str
    start_ms: NDArray[np.int64]
    close: Floats
    volume: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangePrice:
    """What an exchange says and how much it counts: weight is median minute volume times penalty.

    Median and standard deviation are of what the penalty compares with, USD. fault says why it does not count.
    """

    exchange: str
    price_usd: float
    median_usd: float
    deviation_usd: float
    penalty: float
    weight: float
    fault: str = ""


class Rule(StrEnum):
    """How the price came about."""

    LITERAL = "average by volume and penalty, each against its own half hour"
    PENALISED = "average by volume and penalty, each against the others"
    TWO = "two exchanges: the middle of both and the last price"
    ONE = "one exchange, near the last price"
    NO_VOLUME = "median of the exchanges: nothing was traded"
    HELD = "no price: too few exchanges, or none near enough to the last price"


@dataclass(frozen=True, slots=True, kw_only=True)
class VettedPrice:
    """The price in USD, None when there is none, the rule, and every exchange with its fault if it has one."""

    price_usd: float | None
    rule: Rule
    exchanges: tuple[ExchangePrice, ...]


def literal_vetted_price(exchanges: Sequence[Candles]) -> VettedPrice:
    """Return the brief's price: last closes, weighted by median volume and 1 / max(1, |last - median| / std).

    Every row given counts, an unfinished last one too. Raises ZeroDivisionError when all weights are zero, as the
    brief's average does, and ValueError on an exchange without a row.
    """
    seen = tuple(_against_itself(candles) for candles in exchanges)
    price = np.average([e.price_usd for e in seen], weights=[e.weight for e in seen])
    return VettedPrice(price_usd=float(price), rule=Rule.LITERAL, exchanges=seen)


def _against_itself(candles: Candles) -> ExchangePrice:
    if not len(candles.close):
        raise ValueError(f"{candles.exchange} has no candle")
    last, median = float(candles.close[-1]), float(np.median(candles.close))
    deviation = float(np.std(candles.close, ddof=1)) if len(candles.close) > 1 else 0.0
    penalty = _penalty(last, median, deviation)
    weight = float(np.median(candles.volume)) * penalty
    return ExchangePrice(
        exchange=candles.exchange,
        price_usd=last,
        median_usd=median,
        deviation_usd=deviation,
        penalty=penalty,
        weight=weight,
    )


def _penalty(price: float, median: float, deviation: float) -> float:
    return 1 / max(1.0, abs(price - median) / deviation) if deviation > 0 else 1.0


def vetted_price(
    exchanges: Sequence[Candles], *, end_ms: int, last_usd: float | None = None, exchanges_min: int = 2
) -> VettedPrice:
    """Return the price of the half hour before end_ms, from the exchanges whose minutes are good.

    An exchange's own price is its volume-weighted mean, or the plain mean where it traded nothing. One far from the
    median of all is left out. Three and more are averaged by median minute volume times 1 / max(1, |price - median| / std)
    across exchanges; a spread of two says nothing, so the last price has a vote then; one alone must stand near it. A
    last price that is no positive number is none.
    """
    if last_usd is not None and not (isfinite(last_usd) and last_usd > 0):
        last_usd = None
    seen = [_of_window(candles, end_ms) for candles in exchanges]
    seen = [_far_from_others(e, seen) for e in seen]
    good = [e for e in seen if not e.fault]
    if len(good) >= 3:
        seen = [e if e.fault else _against_others(e, good) for e in seen]
        good = [e for e in seen if not e.fault]
    price, rule = _combined(good, last_usd) if len(good) >= max(exchanges_min, 1) else (None, Rule.HELD)
    return VettedPrice(price_usd=price, rule=rule, exchanges=tuple(seen))


def _of_window(candles: Candles, end_ms: int) -> ExchangePrice:
    """Price an exchange's whole minutes; a minute that has not ended, or is no number, is none."""
    start = candles.start_ms
    inside = (start >= end_ms - WINDOW_MINUTES * MINUTE_MS) & (start + MINUTE_MS <= end_ms)
    good = inside & np.isfinite(candles.close) & (candles.close > 0)
    good &= np.isfinite(candles.volume) & (candles.volume >= 0)
    close, volume = candles.close[good], candles.volume[good]
    minutes = len(np.unique(start[good]))
    if minutes < MINUTES_MIN or minutes < len(close):
        fault = "minutes twice" if minutes < len(close) else f"{minutes} of {WINDOW_MINUTES} minutes"
        return ExchangePrice(
            exchange=candles.exchange,
            price_usd=np.nan,
            median_usd=np.nan,
            deviation_usd=np.nan,
            penalty=0.0,
            weight=0.0,
            fault=fault,
        )
    price = float(np.average(close, weights=volume)) if volume.sum() > 0 else float(close.mean())
    return ExchangePrice(
        exchange=candles.exchange,
        price_usd=price,
        median_usd=price,
        deviation_usd=0.0,
        penalty=1.0,
        weight=float(np.median(volume)),
    )


def _far_from_others(one: ExchangePrice, seen: Sequence[ExchangePrice]) -> ExchangePrice:
    prices = [e.price_usd for e in seen if not e.fault]
    if one.fault or len(prices) < 3:
        return one
    off = one.price_usd / float(np.median(prices)) - 1
    return one if abs(off) <= ERRONEOUS else replace(one, weight=0.0, fault=f"{off:+.1%} from the median")


def _against_others(one: ExchangePrice, good: Sequence[ExchangePrice]) -> ExchangePrice:
    prices = [e.price_usd for e in good]
    median, deviation = float(np.median(prices)), float(np.std(prices, ddof=1))
    penalty = _penalty(one.price_usd, median, deviation)
    return replace(
        one, median_usd=median, deviation_usd=deviation, penalty=penalty, weight=one.weight * penalty
    )


def _combined(good: Sequence[ExchangePrice], last_usd: float | None) -> tuple[float | None, Rule]:
    prices = [e.price_usd for e in good]
    if len(good) == 1:
        near = last_usd is not None and abs(prices[0] / last_usd - 1) <= ALONE
        return (prices[0], Rule.ONE) if near else (None, Rule.HELD)
    if len(good) == 2 and last_usd is not None:
        return float(np.median([*prices, last_usd])), Rule.TWO
    if len(good) == 2 and abs(prices[0] / prices[1] - 1) > ERRONEOUS:
        return None, Rule.HELD
    weights = [e.weight for e in good]
    if not any(weights):
        return float(np.median(prices)), Rule.NO_VOLUME
    return float(np.average(prices, weights=weights)), Rule.PENALISED
