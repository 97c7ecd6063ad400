"""The ledger of a running instance: everything it heard, every moment it calculated, and what it published of that.

An index remembers between values, so what was calculated and not published counts: each calculation is a line
{"step": ms, "token": ..., "heard": [...]}, and the values published of it are lines behind it. Besides what a replay's
ledger has, heard may have {"hold": symbol, "on": bool}. token is 0 where the instance stood by.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.prices.board import PriceBoard
from core.prices.methodology import Methodology
from core.prices.settling import Settled, SettlementRules
from core.prices.types import Published, Tick
from daemon.index_prices.alerts import Desk
from daemon.index_prices.ledger import Lines, plain
from daemon.index_prices.ledger_file import LedgerFile
from daemon.options import BadUse

CODE = "index.ledger"
ROTATE_BYTES = 2**30
"""A file of this size is closed and kept under a number, and the ledger goes on in a new one."""


@dataclass(frozen=True, slots=True)
class Header:
    """What stands first in every file of one ledger."""

    methodology: Methodology
    settlement: SettlementRules
    live: Mapping[str, Any]

    def begin(self, write: Callable[[bytes], object], more: Mapping[str, Any]) -> Lines:
        lines = Lines(write)
        lines.header(self.methodology, self.settlement, {"live": self.live, **more})
        return lines


class LiveLedger:
    """An engine.Record, and a sink of values and settlements. A disk that refuses is told once and stops nobody."""

    def __init__(self, file: LedgerFile, desk: Desk, header: Header) -> None:
        self._file, self._desk, self._header = file, desk, header
        self._lines = header.begin(file.put, {})
        self._heard: list[dict[str, Any]] = []
        self._troubled = False

    def tick(self, tick: Tick) -> None:
        self._heard.append({"tick": plain(tick)})

    def heartbeat(self, source: str, at_ms: int) -> None:
        self._heard.append({"alive": source, "at_ms": at_ms})

    def disconnected(self, source: str) -> None:
        self._heard.append({"down": source})

    def hold(self, symbol: str, *, on: bool) -> None:
        self._heard.append({"hold": symbol, "on": on})

    def calculated(self, at_ms: int, token: int) -> None:
        heard, self._heard = self._heard, []
        if not self._file.ended:
            if self._lines.size_bytes >= ROTATE_BYTES:
                self._go_on_in_another_file()
            self._lines.line({"step": at_ms, "token": token, "heard": heard})
        self._look()

    def published(self, values: Sequence[Published]) -> None:
        if not self._file.ended:
            for value in values:
                self._lines.value(value, [])

    def settled(self, settled: Settled) -> None:
        if not self._file.ended:
            self._lines.settled(settled)

    def close(self) -> None:
        """Write the last line, and all that waits."""
        if not self._file.ended:
            self._lines.footer()
        self._file.close()

    def _go_on_in_another_file(self) -> None:
        """Close the file after a calculation and all that was published of it."""
        digest = self._lines.footer(continued=True)
        self._file.rotate()
        self._lines = self._header.begin(self._file.put, {"continues": digest})

    def _look(self) -> None:
        trouble = "more waits than is kept: it ends there" if self._file.ended else self._file.trouble
        if trouble is not None and not self._troubled:
            text = f"the ledger cannot be written ({trouble}); index prices are published without it"
            self._desk.raised(code=CODE, level="error", text=text)
        elif trouble is not None:
            self._desk.stands(CODE)
        elif self._troubled:
            self._desk.ended(CODE)
        self._troubled = trouble is not None


def opened(
    path: Path,
    desk: Desk,
    board: PriceBoard,
    settlement: SettlementRules,
    expected: Sequence[tuple[str, str]],
) -> LiveLedger:
    """Return a ledger that is written to a path; board has heard nothing yet. Raises BadUse."""
    live = {"expected": expected, "indices": board.symbols}
    try:
        return LiveLedger(LedgerFile(path), desk, Header(board.methodology, settlement, live))
    except OSError as error:
        raise BadUse(f"--out {path}: cannot be written: {error.strerror}") from error
