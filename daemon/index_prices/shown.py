"""A published series for people; daemon.index_prices.documents has it for programs."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from core.prices.settling import Settled
from core.prices.types import Published
from core.report import iso
from daemon.index_prices.documents import excluded
from daemon.index_prices.replaying import Replayed
from daemon.index_prices.settlements import line

ROWS = 40
"""Values that a table shows besides the changes of state."""

COLOURS = {"OK": "green", "DEGRADED": "yellow", "HALTED": "red", "STARTING": "dim"}


# --- for people ----------------------------------------------------------------------------------------


class Condensed:
    """A sink: every change of a symbol's state, every so-manieth value, and each symbol's last."""

    def __init__(self) -> None:
        self.count = 0
        self._every = 1
        self._kept: dict[int, Published] = {}
        self._regular: list[int] = []
        self._last: dict[str, tuple[int, Published]] = {}

    def __call__(self, value: Published, settled: Settled | None) -> None:
        before = self._last.get(value.symbol)
        self._last[value.symbol] = self.count, value
        if before is None or (before[1].state, before[1].cause) != (value.state, value.cause):
            self._kept[self.count] = value
        elif self.count % self._every == 0:
            self._kept[self.count] = value
            self._regular.append(self.count)
            self._thin()
        self.count += 1

    def _thin(self) -> None:
        while len(self._regular) > ROWS:
            self._every *= 2
            for count in self._regular:
                if count % self._every:
                    del self._kept[count]
            self._regular = [count for count in self._regular if count % self._every == 0]

    def rows(self) -> list[Published]:
        kept = self._kept | dict(self._last.values())
        return [kept[count] for count in sorted(kept)]


def view(replayed: Replayed, series: Condensed) -> RenderableType:
    table = Table(
        Column("time", no_wrap=True),
        "index",
        Column("state", no_wrap=True),
        "price",
        "± USD",
        "spread",
        "feeds",
        "left out",
        box=None,
    )
    shown = series.rows()
    for value in shown:
        table.add_row(*_cells(value), style=COLOURS[value.state])
    return Group(
        table,
        *(Text(line(settled)) for settled in replayed.settlements),
        Text(summary(replayed, len(shown))),
        *(Text(f"left out {x}") for x in replayed.left_out),
    )


def summary(replayed: Replayed, shown: int) -> str:
    values = replayed.states.total()
    counted = ", ".join(f"{count} {state}" for state, count in sorted(replayed.states.items()))
    words = f"{values} values ({shown} shown) of {replayed.heard} ticks: {counted}"
    return f"{words}{refusals(replayed)}{conversions(replayed)}"


def refusals(replayed: Replayed) -> str:
    """Return what was refused and why, in words that follow others; nothing where nothing was."""
    if not replayed.refused:
        return ""
    counted = ", ".join(f"{n} {why}" for why, n in sorted(replayed.refused.items()))
    return f"; refused {counted}"


def conversions(replayed: Replayed) -> str:
    """Return which stamps were read in another unit, in words that follow others; nothing where none was."""
    if not replayed.units:
        return ""
    counted = ", ".join(f"{n} in {unit}" for unit, n in sorted(replayed.units.items()))
    return f"; stamps that are not in ms by their size: {counted}, read so"


def _cells(value: Published) -> Iterator[str]:
    yield (iso(value.at_ms) or "").removesuffix("+00:00")
    yield value.symbol
    yield f"{value.state} {value.cause}".strip()
    yield "" if value.price is None else f"{value.price:,.6g}" if value.price < 10 else f"{value.price:,.2f}"
    yield "" if value.confidence is None else f"{value.confidence:.4g}"
    yield "" if value.spread is None else f"{value.spread:.3%}"
    yield str(value.active_feeds)
    yield ", ".join(
        f"{len(names)} {why}" if len(names) > 1 else f"{names[0]} {why}" for why, names in _by_reason(value)
    )


def _by_reason(value: Published) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for source, reason in excluded(value).items():
        found.setdefault(reason, []).append(source)
    yield from found.items()
