"""How long a leader may publish, and when a candidate may follow: times judged so that no two ever lead at once.

A lease is never a time written down for others: each side measures on its own monotonic clock. The leader counts from
before it sent its last renewal, the candidate from after it saw that renewal, so the leader's end comes first.
Times are seconds of a clock that no step of the wall moves; only differences on one clock are ever compared.
"""

from dataclasses import dataclass

BEATS = 8
"""Rounds in a lease: how often a leader renews and a candidate looks."""

MARGIN = 0.25
"""A leader stops so much before its lease's end, fraction of the lease: for what clocks do to each other."""

LOOK = 0.8 * MARGIN
"""The time between two looks counts for this at most, fraction of the lease: a clock that jumps must not end a lease."""


@dataclass(frozen=True, slots=True)
class Term:
    """The right to publish with token until until_s of the holder's clock."""

    token: int
    until_s: float


class Tenure:
    """The leader's side: what the last renewal that succeeded allows."""

    def __init__(self) -> None:
        self._term: Term | None = None
        self._latest_s = 0.0
        self._given_up = -1

    def granted(self, token: int, *, sent_s: float, lease_s: float) -> None:
        """A renewal sent at sent_s succeeded. A token that was given up does not come back."""
        if token > self._given_up:
            self._term, self._latest_s = Term(token, sent_s + lease_s * (1 - MARGIN)), sent_s

    def lost(self) -> None:
        self._term = None

    def give_up(self) -> None:
        if self._term is not None:
            self._given_up, self._term = self._term.token, None

    def at(self, now_s: float) -> Term | None:
        """Return the term that now_s falls into. A clock that goes back ends it: nobody knows what is left of it."""
        if self._term is None or now_s >= self._term.until_s or now_s < self._latest_s:
            self._term = None
            return None
        self._latest_s = now_s
        return self._term


class Sighting:
    """The candidate's side: for how long it has seen the same lease, unrenewed."""

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._seen: object = self
        self._at_s = 0.0
        self._unchanged_s = 0.0

    def has_ended(self, seen: object, now_s: float) -> bool:
        """Tell whether what was read, before now_s, has been there for a whole lease."""
        passed_s = min(max(now_s - self._at_s, 0.0), self._lease_s * LOOK)
        self._unchanged_s = self._unchanged_s + passed_s if seen == self._seen else 0.0
        self._seen, self._at_s = seen, now_s
        return self._unchanged_s >= self._lease_s
