"""`nightdesk index verify`: what a second implementation makes of a ledger, of index prices or of an index's levels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.options import BadUse
from research import index_level_again, index_verify
from research.index_level_again import Checked
from research.index_verify import Verified


@dataclass(frozen=True, slots=True)
class Finding:
    """What is printed of a ledger, as a document and as a line; held: nothing differs."""

    document: dict[str, Any]
    text: str
    held: bool


def finding(path: Path) -> Finding:
    """Make what a ledger holds again, by the kind that its header names. Raises BadUse where the file is no ledger."""
    try:
        if index_verify.header_of(path)["ledger"] == index_level_again.KIND[0]:
            return _levels(path, index_level_again.check(path))
        return _prices(path, index_verify.verify(path))
    except (index_verify.NotALedger, index_level_again.NotALedger) as error:
        raise BadUse(str(error)) from error


def _prices(path: Path, found: Verified) -> Finding:
    wrong = found.mismatch
    document = {"file": str(path), "values": found.values, "largest_difference": found.largest}
    words = f"{found.values} values made again, largest difference of a price {found.largest:.1e}"
    if wrong is None:
        return _held(document, f"{path}: {words}: all are what their rules and ticks make")
    return _differs(document, f"{path}: {words}; then {wrong}", wrong)


def _levels(path: Path, found: Checked) -> Finding:
    wrong = found.difference
    document = {"file": str(path), "entries": found.entries, "levels": found.levels, "head": found.head}
    words = f"{found.entries} entries and {found.levels} levels made again, last hash {found.head}"
    if wrong is None:
        return _held(document, f"{path}: {words}: all are what their events and prices make")
    return _differs(document, f"{path}: {words}; then line {wrong.line}: {wrong}", wrong)


def _held(document: dict[str, Any], text: str) -> Finding:
    return Finding(document | {"held": True, "mismatch": None}, text, held=True)


def _differs(
    document: dict[str, Any], text: str, wrong: index_verify.Mismatch | index_level_again.Difference
) -> Finding:
    first = {"line": wrong.line, "what": wrong.what, "told": wrong.told, "made": wrong.made}
    return Finding(document | {"held": False, "mismatch": first}, text, held=False)
