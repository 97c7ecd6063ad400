"""What is due of an index, told from what its ledger has: so a restart at any moment repeats nothing and misses nothing.

A midnight is done when its level is recorded, a review when a launch, announcement or reweight of its close or later is;
a reweight that was announced is none, its review was the announcement.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from core.levels.types import Announce, Change, Launch, Publish, Reweight
from daemon.crypto_index.asking import Kind
from strategies.crypto_index.methodology import Methodology, Schedule
from strategies.crypto_index.schedule import DAY_MS, close_ms, is_last_of


@dataclass(slots=True)
class Done:
    """Times (UTC ms) of the newest level of a midnight and of the newest review; 0 before the launch.

    passed_ms: the newest midnight that can have no level, as this life has found.
    """

    level_ms: int = 0
    review_ms: int = 0
    passed_ms: int = 0
    _is_announced: bool = False

    def took(self, change: Change) -> None:
        """Take what is recorded, entry by entry."""
        event, at_ms = change.entry.event, change.entry.at_ms
        if isinstance(event, Launch | Publish):
            self.level_ms = max(self.level_ms, at_ms)
        if isinstance(event, Launch | Announce) or (isinstance(event, Reweight) and not self._is_announced):
            self.review_ms = max(self.review_ms, at_ms)
        self._is_announced = change.state.pending is not None

    def midnights(self, now_ms: int) -> list[int]:
        """Return midnights up to now whose level is not recorded and may be, oldest first."""
        first = (max(self.level_ms, self.passed_ms) // DAY_MS + 1) * DAY_MS
        return list(range(first, now_ms + 1, DAY_MS))

    def review(self, rules: Methodology, now_ms: int) -> tuple[date, Kind] | None:
        """Return the newest day with a review whose close has passed and that has none, and what it decides."""
        day = day_of(now_ms)
        while close_ms(day) > self.review_ms:
            if (kind := kind_of(rules.schedule, day)) is not None:
                return day, kind if kind is Kind.MEMBERS else self._kind(rules, day)
            day -= timedelta(days=1)
        return None

    def _kind(self, rules: Methodology, newest: date) -> Kind:
        """Say what the newest review has to decide: members too, where one that chooses them was missed before it."""
        day = newest
        while close_ms(day) > self.review_ms:
            if kind_of(rules.schedule, day) is Kind.MEMBERS:
                return Kind.MEMBERS
            day -= timedelta(days=1)
        return Kind.WEIGHTS


def day_of(now_ms: int) -> date:
    """Return the newest day that has closed."""
    return datetime.fromtimestamp(now_ms // DAY_MS * DAY_MS / 1000, tz=UTC).date() - timedelta(days=1)


def kind_of(schedule: Schedule, day: date) -> Kind | None:
    """Return what is reviewed at a day's close, None on most days."""
    if is_last_of(schedule.members, day):
        return Kind.MEMBERS
    return Kind.WEIGHTS if is_last_of(schedule.weights, day) else None
