"""The ledger of index prices: a header with the rules as data, then each value with its proof and what was heard for it.

`nightdesk index verify` makes every value again from it. heard has, in order, {"tick": ...}, {"alive": source, "at_ms": ...}
and {"down": source}; numbers that JSON has not are the words nan, inf and -inf there.
"""

from collections.abc import Sequence
from math import isfinite
from typing import IO, Any

import msgspec

from core.prices.methodology import Methodology
from core.prices.types import Published, Tick
from daemon.index_prices.methodology_file import as_data
from research.index_verify import KIND, VERSION
from sim.price_files.stream import Alive, Heard


class Ledger:
    """Writes one. Heard things go into the next value of every index they concern."""

    def __init__(self, file: IO[bytes], methodology: Methodology) -> None:
        self._file = file
        self._ticks: dict[str, list[dict[str, Any]]] = {}
        self._line({"ledger": KIND, "version": VERSION, "methodology": as_data(methodology)})

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
            self._line(msgspec.to_builtins(value) | {"heard": self._ticks.get(base, [])})
            self._ticks[base] = []

    def _line(self, record: dict[str, Any]) -> None:
        self._file.write(msgspec.json.encode(record) + b"\n")


def plain(tick: Tick) -> dict[str, Any]:
    """Return a tick as data without what it does not say."""
    said = {name: getattr(tick, name) for name in tick.__struct_fields__}
    return {
        name: value if not isinstance(value, float) or isfinite(value) else str(value)
        for name, value in said.items()
        if value is not None
    }
