"""`make mutants`: plants each known bug in a copy of the project, and shows which checker catches it, in how many nights."""

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.mutants.planted import hunted, mutants, planted, why


def check(patch: Path, nights: int) -> dict[str, Any]:
    with planted(patch) as directory:
        found = hunted(directory, first=0, nights=nights)
    return {"mutant": patch.stem, "bug": why(patch), **found}


def table(results: list[dict[str, Any]]) -> Table:
    shown = Table("mutant", "bug", "caught after", "by")
    for one in results:
        by = ", ".join(one["found"]) or "[bold red]nothing"
        shown.add_row(one["mutant"], one["bug"], f"{one['nights']} nights", by)
    return shown


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    words.add_argument("--nights", type=int, default=200, help="give up on a mutant after so many")
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--json", action="store_true")
    words.add_argument("only", nargs="*", help="names of mutants; all without any")
    given = words.parse_args()
    chosen = [p for p in mutants() if not given.only or p.stem in given.only]
    with Progress(console=Console(stderr=True)) as bar, ThreadPoolExecutor(given.jobs) as pool:
        task = bar.add_task("mutants", total=len(chosen))
        results = []
        for result in pool.map(lambda patch: check(patch, given.nights), chosen):
            results.append(result)
            bar.advance(task)
    if given.json:
        print(json.dumps(results, indent=2))
    else:
        Console().print(table(results))
    return 0 if all(one["found"] for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
