"""When somebody is told of the index price (S4-44 to S4-47): values in, alerts that begin and end out. No IO, no clock.

What is critical begins at once, a warning when it has stood for settle_s; either ends when it was gone for calm_s. So what
comes and goes is one alert.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.prices.types import Cause, Input, Published, Reason, State

BREAKER = frozenset({Cause.MOVE, Cause.UNCONFIRMED, Cause.SPLIT})
TOO_FEW = frozenset({Cause.QUORUM, Cause.NO_FEEDS})
BY_DESIGN = frozenset({Reason.SECONDARY})
"""Reasons that say nothing bad about a feed."""

NOT_YET = frozenset({Reason.NO_TICK})
"""What every feed is while the first connections are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """spread is a fraction; start_s is how long feeds may take to be heard for the first time."""

    spread: float = 0.01
    settle_s: float = 5.0
    calm_s: float = 30.0
    start_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is so now. wait_s is for how long it must be so before anybody is told."""

    code: str
    level: str
    text: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class Begun:
    code: str
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    code: str


@dataclass(slots=True)
class _Seen:
    """since_ms: first seen in a row; last_ms: last seen; told: whether it was told that it began."""

    since_ms: int
    last_ms: int
    told: bool = False


class Rules:
    """What is wrong with each symbol, and what of it was told. Times are the values' own."""

    def __init__(self, levels: Levels) -> None:
        self._levels = levels
        self._seen: dict[str, dict[str, _Seen]] = {}
        self._first_ms: dict[str, int] = {}

    def take(self, values: Sequence[Published]) -> Iterator[Begun | Ended]:
        """Yield what begins and what ends with these values."""
        for value in values:
            self._first_ms.setdefault(value.symbol, value.at_ms)
            seen = self._seen.setdefault(value.symbol, {})
            for one in self._wrong(value):
                yield from _still(seen, one, value.at_ms)
            yield from self._over(seen, value.at_ms)

    def active(self) -> tuple[str, ...]:
        """Return the codes that were told and have not ended."""
        return tuple(code for seen in self._seen.values() for code, one in seen.items() if one.told)

    def clear(self) -> Iterator[Ended]:
        """End everything: this instance does not publish any more, and another one tells what it sees."""
        for code in self.active():
            yield Ended(code)
        self._seen.clear()
        self._first_ms.clear()

    def _wrong(self, value: Published) -> Iterator[Wrong]:
        yield from self._of_state(value)
        if value.spread is not None and value.spread > self._levels.spread:
            text = f"{value.symbol}: the highest price that counts is {value.spread:.2%} above the lowest"
            yield Wrong(
                f"index.spread.{value.symbol}",
                "warning",
                f"{text} (told from {self._levels.spread:.2%})",
                self._levels.settle_s,
            )
        for one in value.inputs:
            if one.reason is not None and one.reason not in BY_DESIGN:
                yield self._left_out(value, one, one.reason)

    def _of_state(self, value: Published) -> Iterator[Wrong]:
        symbol, feeds = value.symbol, value.active_feeds
        wait_s = self._levels.start_s if value.state is State.STARTING else 0.0
        if value.cause in TOO_FEW:
            text = f"{symbol}: {feeds} feeds count, fewer than the minimum ({value.state} {value.cause})"
            yield Wrong(f"index.feeds.{symbol}", "critical", text, wait_s)
        elif value.cause in BREAKER:
            price = "no price" if value.price is None else f"{value.price:,.8g} is published"
            inputs = "nothing" if value.candidate is None else f"{value.candidate:,.8g}"
            text = f"{symbol}: circuit breaker, {value.state} {value.cause}: {price}, the feeds say {inputs}"
            yield Wrong(f"index.breaker.{symbol}", "critical", text, wait_s)
        elif value.cause is Cause.MANUAL:
            yield Wrong(f"index.held.{symbol}", "warning", f"{symbol}: held by a person", 0.0)

    def _left_out(self, value: Published, one: Input, reason: Reason) -> Wrong:
        first_ms = self._first_ms[value.symbol]
        starting = reason in NOT_YET and value.at_ms - first_ms < 1000 * self._levels.start_s
        wait_s = self._levels.start_s if starting else self._levels.settle_s
        code = f"index.feed.{one.source}.{one.symbol}"
        return Wrong(
            code, "warning", f"{one.source} {one.symbol} is left out of {value.symbol}: {reason}", wait_s
        )

    def _over(self, seen: dict[str, _Seen], now_ms: int) -> Iterator[Ended]:
        for code, one in list(seen.items()):
            gone_ms = now_ms - one.last_ms
            if one.told and gone_ms >= 1000 * self._levels.calm_s:
                del seen[code]
                yield Ended(code)
            elif not one.told and gone_ms > 0:
                del seen[code]


def _still(seen: dict[str, _Seen], wrong: Wrong, now_ms: int) -> Iterator[Begun]:
    one = seen.setdefault(wrong.code, _Seen(now_ms, now_ms))
    one.last_ms = now_ms
    if not one.told and now_ms - one.since_ms >= 1000 * wrong.wait_s:
        one.told = True
        yield Begun(wrong.code, wrong.level, wrong.text)
