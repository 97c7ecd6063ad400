"""The wash-trade screen on real venues and on planted ones: `python -m bench.wash_trades [--shared DIR] [--json]` (M0-6).

Real windows are the shared recordings, of venues taken to be honest because nothing better is known. The limits for
one window were set on the first day and a half of twelve BTC pairs (candles) and on the first half of Binance's trades;
every other window is held out. The limit for a venue's median was set with all of them in sight. A planted venue keeps
the prices of a real held-out window and reports fabricated volume. Every figure says how many windows it rests on.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strategies.quant.benford import Verdict
from strategies.quant.trailing import Floats
from strategies.quant.wash_trades import (
    TRADES_WINDOW,
    WINDOW,
    CandleSigns,
    candle_signs,
    suspected,
    trade_signs,
)

SHARED = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).resolve().parents[1] / "../shared"))
CALIBRATED_WINDOWS = 3
STABLE_PAIRS = ("USDT/USD", "USDC/USD", "USDC/USDT")
REPEATED = "hyperliquid"
"""Its rows in hourly_venues are bars of eight hours written eight times: no hourly volume, and left out."""

Bought = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Window:
    """One venue's candles: volume, high, low (t,)."""

    source: str
    series: str
    volume: Floats
    high: Floats
    low: Floats


@dataclass(frozen=True, slots=True)
class Tape:
    """One feed's trades: sizes and who took (t,)."""

    source: str
    sizes: Floats
    bought: Bought


def calibrated_and_held_out(shared: Path) -> tuple[list[Window], list[Window]]:
    """Return the windows that the limits were set on, and all others."""
    minutes = pd.read_parquet(shared / "data/multi_venue/btc_minutes_2023_03.parquet")
    minutes = minutes[~minutes.pair.isin(STABLE_PAIRS)]
    known: list[Window] = []
    held: list[Window] = []
    every = pd.date_range(minutes.time.min(), minutes.time.max(), freq="min")
    for (venue, pair), rows in minutes.groupby(["venue", "pair"], observed=True):
        whole = rows.set_index("time").reindex(every)
        filled = whole.assign(volume=whole.volume.fillna(0.0))
        windows = list(cut(filled, "BTC minutes, 4 venues", f"{venue} {pair}"))
        known += windows[:CALIBRATED_WINDOWS]
        held += windows[CALIBRATED_WINDOWS:]
    for name, source in (("perp_1m_6", "Hyperliquid minutes"), ("perp_1h_top20", "Hyperliquid hours")):
        table = pd.read_parquet(shared / f"data/hyperliquid_perp/{name}.parquet")
        for symbol, rows in table.groupby("symbol", observed=True):
            held += cut(rows, source, f"{source} {symbol}")
    return known, held + list(hourly(shared))


def hourly(shared: Path) -> Iterator[Window]:
    """Yield AVAX and SOL on four venues, thirty days at a time; closes only, so the range is from close to close."""
    table = pd.read_parquet(shared / "data/multi_venue/hourly_venues.parquet")
    for (asset, venue), rows in table[table.venue != REPEATED].groupby(["asset", "venue"], observed=True):
        for kind in ("spot", "perp"):
            close, before = rows[f"{kind}_close"], rows[f"{kind}_close"].shift()
            candles = pd.DataFrame(
                {
                    "volume": rows[f"{kind}_volume"],
                    "high": np.maximum(close, before),
                    "low": np.minimum(close, before),
                }
            )
            yield from cut(candles, f"AVAX, SOL hours, {venue}", f"{asset} {venue} {kind}")


def cut(rows: pd.DataFrame, source: str, series: str) -> Iterator[Window]:
    """Yield windows of WINDOW candles; a minute without a trade has no range."""
    table = rows[["volume", "high", "low"]].astype(float)
    table = table.assign(high=table.high.ffill(), low=table.low.ffill()).where(
        table.high.notna() | (table.volume != 0), table.assign(high=1.0, low=1.0)
    )
    for start in range(0, len(table) - WINDOW + 1, WINDOW):
        part = table.iloc[start : start + WINDOW].to_numpy().T
        if np.isfinite(part).all(axis=0).mean() > 0.9:
            yield Window(source, series, *part)


