"""Prints docs/night_faults.md, every kind of fault of a night: python -m sim.nights.fault_table."""

from sim.faults import KINDS

INTRODUCTION = """\
# What goes wrong in a night

Every kind of fault that `nightdesk swarm` draws from, written by `python -m sim.nights.fault_table`. A fault has a time,
a length, an intensity and a coin; a seed leaves most kinds out and strikes with the others once to three times.

"""

HEAD = ("Kind", "Family", "What happens", "How intensity, 0 to 1, is read")


def page() -> str:
    return INTRODUCTION + table()


def table() -> str:
    """Return the table, its kinds in the order of their families."""
    rows = [HEAD, ("---",) * len(HEAD)]
    rows += [(f"`{kind.name}`", kind.family, kind.text, kind.intensity) for kind in KINDS.values()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


if __name__ == "__main__":
    print(page(), end="")
