"""What one instance knows: ticks of its connectors in a board, and the values that are due of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from adapters.exchanges.lane import Lane
from adapters.ports import Clock
from core.index_price import IndexPrice
from core.prices.board import PriceBoard
from core.prices.settling import Settled
from core.prices.types import Published, Reason, Tick
from daemon.index_prices.metrics import Metrics

log = structlog.get_logger()

STRANGE_S = 10.0
AGAIN_S = 300.0


class Record(Protocol):
    """Keeps what a board was told, when it calculated, and what of it was published."""

    def tick(self, tick: Tick) -> None: ...
    def heartbeat(self, source: str, at_ms: int) -> None: ...
    def disconnected(self, source: str) -> None: ...
    def hold(self, symbol: str, *, on: bool) -> None: ...
    def calculated(self, at_ms: int, token: int) -> None: ...
    def published(self, values: Sequence[Published]) -> None: ...
    def settled(self, settled: Settled) -> None: ...
    def close(self) -> None: ...


class Nowhere:
    """The record and ledger of an instance that keeps none."""

    def tick(self, tick: Tick) -> None: ...
    def heartbeat(self, source: str, at_ms: int) -> None: ...
    def disconnected(self, source: str) -> None: ...
    def hold(self, symbol: str, *, on: bool) -> None: ...
    def calculated(self, at_ms: int, token: int) -> None: ...
    def published(self, values: Sequence[Published]) -> None: ...
    def settled(self, settled: Settled) -> None: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class _Heard:
    """The lane's consumer: what connectors said, into the board; what it does not take is counted."""

    board: PriceBoard
    metrics: Metrics
    clock: Clock
    record: Record
    strange_told: dict[str, tuple[str, int]] = field(default_factory=dict)

    def tick(self, tick: Tick) -> None:
        reason = self.board.tick(tick)
        if reason is not None:
            self.metrics.refused(tick.source, reason)
        if reason is not Reason.UNKNOWN_SYMBOL:
            self.record.tick(tick)

    def heartbeat(self, source: str, at_ms: int) -> None:
        self.board.heartbeat(source, at_ms)
        self.record.heartbeat(source, at_ms)

    def disconnected(self, source: str) -> None:
        self.board.disconnected(source)
        self.record.disconnected(source)

    def strange(self, source: str, text: str) -> None:
        """Log it, a venue's at most every few seconds, the same words once in minutes: its connector counts them."""
        now_ms, (before, told_ms) = self.clock.now_ms(), self.strange_told.get(source, ("", 0))
        if now_ms - told_ms >= 1000 * (AGAIN_S if text == before else STRANGE_S):
            self.strange_told[source] = text, now_ms
            log.info("a venue said something strange", venue=source, text=text)


class PriceEngine:
    """Calculates for publication, or to stay warm while another instance publishes: it has seen what that one has."""

    def __init__(
        self,
        board: PriceBoard,
        lane: Lane,
        clock: Clock,
        metrics: Metrics,
        *,
        record: Record,
        witnesses: "Sinks" = (),
    ) -> None:
        """witnesses are told of every value that is made, published or not."""
        self._witnesses = witnesses
        self._board, self._lane, self._clock, self._metrics = board, lane, clock, metrics
        self._record = record
        self._heard = _Heard(board, metrics, clock, record)
        self._published: dict[str, Published] = {}
        self.newest: dict[str, Published] = {}

    def due(self, token: int) -> list[Published]:
        """Return what is to be published now, under a token: publisher.Source."""
        values = self.calculate(token)
        return [value for value in values if self._board.due(value, self._last(value, token))]

    def calculate(self, token: int = 0) -> list[Published]:
        """Take what was heard, and calculate every index."""
        self._lane.deliver(self._heard)
        now_ms = self._clock.now_ms()
        values = self._board.evaluate(now_ms, token=token)
        self._record.calculated(now_ms, token)
        self.newest = {value.symbol: value for value in values}
        self._metrics.calculated(values)
        for take in self._witnesses:
            take(values)
        return values

    def publish(self, values: Sequence[Published]) -> None:
        """Remember what was published, being a sink like the others; a change of state is for the log (E4-11)."""
        for value in values:
            last = self._published.get(value.symbol)
            if last is None or (last.state, last.cause) != (value.state, value.cause):
                was = None if last is None else str(last.state)
                told = {"symbol": value.symbol, "was": was, "cause": str(value.cause), "price": value.price}
                log.info("an index changes its state", state=str(value.state), term=value.token, **told)
            self._published[value.symbol] = value

    def hold(self, holds: Mapping[str, str | None]) -> None:
        """Let symbols be held by hand, each for its reason, or go on where that is None."""
        for symbol, reason in holds.items():
            index = self._board.index(symbol)
            if index is not None:
                self._hold(index, reason)

    def _last(self, value: Published, token: int) -> Published | None:
        """Return the last published value, None under a new token: consumers wait for its first."""
        last = self._published.get(value.symbol)
        return last if last is not None and last.token == token else None

    def _hold(self, index: IndexPrice, reason: str | None) -> None:
        if index.held_by_hand == reason:
            return
        log.warning("an index is held" if reason else "an index goes on", symbol=index.symbol, reason=reason)
        index.held_by_hand = reason
        self._record.hold(index.symbol, on=reason is not None)


Sinks = Sequence[Callable[[Sequence[Published]], None]]


@dataclass(frozen=True, slots=True)
class ToAll:
    """One sink of many, told in their order."""

    sinks: Sinks

    def publish(self, values: Sequence[Published]) -> None:
        for sink in self.sinks:
            sink(values)
