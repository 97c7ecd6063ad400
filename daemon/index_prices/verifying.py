"""`nightdesk index verify`: what a second implementation makes of a ledger, of index prices or of an index's levels."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from daemon.options import BadUse
from research import index_level_again, index_verify
from research.index_level_again import Checked
from research.index_verify import Mismatch, Verified


class Ending(StrEnum):
    """How far a ledger could be made again; the value is the colour that it is told in."""

    HELD = "green"
    NOT_CLOSED = "yellow"
    DIFFERS = "red"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is printed of a ledger, as a document and as a line."""

    document: dict[str, Any]
    text: str
    ending: Ending


def finding(paths: Sequence[Path]) -> Finding:
    """Make what a ledger holds again, by the kind that its header names. Raises BadUse where a file is no ledger.

    One of index prices may be in several files, in their order; one of levels is a file.
    """
    try:
        if index_verify.header_of(paths[0])["ledger"] != index_level_again.KIND[0]:
            return _prices(index_verify.verify(*paths))
        if len(paths) > 1:
            raise BadUse(f"{paths[0]}: a ledger of levels is verified by itself, not with {paths[1]}")
        return _levels(paths[0], index_level_again.check(paths[0]))
    except (index_verify.NotALedger, index_level_again.NotALedger) as error:
        raise BadUse(str(error)) from error


def _prices(found: Verified) -> Finding:
    settled = f" and {found.settlements} settlements" if found.settlements else ""
    words = f"{found.values} values{settled} made again, largest difference of a price {found.largest:.1e}"
    document = {
        "file": str(found.file),
        "values": found.values,
        "settlements": found.settlements,
        "closed": found.closed,
        "largest_difference": found.largest,
    }
    if found.mismatch is not None:
        return _differs(document, f"{found.file}: {words}; then {found.mismatch}", found.mismatch)
    if found.closed:
        return _held(document, f"{found.file}: {words}: all are what their rules and ticks make")
    text = f"{found.file}: was not closed: {found.values} values verified{settled}"
    text += f", largest difference of a price {found.largest:.1e}; what followed is in no file that was named"
    return Finding(document | {"held": True, "mismatch": None}, text, Ending.NOT_CLOSED)


def _levels(path: Path, found: Checked) -> Finding:
    wrong = found.difference
    document = {"file": str(path), "entries": found.entries, "levels": found.levels, "head": found.head}
    words = f"{found.entries} entries and {found.levels} levels made again, last hash {found.head}"
    if wrong is None:
        return _held(document, f"{path}: {words}: all are what their events and prices make")
    return _differs(document, f"{path}: {words}; then line {wrong.line}: {wrong}", wrong)


def _held(document: dict[str, Any], text: str) -> Finding:
    return Finding(document | {"held": True, "mismatch": None}, text, Ending.HELD)


def _differs(document: dict[str, Any], text: str, wrong: Mismatch | index_level_again.Difference) -> Finding:
    first = {"line": wrong.line, "what": wrong.what, "told": wrong.told, "made": wrong.made}
    return Finding(document | {"held": False, "mismatch": first}, text, Ending.DIFFERS)
