"""A directory of market caps for a simulated venue: its own daily closes, and the supplies that the sample brings.

The supplies are those of late December 2024, to four digits, and the same on every day: enough to run an index on, no
history of market caps. Values traded are the venue's own.
"""

import csv
from functools import cache
from pathlib import Path

from sim.venue.recorded import DAILY_FILE

SUPPLIES = Path(__file__).resolve().parent / "sample" / "supplies.csv"
THOUSAND = 1000


@cache
def coins() -> frozenset[str]:
    """Return the symbols whose supply is known."""
    with SUPPLIES.open(encoding="utf-8") as lines:
        return frozenset(row["symbol"] for row in csv.DictReader(lines))


def build(data: Path, out: Path) -> Path:
    """Write the market caps of a data directory of venue prices to out, which is made, and return it."""
    import pandas as pd  # a daemon that only asks for the symbols does without it

    out.mkdir(parents=True, exist_ok=True)
    coins = pd.read_csv(SUPPLIES, keep_default_na=False)
    daily = pd.read_parquet(data / DAILY_FILE, columns=["date", "symbol", "close", "volume", "live"])
    daily = daily[daily["live"] & (daily["close"] > 0)]
    names = daily["symbol"].astype(str)
    # The venue quotes some by the thousand, kPEPE; an index is of single coins.
    is_kilo = names.str.match(r"k[A-Z]")
    table = pd.DataFrame(
        {
            "date": daily["date"],
            "symbol": names.where(~is_kilo, names.str[1:]),
            "close": daily["close"] / is_kilo.map({True: THOUSAND, False: 1}),
            "quote_volume": daily["close"].astype(float) * daily["volume"].astype(float),
        }
    ).merge(coins[["symbol", "supply"]], on="symbol")
    table["supply_pit"] = table.pop("supply").astype(float)
    table.to_parquet(out / "derived_daily.parquet", index=False)
    special = coins[coins["category"] != "other"]
    special[["symbol", "category"]].to_csv(out / "categories.csv", index=False)
    return out
