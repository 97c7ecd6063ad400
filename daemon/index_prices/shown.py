"""A published series for programs and for people."""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from core.prices.types import Published
from core.report import iso
from daemon.index_prices.replaying import Replayed

ROWS = 40
"""Values that a table shows besides the changes of state."""

COLOURS = {"OK": "green", "DEGRADED": "yellow", "HALTED": "red", "STARTING": "dim"}


def document(value: Published) -> dict[str, Any]:
    """Return one value as --json prints it; docs/index_price.md explains each field."""
    weights, excluded = _weights(value), _excluded(value)
    return {
        "symbol": value.symbol,
        "timestamp": value.at_ms,
        "price": _finite(value.price),
        "state": str(value.state),
        "cause": str(value.cause),
        "confidence": _finite(value.confidence),
        "spread": _finite(value.spread),
        "sequence": value.sequence,
        "token": value.token,
        "active_feeds": value.active_feeds,
        "age_s": None if value.age_ms is None else value.age_ms / 1000,
        "accepted": value.accepted,
        "candidate": _finite(value.candidate),
        "median": _finite(value.median),
        "methodology": value.methodology,
        "weights": weights,
        "excluded": excluded,
    }


def _finite(number: float | None) -> float | None:
    return number if number is not None and isfinite(number) else None


def _weights(value: Published) -> dict[str, float | None]:
    return {i.source: _finite(i.weight) for i in value.inputs if i.reason is None}


def _excluded(value: Published) -> dict[str, str]:
    """Return reasons by source; a venue's second pair is named with its symbol."""
    found: dict[str, str] = {}
    taken = set(_weights(value))
    for one in value.inputs:
        if one.reason is not None:
            name = f"{one.source} {one.symbol}" if one.source in taken else one.source
            taken.add(one.source)
            found[name] = str(one.reason)
    return found


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
        table, Text(summary(replayed, len(shown))), *(Text(f"left out {x}") for x in replayed.left_out)
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
    for source, reason in _excluded(value).items():
        found.setdefault(reason, []).append(source)
    yield from found.items()
