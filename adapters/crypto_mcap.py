"""A directory of market caps: the daily file, kinds of coins, who keeps them, since when they are known (E0-14 to E0-22).

    derived_daily*.parquet      date, symbol, close (USD), supply_pit or supply, quote_volume (USD); others are not read
    categories.csv              symbol, category, and where had since (a day)
    *monthly*.csv.gz            date, symbol: since when a coin is known; may be absent
    custody_map.json            {"symbol": ["custodian", ...]}, or that under "custodians" beside "date" and "source";
                                may be absent, and then no rule may ask for custody
    blacklist.json              ["symbol", ...]; without it nothing is removed (S0-62)

`supply` that was interpolated between snapshots looks ahead, so `supply_pit` is read where it is there. A supply of zero
is none that is known. Symbols are read as upper-case tickers.
"""

import json
import zlib
from collections.abc import Hashable, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adapters.tables import DataFault, check_type, columns_of, refuse, schema_of, with_naive_days
from strategies.crypto_index.market import Dated, Market
from strategies.crypto_index.methodology import Category

DAILY = "derived_daily*.parquet"
CATEGORIES = "categories.csv"
MONTHLY = "*monthly*.csv.gz"
CUSTODY = "custody_map.json"
BLACKLIST = "blacklist.json"
UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    UnicodeDecodeError,
    pd.errors.ParserError,
    pd.errors.EmptyDataError,
)
"""What a CSV that is none, or is cut short or packed wrongly, makes pandas raise."""
SINCE = "since"
LONG_AGO = date(2009, 1, 3)

BUNDLED_CUSTODY = Path(str(files("strategies.crypto_index") / CUSTODY))
"""A custody map for directories without one: its source and date are in it, and it is not point in time."""


def read_market(directory: Path, *, custody: Path | None = None, blacklist: Path | None = None) -> Market:
    """Read a directory of market caps, checked. custody and blacklist are read in place of the directory's own.

    Raises DataFault: one message, with file, row and how to mend it.
    """
    table = _daily(directory)
    days = pd.date_range(table["date"].min(), table["date"].max(), freq="D", unit="ms")
    symbols = pd.Index(sorted(table["symbol"].unique()))
    places = (
        ((table["date"] - days[0]) // pd.Timedelta(days=1)).to_numpy(),
        symbols.get_indexer(table["symbol"].astype(str)),
    )

    def spread(column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        values = np.full((len(days), len(symbols)), np.nan)
        values[places] = table[column].to_numpy(dtype=float)
        return np.where(values > 0, values, np.nan) if column == "supply" else values

    return Market(
        days=days.to_numpy().astype("datetime64[D]"),
        symbols=tuple(symbols),
        close=spread("close"),
        supply=spread("supply"),
        volume_usd=spread("quote_volume"),
        kinds=_kinds(directory / CATEGORIES),
        custodians=_custodians(custody or directory / CUSTODY, is_asked=custody is not None),
        first_seen=_first_seen(directory),
        blacklist=read_blacklist(blacklist or directory / BLACKLIST, is_asked=blacklist is not None),
    )


def read_blacklist(path: Path, *, is_asked: bool) -> frozenset[str]:
    """Return who must not be a member. A file that was asked for and is not there, or cannot be read, is a fault (E0-22)."""
    if not is_asked and not path.exists():
        return frozenset()
    document = _json(path)
    if not isinstance(document, list) or not all(isinstance(s, str) and s for s in document):
        raise DataFault(f'{path}: must be a list of symbols, as ["LUNA"]; nothing is decided until it is')
    return frozenset(symbol.strip().upper() for symbol in document)


def _custodians(path: Path, *, is_asked: bool) -> Mapping[str, tuple[str, ...]] | None:
    if not is_asked and not path.exists():
        return None
    document = _json(path)
    if isinstance(document, dict) and isinstance(document.get("custodians"), dict):
        document = document["custodians"]
    if not isinstance(document, dict) or not all(_is_names(names) for names in document.values()):
        raise DataFault(
            f'{path}: must map symbols to lists of custodians, as {{"BTC": ["BitGo", "Coinbase"]}}'
        )
    return {symbol.strip().upper(): tuple(names) for symbol, names in document.items()}


def _is_names(names: object) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) and name for name in names)


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise DataFault(
            f"{path}: no such file; nothing is decided without it. Write it, or name another"
        ) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DataFault(
            f"{path}: cannot be read as JSON ({error}); nothing is decided until it can"
        ) from error


