"""When to try a connection again: soon, then later, never all at once, and never more often than allowed."""

import random
from collections import deque
from dataclasses import dataclass, field

CONNECTIONS_PER_MIN = 30
MESSAGES_PER_MIN = 2_000
"""Of a client, over all its connections (hyperliquid.md 4.1)."""


@dataclass(slots=True)
class Pace:
    """A sliding minute: how many messages may go out in it, over all connections together.

    The last kept of them are left to pings.
    """

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


@dataclass(slots=True)
class Backoff:
    """Exponential waits with jitter from a given source, within a number of connections a minute.

    A connection that held longer than calm_s starts the series again.
    """

    rng: random.Random
    first_s: float = 0.5
    longest_s: float = 30.0
    calm_s: float = 60.0
    _failures: int = 0
    _last_ms: int | None = None
    _pace: Pace = field(default_factory=lambda: Pace(CONNECTIONS_PER_MIN, kept=0))

    def connecting(self, now_ms: int) -> None:
        """Note that a connection is being made."""
        self._last_ms = now_ms
        self._pace.sent(now_ms)

    def wait_s(self, now_ms: int) -> float:
        """Return how long to wait after a connection ended, or could not be made, now."""
        if self._last_ms is not None and now_ms - self._last_ms > self.calm_s * 1000:
            self._failures = 0
        ceiling = min(self.longest_s, self.first_s * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return max(ceiling * self.rng.uniform(0.5, 1.0), self._pace.wait_s(now_ms))
