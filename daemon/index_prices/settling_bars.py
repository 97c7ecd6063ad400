"""`nightdesk index-price settle`: what recorded minutes of venues settle at, by methods that need their volumes.

No connector hands on volumes by the minute, so none of these is there live (docs/index_price.md, Settlement).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Group
from rich.table import Table
from rich.text import Text

from core.prices.averages import PARTITION_MS, PARTITIONS, Trade, reference_rate
from core.prices.settling import SettlementRules
from core.report import iso
from daemon.index_prices.screening import is_pegged, of_bars, recorded_in
from daemon.options import BadUse
from sim.price_files.series import Bars
from strategies.crypto_index.vetted_price import (
    MINUTE_MS,
    WINDOW_MINUTES,
    Candles,
    ExchangePrice,
    VettedPrice,
    literal_vetted_price,
    vetted_price,
)

USD = "/USD"
WINDOW_MS = WINDOW_MINUTES * MINUTE_MS


class Method(StrEnum):
    """How a window's minutes become one price."""

    VETTED = "vetted"
    """Half an hour: exchanges by median minute volume and a penalty against each other (E0-9 to E0-12)."""
    VETTED_LITERAL = "vetted_literal"
    """The brief's: last closes by median minute volume and a penalty against its own half hour (S0-13 to S0-20)."""
    REFERENCE_RATE = "reference_rate"
    """An hour: the mean of twelve volume-weighted medians of all minutes' closes (E0-10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The bars of one symbol, and where its window ends; last_usd is what the window before settled at."""

    bars: Sequence[Bars]
    end_ms: int
    last_usd: float | None


def settle(
    path: Path, *, symbols: Sequence[str], rules: SettlementRules, method: Method, screened: bool
) -> dict[str, Any]:
    """Return what each window that ends within the bars settles at. Raises BadUse.

    screened leaves out at each window who fails the wash-trade screen on the bars before its end.
    """
    recorded = recorded_in(path)
    dollars = [one for one in recorded.bars if one.symbol.endswith(USD)]
    others = [f"{b.source} {b.symbol}: not in dollars" for b in recorded.bars if not b.symbol.endswith(USD)]
    wanted = sorted({one.symbol for one in dollars}.intersection(symbols or (b.symbol for b in dollars)))
    if not wanted:
        raise BadUse(f"{path}: no bars in dollars {'of ' + ', '.join(symbols) if symbols else 'are in it'}")
    found = []
    for symbol in wanted:
        bars, last_usd = [one for one in dollars if one.symbol == symbol], None
        for end_ms in _ends(bars, rules):
            window = Window(bars=bars, end_ms=end_ms, last_usd=last_usd)
            told = _told(window, method, screened=screened)
            last_usd = told["price"] if told["price"] is not None else last_usd
            found.append({"symbol": symbol, "end": end_ms, "method": str(method), **told})
    return {"kind": "settlements", "settlements": found, "left_out": recorded.left_out + others}


def _ends(bars: Sequence[Bars], rules: SettlementRules) -> Iterator[int]:
    """Yield ends of windows up to the last minute, from the first whole half hour on."""
    first_ms = min(int(one.start_ms[0]) for one in bars)
    last_ms = max(int(one.start_ms[-1]) for one in bars) + MINUTE_MS
    end_ms = rules.end_after(first_ms + WINDOW_MS - 1)
    while end_ms <= last_ms:
        yield end_ms
        end_ms = rules.end_after(end_ms)


def _told(window: Window, method: Method, *, screened: bool) -> dict[str, Any]:
    bars = [_before(one, window.end_ms) for one in window.bars]
    bars = [one for one in bars if len(one.start_ms)]
    failed = [one.source for one in bars if screened and _fails_screen(one)]
    kept = Window(
        bars=[one for one in bars if one.source not in failed],
        end_ms=window.end_ms,
        last_usd=window.last_usd,
    )
    return METHODS[method](kept) | {"failed_screen": failed}


