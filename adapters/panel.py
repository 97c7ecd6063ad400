"""Daily panels from parquet: the reader of a data directory, and the edge that NaN does not pass."""

from pathlib import Path

import numpy as np
import pandas as pd

from adapters.tables import DataFault, check_type, columns_of, refuse, schema_of, with_naive_days
from strategies.idio_statarb.panel import HEDGES, Panel

FILE = "perp_daily.parquet"
PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume", "funding", "funding_n")
COLUMNS = ("date", "symbol", *NUMBERS, "live")


def read_panel(directory: Path) -> Panel:
    """Read the daily candles and funding of a data directory, checked, from its first live day on.

    Days that no symbol has are rows of NaN. The static `delisted` flag is hindsight and is not read (D3-6). Raises
    DataFault.
    """
    path = directory / FILE
    table = _load(path)
    _check_values(table, path)
    _check_order(table, path)
    live = table[table["live"]]
    for hedge in HEDGES:
        if not (live["symbol"] == hedge).any():
            raise DataFault(f"{path}: no live row of {hedge}, whose returns are a factor; add its candles")
    return _pivoted(table[table["date"] >= live["date"].min()])


def require_history(panel: Panel, asof: pd.Timestamp, *, closes: int) -> None:
    """Raise DataFault unless BTC and ETH have at least `closes` live closes up to asof."""
    for hedge in HEDGES:
        live = panel.live[hedge].loc[:asof]
        if (count := int(live.sum())) < closes:
            raise DataFault(
                f"{FILE}: history too short: {hedge} has {count} live closes up to {asof.date()} (first row "
                f"{panel.days[0].date()}), {closes} are needed; add earlier days or ask for a later date"
            )


def _load(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataFault(
            f"{path}: no such file; a data directory holds {FILE} with columns {', '.join(COLUMNS)}"
        )
    schema = schema_of(path)
    if missing := [name for name in COLUMNS if name not in schema.names]:
        raise DataFault(f"{path}: missing columns {missing}; it must hold {', '.join(COLUMNS)}")
    for name in COLUMNS:
        check_type(name, schema.field(name).type, path)
    table = columns_of(path, COLUMNS)
    table["symbol"] = table["symbol"].astype("category")
    if not len(table):
        raise DataFault(f"{path}: no rows; it must hold daily candles")
    return with_naive_days(table)


def _check_values(table: pd.DataFrame, path: Path) -> None:
    refuse(table, path, table["date"].isna(), "date", "is missing; every row needs its UTC day")
    refuse(table, path, table["symbol"].isna(), "symbol", "is missing; name the perpetual")
    refuse(table, path, table["live"].isna(), "live", "is missing; say true or false")
    midnight = table["date"] == table["date"].dt.normalize()
    refuse(table, path, ~midnight, "date", "is not a UTC day; stamp candles 00:00")
    for name in (*PRICES, "volume"):
        refuse(
            table,
            path,
            ~np.isfinite(table[name]),
            name,
            "is NaN or infinite; drop the row or mend the candle",
        )
    for name in PRICES:
        refuse(table, path, table[name] <= 0, name, "is not positive; drop the row or mend the candle")
    refuse(table, path, table["volume"] < 0, "volume", "is negative; mend the candle")
    refuse(
        table, path, table["live"] & (table["low"] > table["high"]), "low", "is above high; mend the candle"
    )
    counted = table["funding_n"]
    refuse(
        table, path, ~(counted >= 0), "funding_n", "is not a count; give the number of payments, 0 for none"
    )
    lost = ((counted > 0) & ~np.isfinite(table["funding"])) | np.isinf(table["funding"])
    refuse(
        table,
        path,
        lost,
        "funding",
        "is no number though payments were counted; give their sum, or funding_n 0",
    )


def _check_order(table: pd.DataFrame, path: Path) -> None:
    twice = table.duplicated(["date", "symbol"])
    refuse(table, path, twice, "date", "is a duplicate (date, symbol); keep one candle a day")
    earlier = table.groupby("symbol", observed=True)["date"].diff() < pd.Timedelta(0)
    refuse(
        table, path, earlier, "date", "is unsorted: it comes after a later day of its symbol; sort by date"
    )


def _pivoted(table: pd.DataFrame) -> Panel:
    """Spread the rows over days and symbols; what no row says is NaN, and not live."""
    days = pd.date_range(table["date"].min(), table["date"].max(), freq="D", unit="ms", name="date")
    symbols = pd.Index(sorted(table["symbol"].unique()), name="symbol")
    row = ((table["date"] - days[0]) // pd.Timedelta(days=1)).to_numpy()
    column = symbols.get_indexer(table["symbol"].astype(str))
    frames = {}
    for name in (*NUMBERS, "live"):
        values = np.full((len(days), len(symbols)), False if name == "live" else np.nan)
        values[row, column] = table[name].to_numpy()
        frames[name] = pd.DataFrame(values, index=days, columns=symbols)
    frames["funding"] = frames["funding"].where(frames["funding_n"] > 0)
    frames["funding_n"] = frames["funding_n"].fillna(0)
    return Panel(**frames)
