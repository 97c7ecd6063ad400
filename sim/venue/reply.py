"""What /exchange says: accepted, refused, and the members of a batch (hyperliquid.md 2.5)."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.venue.account import Account
    from sim.venue.state import VenueState

Document = dict[str, Any]
Status = dict[str, Any] | str
Handlers = Mapping[type, Callable[["VenueState", "Account", Any], Document]]
"""Action type -> what carries it out and returns the reply."""


class Refusal(Exception):
    """The envelope is refused with this text: HTTP 200, status err."""


def ok(kind: str, data: Any = None) -> Document:
    response = {"type": kind} if data is None else {"type": kind, "data": data}
    return {"status": "ok", "response": response}


def statuses(kind: str, members: Sequence[Status]) -> Document:
    return ok(kind, {"statuses": list(members)})


def done() -> Document:
    """The reply of an action that has no members."""
    return ok("default")