def _fails_screen(bars: Bars) -> bool:
    return not is_pegged(bars) and of_bars(bars)["passes"] is False


def _vetted(window: Window) -> dict[str, Any]:
    candles = [_candles(one) for one in window.bars]
    return _document(vetted_price(candles, end_ms=window.end_ms, last_usd=window.last_usd))


def _literal(window: Window) -> dict[str, Any]:
    """Return the brief's price; none where no exchange traded (E0-12); minutes without a known volume do not count."""
    heard = [_between(one, window.end_ms - WINDOW_MS) for one in window.bars]
    candles = [_candles(_part(one, np.isfinite(one.close) & np.isfinite(one.volume))) for one in heard]
    try:
        return _document(literal_vetted_price([one for one in candles if len(one.close)]))
    except ZeroDivisionError as error:
        return {"price": None, "rule": f"no price: {error}", "exchanges": []}


def _reference_rate(window: Window) -> dict[str, Any]:
    hour = [_between(one, window.end_ms - PARTITIONS * PARTITION_MS) for one in window.bars]
    trades = [
        Trade(int(at_ms), float(price), float(size))
        for one in hour
        for at_ms, price, size in zip(one.start_ms, one.close, one.volume, strict=True)
    ]
    found = reference_rate(trades, window.end_ms)
    rule = f"mean of volume-weighted medians, {found.covered:.0%} of the parts"
    return {"price": found.price, "rule": rule, "exchanges": []}


METHODS: Mapping[Method, Callable[[Window], dict[str, Any]]] = {
    Method.VETTED: _vetted,
    Method.VETTED_LITERAL: _literal,
    Method.REFERENCE_RATE: _reference_rate,
}


def _document(found: VettedPrice) -> dict[str, Any]:
    exchanges = [_exchange(one) for one in found.exchanges]
    return {"price": found.price_usd, "rule": str(found.rule), "exchanges": exchanges}


def _exchange(one: ExchangePrice) -> dict[str, Any]:
    """Return what S0-21 wants to be said of an exchange."""
    told = {"price": one.price_usd, "median": one.median_usd, "deviation": one.deviation_usd}
    return {
        "exchange": one.exchange,
        **{name: value if np.isfinite(value) else None for name, value in told.items()},
        "penalty": round(one.penalty, 4),
        "weight": one.weight,
        "fault": one.fault,
    }


def _candles(bars: Bars) -> Candles:
    return Candles(exchange=bars.source, start_ms=bars.start_ms, close=bars.close, volume=bars.volume)


def _before(bars: Bars, end_ms: int) -> Bars:
    return _part(bars, bars.start_ms + MINUTE_MS <= end_ms)


def _between(bars: Bars, start_ms: int) -> Bars:
    return _part(bars, bars.start_ms >= start_ms)


def _part(bars: Bars, kept: NDArray[np.bool_]) -> Bars:
    return Bars(
        source=bars.source,
        symbol=bars.symbol,
        start_ms=bars.start_ms[kept],
        close=bars.close[kept],
        high=bars.high[kept],
        low=bars.low[kept],
        volume=bars.volume[kept],
    )


def view(document: dict[str, Any]) -> Group:
    table = Table()
    for name in ("index", "window ends", "USD", "rule", "exchanges"):
        table.add_column(name, justify="right" if name == "USD" else "left")
    for one in document["settlements"]:
        price = "none" if one["price"] is None else f"{one['price']:,.6f}"
        table.add_row(one["symbol"], iso(one["end"]), price, one["rule"], "\n".join(_lines(one)))
    return Group(table, *(Text(f"left out {line}") for line in document["left_out"]))


def _lines(one: Mapping[str, Any]) -> Iterator[str]:
    for each in one["exchanges"]:
        if each["fault"]:
            yield f"{each['exchange']}: {each['fault']}"
        else:
            yield f"{each['exchange']}: {each['price']:,.4f}, penalty {each['penalty']:.4f}, weight {each['weight']:.4g}"
    for name in one["failed_screen"]:
        yield f"{name}: fails the wash-trade screen"