def _daily(directory: Path) -> pd.DataFrame:
    files = sorted(directory.glob(DAILY))
    if len(files) != 1:
        found = f"{len(files)} files" if files else "no file"
        raise DataFault(f"{directory}: {found} named {DAILY}; a directory of market caps has one")
    path = files[0]
    schema = schema_of(path)
    supply = "supply_pit" if "supply_pit" in schema.names else "supply"
    columns = ["date", "symbol", "close", supply, "quote_volume"]
    if missing := [name for name in columns if name not in schema.names]:
        raise DataFault(f"{path}: missing columns {missing}; it must hold {', '.join(columns)}")
    for name in columns:
        check_type(name, schema.field(name).type, path)
    table = columns_of(path, columns)
    if not len(table):
        raise DataFault(f"{path}: no rows; it must hold a row a coin and day")
    table = with_naive_days(table)
    table["symbol"] = table["symbol"].astype("str").str.strip().str.upper()
    _check(table, path, supply)
    return table.rename(columns={supply: "supply"})


def _check(table: pd.DataFrame, path: Path, supply: str) -> None:
    refuse(table, path, table["date"].isna(), "date", "is missing; every row needs its UTC day")
    refuse(
        table, path, table["symbol"].isna() | (table["symbol"] == ""), "symbol", "is missing; name the coin"
    )
    refuse(
        table, path, table["date"] != table["date"].dt.normalize(), "date", "is not a UTC day; stamp it 00:00"
    )
    for name in ("close", supply, "quote_volume"):
        bad = np.isinf(table[name]) | (table[name] < 0) | ((table[name] == 0) & (name == "close"))
        refuse(table, path, bad, name, "is not a number that can be; drop the row, or leave the field empty")
    twice = table.duplicated(["date", "symbol"])
    refuse(table, path, twice, "date", "is a duplicate (date, symbol); keep one row a day")


def _kinds(path: Path) -> Mapping[str, Dated]:
    table = _csv(path, needed=("symbol", "category"))
    kinds: dict[str, dict[date, Category]] = {}
    for row in table.to_dict("records"):
        symbol, kind = row["symbol"].upper(), _category(row, path)
        day = _day(row[SINCE], path) if row.get(SINCE) else LONG_AGO
        known = kinds.setdefault(symbol, {})
        if known.setdefault(day, kind) is not kind:
            raise DataFault(
                f"{path}: {symbol} is a {known[day]} and a {kind} at once; keep one, or say since when"
            )
    return {symbol: tuple(sorted(dated.items())) for symbol, dated in kinds.items()}


def _category(row: Mapping[Hashable, Any], path: Path) -> Category:
    allowed = [kind.value for kind in Category]
    if row["category"] not in allowed:
        said = f"is a {row['category']!r}" if row["category"] else "has no category"
        raise DataFault(f"{path}: {row['symbol']} {said}; known are {', '.join(allowed)}")
    return Category(row["category"])


def _day(text: str, path: Path) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DataFault(f"{path}: since {text!r} is no day; write it as 2021-05-31") from None


def _first_seen(directory: Path) -> Mapping[str, date]:
    seen: dict[str, date] = {}
    for path in sorted(directory.glob(MONTHLY)):
        table = _csv(path, needed=("date", "symbol"))
        days = pd.to_datetime(table["date"], format="%Y-%m-%d", errors="coerce")
        if days.isna().any():
            text = table["date"][days.isna()].iloc[0]
            raise DataFault(f"{path}: date {text!r} is no day; write it as 2021-05-31")
        for symbol, day in days.groupby(table["symbol"].str.upper()).min().items():
            seen[str(symbol)] = min(seen.get(str(symbol), date.max), day.date())
    return seen


def _csv(path: Path, *, needed: tuple[str, ...]) -> pd.DataFrame:
    """Return a table of texts without blanks around them."""
    try:
        table = pd.read_csv(path, dtype="str", keep_default_na=False)
    except FileNotFoundError:
        raise DataFault(f"{path}: no such file; it holds {', '.join(needed)}") from None
    except UNREADABLE as error:
        raise DataFault(f"{path}: cannot be read as CSV ({error}); write it again") from error
    if missing := [name for name in needed if name not in table.columns]:
        raise DataFault(f"{path}: missing columns {missing}; it must hold {', '.join(needed)}")
    wanted = [name for name in table.columns if name in (*needed, SINCE)]
    texts: pd.DataFrame = table[wanted].fillna("").apply(lambda column: column.str.strip())
    if (nameless := texts["symbol"] == "").any():
        raise DataFault(f"{path}: row {int(nameless.argmax())}: symbol is missing; name the coin")
    return texts
