"""What one IP address may do (hyperliquid.md 4.1), counted in the venue's clock."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from sim.venue.weights import Asked

MINUTE_MS = 60_000
POST_MS = 70
"""How long a post request is under way at least: a block."""


WEIGHT_PER_MIN = 1200
"""REST weight that the venue allows one IP address (hyperliquid.md 4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one address. weight_per_min None: weight is counted, but never refused.

    connections_max and connections_per_min concern the upgrade. How many subscriptions and users a connection may have
    is said where the subscriptions are (streams.py).
    """

    weight_per_min: int | None = WEIGHT_PER_MIN
    connections_max: int = 10
    connections_per_min: int = 30
    messages_per_min: int = 2_000
    posts_max: int = 100


WITHOUT_WEIGHT = Limits(weight_per_min=None)
UNLIMITED = Limits(
    weight_per_min=None,
    connections_max=2**31,
    connections_per_min=2**31,
    messages_per_min=2**31,
    posts_max=2**31,
)


@dataclass(slots=True)
class _Address:
    left: float
    at_ms: int
    spent: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    connections: int = 0
    opened_ms: deque[int] = field(default_factory=deque)
    messages_ms: deque[int] = field(default_factory=deque)
    posts_until_ms: list[int] = field(default_factory=list)


class IpLimits:
    """A token bucket of weight and sliding minutes of connections and messages, for each address."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._addresses: dict[str, _Address] = {}

    def request(self, ip: str, what: Asked, *, now_ms: int) -> bool:
        """Take the weight of a request and return True, or return False: it costs nothing and is not served."""
        address = self._address(ip, now_ms)
        if self.limits.weight_per_min is not None and address.left < what.weight:
            address.refused += 1
            return False
        self._spend(address, what.kind, what.weight)
        return True

    def rows(self, ip: str, what: Asked, answer: bytes, *, now_ms: int) -> None:
        """Take the weight of the rows that an answer's JSON brings, into debt if need be."""
        weight = what.rows_weight(answer)
        if weight:
            self._spend(self._address(ip, now_ms), what.kind, weight)

    def connect(self, ip: str, now_ms: int) -> bool:
        """Count a new websocket and return True, or return False: the upgrade is refused."""
        address = self._address(ip, now_ms)
        _forget(address.opened_ms, now_ms)
        full = address.connections >= self.limits.connections_max
        if full or len(address.opened_ms) >= self.limits.connections_per_min:
            address.refused += 1
            return False
        address.opened_ms.append(now_ms)
        address.connections += 1
        return True

    def disconnect(self, ip: str) -> None:
        self._addresses[ip].connections -= 1

    def message(self, ip: str, now_ms: int) -> bool:
        """Count a client's message over all its connections; False: it is not read."""
        address = self._address(ip, now_ms)
        _forget(address.messages_ms, now_ms)
        if len(address.messages_ms) >= self.limits.messages_per_min:
            address.refused += 1
            return False
        address.messages_ms.append(now_ms)
        return True

    def post(self, ip: str, now_ms: int) -> bool:
        """Begin a post request, under way for a block at least; False: there are too many."""
        address = self._address(ip, now_ms)
        while address.posts_until_ms and address.posts_until_ms[0] <= now_ms:
            heappop(address.posts_until_ms)
        if len(address.posts_until_ms) >= self.limits.posts_max:
            address.refused += 1
            return False
        heappush(address.posts_until_ms, now_ms + POST_MS)
        return True

    def post_held(self, ip: str, until_ms: int) -> None:
        """A post request's answer leaves only then, so one of those under way lasts until then."""
        under_way = self._addresses[ip].posts_until_ms
        if under_way and until_ms > under_way[0]:
            heappop(under_way)
            heappush(under_way, until_ms)

    def document(self, now_ms: int) -> dict[str, Any]:
        """Return the limits and every address's counters."""
        return {"limits": self.limits, "addresses": dict(self._rows(now_ms))}

    def _rows(self, now_ms: int) -> Iterator[tuple[str, dict[str, Any]]]:
        for ip in self._addresses:
            address = self._address(ip, now_ms)
            _forget(address.opened_ms, now_ms)
            _forget(address.messages_ms, now_ms)
            yield (
                ip,
                {
                    "weight_spent": sum(address.spent.values()),
                    "weight_by_type": dict(sorted(address.spent.items())),
                    "weight_left": round(address.left, 3),
                    "refused": address.refused,
                    "connections": address.connections,
                    "connections_this_min": len(address.opened_ms),
                    "messages_this_min": len(address.messages_ms),
                    "posts_in_flight": sum(until_ms > now_ms for until_ms in address.posts_until_ms),
                },
            )

    def _address(self, ip: str, now_ms: int) -> _Address:
        """Return an address's counters, its bucket filled up to now."""
        capacity = self.limits.weight_per_min or 0
        address = self._addresses.get(ip)
        if address is None:
            address = self._addresses[ip] = _Address(capacity, now_ms)
        gained = max(now_ms - address.at_ms, 0) * capacity / MINUTE_MS
        address.left = min(capacity, address.left + gained)
        address.at_ms = max(now_ms, address.at_ms)
        return address

    def _spend(self, address: _Address, kind: str, weight: int) -> None:
        address.spent[kind] = address.spent.get(kind, 0) + weight
        if self.limits.weight_per_min is not None:
            address.left -= weight


def _forget(times_ms: deque[int], now_ms: int) -> None:
    while times_ms and times_ms[0] <= now_ms - MINUTE_MS:
        times_ms.popleft()
