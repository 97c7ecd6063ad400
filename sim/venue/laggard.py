"""A node of the venue that is behind the others, as they stand behind the venue's balancer (hyperliquid.md 4.6)."""

from collections import deque
from collections.abc import Callable
from copy import deepcopy

from sim.venue.venue import Venue
from sim.venue.wire import Reply

Call = Callable[[Venue], object]


class Laggard:
    """The same venue lag_ms ago. It is told everything the venue is told but who listens to what, and does it so much
    later: since a venue is a machine of its calls and their times, it stands exactly where the venue stood.

    Where the venue's clock is set back the venue stands still until that time comes again; so does the node, lag_ms behind.
    """

    def __init__(self, venue: Venue, lag_ms: int) -> None:
        """Begin as a copy of a venue that nobody has spoken to yet."""
        self.lag_ms = lag_ms
        self._venue = deepcopy(venue, {id(venue.market): venue.market})
        self._calls: deque[tuple[int, Call]] = deque()
        self._newest_ms = 0

    def told(self, at_ms: int, call: Call) -> None:
        """The venue was called when it stood at this time."""
        self._newest_ms = max(self._newest_ms, at_ms)
        self._calls.append((at_ms, call))

    def advance(self, now_ms: int) -> None:
        """Do what the venue had done by lag_ms ago."""
        self._newest_ms = max(self._newest_ms, now_ms)
        then_ms = self._newest_ms - self.lag_ms
        while self._calls and self._calls[0][0] <= then_ms:
            at_ms, call = self._calls.popleft()
            self._venue.advance(at_ms)
            call(self._venue)
        self._venue.advance(then_ms)
        self._venue.take_frames()
        self._venue.take_replies()

    def read(self, content_type: str | None, body: bytes, *, now_ms: int) -> Reply:
        """Answer a POST to /info as the venue would have lag_ms ago."""
        self.advance(now_ms)
        return self._venue.http("/info", content_type, body, now_ms=self._newest_ms - self.lag_ms)
