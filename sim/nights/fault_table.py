"""Prints every kind of fault as a table in Markdown: python -m sim.nights.fault_table."""

from sim.faults import KINDS

HEAD = ("Kind", "Family", "What happens", "How intensity, 0 to 1, is read")


def table() -> str:
    """Return the table, its kinds in the order of their families."""
    rows = [HEAD, ("---",) * len(HEAD)]
    rows += [(f"`{kind.name}`", kind.family, kind.text, kind.intensity) for kind in KINDS.values()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


if __name__ == "__main__":
    print(table(), end="")
