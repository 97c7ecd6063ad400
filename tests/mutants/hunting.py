"""Hunts: nights with a bug and, where a checker fires, the same night without it, which tells whose doing it was."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from threading import Lock, Timer
from types import TracebackType
from typing import Protocol, Self

import msgspec

from sim.night import Night
from tests.mutants.planted import HERE

PLAYER = HERE / "hunt.py"
NIGHT_MAX_S = 120.0
"""A night takes a second or two; a bug that never ends is found by that."""
DIED = "the process"

Found = dict[str, str]
"""What checkers found in a night, by their names."""


class Catch(msgspec.Struct, frozen=True, kw_only=True):
    """How a hunt ended: after how many nights, with what, in which; found is empty when nothing fired.

    excused: how often a checker fired that fires in the same night without the bug too.
    """

    nights: int
    found: Found
    night: Night | None = None
    excused: int = 0


class Plays(Protocol):
    def play(self, night: Night) -> Found:
        """Return what was found in a night."""


class Player:
    """A process that plays nights with the project of a directory. A context: it ends with it."""

    def __init__(self, directory: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(directory), "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(PLAYER)],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def play(self, night: Night) -> Found:
        """Return what was found; a process that dies of its bug is found by that."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(msgspec.json.encode(night) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return {DIED: self._last_words()}
        too_long = Timer(NIGHT_MAX_S, self._process.kill)
        too_long.start()
        answer = self._process.stdout.readline()
        too_long.cancel()
        return msgspec.json.decode(answer, type=Found) if answer else {DIED: self._last_words()}

    def _last_words(self) -> str:
        assert self._process.stderr is not None
        words = self._process.stderr.read().decode("utf-8", "replace").strip()
        return words.rpartition("\n")[2] or f"no end after {NIGHT_MAX_S:.0f} s of real time"


class Unmutated:
    """What happens in nights without a bug: each is played once, and kept in a file for all mutants of one tree."""

    def __init__(self, player: Plays, path: Path) -> None:
        self._player, self._path, self._lock = player, path, Lock()
        self._known: dict[str, Found] = json.loads(path.read_bytes()) if path.exists() else {}

    def play(self, night: Night) -> Found:
        key = msgspec.json.encode(night).decode()
        with self._lock:
            if key not in self._known:
                self._known[key] = self._player.play(night)
                whole = self._path.with_suffix(f".{os.getpid()}")
                whole.write_text(json.dumps(self._known))
                whole.replace(self._path)
            return self._known[key]


def hunted(player: Plays, nights: Iterable[Night], unmutated: Plays) -> Catch:
    """Play nights until a checker fires that does not fire without the bug."""
    played = excused = 0
    for night in nights:
        played += 1
        found = player.play(night)
        known = unmutated.play(night) if found else {}
        new = {name: text for name, text in found.items() if name not in known}
        if new:
            return Catch(nights=played, found=new, night=night, excused=excused)
        excused += bool(found)
    return Catch(nights=played, found={}, excused=excused)
