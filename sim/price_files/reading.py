"""Any path of recorded prices as one stream; says what a path should have been where it is none."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.prices.types import Tick
from sim.price_files import minutes
from sim.price_files.frames import heard_in_frames, is_frames
from sim.price_files.rows import STAMPS, tick_of
from sim.price_files.stream import Stream, UnreadablePrices, merged
from sim.price_files.tables import json_rows, table_columns, table_rows

ALLOWED = (
    "Allowed are normalised ticks (.parquet, .jsonl, .ndjson, .json, each also .gz but for parquet) with source, symbol, "
    "price, volume_24h, timestamp in ms; minute bars (.parquet) with time, venue, pair, close, volume; "
    "raw frames (.txt, .txt.gz) named after their venue"
)
TABLES = (".parquet", ".pq")
JSON_LINES = (".jsonl", ".ndjson", ".json")
FRAMES = (".txt", ".log", ".raw")


def read_prices(path: Path, *, bases: Sequence[str] = ()) -> Stream:
    """Return what a file, or every file of a directory, held. Raises UnreadablePrices.

    bases are what raw frames are read for. Files of a directory that hold no prices are left out and told.
    """
    if not path.exists():
        raise UnreadablePrices(f"{path}: no such file or directory. {ALLOWED}")
    stream = _of_directory(path, bases) if path.is_dir() else merged([_of_file(path, bases)])
    if not stream.heard:
        raise UnreadablePrices(f"{path}: {_nothing(stream)}. {ALLOWED}")
    return stream


def _nothing(stream: Stream) -> str:
    if stream.refused:
        return "no row can be used: " + ", ".join(f"{n} {why}" for why, n in sorted(stream.refused.items()))
    return "\n  ".join(["holds no prices", *stream.left_out])


def _of_directory(path: Path, bases: Sequence[str]) -> Stream:
    streams = []
    for file in sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith(".")):
        try:
            streams.append(_of_file(file, bases))
        except UnreadablePrices as error:
            streams.append(Stream(left_out=[str(error).replace(ALLOWED, "").strip()]))
    return merged(streams)


def _of_file(path: Path, bases: Sequence[str]) -> Stream:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(TABLES):
        return _of_table(path)
    if name.endswith(JSON_LINES):
        return _of_rows(json_rows(path))
    if name.endswith(FRAMES) and is_frames(path):
        return heard_in_frames(path, bases)
    raise UnreadablePrices(f"{path}: not a file of prices. {ALLOWED}")


def _of_table(path: Path) -> Stream:
    columns = table_columns(path)
    if columns >= minutes.COLUMNS:
        return minutes.ticks_of_bars(list(table_rows(path)))
    if columns >= {"source", "symbol"} and not columns.isdisjoint(STAMPS):
        return _of_rows(table_rows(path))
    raise UnreadablePrices(f"{path}: its columns are {', '.join(sorted(columns))}. {ALLOWED}")


def _of_rows(rows: Iterable[Mapping[str, Any] | None]) -> Stream:
    stream = Stream()
    for row in rows:
        tick = "not_an_object" if row is None else tick_of(row)
        if isinstance(tick, Tick):
            stream.heard.append(tick)
        else:
            stream.refused[tick] += 1
    return stream
