"""`nightdesk index verify`: what a second implementation makes of a ledger."""

from pathlib import Path
from typing import Any

from rich.text import Text

from daemon.options import BadUse
from research.index_verify import NotALedger, Verified, verify


def verified(path: Path) -> Verified:
    """Make a ledger's values again. Raises BadUse where the file is none."""
    try:
        return verify(path)
    except NotALedger as error:
        raise BadUse(str(error)) from error


def document(path: Path, found: Verified) -> dict[str, Any]:
    wrong = found.mismatch
    first = (
        None
        if wrong is None
        else {"line": wrong.line, "what": wrong.what, "told": wrong.told, "made": wrong.made}
    )
    return {
        "file": str(path),
        "values": found.values,
        "settlements": found.settlements,
        "closed": found.closed,
        "largest_difference": found.largest,
        "held": wrong is None,
        "mismatch": first,
    }


def view(path: Path, found: Verified) -> Text:
    settled = f" and {found.settlements} settlements" if found.settlements else ""
    words = f"{found.values} values{settled} made again, largest difference of a price {found.largest:.1e}"
    if found.mismatch is not None:
        return Text(f"{path}: {words}; then {found.mismatch}", style="red")
    if not found.closed:
        text = f"{path}: was not closed: {found.values} values verified; what followed them is not known; {words}"
        return Text(text, style="yellow")
    return Text(f"{path}: {words}: all are what their rules and ticks make", style="green")
