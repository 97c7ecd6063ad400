"""Settlement values from the stream of published index prices: one a symbol and window, with its proof (E4-18, E0-10).

What stands is looked at once a second of the window. A second counts where a value of OK or DEGRADED stands in it; the
last good price of HALTED is no price of that second. No trade sizes are in the stream, so the partitioned median is one
of quotes: each venue's price for each second, by the venue's weight. It is called that and not a volume-weighted rate.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from math import isfinite

from core.prices.averages import twap
from core.prices.types import Published, Reason, State
from core.robust import median, weighted_median
from core.types import Value

SECOND_MS = 1000
DAY_MIN = 1440
ERRONEOUS = 0.1
"""A venue further from the others' median than this is told as potentially erroneous (E0-10)."""

COUNTED = frozenset({State.OK, State.DEGRADED})
DISBELIEVED = frozenset({Reason.OUTLIER, Reason.UNIT, Reason.DWELL, Reason.REVIEW})


class Unsettled(StrEnum):
    """Why there is no settlement price."""

    NO_PRICE = "no_price"
    COVERAGE = "coverage_below_minimum"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementRules:
    """Windows and what they need. at_min are minutes of the UTC day at which windows end, rising, a window apart.

    stands_s: longest that a value stands without a newer one. coverage_min: share of seconds that must count.
    """

    at_min: tuple[int, ...] = (0,)
    window_s: int = 1800
    partitions: int = 6
    coverage_min: float = 0.9
    stands_s: float = 5.0

    @property
    def window_ms(self) -> int:
        return self.window_s * SECOND_MS

    @property
    def partition_ms(self) -> int:
        return self.window_ms // self.partitions

    def fault(self) -> str | None:
        """Return what is wrong with these rules, None where nothing is."""
        if self.window_s % self.partitions:
            return f"a window of {self.window_s} s has no {self.partitions} partitions of whole seconds"
        ends = [*self.at_min, *(at + DAY_MIN for at in self.at_min[:1])]
        if not self.at_min or any(60 * (b - a) < self.window_s for a, b in pairwise(ends)):
            return f"windows of {self.window_s} s need ends that rise and are at least as far apart"
        return None

    def end_after(self, at_ms: int) -> int:
        """Return the first end of a window after at_ms."""
        day_ms = 60 * SECOND_MS * DAY_MIN
        midnight_ms = at_ms - at_ms % day_ms
        ends = [midnight_ms + 60 * SECOND_MS * at for at in (*self.at_min, self.at_min[0] + DAY_MIN)]
        return next(end for end in ends if end > at_ms)


class Seconds(Value, frozen=True, kw_only=True):
    """The seconds of a window by what stood in them: they sum to expected.

    standby are those of them in which this instance calculated what stood and another one led, or nobody.
    """

    expected: int
    ok: int
    degraded: int
    halted: int
    starting: int
    missing: int
    standby: int


class Settled(Value, frozen=True, kw_only=True):
    """What one window of one index settles at, and why it can be believed; prices in USD, None where unsettled says why.

    coverage is the share of seconds that count. values is how many were heard within the window. medians are those of
    the partitions. token is that of the value that closed the window, 0 where this instance did not lead.
    """

    symbol: str
    start_ms: int
    end_ms: int
    at_ms: int
    token: int
    methodology: str
    twap: float | None
    partitioned_median: float | None
    unsettled: Unsettled | None
    coverage: float
    coverage_min: float
    seconds: Seconds
    values: int
    medians: tuple[float | None, ...]
    erroneous: tuple[str, ...]


@dataclass(slots=True)
class _Window:
    """One symbol's window while it goes by.

    quotes are (USD, weight) of the partition that goes by: its median is made when it is over, not all of them at the
    end, where the next value waits. said is what each venue said, believed or not.
    """

    end_ms: int
    next_ms: int
    states: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))
    standby: int = 0
    values: int = 0
    prices: list[tuple[int, float]] = field(default_factory=list)
    quotes: list[tuple[float, float]] = field(default_factory=list)
    medians: list[float | None] = field(default_factory=list)
    said: dict[str, list[float]] = field(default_factory=dict)

    def look(self, at_ms: int, value: Published, price: float) -> None:
        """Count a second in which a value stands."""
        self.prices.append((at_ms, price))
        for one in value.inputs:
            if one.usd is None or not isfinite(one.usd):
                continue
            if one.reason is None and one.weight > 0:
                self.quotes.append((one.usd, one.weight))
            if one.reason is None or one.reason in DISBELIEVED:
                self.said.setdefault(one.source, []).append(one.usd)

    def end_partition(self) -> None:
        usd, weights = [usd for usd, _ in self.quotes], [weight for _, weight in self.quotes]
        self.medians.append(weighted_median(usd, weights) if usd else None)
        self.quotes.clear()


