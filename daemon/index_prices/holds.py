"""Held by a person (E4-11): a file for each index that is held, which every instance on the lease file's host reads.

A file that cannot be read holds: a doubt must not publish. Each change is a line of the file's history.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from daemon.options import BadUse
from state.kill_switch import KillSwitch


class Holds:
    """The holds of one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "holds"

    def read(self, symbols: Sequence[str]) -> Mapping[str, str | None]:
        """Return why each of these symbols is held, None where it is not."""
        found = {symbol: self._switch(symbol).read() for symbol in symbols}
        return {symbol: None if latch is None else latch.reason for symbol, latch in found.items()}

    def hold(self, symbol: str, reason: str, *, at_ms: int) -> dict[str, Any]:
        """Hold an index at its last good price. The first reason stands until it is released."""
        if not reason.strip():
            raise BadUse("--reason is empty: say why")
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        latch = self._switch(symbol).trip(reason, by="operator", at_ms=at_ms)
        return {"held": symbol, "reason": latch.reason, "held_before": latch.reason != reason}

    def release(self, symbol: str, reason: str, *, at_ms: int) -> dict[str, Any]:
        """Let an index go on; was is why it was held, None where it was not."""
        if not reason.strip():
            raise BadUse("--reason is empty: why may it go on?")
        was = self._switch(symbol).reset(reason, at_ms=at_ms)
        return {"released": symbol, "was": None if was is None else was.reason}

    def history(self, symbol: str) -> list[dict[str, object]]:
        return self._switch(symbol).history()

    def _switch(self, symbol: str) -> KillSwitch:
        return KillSwitch(self.directory / symbol.replace("/", "-"))
