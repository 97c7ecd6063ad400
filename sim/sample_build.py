"""Cut the bundled sample from a full data directory: the same files, columns and types, fewer days.

    python -m sim.sample_build DATA --last 2025-01-01

writes sim/sample. The sample ends one day after its default night's close, so that the prices after midnight are real.
"""

import argparse
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sim.venue.recorded import DAILY_FILE, FUNDING_FILE, HOURLY_FILE, MINUTE_FILE

SAMPLE = Path(__file__).resolve().parent / "sample"
SIZE_MAX_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class Cut:
    """What is kept of one file: its last days, by which column, and what the manifest says of it."""

    name: str
    days: int
    time: str
    text: str


CUTS = (
    Cut(
        DAILY_FILE,
        230,
        "date",
        "date (UTC day), symbol, open, high, low, close (USD), volume (base units), num_trades, funding (sum of the"
        " rates paid that UTC day, fraction of notional, + = longs pay), funding_n (payments), live (volume > 0),"
        " delisted (hindsight: not read), src",
    ),
    Cut(FUNDING_FILE, 85, "time", "time (UTC, payment hour), symbol, rate (fraction per payment)"),
    Cut(
        HOURLY_FILE,
        60,
        "time",
        "time (UTC, first of the hour), symbol, open, high, low, close (USD), volume (base)",
    ),
    Cut(
        MINUTE_FILE,
        3,
        "time",
        "time (UTC, first of the minute), symbol, open, high, low, close (USD), volume (base)",
    ),
)


def build(data: Path, *, last: date, out: Path) -> None:
    """Write the sample and its manifest to out, a file that would have no rows left out.

    Raises ValueError when it would be larger than 5 MB.
    """
    out.mkdir(parents=True, exist_ok=True)
    kept = {cut.name: cut_table(pq.read_table(data / cut.name), cut, last=last) for cut in CUTS}
    names = live_symbols(kept[DAILY_FILE])
    kept = {name: table.filter(pc.is_in(_text(table["symbol"]), names)) for name, table in kept.items()}
    kept = {name: table for name, table in kept.items() if len(table)}
    for name, table in kept.items():
        pq.write_table(compact(table), out / name, compression="zstd", compression_level=19)
    size = sum((out / name).stat().st_size for name in kept)
    if size > SIZE_MAX_BYTES:
        raise ValueError(
            f"the sample has {size:,} bytes, more than {SIZE_MAX_BYTES:,}: keep fewer days in CUTS"
        )
    (out / "MANIFEST.md").write_text(manifest(kept, last=last), encoding="utf-8")


def cut_table(table: pa.Table, cut: Cut, *, last: date) -> pa.Table:
    """Return the rows of the cut's last days up to and including last."""
    end = datetime.combine(last + timedelta(days=1), datetime.min.time())
    start = end - timedelta(days=cut.days)
    unit = table[cut.time].type
    kept = pc.and_(
        pc.greater_equal(table[cut.time], pa.scalar(start, unit)),
        pc.less(table[cut.time], pa.scalar(end, unit)),
    )
    return table.filter(kept)


def live_symbols(daily: pa.Table) -> pa.Array:
    """Return the symbols that traded on at least one of the days."""
    return pc.unique(_text(daily.filter(daily["live"])["symbol"]))


def compact(table: pa.Table) -> pa.Table:
    """Drop dictionary entries that no row uses any more; columns and types stay."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            fresh = pc.dictionary_encode(_text(table[field.name])).cast(field.type)
            table = table.set_column(place, field, fresh)
    return table


def manifest(kept: dict[str, pa.Table], *, last: date) -> str:
    """Return MANIFEST.md: what is here, from where, under which licences, and what was done to it."""
    rows = "\n".join(
        f"| {cut.name} | {len(kept[cut.name]):,} | {cut.text} | {_range(kept[cut.name], cut)} |"
        for cut in CUTS
        if cut.name in kept
    )
    return _MANIFEST.format(last=last.isoformat(), night=(last - timedelta(days=1)).isoformat(), rows=rows)


def _range(table: pa.Table, cut: Cut) -> str:
    first, last = (bound.as_py() for bound in pc.min_max(table[cut.time]).values())
    return f"{first:%Y-%m-%d} .. {last:%Y-%m-%d}, {len(pc.unique(table['symbol']))} symbols"


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


_MANIFEST = """\
# Bundled sample: Hyperliquid perpetuals

Real venue data, cut to the days that one night needs. Prices in USD, volumes in base units of the coin, all times UTC.
The default night closes the candle day {night}; the sample ends a day later, on {last}. That night was chosen because the
pipeline trades 23 names on it with its default parameters; on most nights of 2025 it trades none (docs/decisions/0007).

| file | rows | columns | range |
|---|---|---|---|
{rows}

- `supplies.csv` (symbol, supply in coins, category): 40 coins, late December 2024, to four digits;
  for the dry run's crypto index. Rounded from CoinMarketCap snapshots.

Source and licences
- Exchange candles and funding: hippocritical/freqtrade_hyperliquid_download-data, commit
  1ca28f43b845f94ecf028d4756d498f505dbfea2, user_data/data/hyperliquid/futures (1d, 1h and 1m candles, 1h funding rates).
  Repository licence: GPL-3.0.
- Symbols that the first source lacks (all delisted) and the column num_trades: RWLab/tlaqData, commit
  1a8bfdc29af1ba6411e0e880a43234a275eb84df, data/hyperliquid.rda. Licence: CC BY 4.0, https://creativecommons.org/licenses/by/4.0/;
  attribution: tlaqData by RWLab. Changed: joined with the first source, days in UTC, cut in time.

These files keep their licences; the licence of the program does not extend to them.

Transformation
- Of the full set: dates as UTC days; funding stamps rounded to the hour and booked on the UTC day of the stamp;
  union of both sources; volumes in float32, hourly prices in float32.
- Of this sample: `python -m sim.sample_build DATA --last {last}` keeps the last days of each file and the symbols
  that were live on one of the daily file's days. No value is changed.

Known defects (of the full set)
- Rows with live = False before a listing are prices that the venue's candle endpoint fills in from elsewhere, with volume 0.
- After a delisting some symbols have flat rows without volume.
- num_trades is missing on the last days. Some symbols of the second source have no funding.
- The names kXXX are 1000 units of the coin.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Cut the bundled sample from a full data directory.")
    parser.add_argument("data", type=Path, help="data directory, laid out like the sample")
    parser.add_argument("--last", type=date.fromisoformat, required=True, help="the sample's last day (UTC)")
    parser.add_argument("--out", type=Path, default=SAMPLE, help="where to write; default: sim/sample")
    given = parser.parse_args()
    build(given.data, last=given.last, out=given.out)


if __name__ == "__main__":
    main()
