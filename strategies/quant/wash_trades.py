"""Signs of volume that nobody traded, in a venue's candles and in its trades (M0-6).

Real volume comes when prices move, in sizes that differ by decades, in orders that fill one after another on one
side. Fabricated volume is drawn without regard to any of it. Each sign alone decides. Benford's law is measured and
told but decides nothing: real trade sizes break it on every venue at hand (lots, minimum orders), see bench/wash_trades.
What copies a real venue's volume minute by minute shows none of these signs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from strategies.quant.benford import Benford, benford
from strategies.quant.trailing import Floats

WINDOW = 720
"""Candles in a window: half a day of minutes, or thirty days of hours."""

TRADES_WINDOW = 2000
CANDLES_MIN = 200
TRADES_MIN = 500
TAIL_SHARE = 0.05
"""Largest sizes, as a share of all, whose tail exponent is measured."""

VOLATILITY_MIN = 0.2
CANDLE_SPREAD_MIN = 0.4
SAME_SIDE_MIN = 0.65
TRADE_SPREAD_MIN = 0.8
TAIL_MAX = 3.0
COMMONEST_MAX = 0.5
"""Limits set on three half days of twelve BTC pairs and on half of Binance's trades, all far from what was seen there:
volume and range correlate by 0.42 to 0.88, log volume spreads by 0.9 and more; trades follow their own side in 85 %,
log sizes spread by 1.7, tails fall by 1.2 to 2.2, no size makes up more than 30 %."""

TYPICAL_VOLATILITY_MIN = 0.3
"""Limit for the median of several windows, which one odd window does not move."""


class Sign(StrEnum):
    """What looks fabricated."""

    QUIET = "volume does not rise when prices move"
    STEADY = "volume is nearly the same in every candle"
    COIN_TOSS = "trades change sides as a tossed coin does, or more"
    ALIKE = "trade sizes are all of one order"
    NO_TAIL = "no large trades beside the small"
    ONE_SIZE = "one size makes up most trades"


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleSigns:
    """Rank correlation of volume and range, standard deviation of log volume, digits, and what is wrong.

    signs is None where there are too few candles with volume to say.
    """

    volatility: float
    spread: float
    digits: Benford
    signs: tuple[Sign, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSigns:
    """Share of trades on the side of the one before, spread of log size, tail exponent, share of the commonest size.

    imbalance, the net share bought by takers, is told only. signs is None where there are too few trades to say.
    """

    same_side: float
    spread: float
    tail: float
    commonest: float
    imbalance: float
    digits: Benford
    signs: tuple[Sign, ...] | None


def candle_signs(volume: Floats, high: Floats, low: Floats) -> CandleSigns:
    """Screen the candles of one venue and window (t,), hours at most each; volume in any unit, prices positive.

    Candles that are not whole (NaN, or a high below the low) are left out; those without a trade count with volume zero.
    """
    whole = np.isfinite(volume) & np.isfinite(high) & np.isfinite(low) & (volume >= 0)
    whole &= (low > 0) & (high >= low)
    traded, span = volume[whole], np.log(high[whole] / low[whole])
    some = traded[traded > 0]
    if len(some) < CANDLES_MIN:
        return CandleSigns(volatility=np.nan, spread=np.nan, digits=benford(some), signs=None)
    volatility, spread = _rank_correlation(traded, span), float(np.log(some).std())
    found = ((Sign.QUIET, volatility < VOLATILITY_MIN), (Sign.STEADY, spread < CANDLE_SPREAD_MIN))
    return CandleSigns(
        volatility=volatility,
        spread=spread,
        digits=benford(some),
        signs=tuple(sign for sign, seen in found if seen),
    )


def candle_windows(volume: Floats, high: Floats, low: Floats) -> tuple[CandleSigns, ...]:
    """Screen a series (t,) window by window, oldest first; what is left at its end is in none, if there is another."""
    parts = [slice(i * WINDOW, (i + 1) * WINDOW) for i in range(max(len(volume) // WINDOW, 1))]
    return tuple(candle_signs(volume[part], high[part], low[part]) for part in parts)


def trade_windows(sizes: Floats, bought: NDArray[np.bool_]) -> tuple[TradeSigns, ...]:
    """Screen trades (t,) window by window, in their order; what is left at the end is in none, if there is another."""
    count = max(len(sizes) // TRADES_WINDOW, 1)
    parts = [slice(i * TRADES_WINDOW, (i + 1) * TRADES_WINDOW) for i in range(count)]
    return tuple(trade_signs(sizes[part], bought[part]) for part in parts)


def suspected(windows: Sequence[CandleSigns]) -> bool | None:
    """Return whether a venue's windows together look fabricated: most of them do, or their median moves too little.

    More telling than one window where part of the volume is real. None where no window has enough candles.
    """
    said = [window for window in windows if window.signs is not None]
    if not said:
        return None
    typical = float(np.median([window.volatility for window in said]))
    return typical < TYPICAL_VOLATILITY_MIN or 2 * sum(bool(window.signs) for window in said) > len(said)


def trades_suspected(windows: Sequence[TradeSigns]) -> bool | None:
    """Return whether most of a venue's stretches of trades look fabricated; None where none has enough trades."""
    said = [window for window in windows if window.signs is not None]
    return 2 * sum(bool(window.signs) for window in said) > len(said) if said else None


def trade_signs(sizes: Floats, bought: NDArray[np.bool_]) -> TradeSigns:
    """Screen the trades of one venue in the order they happened: sizes (t,) positive, bought where the taker did."""
    if len(sizes) < TRADES_MIN or not (np.isfinite(sizes) & (sizes > 0)).all():
        return TradeSigns(
            same_side=np.nan,
            spread=np.nan,
            tail=np.nan,
            commonest=np.nan,
            imbalance=np.nan,
            digits=benford(sizes),
            signs=None,
        )
    same = float((bought[1:] == bought[:-1]).mean())
    spread, tail = float(np.log(sizes).std()), _tail_exponent(sizes)
    commonest = float(np.unique(sizes, return_counts=True)[1].max() / len(sizes))
    found = (
        (Sign.COIN_TOSS, same < SAME_SIDE_MIN),
        (Sign.ALIKE, spread < TRADE_SPREAD_MIN),
        (Sign.NO_TAIL, tail > TAIL_MAX),
        (Sign.ONE_SIZE, commonest > COMMONEST_MAX),
    )
    return TradeSigns(
        same_side=same,
        spread=spread,
        tail=tail,
        commonest=commonest,
        imbalance=float(abs(np.where(bought, sizes, -sizes).sum()) / sizes.sum()),
        digits=benford(sizes),
        signs=tuple(sign for sign, seen in found if seen),
    )


def _rank_correlation(x: Floats, y: Floats) -> float:
    """Return Spearman's correlation; zero where one of them never changes, for then they do not move together."""
    a, b = (rankdata(values) for values in (x, y))
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _tail_exponent(sizes: Floats) -> float:
    """Return Hill's estimate over the largest sizes; infinite where they are all the same."""
    ranked = np.sort(sizes)[::-1]
    count = int(TAIL_SHARE * len(sizes))
    excess = float(np.log(ranked[:count] / ranked[count]).mean())
    return 1 / excess if excess > 0 else float("inf")
