"""`nightdesk index backtest`: rule books through the same days, each judged with all others counted as tries."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.crypto_mcap import BUNDLED_CUSTODY, CUSTODY, read_market
from core.levels.types import IndexRefused
from research.index_files import write
from research.index_record import Track, daily_sharpe, figures, performance, tracked
from research.index_walk import Walk, walked
from strategies.crypto_index.counting import TooFewDays
from strategies.crypto_index.market import Market
from strategies.crypto_index.methodology import Methodology
from strategies.crypto_index.pipeline import NothingEligible, reviewed
from strategies.crypto_index.total_market import total_market_returns
from strategies.quant.trailing import Floats

DAYS_MIN = 10
"""Shortest span that is worth a statistic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """The walks and levels by name, in the order asked for, and the total market's levels at the same closes (t,)."""

    walks: dict[str, Walk]
    tracks: dict[str, Track]
    market: Floats

    @property
    def days(self) -> tuple[date, ...]:
        return next(iter(self.tracks.values())).days


def backtest_document(
    data: Path, *, books: Sequence[Methodology], start: date, end: date, out: Path
) -> dict[str, Any]:
    """Walk rule books through a data directory, write the files into out, return the report.

    Writes report.html, levels.csv, constituents.csv, changes.csv, and a ledger for each book. A progress bar goes to
    stderr when that is a terminal. Raises DataFault for bad data, and ValueError for dates that the data don't have.
    """
    own = (data / CUSTODY).is_file()
    _check_out(out)
    market = read_market(data, custody=None if own else BUNDLED_CUSTODY)
    with _progress() as progress:
        task = progress.add_task("backtest", total=len(books) * ((end - start).days + 1))
        tested = backtest(market, books, (start, end), told=lambda days: progress.advance(task, days))
    document = {
        "kind": "index backtest",
        **report(tested, asked=start),
        "custody": "the data directory's" if own else "bundled: one day's view, not point in time",
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        return {**document, "files": write(tested.walks, tested.tracks, tested.market, document, out)}
    except OSError as error:
        raise _not_written(error.filename or out, str(error.strerror)) from error


def backtest(
    market: Market,
    books: Sequence[Methodology],
    span: tuple[date, date],
    *,
    told: Callable[[int], None] = lambda _: None,
) -> Tested:
    """Walk each book from the first close of the span at which every one of them has members, to the last.

    told hears how many days are done. Raises ValueError where days are not in the data, or a book never has members.
    """
    _check(market, books, span)
    first = max(_first_members(market, rules, span) for rules in books)
    if (span[1] - first).days < DAYS_MIN:
        raise ValueError(f"all have members from {first} on, too near the end at {span[1]}: end later")
    told(len(books) * (first - span[0]).days)
    walks = {}
    for rules in books:
        try:
            walks[rules.name] = walked(market, rules, first, span[1], told=lambda _: told(1))
        except (IndexRefused, ValueError) as error:
            raise ValueError(f"{rules.name}: {error}") from error
    whole: Floats = np.cumprod(1 + total_market_returns(market), dtype=np.float64)
    inside = (market.days >= np.datetime64(first)) & (market.days <= np.datetime64(span[1]))
    return Tested(
        walks=walks, tracks={name: tracked(walk) for name, walk in walks.items()}, market=whole[inside]
    )


def report(tested: Tested, *, asked: date) -> dict[str, Any]:
    """Return the report: the days, the total market, and the figures of each book."""
    trials = np.array([daily_sharpe(track) for track in tested.tracks.values()])
    moves = tested.market[1:] / tested.market[:-1] - 1
    return {
        "start_asked": str(asked),
        "start": str(tested.days[0]),
        "end": str(tested.days[-1]),
        "days": len(tested.days) - 1,
        "trials": len(trials),
        "total_market": performance(tested.market),
        "indices": {
            name: {
                "title": walk.methodology.title,
                "level_start": float(tested.tracks[name].gross[0]),
                "level_end": float(tested.tracks[name].gross[-1]),
                "level_end_net": float(tested.tracks[name].net[-1]),
                **figures(walk, tested.tracks[name], moves, trials=trials),
            }
            for name, walk in tested.walks.items()
        },
    }


def _check_out(out: Path) -> None:
    """Refuse before the work what cannot be written after it."""
    place = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not place.is_dir():
        raise _not_written(place, "it is no directory")
    if not os.access(place, os.W_OK | os.X_OK):
        raise _not_written(place, "its rights forbid it")


def _not_written(path: Path | str, why: str) -> ValueError:
    return ValueError(f"{path}: cannot be written ({why}); name another directory with --out")


def _check(market: Market, books: Sequence[Methodology], span: tuple[date, date]) -> None:
    if span[1] < span[0]:
        raise ValueError(f"the end {span[1]} is before the start {span[0]}; change their places")
    first, last = market.days[0].item(), market.day
    if not first <= span[0] or not span[1] <= last:
        raise ValueError(
            f"the data hold {first} to {last}: {span[0]} to {span[1]} is not inside; choose other dates"
        )
    if (span[1] - span[0]).days < DAYS_MIN:
        raise ValueError(
            f"{span[0]} to {span[1]} is too short: end must be at least {DAYS_MIN} days after start"
        )
    names = [rules.name for rules in books]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(
            f"{', '.join(twice)} is given more than once: give each methodology a name of its own"
        )


def _first_members(market: Market, rules: Methodology, span: tuple[date, date]) -> date:
    """Return the first day of the span at whose close a book has members."""
    said: ValueError | None = None
    for k in range((span[1] - span[0]).days):
        day = span[0] + timedelta(days=k)
        try:
            reviewed(market.until(day), rules)
        except (NothingEligible, TooFewDays) as error:
            said = error
        except ValueError as error:
            raise ValueError(f"{rules.name}: {error}") from error
        else:
            return day
    raise ValueError(f"{rules.name} has no members on any day from {span[0]} on: {said}")


def _progress() -> Progress:
    """A bar on stderr, so that stdout stays one JSON document; silent where stderr is not a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
