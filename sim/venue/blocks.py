"""Blocks: actions that arrive within 70 ms are carried out together when it ends, in the venue's order (2.7).

First what sends no Gtc or Ioc order, then cancels, then the rest; each class as it arrived. So a cancel and a post-only
order beat every taker of their block, and nobody knows its reply before the block's end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sim.venue.actions import AnyAction, Envelope
from sim.venue.order_actions import (
    BatchModifyAction,
    CancelAction,
    CancelByCloidAction,
    ModifyAction,
    OrderAction,
    OrderWire,
)

BLOCK_MS = 70


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in the block that is open; its reply is there once the venue has advanced to due_ms."""

    number: int
    due_ms: int


def block_end_ms(now_ms: int) -> int:
    return -(-now_ms // BLOCK_MS) * BLOCK_MS


class Blocks:
    """The actions of the block that is open. Holds no time: the venue says when a block ends."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Envelope]] = []
        self._given = 0

    @property
    def empty(self) -> bool:
        return not self._waiting

    def add(self, envelope: Envelope) -> int:
        """Put an action into the block and return its number."""
        self._given += 1
        self._waiting.append((turn(envelope.action), self._given, envelope))
        return self._given

    def take(self) -> list[tuple[int, Envelope]]:
        """Return the block's actions in the order in which they are carried out, and begin a new block."""
        waiting, self._waiting = self._waiting, []
        waiting.sort(key=lambda one: one[:2])
        return [(number, envelope) for _, number, envelope in waiting]


def turn(action: AnyAction) -> int:
    """Return 1 for what sends no Gtc or Ioc order to the book, 2 for cancels, 3 for what does."""
    match action:
        case CancelAction() | CancelByCloidAction():
            return 2
        case OrderAction(orders=orders):
            return 3 if _takes(orders) else 1
        case ModifyAction(order=order, a=always):
            return 3 if always and _takes([order]) else 1
        case BatchModifyAction(modifies=modifies, a=always):
            return 3 if always and _takes([m.order for m in modifies]) else 1
        case _:
            return 1


def _takes(orders: Sequence[OrderWire]) -> bool:
    return any(wire.t.limit is not None and wire.t.limit.tif != "Alo" for wire in orders)
