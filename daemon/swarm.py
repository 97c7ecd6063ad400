"""Many nights: which ones, how they are played on several processes, and what is counted of them."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from daemon.clock import monotonic_s
from daemon.crash_points import crash_points, exempt, same_book, without_the_kill
from daemon.swarm_pool import Played, Pool
from sim.checkers import Failure
from sim.night import Night, Outcome, written
from sim.shrink import PLAYS_MAX, Shrunk, shrink

FIRST = 5
"""How many seeds of each checker's failures are named."""

COUNTED = ("steps", "engine_steps", "records", "fills", "lives", "restarts", "explained", "exempt")

WORD = re.compile(r"\b[a-z]+\b")

Told = Callable[["Tally"], None]


@dataclass(slots=True)
class Tally:
    """What became of the nights so far. busy_s: seconds of one core; began_s by the monotonic clock."""

    wanted: int
    began_s: float = field(default_factory=monotonic_s)
    busy_s: float = 0.0
    nights: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    outside_s: float = 0.0
    exposure_usd_s: float = 0.0
    failed: list[Played] = field(default_factory=list)

    def add(self, played: Played) -> None:
        self.nights += 1
        self.busy_s += played.took_s
        self.faults.update(fault.name for fault in played.night.faults)
        if played.failures:
            self.failed.append(played)
        if played.outcome is not None:
            self._add(played.outcome)

    def _add(self, outcome: Outcome) -> None:
        for name in ("steps", "records", "fills", "lives"):
            self.counts[name] += getattr(outcome, name)
        self.counts["restarts"] += outcome.lives - 1
        self.counts["explained"] += bool(outcome.explained)
        self.stages[outcome.stage] += 1
        self.counts["engine_steps"] += int(outcome.figures.get("engine_steps", 0))
        self.outside_s += outcome.figures.get("outside_s", 0.0)
        self.exposure_usd_s += outcome.figures.get("exposure_usd_s", 0.0)

    @property
    def took_s(self) -> float:
        return max(monotonic_s() - self.began_s, 1e-9)

    def by_checker(self) -> dict[str, list[tuple[Night, Failure]]]:
        """Return the failures of each checker, in the order of their nights."""
        found: dict[str, list[tuple[Night, Failure]]] = {}
        for played in sorted(self.failed, key=lambda p: _place(p.night)):
            for failure in played.failures:
                found.setdefault(failure.checker, []).append((played.night, failure))
        return dict(sorted(found.items()))

    def figures(self) -> dict[str, Any]:
        """Return what was measured, as docs/swarm.md explains it."""
        busy_s = max(self.busy_s, 1e-9)
        return {
            "nights": self.nights,
            "took_s": round(self.took_s, 1),
            "nights_per_s": round(self.nights / self.took_s, 3),
            "nights_per_s_per_core": round(self.nights / busy_s, 3),
            "steps_per_s_per_core": round(self.counts["steps"] / busy_s),
            **{name: self.counts[name] for name in COUNTED},
            "outside_s": round(self.outside_s, 1),
            "exposure_usd_s": round(self.exposure_usd_s),
            "stages": dict(sorted(self.stages.items())),
            "faults": dict(sorted(self.faults.items())),
        }


def _place(night: Night) -> tuple[int, int, int]:
    return night.seed, night.kill_at_write or -1, night.kill_at_step or -1


@dataclass(frozen=True, slots=True)
class Kept:
    """A night that fails, made smaller and written down. plays: how many were needed; whole: nothing was left to try."""

    checker: str
    path: Path
    faults: int
    plays: int
    whole: bool


def swarm(pool: Pool, nights: Iterable[Night], tally: Tally, told: Told) -> None:
    """Play the nights, and count them into the tally; told after each."""
    for played in pool.played(nights):
        tally.add(judged(pool, played))
        told(tally)


def all_crash_points(pool: Pool, nights: Iterable[Night], tally: Tally, told: Told, *, every: int) -> None:
    """Play each night uninterrupted, then once killed at each of its points; the books must end the same."""
    for night in nights:
        bases = list(pool.played([night]))
        tally.add(bases[0])
        if (base := bases[0].outcome) is not None:
            points = list(crash_points(base, every=every))
            tally.wanted += len(points)
            for played in pool.played(points):
                tally.counts["exempt"] += played.outcome is not None and bool(exempt(base, played.outcome))
                tally.add(held_against(base, played))
                told(tally)


def kept(pool: Pool, tally: Tally, directory: Path, told: Callable[[str, int], None]) -> Iterator[Kept]:
    """Shrink the first night that each checker failed, and write it into the directory. told: checker and plays."""
    for checker, found in tally.by_checker().items():
        night, failure = found[0]
        shrunk = shrunken(pool, night, failure, told)
        why = f"{checker}: {failure.text}"
        path = directory / f"{_slug(checker)}-{_name(night)}.json"
        directory.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written(msgspec.structs.replace(shrunk.night, why=why)))
        yield Kept(checker, path, len(shrunk.night.faults), shrunk.plays, shrunk.whole)


def shrunken(pool: Pool, night: Night, failure: Failure, told: Callable[[str, int], None]) -> Shrunk:
    """Make a night smaller that still fails this checker, in these words: one cut short has no end that it should have."""
    plays = 0

    def fails(smaller: Night) -> bool:
        nonlocal plays
        plays += 1
        told(failure.checker, plays)
        (played,) = pool.played([smaller])
        return any(is_like(found, failure) for found in judged(pool, played).failures)

    return shrink(night, fails, plays_max=PLAYS_MAX)


def is_like(one: Failure, other: Failure) -> bool:
    """Say whether one checker found the same, in another coin perhaps, and with other figures."""
    return one.checker == other.checker and _words(one.text) == _words(other.text)


def _words(text: str) -> list[str]:
    return WORD.findall(text.partition(":")[0])


def judged(pool: Pool, played: Played) -> Played:
    """Return a night as it was played; one that was killed at a point is held against itself without the kill."""
    if played.outcome is None or (whole := without_the_kill(played.night)) == played.night:
        return played
    (base,) = pool.played([whole])
    return played if base.outcome is None else held_against(base.outcome, played)


def held_against(base: Outcome, played: Played) -> Played:
    """Return a night killed at a point with what its book says about the uninterrupted one."""
    if played.outcome is None:
        return played
    failures = (*played.failures, *same_book(base, played.outcome))
    return msgspec.structs.replace(played, failures=failures)


def _name(night: Night) -> str:
    """Return a file name for a night."""
    for point in ("kill_at_write", "kill_at_step"):
        if (number := getattr(night, point)) is not None:
            return f"{night.seed}-{point.replace('_', '-')}-{number}"
    return str(night.seed)


def _slug(checker: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in checker).split())