@dataclass(frozen=True, slots=True)
class _Standing:
    value: Published
    led: bool


class Settling:
    """The windows of every symbol. take them all, in the order of publication; nothing else is remembered or asked."""

    def __init__(self, rules: SettlementRules) -> None:
        self._rules = rules
        self._windows: dict[str, _Window] = {}
        self._standing: dict[str, _Standing] = {}

    def take(self, value: Published, *, led: bool) -> Settled | None:
        """Take a value; return what the window settles at which it is the first one after."""
        window = self._windows.get(value.symbol)
        if window is None:
            window = self._windows[value.symbol] = self._opened(value.at_ms)
        self._pass(window, self._standing.get(value.symbol), min(value.at_ms, window.end_ms))
        settled = None
        if value.at_ms >= window.end_ms:
            # a gap may be days long: the window that was open is told, others of which nothing was heard are not
            settled = self._settled(window, value)
            window = self._windows[value.symbol] = self._opened(value.at_ms)
        if window.end_ms - self._rules.window_ms <= value.at_ms < window.end_ms:
            window.values += 1
        self._standing[value.symbol] = _Standing(value, led)
        return settled

    def _opened(self, at_ms: int) -> _Window:
        end_ms = self._rules.end_after(at_ms)
        return _Window(end_ms, end_ms - self._rules.window_ms)

    def _pass(self, window: _Window, standing: _Standing | None, until_ms: int) -> None:
        """Look at what stood at each second before until_ms."""
        start_ms = window.end_ms - self._rules.window_ms
        while window.next_ms < until_ms:
            at_ms, window.next_ms = window.next_ms, window.next_ms + SECOND_MS
            if at_ms - start_ms >= (len(window.medians) + 1) * self._rules.partition_ms:
                window.end_partition()
            if standing is None or at_ms - standing.value.at_ms > SECOND_MS * self._rules.stands_s:
                continue
            window.states[standing.value.state] += 1
            window.standby += not standing.led
            if standing.value.state in COUNTED and standing.value.price is not None:
                window.look(at_ms, standing.value, standing.value.price)

    def _settled(self, window: _Window, closing: Published) -> Settled:
        rules, states = self._rules, window.states
        told = sum(states.values())
        average = twap(window.prices, window.end_ms, window_ms=rules.window_ms, stands_ms=SECOND_MS)
        window.end_partition()
        known = [one for one in window.medians if one is not None]
        unsettled = _unsettled(average.covered, rules.coverage_min)
        return Settled(
            symbol=closing.symbol,
            start_ms=window.end_ms - rules.window_ms,
            end_ms=window.end_ms,
            at_ms=closing.at_ms,
            token=closing.token,
            methodology=closing.methodology,
            twap=average.price if unsettled is None else None,
            partitioned_median=sum(known) / len(known) if known and unsettled is None else None,
            unsettled=unsettled,
            coverage=average.covered,
            coverage_min=rules.coverage_min,
            seconds=Seconds(
                expected=rules.window_s,
                ok=states[State.OK],
                degraded=states[State.DEGRADED],
                halted=states[State.HALTED],
                starting=states[State.STARTING],
                missing=rules.window_s - told,
                standby=window.standby,
            ),
            values=window.values,
            medians=tuple(window.medians),
            erroneous=tuple(_erroneous(window.said)),
        )


def _unsettled(covered: float, least: float) -> Unsettled | None:
    if not covered:
        return Unsettled.NO_PRICE
    return Unsettled.COVERAGE if covered < least else None


def _erroneous(said: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Yield venues whose median price is far from the median of at least two others' (E0-10)."""
    middles = {source: median(prices) for source, prices in said.items()}
    for source, own in sorted(middles.items()):
        others = [price for name, price in middles.items() if name != source]
        if len(others) >= 2 and abs(own / median(others) - 1) > ERRONEOUS:
            yield source
