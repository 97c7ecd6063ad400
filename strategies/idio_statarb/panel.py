"""Daily market data, aligned: what the pipeline reads. A row says nothing about the days after it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

HEDGES: tuple[str, str] = ("BTC", "ETH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One frame a field: index UTC days without holes, columns sorted symbols.

    open, high, low, close in USD; volume in base units (E3-26); live says that the day's close was tradable;
    funding is the sum of the rates paid that day, positive when longs pay (D3-5), NaN when none was;
    funding_n counts the payments. A live day without a volume is provisional: not complete yet (E3-23).
    """

    open: pd.DataFrame
    high: pd.DataFrame
    low: pd.DataFrame
    close: pd.DataFrame
    volume: pd.DataFrame
    live: pd.DataFrame
    funding: pd.DataFrame
    funding_n: pd.DataFrame

    @property
    def days(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.close.index)

    @property
    def symbols(self) -> pd.Index:
        return self.close.columns

    def until(self, day: pd.Timestamp) -> "Panel":
        """Return the panel without the days after day."""
        return Panel(**{f.name: getattr(self, f.name).loc[:day] for f in fields(Panel)})


def with_provisional_row(
    panel: Panel, *, day: pd.Timestamp, prices: Mapping[str, float], funding: Mapping[str, float]
) -> Panel:
    """Return panel with one more day, on which live mids stand for the close (S3-14, E3-23).

    The row has no volume, so the liquidity filter, the caps and the costs stay those of complete days; funding holds
    the sums of that day's payments, all of which are settled at 23:50 (D3-5). Symbols without a price are not
    live that day. Raises ValueError for a day that does not follow the last one, an unknown symbol, a price that
    is not positive and finite, or a funding sum that is not finite.
    """
    _check_row(panel, day, prices, funding)
    price = np.array([prices.get(s, np.nan) for s in panel.symbols], dtype=float)
    paid = np.array([funding.get(s, np.nan) for s in panel.symbols], dtype=float)
    row = {
        **dict.fromkeys(("open", "high", "low", "close"), price),
        "volume": np.full(len(price), np.nan),
        "live": np.isfinite(price),
        "funding": paid,
        "funding_n": np.where(np.isfinite(paid), 24, 0),
    }
    return Panel(**{f.name: _append(getattr(panel, f.name), day, row[f.name]) for f in fields(Panel)})


def _append(frame: pd.DataFrame, day: pd.Timestamp, row: np.ndarray) -> pd.DataFrame:
    index = frame.index.append(pd.DatetimeIndex([day], name=frame.index.name).astype(frame.index.dtype))
    values = np.vstack([frame.to_numpy(), row]).astype(frame.to_numpy().dtype)
    return pd.DataFrame(values, index=index, columns=frame.columns)


def _check_row(
    panel: Panel, day: pd.Timestamp, prices: Mapping[str, float], funding: Mapping[str, float]
) -> None:
    expected = panel.days[-1] + pd.Timedelta(days=1)
    if day != expected:
        raise ValueError(f"provisional day {day.date()} does not follow the last day: give {expected.date()}")
    if strangers := sorted((prices.keys() | funding.keys()) - set(panel.symbols)):
        raise ValueError(
            f"provisional prices or funding for symbols without history: {strangers}; leave them out"
        )
    if bad := sorted(s for s, p in prices.items() if not (np.isfinite(p) and p > 0)):
        raise ValueError(
            f"provisional prices must be positive and finite: {bad}; leave out what has no price"
        )
    if bad := sorted(s for s, f in funding.items() if not np.isfinite(f)):
        raise ValueError(f"provisional funding must be finite: {bad}; leave out what has none")
