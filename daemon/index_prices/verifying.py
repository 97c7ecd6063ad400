"""`nightdesk index verify`: what a second implementation makes of a ledger."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from daemon.options import BadUse
from research.index_verify import NotALedger, Verified, verify


def verified(paths: Sequence[Path]) -> Verified:
    """Make a ledger's values again, of its files in their order. Raises BadUse where one is none."""
    try:
        return verify(*paths)
    except NotALedger as error:
        raise BadUse(str(error)) from error


def document(found: Verified) -> dict[str, Any]:
    wrong = found.mismatch
    first = (
        None
        if wrong is None
        else {"line": wrong.line, "what": wrong.what, "told": wrong.told, "made": wrong.made}
    )
    return {
        "file": str(found.file),
        "values": found.values,
        "settlements": found.settlements,
        "closed": found.closed,
        "largest_difference": found.largest,
        "held": wrong is None,
        "mismatch": first,
    }


def view(found: Verified) -> Text:
    settled = f" and {found.settlements} settlements" if found.settlements else ""
    words = f"{found.values} values{settled} made again, largest difference of a price {found.largest:.1e}"
    if found.mismatch is not None:
        return Text(f"{found.file}: {words}; then {found.mismatch}", style="red")
    if not found.closed:
        text = f"{found.file}: was not closed: {found.values} values verified{settled}"
        text += (
            f", largest difference of a price {found.largest:.1e}; what followed is in no file that was named"
        )
        return Text(text, style="yellow")
    return Text(f"{found.file}: {words}: all are what their rules and ticks make", style="green")
