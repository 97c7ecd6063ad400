"""`nightdesk swarm`: its options checked, its progress on stderr, its table and its document."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from daemon.crash_points import COINS as CRASH_COINS
from daemon.options import BadUse
from daemon.played import play_night
from daemon.swarm import FIRST, Kept, Tally, all_crash_points, kept, swarm
from daemon.swarm_pool import Pool
from sim.faults import KINDS
from sim.night import Night, drawn_night, read_night

KEEP = Path("failed-nights")
NO_FAULTS = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmOptions:
    """seeds is A:B, faults the names of kinds or families with commas between; None where it was not given."""

    keep: Path
    seeds: str | None = None
    night: Path | None = None
    faults: str | None = None
    coins: int | None = None
    jobs: int | None = None
    crash_points: bool = False
    every: int | None = None
    shrink: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """The nights to play, and how."""

    options: SwarmOptions
    nights: list[Night]

    @property
    def repeatable(self) -> str:
        """Return what follows `nightdesk swarm --seeds N:M` to draw one of these nights again."""
        given = {"--faults": self.options.faults, "--coins": self.options.coins}
        return "".join(f" {name} {value}" for name, value in given.items() if value is not None)


def planned(options: SwarmOptions) -> Plan:
    """Return what is to be played. Raises BadUse where the options name nothing, or do not go together."""
    if options.night is not None:
        return Plan(options, [_of_file(options)])
    if options.every is not None and not options.crash_points:
        raise BadUse("--every takes each so-manieth crash point: only together with --crash-points")
    if options.crash_points and options.faults is not None:
        raise BadUse("--crash-points kills nights without other faults: leave out --faults")
    first, end = _range(options.seeds)
    kinds = () if options.crash_points else _kinds(options.faults)
    coins = options.coins or (CRASH_COINS if options.crash_points else 20)
    return Plan(options, [drawn_night(seed, coins=coins, kinds=kinds) for seed in range(first, end)])


def _of_file(options: SwarmOptions) -> Night:
    given = {"--seeds": options.seeds, "--faults": options.faults}
    if wrong := [name for name, value in given.items() if value is not None]:
        raise BadUse(f"--night plays one kept night: leave out {' and '.join(wrong)}")
    assert options.night is not None
    try:
        night = read_night(options.night)
    except OSError as error:
        raise BadUse(f"--night {options.night}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise BadUse(f"--night {error}") from error
    if unknown := sorted({fault.name for fault in night.faults} - KINDS.keys()):
        raise BadUse(f"--night {options.night}: no fault is called {', '.join(unknown)}. {_known()}")
    return night if options.coins is None else replace(night, coins=options.coins)


def _range(seeds: str | None) -> tuple[int, int]:
    if seeds is None:
        raise BadUse("give --seeds A:B, the nights from A up to but not including B, or --night FILE")
    first, _, end = seeds.partition(":")
    if not (first.isdecimal() and end.isdecimal() and int(first) < int(end)):
        raise BadUse(f"--seeds {seeds}: give two numbers A:B with A below B, such as 0:100")
    return int(first), int(end)


def _kinds(faults: str | None) -> tuple[str, ...] | None:
    """Return the kinds to draw from, None for all; a family stands for its kinds."""
    if faults is None:
        return None
    names = [name.strip() for name in faults.split(",")]
    if names == [NO_FAULTS]:
        return ()
    families = {kind.family for kind in KINDS.values()}
    if unknown := [name for name in names if name not in KINDS and name not in families]:
        raise BadUse(f"--faults: no fault is called {', '.join(map(repr, unknown))}. {_known()}")
    return tuple(name for name, kind in sorted(KINDS.items()) if {name, kind.family} & set(names))


def _known() -> str:
    families: dict[str, list[str]] = {}
    for name, kind in sorted(KINDS.items()):
        families.setdefault(kind.family, []).append(name)
    known = "; ".join(f"{family}: {', '.join(names)}" for family, names in sorted(families.items()))
    return f"Known are {known}; a family's name stands for all of it, {NO_FAULTS} for no fault"


@dataclass(slots=True)
class Swarmed:
    """What was played, what of it was kept, and whether somebody broke it off."""

    plan: Plan
    tally: Tally
    kept: list[Kept]
    broken_off: bool = False


def run(options: SwarmOptions) -> Swarmed:
    """Play the nights of the options; shrink and keep what failed. Ctrl-C ends it with what there is."""
    plan = planned(options)
    swarmed = Swarmed(plan, Tally(len(plan.nights)), [])
    with Pool(play_night, options.jobs or os.cpu_count() or 1) as pool:
        try:
            with _bar(swarmed.tally) as bar:
                _play(pool, plan, swarmed.tally, bar)
            if options.shrink and options.night is None:
                swarmed.kept += _kept(pool, swarmed.tally, options.keep)
        except KeyboardInterrupt:
            swarmed.broken_off = True
    return swarmed


def _play(pool: Pool, plan: Plan, tally: Tally, bar: "_Bar") -> None:
    if plan.options.crash_points:
        all_crash_points(pool, plan.nights, tally, bar.show, every=plan.options.every or 1)
    else:
        swarm(pool, plan.nights, tally, bar.show)


def _kept(pool: Pool, tally: Tally, directory: Path) -> Iterator[Kept]:
    if not tally.failed:
        return
    with _stderr_progress() as progress:
        task = progress.add_task("shrinking", total=None, said="")
        yield from kept(
            pool,
            tally,
            directory,
            lambda checker, plays: progress.update(task, completed=plays, said=f"{checker}: {plays} plays"),
        )


@dataclass(frozen=True, slots=True)
class _Bar:
    progress: Progress
    task: TaskID

    def show(self, tally: Tally) -> None:
        said = f"{tally.nights / tally.took_s:.2f} nights/s  {len(tally.failed)} failed"
        self.progress.update(self.task, completed=tally.nights, total=tally.wanted, said=said)


@contextmanager
def _bar(tally: Tally) -> Iterator[_Bar]:
    with _stderr_progress() as progress:
        yield _Bar(progress, progress.add_task("nights", total=tally.wanted, said=""))


def _stderr_progress() -> Progress:
    console = Console(stderr=True)
    said = TextColumn("{task.fields[said]}", markup=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        said,
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


# --- what is shown -------------------------------------------------------------------------------------


def document(swarmed: Swarmed) -> dict[str, Any]:
    """Return what --json prints; docs/swarm.md explains each field."""
    tally, options = swarmed.tally, swarmed.plan.options
    paths = {k.checker: k for k in swarmed.kept}
    return {
        "seeds": options.seeds,
        "night": None if options.night is None else str(options.night),
        "crash_points": options.crash_points,
        "held": not tally.failed and not swarmed.broken_off,
        "broken_off": swarmed.broken_off,
        "failed": len(tally.failed),
        "failures": [
            {
                "checker": checker,
                "nights": len(found),
                "first": [
                    {
                        "seed": night.seed,
                        "kill_at_step": night.kill_at_step,
                        "kill_at_write": night.kill_at_write,
                        "at_s": round(failure.at_s, 3),
                        "text": failure.text,
                    }
                    for night, failure in found[:FIRST]
                ],
                "repeat": _repeat(swarmed, found[0][0], paths.get(checker)),
                "kept": _kept_document(paths.get(checker)),
            }
            for checker, found in tally.by_checker().items()
        ],
        "figures": tally.figures(),
    }


def _kept_document(kept: Kept | None) -> dict[str, Any] | None:
    if kept is None:
        return None
    return {"path": str(kept.path), "faults": kept.faults, "plays": kept.plays, "whole": kept.whole}


def _repeat(swarmed: Swarmed, night: Night, kept: Kept | None) -> str:
    """Return the command that plays a failure again, the smallest night of it where one was found."""
    path = kept.path if kept is not None else swarmed.plan.options.night
    if path is not None:
        return f"nightdesk swarm --night {path}"
    if swarmed.plan.options.crash_points:
        coins = swarmed.plan.options.coins
        more = "" if coins is None else f" --coins {coins}"
        return f"nightdesk swarm --crash-points --seeds {night.seed}:{night.seed + 1}{more}"
    return f"nightdesk swarm --seeds {night.seed}:{night.seed + 1}{swarmed.plan.repeatable}"


def view(swarmed: Swarmed) -> Group:
    """Return the table of failures by checker, and the figures."""
    said = document(swarmed)
    parts: list[RenderableType] = [_figures(said["figures"])]
    if said["failures"]:
        parts.append(_failures(said["failures"]))
        parts += [
            Text(f"{f['checker']}: {f['repeat']}{_how_far(f['kept'])}", overflow="fold")
            for f in said["failures"]
        ]
    if swarmed.broken_off:
        parts.append(Text("broken off; these are the nights so far", style="yellow"))
    words = f"{said['failed']} of {said['figures']['nights']} nights failed"
    parts.append(Text(words, style="red") if said["failed"] else Text("every checker held", style="green"))
    return Group(*parts)


def _how_far(kept: dict[str, Any] | None) -> str:
    if kept is None:
        return ""
    end = "nothing smaller fails" if kept["whole"] else "not the smallest, perhaps"
    return f"  ({kept['faults']} faults after {kept['plays']} plays; {end})"


def _failures(failures: list[dict[str, Any]]) -> Table:
    table = Table(title="failures by checker")
    for name in ("checker", "nights", "first seeds", "first failure"):
        table.add_column(name, justify="right" if name == "nights" else "left", overflow="fold")
    for failure in failures:
        first = failure["first"]
        seeds = ", ".join(dict.fromkeys(str(f["seed"]) for f in first))
        words = f"{first[0]['at_s']:+.1f} s: {first[0]['text']}"
        table.add_row(*(Text(cell) for cell in (failure["checker"], str(failure["nights"]), seeds, words)))
    return table


def _figures(figures: dict[str, Any]) -> Table:
    table = Table(title="figures", show_header=False)
    for name, value in figures.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {count}" for key, count in value.items()) or "none"
        elif isinstance(value, int):
            value = f"{value:,}"
        table.add_row(Text(name), Text(str(value), overflow="fold"))
    return table
