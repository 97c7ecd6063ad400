"""docs/faults.md, written from the kinds of fault themselves: `python -m sim.venue.fault_docs`."""

import inspect
from dataclasses import MISSING
from pathlib import Path

from sim.venue.fault_file import KINDS, Key, default_text, kind_keys, scope_keys
from sim.venue.faults import AnyFault, Strikes

ROOT = Path(__file__).resolve().parents[2]

_OPENING = """\
# Faults

`nightdesk venue --faults FILE` strikes its clients with the faults of a plan; `--faults default` takes the plan at the end
of this page. A plan is a TOML file with one `[[fault]]` table for each fault:

```toml
[[fault]]
kind = "drop_after_effect"
path = "/exchange"
type = "order"
from = 600
until = 1800
probability = 0.05
```

From ten minutes after the start to thirty, every twentieth order or so is placed and its answer lost. A fault whose time
is not that of the venue's clock never strikes: without `--start` that clock is the wall's.

Several faults may strike one request: their delays add up, and of two that would spoil the answer the first in the file
wins. They act at the edge, before or after the venue acts; the venue itself stays what it is, and its ledger the truth.

Draws come from `--seed`: the same plan, seed and sequence of requests and frames give the same faults, and adding a fault to
a plan leaves the others' draws alone. `GET /nightdesk/faults` tells how often each fault of the plan has struck so far:
requests, connections or frames. `post_only` and `clock_skew`, which hold for a while, are not counted and stay at 0.

On the same edge stand the limits of an IP address: 1,200 of request weight a minute (none on a clock of another speed than
1, unless `--ip-weight` sets one), 10 websockets, 30 new ones a minute, 2,000 messages a minute, 100 post requests under way.
`GET /nightdesk/limits` tells what each address has used.

A mistake of the venue's own, in an action, an answer or a duty of its clock, is logged and the venue goes on.
`GET /nightdesk/mistakes` names them; a night on a venue that names any proves nothing.

This page is written from the program's types by `python -m sim.venue.fault_docs`.
"""

_TYPES = """\
`type` is the type of an `/info` request, the type of an `/exchange` action, or on `ws` a frame's channel. Without it a fault
strikes every request, but on `ws` leaves `pong`, `subscriptionResponse`, `error` and `post` alone.
A dropped client's message is told by its method instead: `subscribe`, `unsubscribe`, `post` or `ping`.
"""

_PLAN = "## The default plan\n\nModerate rates of everything that a night must survive.\n"


def faults_md() -> str:
    """Return docs/faults.md: the keys of every fault, then every kind with its own, then the shipped plan."""
    parts = [_OPENING, "## Where and when a fault strikes\n", _table(list(scope_keys().values())), _TYPES]
    parts += [_section(kind) for kind in KINDS.values()]
    return "\n".join([*parts, _PLAN, f"```toml\n{default_text()}```\n"])


def main() -> None:
    (ROOT / "docs" / "faults.md").write_text(faults_md(), "utf-8")


def _section(kind: type[AnyFault]) -> str:
    paths = ", ".join(f"`{path}`" for path in kind.PATHS)
    where = {
        Strikes.WINDOW: "Holds from `from` until `until`; nothing is drawn.",
        Strikes.CONNECTION: f"Strikes new connections for {paths}.",
    }.get(kind.STRIKES, f"Strikes on {paths}.")
    keys = list(kind_keys(kind).values())
    return f"## {kind.KIND}\n\n{inspect.getdoc(kind)}\n\n{where}\n" + (f"\n{_table(keys)}" if keys else "")


def _table(keys: list[Key]) -> str:
    return "| key | value | default | meaning |\n|---|---|---|---|\n" + "".join(map(_row, keys))


def _row(key: Key) -> str:
    default = "must be given" if key.default is MISSING else "" if key.default is None else f"`{key.default}`"
    cells = (f"`{key.name}`", key.allowed, default, key.text)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    main()
