"""What the venue has to do, and when. Things due at one moment are done in the order they were put in, after the ticks.

Ticks are on the agenda for those who listen as well: who does must not decide whose order is matched first.
"""

from enum import Enum
from heapq import heappop, heappush
from typing import Any

from msgspec import Struct

FOREVER_MS = 2**62
AFTER_TICKS = 2**31


class Duty(Enum):
    TICK = "the market moves in one coin"
    PRICES = "oracle and marks are renewed; triggers and margins are checked"
    HOUR = "funding is paid"
    DELIST = "a coin is delisted"
    BLOCK = "a block ends: the actions that came within it are carried out"
    TWAP = "a slice of a TWAP is due"
    SCHEDULED_CANCEL = "an account's dead-man's switch"
    REPEAT = "a topic is sent again"
    IDLE = "a connection may have been silent for too long"


class Due(Struct, frozen=True):
    at_ms: int
    duty: Duty
    subject: Any


class Agenda:
    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, Due]] = []
        self._put = 0

    def put(self, at_ms: int, duty: Duty, subject: Any = None) -> None:
        self._put += 1
        turn = subject if duty is Duty.TICK else AFTER_TICKS
        heappush(self._heap, (at_ms, turn, self._put, Due(at_ms, duty, subject)))

    @property
    def next_ms(self) -> int:
        return self._heap[0][0] if self._heap else FOREVER_MS

    def take(self, now_ms: int) -> Due | None:
        """Return the next thing due by now, or None."""
        if not self._heap or self._heap[0][0] > now_ms:
            return None
        return heappop(self._heap)[3]
