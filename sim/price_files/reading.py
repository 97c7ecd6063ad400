"""Any path of recorded prices as one stream; says what a path should have been where it is none."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from sim.price_files.frames import heard_in_frames, is_frames
from sim.price_files.minutes import are_bars, ticks_of_bars
from sim.price_files.names import SOURCE, SYMBOL, Spellings, column_of
from sim.price_files.order import in_order
from sim.price_files.rows import Placed, tick_of
from sim.price_files.stream import Stream, UnreadablePrices, merged
from sim.price_files.tables import csv_rows, is_json, json_rows, table_columns, table_rows, unreadable
from sim.price_files.times import STAMPS

ALLOWED = (
    "Allowed are normalised ticks (.parquet, .jsonl, .ndjson, .json, .csv, each also .gz) with source, symbol, "
    "price, volume_24h, timestamp in ms; minute bars (the same files) with time, venue, pair, close, volume; "
    "raw frames (.txt, .txt.gz) named after their venue"
)
TABLES = (".parquet", ".pq")
JSON_LINES = (".jsonl", ".ndjson", ".json")
COMMAS = (".csv",)
FRAMES = (".txt", ".log", ".raw")

Row = Mapping[str, Any]


def read_prices(path: Path, *, bases: Sequence[str] = ()) -> Stream:
    """Return what a file, or every file of a directory, held. Raises UnreadablePrices.

    bases are what raw frames are read for. Files of a directory that hold no prices are left out and told.
    """
    try:
        stream = _of_path(path, bases, Spellings())
    except OSError as error:
        raise unreadable(path, error) from error
    stream.heard, stream.undated = in_order(stream.heard, stream.undated), []
    if not stream.heard:
        raise UnreadablePrices(f"{path}: {_nothing(stream)}. {ALLOWED}")
    return stream


def _of_path(path: Path, bases: Sequence[str], spelled: Spellings) -> Stream:
    """Raises OSError where nobody may look, or no file can have the name."""
    if path.is_dir():
        return _of_directory(path, bases, spelled)
    if not path.exists():
        raise UnreadablePrices(f"{path}: no such file or directory. {ALLOWED}")
    if not path.is_file():
        # a file is opened more than once: what was taken out of a pipe would be missing, unseen
        raise UnreadablePrices(f"{path}: a pipe or device; write what comes of it to a file. {ALLOWED}")
    return _of_file(path, bases, spelled)


def _nothing(stream: Stream) -> str:
    if stream.refused:
        return "no row can be used: " + ", ".join(f"{n} {why}" for why, n in sorted(stream.refused.items()))
    return "\n  ".join(["holds no prices", *stream.left_out])


def _of_directory(path: Path, bases: Sequence[str], spelled: Spellings) -> Stream:
    streams = []
    for file in sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith(".")):
        try:
            streams.append(_of_file(file, bases, spelled))
        except UnreadablePrices as error:
            streams.append(Stream(left_out=[str(error).replace(ALLOWED, "").strip()]))
    return merged(streams)


def _of_file(path: Path, bases: Sequence[str], spelled: Spellings) -> Stream:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(TABLES):
        return _of_table(path, spelled)
    if name.endswith(FRAMES) and is_frames(path):
        return heard_in_frames(path, bases)
    if name.endswith(JSON_LINES) or ((name.endswith(FRAMES) or "." not in name) and is_json(path)):
        return _of_rows(json_rows(path), spelled)
    if name.endswith(COMMAS):
        return _of_rows(_known(path, csv_rows(path)), spelled)
    raise UnreadablePrices(f"{path}: not a file of prices. {ALLOWED}")


def _of_table(path: Path, spelled: Spellings) -> Stream:
    _check(path, table_columns(path))
    return _of_rows(table_rows(path), spelled)


def _known(path: Path, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows whose first one has the columns of prices."""
    for count, row in enumerate(rows):
        if count == 0:
            _check(path, row.keys())
        yield row


def _check(path: Path, named: Collection[str]) -> None:
    columns = {name.lower() for name in named}
    is_ticks = None not in (column_of(columns, names) for names in (SOURCE, SYMBOL, STAMPS))
    has_price = "price" in columns or {"bid", "ask"} <= columns
    if not (is_ticks and has_price) and not are_bars(columns):
        raise UnreadablePrices(f"{path}: its columns are {', '.join(sorted(named))}. {ALLOWED}")


def _of_rows(rows: Iterable[Row | None], spelled: Spellings) -> Stream:
    """Return what rows say: bars, where the first object is one, else ticks."""
    stream, waiting = Stream(), iter(rows)
    for row in waiting:
        if row is None:
            stream.refused["not_an_object"] += 1
            continue
        found = _lowered(chain([row], waiting))
        if are_bars({name.lower() for name in row}):
            return merged([stream, ticks_of_bars((one for one in found if one is not None), spelled)])
        return merged([stream, _of_ticks(found, spelled)])
    return stream


def _lowered(rows: Iterable[Row | None]) -> Iterator[Row | None]:
    """Yield rows with the names of their columns in small letters."""
    for row in rows:
        if row is None or all(map(str.islower, row)):
            yield row
        else:
            yield {name.lower(): value for name, value in row.items()}


def _of_ticks(rows: Iterable[Row | None], spelled: Spellings) -> Stream:
    stream = Stream(undated=[[]])
    for row in rows:
        found = "not_an_object" if row is None else tick_of(row, spelled)
        if not isinstance(found, Placed):
            stream.refused[found] += 1
            continue
        (stream.heard if found.dated else stream.undated[0]).append(found.tick)
        if found.unit != "ms":
            stream.units[found.unit] += 1
    return stream