def tapes(shared: Path) -> tuple[list[Tape], list[Tape]]:
    """Return the first and the second half of each feed's trades, in windows of TRADES_WINDOW."""
    table = pd.read_parquet(shared / "data/multi_venue/binance_trades_20240808.parquet")
    halves: tuple[list[Tape], list[Tape]] = ([], [])
    for feed, rows in table.groupby("feed", observed=True):
        ordered = rows.sort_values("recv_ns", kind="stable")
        sizes, bought = ordered.qty.to_numpy(float), ~ordered.buyer_is_maker.to_numpy(bool)
        starts = range(0, len(sizes) - TRADES_WINDOW + 1, TRADES_WINDOW)
        for i, start in enumerate(starts):
            part = slice(start, start + TRADES_WINDOW)
            halves[2 * i >= len(starts)].append(Tape(f"Binance {feed}", sizes[part], bought[part]))
    return halves


def fabricated_volumes(real: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """Return volumes (t,) that a venue might report instead of the real, each of the real total."""
    count, total = len(real), float(real.sum())
    plenty = rng.poisson(40, count)
    made = {
        "evenly drawn trades, steady flow": np.array([rng.uniform(0.01, 1, n).sum() for n in plenty]),
        "one lot, steady flow": plenty * 0.1,
        "lognormal by the minute": rng.lognormal(0, 1.5, count),
        "lognormal with a daily rhythm": rng.lognormal(np.sin(np.arange(count) * 2 * np.pi / 1440), 1.0),
        "the venue's own volumes, shuffled": rng.permutation(real),
    }
    made = {name: volume * total / volume.sum() for name, volume in made.items()}
    steady = made["lognormal by the minute"]
    return made | {
        "four parts lognormal, one part real": 0.8 * steady + 0.2 * real,
        "half lognormal, half real": 0.5 * steady + 0.5 * real,
        "real volume of the venue times five": 5 * real,
    }


FABRICATED = 6
"""How many of the kinds count as fabricated venues, a fifth real at most; the others show what the screen cannot see."""


def fabricated_tapes(real: Tape, rng: np.random.Generator) -> dict[str, tuple[Floats, Bought]]:
    """Return trades that a venue might print instead of the real."""
    count, tossed = len(real.sizes), rng.random(len(real.sizes)) < 0.5
    turns = np.arange(count) % 2 == 0
    blocks = np.repeat(rng.random(count // 10 + 1) < 0.5, 10)[:count]
    return {
        "even sizes, tossed sides": (rng.uniform(0.01, 1, count), tossed),
        "one lot, sides in turn": (np.full(count, 0.1), turns),
        "lognormal sizes, tossed sides": (rng.lognormal(-4, 2, count), tossed),
        "real sizes shuffled, tossed sides": (rng.permutation(real.sizes), tossed),
        "even sizes, runs of ten": (rng.uniform(0.01, 1, count), blocks),
        "four of five made as the third, the rest real": mixed(real, rng),
        "real sizes shuffled, runs of ten": (rng.permutation(real.sizes), blocks),
    }


def mixed(real: Tape, rng: np.random.Generator) -> tuple[Floats, Bought]:
    made = rng.random(len(real.sizes)) < 0.8
    sizes = np.where(made, rng.lognormal(-4, 2, len(made)), real.sizes)
    return sizes, np.where(made, rng.random(len(made)) < 0.5, real.bought)


def share(flags: list[bool]) -> dict[str, float]:
    """Return windows, flagged, and the upper or lower end that 95 % confidence allows (Wilson)."""
    n, k = len(flags), sum(flags)
    p, z2 = k / n, 1.96**2
    centre, half = p + z2 / (2 * n), 1.96 * np.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    low, high = (centre - half) / (1 + z2 / n), (centre + half) / (1 + z2 / n)
    return {"windows": n, "flagged": k, "share": p, "low_95": max(float(low), 0.0), "high_95": float(high)}


def judged(items: list[Any], judge: Callable[[Any], Any]) -> dict[str, Any]:
    """Return false alarms on real items, held out, by source and together, and how often Benford would have alarmed."""
    found = [(item.source, judge(item)) for item in items]
    said = [(source, result) for source, result in found if result.signs is not None]
    by = {
        source: share([bool(r.signs) for s, r in said if s == source])
        for source in sorted({s for s, _ in said})
    }
    return {
        "all": share([bool(r.signs) for _, r in said]),
        "too_few_to_say": len(found) - len(said),
        "by_source": by,
        "benford_alone": share([r.digits.verdict is Verdict.DOES_NOT for _, r in said]),
    }


def measured(shared: Path) -> dict[str, Any]:
    """Return false alarms and detections: of venues by all their windows, of single windows, of stretches of trades."""
    _, windows = calibrated_and_held_out(shared)
    _, held = tapes(shared)
    return {
        "venues": venues(windows),
        "windows_real": judged(windows, lambda w: candle_signs(w.volume, w.high, w.low)),
        "windows_planted": planted(windows),
        "trades_real": judged(held, lambda t: trade_signs(t.sizes, t.bought)),
        "trades_planted": planted_tapes(held),
    }


def venues(windows: list[Window]) -> dict[str, Any]:
    """Judge each series by all its windows: as recorded, and with each kind of fabricated volume in their place."""
    rng = np.random.default_rng(7)
    flags: dict[str, list[bool]] = {}
    for series in sorted({w.series for w in windows}):
        kinds: dict[str, list[CandleSigns]] = {}
        for w in (w for w in windows if w.series == series):
            volumes = {"real": w.volume} | fabricated_volumes(np.nan_to_num(w.volume), rng)
            for name, volume in volumes.items():
                kinds.setdefault(name, []).append(candle_signs(volume, w.high, w.low))
        for name, signs in kinds.items():
            flags.setdefault(name, []).append(bool(suspected(signs)))
    return summed(flags.pop("real"), flags)


def summed(real: list[bool] | None, flags: dict[str, list[bool]]) -> dict[str, Any]:
    counted = [flag for kind in list(flags.values())[:FABRICATED] for flag in kind]
    found: dict[str, Any] = {} if real is None else {"false alarms": share(real)}
    return found | {"fabricated, detected": share(counted)} | {k: share(f) for k, f in flags.items()}


def planted(windows: list[Window]) -> dict[str, Any]:
    rng = np.random.default_rng(6)
    flags: dict[str, list[bool]] = {}
    for w in windows:
        for name, volume in fabricated_volumes(np.nan_to_num(w.volume), rng).items():
            flags.setdefault(name, []).append(bool(candle_signs(volume, w.high, w.low).signs))
    return summed(None, flags)


def planted_tapes(held: list[Tape]) -> dict[str, Any]:
    rng = np.random.default_rng(8)
    flags: dict[str, list[bool]] = {}
    for tape in held:
        for name, (sizes, bought) in fabricated_tapes(tape, rng).items():
            flags.setdefault(name, []).append(bool(trade_signs(sizes, bought).signs))
    return summed(None, flags)


def lines(found: Any, indent: str = "") -> Iterator[str]:
    """Yield the document as text, one share a line."""
    for name, value in found.items():
        if isinstance(value, dict) and "windows" in value:
            part = f"{value['flagged']:5} of {value['windows']:5} flagged, {value['share']:7.1%}"
            yield f"{indent}{name:48}{part}  ({value['low_95']:.1%} to {value['high_95']:.1%})"
        elif isinstance(value, dict):
            yield f"{indent}{name}"
            yield from lines(value, indent + "  ")
        else:
            yield f"{indent}{name:48}{value:5}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.wash_trades", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not (options.shared / "data/multi_venue").is_dir():
        print(f"not measured: the recordings of several venues are not in {options.shared}")
        return
    found = measured(options.shared)
    print(json.dumps(found) if options.json else "\n".join(lines(found)))


if __name__ == "__main__":
    main()
