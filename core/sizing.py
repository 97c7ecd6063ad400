"""Weights to notional to lots, and prices to the venue's grid: the only crossing from float to Decimal."""

import math
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from core.types import Instrument, Quote, Side

PERP_DECIMALS_MAX = 6
SIGNIFICANT_FIGURES = 5


def to_decimal(x: float) -> Decimal:
    """Return a finite float as the Decimal that prints like it; refuse NaN and infinity."""
    if not math.isfinite(x):
        raise ValueError(f"{x} is not a finite number and may not reach an order")
    return Decimal(repr(float(x)))


def price_step(px: Decimal, size_decimals: int) -> Decimal:
    """Return the tick at px: five significant figures, 6 - szDecimals decimals, integers always legal (hyperliquid.md)."""
    decimals = min(PERP_DECIMALS_MAX - size_decimals, SIGNIFICANT_FIGURES - 1 - px.adjusted())
    return Decimal(1).scaleb(-max(decimals, 0))


def round_price(px: Decimal, side: Side, size_decimals: int) -> Decimal:
    """Return px on the tick grid, never worse for us than asked: a buy rounds down, a sell up."""
    rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
    step = price_step(px, size_decimals)
    return (px / step).to_integral_value(rounding=rounding) * step


def limit_price(quote: Quote, side: Side, *, slippage_bps: float, size_decimals: int) -> Decimal:
    """Return the worst price we accept: the mid moved by slippage_bps against us, on the grid."""
    move = to_decimal(side.sign * slippage_bps / 10_000)
    return round_price(quote.mid * (1 + move), side, size_decimals)


def floor_lots(qty: Decimal, instrument: Instrument) -> Decimal:
    """Return qty in whole lots, towards zero."""
    return qty.quantize(instrument.lot, rounding=ROUND_DOWN)


def nearest_lots(qty: Decimal, instrument: Instrument) -> Decimal:
    return qty.quantize(instrument.lot, rounding=ROUND_HALF_EVEN)


def ceil_lots(qty: Decimal, instrument: Instrument) -> Decimal:
    """Return qty in whole lots, away from zero."""
    floored = floor_lots(qty, instrument)
    return floored if floored == qty else floored + instrument.lot.copy_sign(qty)


def target_qty(weight: float, *, equity_usd: Decimal, px: Decimal, instrument: Instrument) -> Decimal:
    """Return the signed quantity that makes weight of equity at px, to the nearest lot."""
    return nearest_lots(to_decimal(weight) * equity_usd / px, instrument)
