"""Three instances of the index price while venues, processes, disks and the market misbehave: `python -m bench.index_chaos`.

Virtual time under a seed: an hour takes about two minutes of a core. Exit code 7 where something was seen that may never
be (two publishers, a sequence twice, a wrong price), or fewer seconds were available than --at-least; 2 for bad use.
"""

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.index_chaos.score import Limits
from bench.index_chaos.world import Played, Run, play

BROKEN = 7
LONGEST = 20


def main() -> int:
    words = _parser().parse_args()
    if min(words.seconds, words.every, words.late, words.wrong_bps, words.lease) <= 0:
        print("bench.index_chaos: every number but --seed must be above 0", file=sys.stderr)
        return 2
    limits = Limits(late_s=words.late, wrong_bps=words.wrong_bps)
    run = Run(seconds=words.seconds, seed=words.seed, every_s=words.every, lease_s=words.lease, limits=limits)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("seconds", total=run.seconds)
        played = play(run, shown=lambda second: progress.update(task, completed=second))
    found = document(run, played)
    if words.json:
        print(json.dumps(found))
    else:
        _show(found, Console())
    holds = not found["broken"] and not found["wrong_s"] and not played.failures
    return 0 if holds and played.score.availability >= words.at_least else BROKEN


def document(run: Run, played: Played) -> dict[str, Any]:
    """Return all figures of a run; seconds of the longest spells without a usable value last."""
    score = played.score
    return {
        "seconds": score.seconds,
        "seed": run.seed,
        "faults": sum(played.struck.values()),
        "availability": round(score.availability, 6),
        "degraded_s": score.degraded,
        "wrong_s": score.wrong,
        "worst_error_bps": round(score.worst_bps, 2),
        "out_of_use_s": dict(score.out_of_use.most_common()),
        "broken": dict(score.broken),
        "values": score.values,
        "values_refused": score.refused,
        "leaders": score.tokens,
        "starts": played.starts,
        "ended_by_themselves": played.failures,
        "struck": dict(sorted(played.struck.items())),
        "longest": [asdict(one) for one in sorted(score.spells, key=lambda s: -s.seconds)[:LONGEST]],
    }


def _show(found: dict[str, Any], console: Console) -> None:
    for name, figure in found.items():
        if not isinstance(figure, dict | list):
            console.print(f"{name:>16} {figure}", highlight=False)
    console.print(f"{'broken':>16} {found['broken'] or 'nothing'}", highlight=False)
    for text in found["ended_by_themselves"]:
        console.print(f"an instance ended by itself: {text}", highlight=False)
    table = Table(
        "second", "long", "why", "after", title="longest without a usable value", title_justify="left"
    )
    for one in found["longest"]:
        table.add_row(str(one["at_s"]), f"{one['seconds']} s", one["why"], one["after"])
    console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.index_chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="of virtual time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=float, default=60.0, help="a fault each so many seconds on average")
    parser.add_argument("--late", type=float, default=2.0, help="a value can be used for so many seconds")
    parser.add_argument("--wrong-bps", type=float, default=50.0, help="an OK value further off is wrong")
    parser.add_argument("--lease", type=float, default=2.0, help="index_price.lease_s")
    parser.add_argument("--at-least", type=float, default=0.0, help="share of seconds that must be available")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
