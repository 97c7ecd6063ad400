"""`make mutants`: plants each known bug in a copy of the project, and shows which checker catches it, in how many nights."""

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.mutants.hunting import Catch, Player, Unmutated, hunted
from tests.mutants.nights import COINS, nights_for
from tests.mutants.planted import PACKAGES, ROOT, mutants, planted, why

HEAD = ("mutant", "bug", "caught after", "by")
TEXT_MAX = 160


def check(patch: Path, given: argparse.Namespace, unmutated: Unmutated) -> Catch:
    nights = nights_for(patch.stem, given.nights, coins=given.coins)
    with planted(patch) as directory, Player(directory) as player:
        return hunted(player, nights, unmutated)


def rows(caught: dict[Path, Catch]) -> list[tuple[str, str, str, str]]:
    return [
        (
            patch.stem,
            why(patch),
            f"{catch.nights} night{'s' if catch.nights > 1 else ''}",
            ", ".join(catch.found) or "nothing",
        )
        for patch, catch in caught.items()
    ]


def shown(caught: dict[Path, Catch]) -> Table:
    table = Table(*HEAD)
    for row in rows(caught):
        table.add_row(*row)
    return table


def markdown(caught: dict[Path, Catch]) -> str:
    """Return the table as docs/reliability.md has it."""
    lines = (HEAD, ("---",) * len(HEAD), *((f"`{name}`", *rest) for name, *rest in rows(caught)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def document(caught: dict[Path, Catch]) -> list[dict[str, Any]]:
    return [
        {"mutant": patch.stem, "bug": why(patch)} | msgspec.to_builtins(catch)
        for patch, catch in caught.items()
    ]


def known_path() -> Path:
    """Return the file of what happens without a bug: another one whenever a line of the project changes."""
    content = sha256()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            content.update(path.read_bytes())
    return Path(gettempdir()) / f"nightdesk-unmutated-{content.hexdigest()[:16]}.json"


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    words.add_argument("--nights", type=int, default=40, help="give up on a mutant after so many")
    words.add_argument("--coins", type=int, default=COINS, help="how many coins the nights have")
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--json", action="store_true")
    words.add_argument("--markdown", action="store_true")
    words.add_argument("only", nargs="*", help="names of mutants; all without any")
    given = words.parse_args()
    caught = _all_caught([p for p in mutants() if not given.only or p.stem in given.only], given)
    if given.json:
        print(json.dumps(document(caught), indent=2))
    elif given.markdown:
        print(markdown(caught), end="")
    else:
        Console().print(shown(caught))
    return 0 if all(catch.found for catch in caught.values()) else 1


def _all_caught(patches: list[Path], given: argparse.Namespace) -> dict[Path, Catch]:
    """Hunt all, in the order in which they are given. Says on standard error what was caught, when it is."""
    console = Console(stderr=True)
    with (
        Player(ROOT) as player,
        Progress(console=console) as bar,
        ThreadPoolExecutor(given.jobs) as pool,
    ):
        unmutated = Unmutated(player, known_path())
        task = bar.add_task("mutants", total=len(patches))
        hunts = {pool.submit(check, patch, given, unmutated): patch for patch in patches}
        caught = {}
        for hunt in as_completed(hunts):
            patch = hunts[hunt]
            catch = caught[patch] = hunt.result()
            by = "; ".join(f"{name}: {text[:TEXT_MAX]}" for name, text in catch.found.items()) or "nothing"
            bar.console.print(
                f"{patch.stem}: {catch.nights} nights, {catch.excused} excused, {by}",
                markup=False,
                soft_wrap=True,
            )
            bar.advance(task)
    return {patch: caught[patch] for patch in patches}


if __name__ == "__main__":
    sys.exit(main())
