"""`nightdesk index screen`: recorded bars and trades of venues against the signs of volume that nobody traded (M0-6)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from daemon.options import BadUse
from sim.price_files.series import Bars, Recorded, Trades, read_series
from sim.price_files.stream import UnreadablePrices
from strategies.quant.benford import benford
from strategies.quant.trailing import Floats
from strategies.quant.wash_trades import (
    CandleSigns,
    TradeSigns,
    candle_windows,
    suspected,
    trade_windows,
    trades_suspected,
)

DOLLARS = ("USDT", "USDC", "DAI", "USD")
CANDLE_FIGURES = ("volatility", "spread")
TRADE_FIGURES = ("same_side", "spread", "tail", "commonest", "imbalance")


def screen(path: Path) -> dict[str, Any]:
    """Return what each venue's series show. Raises BadUse where a path has neither bars with volumes nor trades."""
    recorded = recorded_in(path)
    bars = [one for one in recorded.bars if not is_pegged(one)]
    pegged = [f"{one.source} {one.symbol}: pegged" for one in recorded.bars if is_pegged(one)]
    found = [*map(of_bars, bars), *map(of_trades, recorded.trades)]
    if not found:
        raise BadUse(f"{path}: nothing in it can be screened: " + "; ".join(recorded.left_out + pegged))
    return {"kind": "index screen", "series": found, "left_out": recorded.left_out + pegged}


def is_pegged(bars: Bars) -> bool:
    """Say whether a pair has dollars on its left: its volume need not follow its price."""
    return bars.symbol.partition("/")[0] in DOLLARS


def recorded_in(path: Path) -> Recorded:
    """Return what a path has. Raises BadUse."""
    try:
        return read_series(path)
    except UnreadablePrices as error:
        raise BadUse(str(error)) from error


def of_bars(bars: Bars) -> dict[str, Any]:
    """Judge candles; a bar that is not there is one in which nothing was traded."""
    volume, high, low = whole(bars)
    windows = candle_windows(volume, high, low)
    return _document(bars, "candles", suspected(windows), windows) | {
        "figures": _medians(windows, CANDLE_FIGURES),
        "benford": _digits(bars.volume),
    }


def of_trades(trades: Trades) -> dict[str, Any]:
    windows = trade_windows(trades.size, trades.bought)
    return _document(trades, "trades", trades_suspected(windows), windows) | {
        "figures": _medians(windows, TRADE_FIGURES),
        "benford": _digits(trades.size),
    }


def whole(bars: Bars) -> tuple[Floats, Floats, Floats]:
    """Return volume, high and low of every bar from the first to the last, of those that are not there too.

    Without high and low the range is from close to close.
    """
    known = np.isfinite(bars.high) & np.isfinite(bars.low)
    before = np.concatenate([bars.close[:1], bars.close[:-1]])
    high = np.where(known, bars.high, np.maximum(bars.close, before))
    low = np.where(known, bars.low, np.minimum(bars.close, before))
    step_ms = max(int(np.median(np.diff(bars.start_ms))), 1) if len(bars.start_ms) > 1 else 1
    places = (bars.start_ms - bars.start_ms[0]) // step_ms
    count = int(places[-1]) + 1
    if count > 2 * len(places) + 1000:
        # mostly gaps: they say nothing
        return bars.volume, high, low
    filled = np.zeros(count), np.ones(count), np.ones(count)
    for made, told in zip(filled, (bars.volume, high, low), strict=True):
        made[places] = told
    return filled


def _document(
    one: Bars | Trades, of: str, fails: bool | None, windows: Sequence[CandleSigns] | Sequence[TradeSigns]
) -> dict[str, Any]:
    said = [window.signs for window in windows if window.signs is not None]
    signs = Counter(str(sign) for found in said for sign in found)
    return {
        "venue": one.source,
        "pair": one.symbol,
        "of": of,
        "passes": None if fails is None else not fails,
        "windows": len(said),
        "windows_with_signs": sum(bool(found) for found in said),
        "signs": dict(signs),
    }


def _medians(
    windows: Sequence[CandleSigns] | Sequence[TradeSigns], names: Sequence[str]
) -> dict[str, float | None]:
    said = [window for window in windows if window.signs is not None]
    figures = {name: [float(getattr(window, name)) for window in said] for name in names}
    return {name: _finite(float(np.median(values))) if values else None for name, values in figures.items()}


def _digits(values: Floats) -> dict[str, Any]:
    found = benford(values)
    return {
        "verdict": str(found.verdict),
        "values": found.values,
        "chi_squared": found.chi_squared,
        "deviation": found.deviation,
        "decades": found.decades,
    }


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


# --- for people ----------------------------------------------------------------------------------------

PASSES = {True: "pass", False: "FAIL", None: "too little to say"}


def view(document: dict[str, Any]) -> Group:
    table = Table()
    for name in ("venue", "pair", "of", "verdict", "windows with signs", "figures", "Benford", "signs"):
        table.add_column(name)
    for one in document["series"]:
        table.add_row(*_cells(one))
    return Group(table, *(Text(f"left out {line}") for line in document["left_out"]))


def _cells(one: dict[str, Any]) -> Iterator[str]:
    yield from (one["venue"], one["pair"], one["of"], PASSES[one["passes"]])
    yield f"{one['windows_with_signs']} of {one['windows']}"
    figures = one["figures"].items()
    yield ", ".join(f"{name} {value:.2f}" for name, value in figures if value is not None)
    yield f"{one['benford']['verdict']} ({one['benford']['deviation']:.4f})"
    yield ", ".join(f"{sign} ({count})" for sign, count in one["signs"].items())
