"""Known bugs as patches, and copies of the project that have one of them."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGES = ("core", "strategies", "adapters", "state", "sim", "research", "daemon")


def mutants() -> list[Path]:
    return sorted(HERE.glob("*.patch"))


def why(patch: Path) -> str:
    """Return the first line of a patch: what its bug is."""
    return patch.read_text().partition("\n")[0]


@contextmanager
def planted(patch: Path | None) -> Iterator[Path]:
    """Give a copy of the project's packages, with the bug of a patch in it. Raises as apply() does."""
    with TemporaryDirectory(prefix="nightdesk-mutant-") as directory:
        for package in PACKAGES:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, Path(directory) / package, ignore=ignored)
        if patch is not None:
            apply(patch, Path(directory))
        yield Path(directory)


def apply(patch: Path, directory: Path) -> None:
    """Apply a patch to a copy. Raises CalledProcessError with git's words where it no longer fits."""
    _git("apply", "-p1", str(patch), cwd=directory)


def fits(patch: Path) -> None:
    """Raises as apply() does, and changes nothing."""
    _git("apply", "--check", "-p1", str(patch), cwd=ROOT)


def _git(*words: str, cwd: Path) -> None:
    subprocess.run(["git", *words], cwd=cwd, check=True, capture_output=True, text=True)
