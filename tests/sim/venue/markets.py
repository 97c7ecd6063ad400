"""Small data directories and the recorded one, for the tests of the market."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sim.venue.market import Market

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
FIRST_DAY = datetime(2025, 3, 1)
FIRST_MS = 1_740_787_200_000
REPOSITORY = Path(__file__).resolve().parents[3]
SAMPLE = REPOSITORY / "sim" / "sample"
SHARED = Path(os.environ.get("NIGHTDESK_SHARED", REPOSITORY.parent / "shared")) / "data" / "hyperliquid_perp"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the recorded Hyperliquid set is not here; set NIGHTDESK_SHARED to its parent"
)


def write_daily(directory: Path, coins: dict[str, list[dict]]) -> Path:
    """Write perp_daily.parquet: for each coin one dict a day from 2025-03-01 on, None for a day without a row."""
    rows = [
        {
            "date": FIRST_DAY + timedelta(days=day),
            "symbol": name,
            "num_trades": float("nan"),
            "funding": 0.0003,
            "funding_n": 24,
            "live": True,
            "delisted": False,
            "src": "made",
            **row,
        }
        for name, days in coins.items()
        for day, row in enumerate(days)
        if row is not None
    ]
    table = pa.Table.from_pylist(rows)
    wanted = {
        "date": pa.timestamp("ms"),
        "volume": pa.float32(),
        "num_trades": pa.float32(),
        "funding_n": pa.int16(),
    }
    for name, kind in wanted.items():
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(kind))
    pq.write_table(table, directory / "perp_daily.parquet")
    return directory


def candle(o: float, h: float, low: float, c: float, volume: float = 1e6) -> dict:
    return {"open": o, "high": h, "low": low, "close": c, "volume": volume}


def walk(px: float, days: int, *, seed: int, daily: float = 0.04, volume_usd: float = 1e7) -> list[dict]:
    """A random walk on four decimals (none from 10,000 USD on)."""
    rng = np.random.default_rng(seed)
    decimals = 0 if px > 10_000 else 4 - int(np.floor(np.log10(px)))
    rows, o = [], px
    for _ in range(days):
        c = o * float(np.exp(daily * rng.standard_normal()))
        h, low = (
            max(o, c) * float(np.exp(daily * rng.random())),
            min(o, c) * float(np.exp(-daily * rng.random())),
        )
        o, h, low, c = (round(x, decimals) for x in (o, h, low, c))
        rows.append(candle(o, h, low, c, volume_usd / px))
        o = c
    return rows


def majors(days: int) -> dict[str, list[dict]]:
    return {
        "BTC": walk(60_000.0, days, seed=1, daily=0.02, volume_usd=3e9),
        "ETH": walk(3_000.0, days, seed=2, daily=0.03, volume_usd=1e9),
    }


def write_candles(
    directory: Path, name: str, rows: list[tuple[datetime, str, float, float, float, float, float]]
) -> None:
    """Write hourly or minute candles with float32 prices."""
    columns = list(zip(*rows, strict=True))
    fields = {"time": pa.array(columns[0], pa.timestamp("ms")), "symbol": pa.array(columns[1])}
    for place, column in enumerate(("open", "high", "low", "close", "volume"), start=2):
        fields[column] = pa.array(columns[place], pa.float32())
    pq.write_table(pa.table(fields), directory / name)


def ids(market: Market) -> dict[str, int]:
    return {asset.name: asset.asset_id for asset in market.assets}
