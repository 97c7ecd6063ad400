"""What a consumer of all instances sees, second by second, and what may never be seen."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core.prices.fence import Fence
from core.prices.types import Published, State

SILENT = "nothing published in time"
USABLE = (State.OK, State.DEGRADED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """late_s: a value counts for so long, twice the longest time between two. wrong_bps: further off is wrong."""

    symbol: str = "BTC/USD"
    late_s: float = 2.0
    wrong_bps: float = 50.0


@dataclass(slots=True)
class Spell:
    """Seconds in a row without a value that can be used: from when, how many, why, and after which fault."""

    at_s: int
    seconds: int
    why: str
    after: str


@dataclass(slots=True)
class Score:
    """Counts of seconds, of values, and of what may never be."""

    seconds: int = 0
    available: int = 0
    degraded: int = 0
    wrong: int = 0
    worst_bps: float = 0.0
    values: int = 0
    refused: int = 0
    tokens: int = 0
    out_of_use: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    spells: list[Spell] = field(default_factory=list)

    @property
    def availability(self) -> float:
        return self.available / self.seconds if self.seconds else 0.0


class Consumer:
    """Hears every instance. The first usable value begins the count of seconds."""

    def __init__(self, limits: Limits, *, error_bps: Callable[[float], float]) -> None:
        self.score = Score()
        self._limits, self._error_bps = limits, error_bps
        self._fence = Fence()
        self._newest: tuple[float, Published] | None = None
        self._holders: dict[int, str] = {}
        self._sequences: dict[int, int] = {}
        self._wrong_bps = 0.0
        self.leader = ""

    def take(self, holder: str, values: Sequence[Published], now_s: float) -> None:
        """Hear values that an instance published."""
        for value in values:
            self.score.values += 1
            self._check_order(holder, value)
            if self._fence.take(value.token, value.sequence) is not None:
                self.score.refused += 1
            elif value.symbol == self._limits.symbol:
                self._newest, self.leader = (now_s, value), holder
                self._check_price(value)

    def second(self, at_s: int, after: str) -> None:
        """Count a second that has ended; after is what went wrong last."""
        wrong_bps, self._wrong_bps = self._wrong_bps, 0.0
        if self._newest is None:
            return
        at, value = self._newest
        score = self.score
        score.seconds += 1
        score.wrong += wrong_bps > 0
        if at_s - at <= self._limits.late_s and value.state in USABLE:
            score.available += 1
            score.degraded += value.state is State.DEGRADED
            return
        why = SILENT if at_s - at > self._limits.late_s else f"{value.state} {value.cause}"
        score.out_of_use[why] += 1
        last = score.spells[-1] if score.spells else None
        if last is not None and last.at_s + last.seconds == at_s and last.why == why:
            last.seconds += 1
        else:
            score.spells.append(Spell(at_s, 1, why, after))

    def _check_order(self, holder: str, value: Published) -> None:
        broken = self.score.broken
        if self._holders.setdefault(value.token, holder) != holder:
            broken["one token, two publishers"] += 1
        if value.token < self._fence.token:
            broken["a token below one that was seen"] += 1
        if value.sequence <= self._sequences.get(value.token, -1):
            broken["a sequence twice"] += 1
        self._sequences[value.token] = value.sequence
        self.score.tokens = len(self._holders)

    def _check_price(self, value: Published) -> None:
        if value.price is None or value.state is not State.OK:
            return
        off_bps = self._error_bps(value.price)
        self.score.worst_bps = max(self.score.worst_bps, off_bps)
        if off_bps > self._limits.wrong_bps:
            self._wrong_bps = max(self._wrong_bps, off_bps)
