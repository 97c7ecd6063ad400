"""A published series for people; daemon.index_prices.documents has it for programs."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from core.prices.types import Published
from core.report import iso
from daemon.index_prices.documents import excluded
from daemon.index_prices.replaying import Replayed
from daemon.index_prices.settlements import line

ROWS = 40
"""Values that a table shows besides the changes of state."""

COLOURS = {"OK": "green", "DEGRADED": "yellow", "HALTED": "red", "STARTING": "dim"}


# --- for people ----------------------------------------------------------------------------------------


def view(replayed: Replayed) -> RenderableType:
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
    shown = list(condensed(replayed.values))
    for value in shown:
        table.add_row(*_cells(value), style=COLOURS[value.state])
    return Group(
        table,
        *(Text(line(settled)) for settled in replayed.settlements),
        Text(summary(replayed, len(shown))),
        *(Text(f"left out {x}") for x in replayed.left_out),
    )


def condensed(values: Sequence[Published]) -> Iterator[Published]:
    """Yield every change of a symbol's state, every so-manieth value, and each symbol's last."""
    every = -(-len(values) // ROWS)
    before: dict[str, tuple[str, str]] = {}
    last = {value.symbol: id(value) for value in values}
    for count, value in enumerate(values):
        now = (value.state, value.cause)
        if before.get(value.symbol) != now or count % every == 0 or last[value.symbol] == id(value):
            yield value
        before[value.symbol] = now


def summary(replayed: Replayed, shown: int) -> str:
    states: dict[str, int] = {}
    for value in replayed.values:
        states[value.state] = states.get(value.state, 0) + 1
    counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    words = f"{len(replayed.values)} values ({shown} shown) of {replayed.heard} ticks: {counted}"
    return f"{words}{refusals(replayed)}"


def refusals(replayed: Replayed) -> str:
    """Return what was refused and why, in words that follow others; nothing where nothing was."""
    if not replayed.refused:
        return ""
    counted = ", ".join(f"{n} {why}" for why, n in sorted(replayed.refused.items()))
    return f"; refused {counted}"


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
