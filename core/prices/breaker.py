"""What is published of a candidate: it itself, the last good price, or nothing yet."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.prices.judging import Row
from core.prices.methodology import Breach, Breaker, Few
from core.prices.types import Cause, State
from core.prices.weighing import spread
from core.robust import median

APART_MS = 100
"""Published prices closer in time than this are one for the limits."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """State and price to publish. fresh: inputs confirm it. accepted: a move beyond the limits, confirmed."""

    state: State
    cause: Cause
    price: float | None
    fresh: bool = False
    accepted: bool = False


@dataclass(slots=True)
class Memory:
    """What the breaker remembers: the last good price and when, recent prices and their times, and a move that waits."""

    price: float | None = None
    good_ms: int | None = None
    recent: list[float] = field(default_factory=list)
    recent_ms: list[int] = field(default_factory=list)
    waits_ms: int | None = None
    agrees_ms: int | None = None
    unconfirmed: bool = False

    def good(self, price: float, now_ms: int) -> None:
        self.price, self.good_ms = price, now_ms
        if not self.recent or now_ms - self.recent_ms[-1] >= APART_MS:
            self.recent.append(price)
            self.recent_ms.append(now_ms)

    def forget(self, until: int | None = None) -> None:
        """Forget so many of the oldest recent prices, all without a number."""
        del self.recent[:until], self.recent_ms[:until]


def held(memory: Memory, cause: Cause) -> Outcome:
    """Return the last good price, or STARTING where there was none."""
    state = State.STARTING if memory.price is None else State.HALTED
    return Outcome(state, cause, memory.price)


def few(rows: Sequence[Row], candidate: float, memory: Memory, rules: Breaker) -> Outcome | float:
    """Return what fewer feeds than the minimum give: a price to go on with, or a hold (S4-26, E4-9)."""
    if rules.few is Few.AVERAGE:
        return candidate
    if memory.price is None:
        return candidate if _begin(rows, rules) else held(memory, Cause.QUORUM)
    if rules.few is Few.HOLD:
        return Outcome(State.DEGRADED, Cause.QUORUM, memory.price)
    if len(rows) >= 2:
        return median([row.usd for row in rows] + [memory.price]) if len(rows) == 2 else candidate
    alone = rows[0].usd
    return alone if abs(alone / memory.price - 1) <= rules.single_within else held(memory, Cause.QUORUM)


def _begin(rows: Sequence[Row], rules: Breaker) -> bool:
    """Say whether fewer feeds than the minimum make a first price: two confirm each other, where they agree."""
    return rules.few is Few.LAST_INDEX and len(rows) >= 2 and spread(rows) <= rules.agree_within


def passed(candidate: float, sound: Sequence[Row], memory: Memory, rules: Breaker, *, now_ms: int) -> Outcome:
    """Let a candidate through, or hold it until the feeds agree on it for long enough (E4-11)."""
    if not _is_beyond(candidate, memory, rules, now_ms) and not memory.unconfirmed:
        memory.waits_ms = memory.agrees_ms = None
        return Outcome(State.OK, Cause.NONE, candidate, fresh=True)
    if rules.breach is Breach.HOLD:
        return held(memory, Cause.MOVE)
    return _confirming(candidate, sound, memory, rules, now_ms=now_ms)


def _is_beyond(candidate: float, memory: Memory, rules: Breaker, now_ms: int) -> bool:
    if memory.price is None or rules.breach is Breach.ACCEPT or not rules.limits:
        return False
    memory.forget(bisect_left(memory.recent_ms, now_ms - 1000 * max(rules.limits)[0]))
    if rules.breach is Breach.HOLD:
        return any(abs(candidate / memory.price - 1) > limit for _, limit in rules.limits)
    if not memory.recent:
        return abs(candidate / memory.price - 1) > max(limit for _, limit in rules.limits)
    return any(
        abs(candidate / _oldest(memory, now_ms - 1000 * seconds) - 1) > limit
        for seconds, limit in rules.limits
    )


def _oldest(memory: Memory, since_ms: float) -> float:
    """Return the oldest price since then, else the newest one."""
    first = bisect_left(memory.recent_ms, since_ms)
    return memory.recent[first] if first < len(memory.recent) else memory.recent[-1]


def _confirming(
    candidate: float, sound: Sequence[Row], memory: Memory, rules: Breaker, *, now_ms: int
) -> Outcome:
    if memory.waits_ms is None:
        memory.waits_ms = now_ms
    near = sum(abs(row.usd / candidate - 1) <= rules.agree_within / 2 for row in sound)
    agreed = near >= rules.feeds_min and 2 * near > len(sound)
    memory.agrees_ms = (memory.agrees_ms or now_ms) if agreed else None
    if memory.agrees_ms is not None and now_ms - memory.agrees_ms >= 1000 * rules.confirm_s:
        memory.waits_ms = memory.agrees_ms = None
        memory.unconfirmed = False
        memory.forget()
        return Outcome(State.OK, Cause.NONE, candidate, fresh=True, accepted=True)
    if now_ms - memory.waits_ms > 1000 * rules.hold_s:
        memory.unconfirmed = True
        memory.forget()
        return Outcome(State.DEGRADED, Cause.UNCONFIRMED, candidate, fresh=True)
    return held(memory, Cause.MOVE)
