"""The crypto index that some nights keep: where it is, when its data come, and who takes a member out."""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from sim.nights.elsewhere import Elsewhere

if TYPE_CHECKING:
    from sim.world import World

DIRECTORY = "crypto-index"
"""In the state directory."""
DATA = Path("market-caps")
"""Beside the state directory: market caps up to the day before the one that the night closes."""
DAILY, TOMORROW, BLACKLIST = "derived_daily.parquet", "tomorrow.parquet", "blacklist.json"
"""The daily file as it is, as it will be when the closed day's rows are added, and who must leave."""

IN_TIME_SHARE = 0.6
LATE_S = (0.0, 40.0)
"""In which share of the nights the day's rows come with its close, and how long after it in the others."""
LEAVES_S = (-80.0, 40.0)

Apart = Callable[[Callable[[], Any]], Awaitable[Any]]
Shown = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEdges:
    """What one life keeps an index with. apart runs what waits for the disk as a thread of its own would."""

    directory: Path
    data: Path
    prices: Elsewhere
    apart: Apart


def expect(world: "World") -> None:
    """Draw when the day's rows come, and who leaves, by whose hand: an operator's, the list's, or nobody."""
    random = Random(f"kept index {world.night.seed}")
    in_time = random.random() < IN_TIME_SHARE
    world.at(0.0 if in_time else random.uniform(*LATE_S), _day_is_there, world)
    leave = random.choice((_ask, _list, None))
    if leave is not None:
        world.at(random.uniform(*LEAVES_S), leave, world, random)


def data_of(world: "World") -> Path:
    return world.directory.parent / DATA


def _day_is_there(world: "World") -> None:
    os.replace(data_of(world) / TOMORROW, data_of(world) / DAILY)


def _ask(world: "World", random: Random) -> None:
    if (symbol := _member(world, random)) is not None:
        world.operator.remove_member(symbol, "a ruling against it")


def _list(world: "World", random: Random) -> None:
    if (symbol := _member(world, random)) is not None:
        (data_of(world) / BLACKLIST).write_bytes(msgspec.json.encode([symbol]))


def _member(world: "World", random: Random) -> str | None:
    """Return one of the members that are told, None where nothing is told or one alone is left."""
    told = None if world.running is None else world.running.index
    members = [] if told is None else told["members"]
    return str(random.choice(members)) if len(members) > 1 else None
