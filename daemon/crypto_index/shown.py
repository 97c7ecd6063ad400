"""How a rebalance, a level and a history are printed for people."""

from collections.abc import Iterable
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

BACK = "the next review may take {} in again: put it on the blacklist to keep it out"


def rebalance(document: dict[str, Any]) -> Group:
    """Return the tagged lines, the constituents, and what happened to level and divisor."""
    lines = [Text(f"[{line['tag']}] {line['text']}") for line in document["lines"]]
    table = Table(title=f"{document['index']}, review of the close of {document['asof']}")
    for name in ("symbol", "weight", "price USD", "supply"):
        table.add_column(name, justify="left" if name == "symbol" else "right")
    for one in document["constituents"]:
        table.add_row(
            one["symbol"], f"{one['weight']:.4%}", f"{one['price_usd']:,.8g}", f"{one['supply']:,.0f}"
        )
    before = document["level_before"]
    moved = "launched at" if before is None else f"{before:,.6f} ->"
    result = f"[Result] level {moved} {document['level_after']:,.6f}, in force from {document['effective']}"
    return Group(*lines, table, Text(result))


def level(document: dict[str, Any]) -> Group:
    head = f"{document['index']} {float(document['level']):,.6f} at {document['timestamp']}"
    age = f"{document['age_s'] / 3600:,.1f} h old, divisor {document['divisor']}"
    table = Table()
    for name in ("symbol", "weight", "price USD", "of"):
        table.add_column(name, justify="right" if name in ("weight", "price USD") else "left")
    for one in document["constituents"]:
        table.add_row(
            one["symbol"], f"{float(one['weight']):.4%}", f"{float(one['price_usd']):,.8g}", one["price_at"]
        )
    announced = document["announced"]
    said = "nothing is announced" if announced is None else f"announced for {announced['effective']}"
    return Group(Text(head, style="bold"), Text(age), table, Text(said))


def change(document: dict[str, Any]) -> str:
    """Return what a change made by hand did, would do, or that the daemon does it."""
    inherits = document.get("inheritance")
    said = "" if inherits is None else f"{inherits['parent']} {inherits['because']}\n"
    if "accepted" in document:
        return f"{said}the daemon does it now; nightdesk index history shows it"
    said += "nothing is recorded: " if "dry_run" in document else ""
    match document["kind"]:
        case "index removal":
            said += f"{document['removed']} left {document['index']}"
        case "index restatement":
            return (
                f"{said}entry {document['entry']} of {document['index']} was published as {document['published']}, "
                f"restated as {document['restated']}; it stays as it is"
            )
        case "index fork":
            said += f"{document['child']} forked from {document['parent']}, its value {document['value']}"
        case _:
            said += f"{document['redenominated']} is counted in units of {document['ratio']} old ones"
    back = "" if document["kind"] != "index removal" else f"\n{BACK.format(document['removed'])}"
    return (
        f"{said}, level {document['level_before']} -> {document['level_after']}, "
        f"divisor {document['divisor_before']} -> {document['divisor_after']}{back}"
    )


def history(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Table:
    table = Table()
    for name in columns:
        table.add_column(name)
    for row in rows:
        table.add_row(*map(str, row))
    return table
