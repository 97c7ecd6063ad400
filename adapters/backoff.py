"""When to try a connection again: soon, then later, never all at once, and never more often than allowed."""

import random
from collections import deque
from dataclasses import dataclass, field

CONNECTIONS_PER_MIN = 30
MESSAGES_PER_MIN = 2_000
"""Of a client, over all its connections (hyperliquid.md 4.1)."""


@dataclass(slots=True)
class Backoff:
    """Exponential waits with jitter from a given source, within a number of connections a minute.

    A connection that held longer than calm_s starts the series again.
    """

    rng: random.Random
    first_s: float = 0.5
    longest_s: float = 30.0
    calm_s: float = 60.0
    per_min: int = CONNECTIONS_PER_MIN
    _failures: int = 0
    _connected_ms: deque[int] = field(default_factory=deque)

    def connecting(self, now_ms: int) -> None:
        """Note that a connection is being made."""
        self._connected_ms.append(now_ms)

    def wait_s(self, now_ms: int) -> float:
        """Return how long to wait after a connection ended, or could not be made, now."""
        if self._connected_ms and now_ms - self._connected_ms[-1] > self.calm_s * 1000:
            self._failures = 0
        ceiling = min(self.longest_s, self.first_s * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return max(ceiling * self.rng.uniform(0.5, 1.0), self._allowed_in_s(now_ms))

    def _allowed_in_s(self, now_ms: int) -> float:
        while self._connected_ms and now_ms - self._connected_ms[0] >= 60_000 and len(self._connected_ms) > 1:
            self._connected_ms.popleft()
        if len(self._connected_ms) < self.per_min:
            return 0.0
        return (60_000 - (now_ms - self._connected_ms[-self.per_min])) / 1000


@dataclass(slots=True)
class Pace:
    """How many messages a minute may go out, over all connections together. The last hundred are left to pings."""

    per_min: int = MESSAGES_PER_MIN
    kept: int = 100
    _sent_ms: deque[int] = field(default_factory=deque)

    def sent(self, now_ms: int) -> None:
        """Note that a message is being sent."""
        self._sent_ms.append(now_ms)

    def wait_s(self, now_ms: int) -> float:
        """Return how long a message has to wait now; 0 when it may go."""
        while self._sent_ms and now_ms - self._sent_ms[0] >= 60_000:
            self._sent_ms.popleft()
        allowed = self.per_min - self.kept
        if len(self._sent_ms) < allowed:
            return 0.0
        return (60_000 - (now_ms - self._sent_ms[-allowed])) / 1000
