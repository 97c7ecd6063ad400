"""The files of an index backtest: one page, tables, and the ledgers, from which each level can be made again."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from research.index_page import page
from research.index_record import Track, changes
from research.index_walk import Walk
from state.index_lines import entry_line, hash_of, header_line
from strategies.quant.trailing import Floats

Walks = Mapping[str, Walk]
Tracks = Mapping[str, Track]


def write(walks: Walks, tracks: Tracks, market: Floats, document: Mapping[str, Any], out: Path) -> list[str]:
    """Write all files into out and return their names. Levels have the same days in all of them."""
    _table(out / "levels.csv", *_levels(tracks, market))
    _table(
        out / "constituents.csv",
        ("date", "index", "symbol", "weight", "supply", "price_usd"),
        (
            (decision.day, name, s, weight, decision.supplies[s], decision.prices_usd[s])
            for name, walk in walks.items()
            for decision in walk.decisions
            for s, weight in decision.weights.items()
        ),
    )
    _table(
        out / "changes.csv",
        ("date", "index", "in", "out"),
        (
            (day, name, " ".join(came), " ".join(gone))
            for name, walk in walks.items()
            for day, came, gone in changes(walk)
        ),
    )
    ledgers = [write_ledger(walk, out / f"{name}.ledger.jsonl") for name, walk in walks.items()]
    (out / "report.html").write_text(page(walks, tracks, market, document), "utf-8")
    return ["report.html", "levels.csv", "constituents.csv", "changes.csv", *ledgers]


def write_ledger(walk: Walk, path: Path) -> str:
    """Write a walk's ledger in the form of a live one, and return its name."""
    lines = [header_line(None)]
    for entry in walk.entries:
        lines.append(entry_line(hash_of(lines[-1]), entry))
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path.name


def _levels(tracks: Tracks, market: Floats) -> tuple[tuple[str, ...], Iterable[Sequence[Any]]]:
    names = ("date", "total_market", *(n for name in tracks for n in (name, f"{name}_net")))
    days = next(iter(tracks.values())).days
    columns = [market / market[0] * 1000]
    for track in tracks.values():
        columns += [track.gross, track.net]
    return names, zip(days, *(column.tolist() for column in columns), strict=True)


def _table(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
