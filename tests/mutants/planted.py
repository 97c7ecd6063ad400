"""Known bugs as patches, and copies of the project that have one of them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGES = ("core", "strategies", "adapters", "state", "sim", "research", "daemon")
HUNT = HERE / "hunt.py"


def mutants() -> list[Path]:
    return sorted(HERE.glob("*.patch"))


def why(patch: Path) -> str:
    """Return the first line of a patch: what its bug is."""
    return patch.read_text().partition("\n")[0]


@contextmanager
def planted(patch: Path | None) -> Iterator[Path]:
    """Give a copy of the project's packages with the bug of a patch in it. Raises as apply() does."""
    with TemporaryDirectory(prefix="nightdesk-mutant-") as directory:
        for package in PACKAGES:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, Path(directory) / package, ignore=ignored)
        if patch is not None:
            apply(patch, Path(directory))
        yield Path(directory)


def apply(patch: Path, directory: Path) -> None:
    """Apply a patch to a copy. Raises CalledProcessError with git's words where it no longer fits."""
    subprocess.run(
        ["git", "apply", "-p1", str(patch)], cwd=directory, check=True, capture_output=True, text=True
    )


def hunted(directory: Path, *, first: int, nights: int) -> dict[str, Any]:
    """Play nights on a copy in a process of its own, until a checker fires (see hunt.hunt), or the world itself breaks."""
    environment = {**os.environ, "PYTHONPATH": str(directory), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(HUNT), str(first), str(nights)],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"nights": 1, "found": {"the world": done.stderr.strip().rpartition("\n")[2]}}
    found: dict[str, Any] = json.loads(done.stdout)
    return found
