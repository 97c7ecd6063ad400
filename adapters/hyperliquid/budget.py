"""The venue's weight limit for one IP address, kept by us so that it never has to be enforced on us."""

import asyncio
from enum import Enum
from math import inf

from adapters.ports import Clock

CAPACITY_PER_MIN = 1200.0
"""Weight a minute for REST requests from one address (hyperliquid.md 4.1)."""
TOO_MANY = 429
"""HTTP status of a request for which the venue has no weight left, by its own count."""

WEIGHTS = {
    "l2Book": 2,
    "allMids": 2,
    "clearinghouseState": 2,
    "orderStatus": 2,
    "spotClearinghouseState": 2,
    "exchangeStatus": 2,
    "userRole": 60,
}
WEIGHT_OTHER = 20
ROWS_PER_WEIGHT = {
    "userFills": 20,
    "userFillsByTime": 20,
    "fundingHistory": 20,
    "userFunding": 20,
    "historicalOrders": 20,
    "candleSnapshot": 60,
}


class Priority(Enum):
    """Who waits for whom. Hedges and cancels, and what a cancel must read first, never wait.

    Slices come before reads of the account: they weigh next to nothing beside them, and leave them room all the same.
    """

    URGENT = "urgent"
    SLICE = "slice"
    ACCOUNT = "account"
    HISTORY = "history"


def info_weight(kind: str) -> int:
    """Return what a read costs before its rows are known."""
    return WEIGHTS.get(kind, WEIGHT_OTHER)


def rows_weight(kind: str, rows: int) -> int:
    """Return what the rows of a reply cost on top."""
    return rows // ROWS_PER_WEIGHT[kind] if kind in ROWS_PER_WEIGHT else 0


def action_weight(members: int) -> int:
    """Return what a batch of orders or cancels costs."""
    return 1 + members // 40


HEDGES_RESERVED = 30
CANCELS_RESERVED = 1000
"""Open orders that may have to be cancelled at once: the most an account without much volume may have."""
SLICES_RESERVED = 12
"""A minute of the quickest slices, each of a hundred orders."""

URGENT_WEIGHT = (
    HEDGES_RESERVED * action_weight(2)
    + info_weight("frontendOpenOrders")
    + info_weight("meta")
    + CANCELS_RESERVED // 200 * action_weight(200)
)
"""Weight kept for hedges and for cancelling everything: the reads it needs, and its batches."""
SLICES_WEIGHT = SLICES_RESERVED * action_weight(100)

RESERVED: dict[Priority, tuple[float, float]] = {
    Priority.URGENT: (0.0, 0.0),
    Priority.SLICE: (URGENT_WEIGHT, 0.2),
    Priority.ACCOUNT: (URGENT_WEIGHT + SLICES_WEIGHT, 0.3),
    Priority.HISTORY: (CAPACITY_PER_MIN, 0.5),
}
"""What a request must leave to more urgent ones: a weight, and the fraction of the capacity that it never passes."""


class Budget:
    """A token bucket on the one clock. What is urgent takes at once, into debt if need be; all else waits."""

    def __init__(self, clock: Clock, *, capacity_per_min: float = CAPACITY_PER_MIN) -> None:
        if not capacity_per_min > 0:
            raise ValueError(f"capacity_per_min is {capacity_per_min}, it must be above 0")
        self._clock = clock
        self._capacity = self._left = capacity_per_min
        self._at_ms = clock.now_ms()
        self._queues = {priority: asyncio.Lock() for priority in Priority}

    @property
    def left(self) -> float:
        """Weight that could be spent now; negative is debt."""
        now_ms = self._clock.now_ms()
        gained = max(now_ms - self._at_ms, 0) * self._capacity / 60_000
        self._at_ms = now_ms
        self._left = min(self._capacity, self._left + gained)
        return self._left

    def spend(self, weight: float) -> None:
        """Take weight without waiting: for what is sent now, and for rows that have already come."""
        self._left = self.left - weight

    def empty(self) -> None:
        """Count nothing as left: the venue said so, whatever else used up the weight of this address."""
        self._left = min(self.left, 0.0)

    async def wait(self, weight: float, priority: Priority) -> None:
        """Take weight once what must be left for more urgent requests stays left; first come, first served."""
        if priority is not Priority.URGENT:
            await self.room(weight, priority)
        self.spend(weight)

    async def room(self, weight: float, priority: Priority, *, until_ms: float = inf) -> bool:
        """Wait until weight could be taken; False, at once, when that would not be before until_ms."""
        floor = self.floor(priority)
        due = min(weight, self._capacity - floor)
        async with self._queues[priority]:
            while (missing := due + floor - self.left) > 1e-9:
                wait_s = missing * 60 / self._capacity
                if self._clock.now_ms() + 1000 * wait_s >= until_ms:
                    return False
                await self._clock.sleep(wait_s)
        return True

    def floor(self, priority: Priority) -> float:
        """Return the weight that a request of this priority must leave."""
        weight, share = RESERVED[priority]
        return min(weight, share * self._capacity)
