"""The ledger of index prices: a header with the rules as data, then each value with its proof and what was heard for it.

`nightdesk index verify` makes every value again from it. heard has, in order, {"tick": ...}, {"alive": source, "at_ms": ...}
and {"down": source}; numbers that JSON has not are the words nan, inf and -inf there. A settlement stands after the value
that closed its window. The last line counts and has the digest of all before it: without it a ledger was not closed.
A ledger may lie in several files: the header of each but the first names the digest of the one before it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from math import isfinite
from typing import IO, Any

import msgspec

from core.prices.methodology import Methodology
from core.prices.settling import Settled, SettlementRules
from core.prices.types import Published, Tick
from daemon.index_prices.methodology_file import as_data
from research.index_verify import KIND, VERSION
from sim.price_files.stream import Alive, Heard


class Lines:
    """The lines that every ledger has, counted and digested on their way to write."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._digest = sha256()
        self._values = self._settlements = 0
        self.size_bytes = 0

    def header(
        self, methodology: Methodology, settlement: SettlementRules, more: Mapping[str, Any] | None = None
    ) -> None:
        rules = {"methodology": as_data(methodology), "settlement": asdict(settlement)}
        self.line({"ledger": KIND, "version": VERSION, **rules, **(more or {})})

    def value(self, value: Published, heard: Sequence[Mapping[str, Any]]) -> None:
        self._values += 1
        self.line(msgspec.to_builtins(value) | {"heard": heard})

    def settled(self, settled: Settled) -> None:
        self._settlements += 1
        self.line({"settlement": msgspec.to_builtins(settled)})

    def footer(self, *, continued: bool = False) -> str:
        """Write the last line; return the digest of all before it."""
        counts = {"values": self._values, "settlements": self._settlements, "continued": continued}
        digest = self._digest.hexdigest()
        self.line({"closed": counts | {"sha256": digest}})
        return digest

    def line(self, record: Mapping[str, Any]) -> None:
        text = msgspec.json.encode(record) + b"\n"
        self._digest.update(text)
        self.size_bytes += len(text)
        self._write(text)


class Ledger:
    """Writes one of a replay. Heard things go into the next value of every index they concern."""

    def __init__(self, file: IO[bytes], methodology: Methodology, settlement: SettlementRules) -> None:
        self._ticks: dict[str, list[dict[str, Any]]] = {}
        self._lines = Lines(file.write)
        self._lines.header(methodology, settlement)
        self.settled = self._lines.settled
        self.close = self._lines.footer

    def heard(self, one: Heard) -> None:
        if isinstance(one, Tick):
            self._ticks.setdefault(one.base, []).append({"tick": plain(one)})
            return
        alive = isinstance(one, Alive)
        said = {"alive": one.source, "at_ms": one.received_ms} if alive else {"down": one.source}
        for kept in self._ticks.values():
            kept.append(said)

    def published(self, values: Sequence[Published]) -> None:
        for value in values:
            base = value.symbol.partition("/")[0]
            self._lines.value(value, self._ticks.get(base, []))
            self._ticks[base] = []


def plain(tick: Tick) -> dict[str, Any]:
    """Return a tick as data without what it does not say."""
    said = {name: getattr(tick, name) for name in tick.__struct_fields__}
    return {
        name: value if not isinstance(value, float) or isfinite(value) else str(value)
        for name, value in said.items()
        if value is not None
    }
