"""Whether two prices of one thing agree: with hysteresis, and nothing concluded from one look."""

from dataclasses import dataclass, field

AGREED_S = 10.0
"""A dispute is over when the prices have been near each other for so long."""
NEAR = 0.5
"""Near is within this share of the limit."""
GAP_S = 2.5
"""Two looks further apart say nothing of what was between them: they come once a second."""


@dataclass(slots=True, kw_only=True)
class Agreement:
    """limit is a fraction: further apart than it for after_s is a dispute. Times are seconds of one monotonic clock.

    Where nothing could be compared there is no look. That is not agreement: what was found before stands.
    """

    limit: float
    after_s: float
    disputed: bool = False
    _since_s: float | None = field(default=None, init=False)
    _looked_s: float = field(default=0.0, init=False)

    def looked(self, ratio: float, at_s: float) -> bool:
        """Take one price over the other, positive and finite; return whether the finding is another one now."""
        off = abs(ratio - 1)
        against = off <= NEAR * self.limit if self.disputed else off > self.limit
        if not against:
            self._since_s = None
        elif self._since_s is None or at_s - self._looked_s > GAP_S:
            self._since_s = at_s
        self._looked_s = at_s
        if self._since_s is None or at_s - self._since_s < (AGREED_S if self.disputed else self.after_s):
            return False
        self.disputed, self._since_s = not self.disputed, None
        return True
