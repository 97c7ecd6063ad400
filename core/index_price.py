"""Quotes of many venues become one price with a state, a confidence and its proof (S4-12 to S4-32).

One IndexPrice is the index of one symbol. It keeps what must be remembered between values (who was left out and
since when, the last good price, a move that waits) and nothing else; time comes in with every call.
"""

from collections.abc import Iterable, Mapping

from core.prices import breaker
from core.prices.breaker import Memory, Outcome
from core.prices.feeds import Feed, take
from core.prices.judging import Row, is_split, leave_frozen, leave_outliers, middle_of, rows_of
from core.prices.methodology import Few, Methodology
from core.prices.types import Cause, Input, Published, Rate, Reason, State, Tick
from core.prices.weighing import average, confidence, spread, volume_of, weigh

DISBELIEVED = frozenset({Reason.OUTLIER, Reason.DWELL, Reason.REVIEW})

NO_RATES: Mapping[str, Rate] = {}


class IndexPrice:
    """The index of one symbol, BASE/USD. Values depend on the ticks and the times given, and on nothing else."""

    def __init__(
        self, symbol: str, methodology: Methodology, *, expected: Iterable[tuple[str, str]] = ()
    ) -> None:
        """expected are pairs (source, symbol) that are told missing until they are heard."""
        self.symbol = symbol
        self.base = symbol.partition("/")[0]
        self.methodology = methodology
        self.sequence = 0
        self.held_by_hand: str | None = None
        self._memory = Memory()
        self._feeds: dict[tuple[str, str], Feed] = {}
        self._sorted: list[Feed] = []
        self._confidence: float | None = None
        for source, pair in expected:
            self._feed(source, pair)

    def tick(self, tick: Tick) -> Reason | None:
        """Take a tick of this base; return why not, where it is not taken. Never raises for what a venue said."""
        feed = self._feeds.get((tick.source, tick.symbol))
        if feed is None:
            if tick.base != self.base or not tick.quote:
                return Reason.UNKNOWN_SYMBOL
            feed = self._feed(tick.source, tick.symbol)
        return take(feed, tick, self.methodology)

    def heartbeat(self, source: str, at_ms: int) -> None:
        """A source's stream lives, though none of its prices changed (E4-6)."""
        for feed in self._of(source):
            if feed.connected and feed.tick is not None:
                feed.heard_ms = max(feed.heard_ms, at_ms)

    def disconnected(self, source: str) -> None:
        """A source's stream is down: its feeds do not count until they are heard again (S4-34, S4-35)."""
        for feed in self._of(source):
            feed.connected = False

    def evaluate(self, now_ms: int, rates: Mapping[str, Rate] = NO_RATES, *, token: int = 0) -> Published:
        """Return the value at now_ms (ms), in USD, with its proof; rates convert other quotes."""
        rows = rows_of(self._sorted, rates, self.methodology, now_ms)
        sound = leave_frozen(rows, self.methodology.health, now_ms)
        middle = middle_of(sound, self._memory.price) if sound else None
        candidate, outcome = self._decide(sound, middle, now_ms)
        self.sequence += 1
        return self._published(rows, outcome, candidate, middle, at=(now_ms, token))

    def _decide(self, sound: list[Row], middle: float | None, now_ms: int) -> tuple[float | None, Outcome]:
        memory, rules = self._memory, self.methodology.breaker
        if middle is None:
            return None, breaker.held(memory, Cause.NO_FEEDS)
        leave_outliers(sound, middle, self.methodology, now_ms)
        active = [row for row in sound if row.reason is None]
        if not active:
            return None, breaker.held(memory, Cause.NO_FEEDS)
        weigh(active, self.methodology.weighing, now_ms)
        candidate = average(active, middle, self.methodology)
        if is_split(sound, self.methodology.outliers, now_ms):
            return candidate, breaker.held(memory, Cause.SPLIT)
        if len(active) < rules.feeds_min:
            outcome = self._with_few(active, candidate, now_ms)
        else:
            outcome = breaker.passed(candidate, sound, memory, rules, now_ms=now_ms)
        if self.held_by_hand is not None:
            outcome = breaker.held(memory, Cause.MANUAL)
        if outcome.fresh and outcome.price is not None:
            memory.good(outcome.price, now_ms)
        return candidate, outcome

    def _with_few(self, active: list[Row], candidate: float, now_ms: int) -> Outcome:
        memory, rules = self._memory, self.methodology.breaker
        found = breaker.few(active, candidate, memory, rules)
        if isinstance(found, Outcome):
            return found
        outcome = breaker.passed(found, active, memory, rules, now_ms=now_ms)
        if outcome.state is not State.OK:
            return outcome
        state = State.OK if rules.few is Few.AVERAGE else State.DEGRADED
        cause = Cause.NONE if state is State.OK else Cause.QUORUM
        return Outcome(state, cause, outcome.price, fresh=True, accepted=outcome.accepted)

    def _published(
        self,
        rows: list[Row],
        outcome: Outcome,
        candidate: float | None,
        middle: float | None,
        *,
        at: tuple[int, int],
    ) -> Published:
        active = [row for row in rows if row.reason is None]
        if active and outcome.price is not None:
            self._confidence = self._doubt(rows, active, outcome, candidate)
        return Published(
            symbol=self.symbol,
            at_ms=at[0],
            sequence=self.sequence,
            token=at[1],
            state=outcome.state,
            cause=outcome.cause,
            price=outcome.price,
            candidate=candidate,
            median=middle,
            confidence=None if outcome.price is None else self._confidence,
            spread=spread(active) if active else None,
            good_ms=self._memory.good_ms,
            active_feeds=len(active),
            accepted=outcome.accepted,
            methodology=self.methodology.name,
            inputs=tuple([self._input(row) for row in rows]),
        )

    def _doubt(
        self, rows: list[Row], active: list[Row], outcome: Outcome, candidate: float | None
    ) -> float | None:
        """Return the confidence; where feeds and price are at odds, those that were left out count as well (E4-11)."""
        assert outcome.price is not None
        if outcome.cause not in (Cause.MOVE, Cause.UNCONFIRMED, Cause.SPLIT) or candidate is None:
            found = confidence(active, outcome.price)
            # one venue that tells no book has no width and nobody beside it: 0 would read as certainty
            return found if found or len(active) > 1 else None
        heard = [row for row in rows if row.reason is None or row.reason in DISBELIEVED]
        return max(confidence(heard, outcome.price), abs(candidate - outcome.price))

    def _input(self, row: Row) -> Input:
        feed, counts = row.feed, row.reason is None
        tick = feed.tick
        return Input(
            source=feed.source,
            symbol=feed.symbol,
            price=None if tick is None else feed.price,
            at_ms=None if tick is None else tick.at_ms,
            received_ms=None if tick is None else feed.heard_ms,
            volume=volume_of(row, self.methodology.weighing),
            rate=row.rate,
            usd=row.usd or None,
            used=row.used if counts else None,
            weight=row.weight if counts else 0.0,
            reason=row.reason,
            bid=None if tick is None else tick.bid,
            ask=None if tick is None else tick.ask,
        )

    def _feed(self, source: str, pair: str) -> Feed:
        feed = self._feeds.get((source, pair))
        if feed is None:
            feed = self._feeds[source, pair] = Feed(source, pair)
            self._sorted = [self._feeds[key] for key in sorted(self._feeds)]
        return feed

    def _of(self, source: str) -> list[Feed]:
        return [feed for feed in self._sorted if feed.source == source]
