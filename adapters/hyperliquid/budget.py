"""The venue's weight limit for one IP address, kept by us so that it never has to be enforced on us."""

import asyncio
from enum import Enum

from adapters.ports import Clock

CAPACITY_PER_MIN = 1200.0
"""Weight a minute for REST requests from one address (hyperliquid.md 4.1)."""

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
    """Who waits for whom; the value is the fraction of the capacity that must be left after a request."""

    ORDER = 0.0
    ACCOUNT = 0.1
    HISTORY = 0.5


def info_weight(kind: str) -> int:
    """Return what a read costs before its rows are known."""
    return WEIGHTS.get(kind, WEIGHT_OTHER)


def rows_weight(kind: str, rows: int) -> int:
    """Return what the rows of a reply cost on top."""
    return rows // ROWS_PER_WEIGHT[kind] if kind in ROWS_PER_WEIGHT else 0


def action_weight(members: int) -> int:
    """Return what a batch of orders or cancels costs."""
    return 1 + members // 40


class Budget:
    """A token bucket on the one clock. Orders and cancels take at once, into debt if need be; reads wait."""

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
        """Take weight without waiting: for orders and cancels, and for rows that have already come."""
        self._left = self.left - weight

    async def wait(self, weight: float, priority: Priority) -> None:
        """Take weight once what must be left for more urgent requests stays left; first come, first served."""
        floor = priority.value * self._capacity
        weight_due = min(weight, self._capacity - floor)
        async with self._queues[priority]:
            while (missing := weight_due + floor - self.left) > 1e-9:
                await self._clock.sleep(missing * 60 / self._capacity)
            self.spend(weight)
