"""Makes a night that fails smaller: fewer and milder faults, fewer coins, less time, as long as it still fails.

Faults are removed by delta debugging (Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from msgspec.structs import replace

from sim.night import Night
from sim.nights.fault import Fault

PLAYS_MAX = 200
COINS_MIN = 4
"""Both hedge coins, and two to be hedged."""

START_MAX_S = -95.0
END_MIN_S = 5.0
"""A night shorter than from its preflight to past its close is none."""

ROUNDING_S = 1.0

Fails = Callable[[Night], bool]
"""Play a night; say whether it fails as the one to be shrunk does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """night is the smallest that failed. whole: nothing smaller was left to try within plays_max."""

    night: Night
    plays: int
    whole: bool


class _Spent(Exception):
    """No play is left."""


class _Search:
    """The smallest night so far, and the plays made to find it."""

    def __init__(self, night: Night, fails: Fails, plays_max: int) -> None:
        self.night, self.plays = night, 0
        self._fails, self._plays_max = fails, plays_max
        self._played = {_key(night): True}

    def fails(self, night: Night) -> bool:
        """Play a night unless it was; keep it when it fails. Raises _Spent when no play is left."""
        if failed := self._plays_badly(night):
            self.night = night
        return failed

    def is_sound(self, night: Night) -> bool:
        """Say whether a night needs the faults that it has to fail: one that ends too soon fails by itself."""
        return not night.faults or not self._plays_badly(replace(night, faults=()))

    def _plays_badly(self, night: Night) -> bool:
        key = _key(night)
        if key not in self._played:
            if self.plays >= self._plays_max:
                raise _Spent
            self.plays += 1
            self._played[key] = self._fails(night)
        return self._played[key]


def shrink(night: Night, fails: Fails, *, plays_max: int = PLAYS_MAX) -> Shrunk:
    """Return the smallest night found that still fails, which night is known to do."""
    search = _Search(night, fails, plays_max)
    try:
        before = None
        while before != search.night:
            before = search.night
            _fewer_faults(search)
            _take(search, _fewer_coins)
            _take(search, lambda night: filter(search.is_sound, _less_time(night)))
            _take(search, _milder)
    except _Spent:
        return Shrunk(night=search.night, plays=search.plays, whole=False)
    return Shrunk(night=search.night, plays=search.plays, whole=True)


def _take(search: _Search, smaller: Callable[[Night], Iterator[Night]]) -> None:
    """Take the first smaller night that fails, again and again, until none does."""
    while any(search.fails(night) for night in smaller(search.night)):
        continue


def _fewer_faults(search: _Search) -> None:
    """Leave out ever smaller pieces of the faults, all of them to begin with."""
    if not search.night.faults or search.fails(replace(search.night, faults=())):
        return
    pieces = 2
    while (faults := search.night.faults) and pieces <= len(faults):
        rests = [_without(faults, piece) for piece in _split(len(faults), pieces)]
        if any(search.fails(replace(search.night, faults=rest)) for rest in rests):
            pieces = max(pieces - 1, 2)
        elif pieces == len(faults):
            return
        else:
            pieces = min(2 * pieces, len(faults))


def _split(count: int, pieces: int) -> list[range]:
    edges = [count * n // pieces for n in range(pieces + 1)]
    return [range(a, b) for a, b in pairwise(edges)]


def _without(faults: Sequence[Fault], left_out: range) -> tuple[Fault, ...]:
    return tuple(fault for n, fault in enumerate(faults) if n not in left_out)


def _fewer_coins(night: Night) -> Iterator[Night]:
    """Yield nights with fewer coins, from the fewest: a smaller one that fails is the best."""
    coins = COINS_MIN
    while coins < night.coins:
        yield replace(night, coins=coins)
        coins = max(coins + 1, coins * 3 // 2)


def _less_time(night: Night) -> Iterator[Night]:
    if night.end_s > END_MIN_S:
        for end_s in _between(END_MIN_S, night.end_s):
            yield replace(night, end_s=end_s, quiet_s=min(night.quiet_s, end_s))
    if night.start_s < START_MAX_S:
        for start_s in _between(START_MAX_S, night.start_s):
            yield replace(night, start_s=start_s)


def _milder(night: Night) -> Iterator[Night]:
    """Yield nights with one fault shorter or less intense."""
    for n, fault in enumerate(night.faults):
        for for_s in _between(0.0, fault.for_s):
            yield _changed(night, n, replace(fault, for_s=for_s))
        if fault.intensity > 0:
            yield _changed(night, n, replace(fault, intensity=0.0))


def _changed(night: Night, n: int, fault: Fault) -> Night:
    return replace(night, faults=(*night.faults[:n], fault, *night.faults[n + 1 :]))


def _between(best: float, now: float) -> Iterator[float]:
    """Yield best, then what is half way to it from now, a quarter of the way, and so on while it makes a difference."""
    way = best - now
    while way:
        yield round(now + way, 3)
        way = way / 2 if abs(way) >= 2 * ROUNDING_S else 0.0


def _key(night: Night) -> str:
    return repr(night)
