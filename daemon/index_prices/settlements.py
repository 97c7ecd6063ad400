"""Settlements of a running instance: windows go by with its values, and what they settle at is told (E4-18).

An instance that stands by watches its windows too, in the values it calculates: so a change of leader costs none of a
window, only what nobody calculated is missing. A settlement that a follower closed is told when it comes to lead soon
after; where the leader before it told its own, consumers keep the one with the lower token.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import structlog
from msgspec.structs import replace

from core.prices.settling import Settled, SettlementRules, Settling
from core.prices.types import Published
from core.report import iso
from daemon.index_prices.alerts import Desk
from daemon.options import BadUse
from daemon.settings import SettlementSettings

log = structlog.get_logger()

KEPT = 100
TAKEOVER_S = 60.0
"""A follower's settlement waits for so long for it to lead."""

Sink = Callable[[Settled], None]


def rules_of(settings: SettlementSettings) -> SettlementRules:
    """Return the rules of a configuration. Raises BadUse where they contradict each other."""
    rules = SettlementRules(
        at_min=minutes_of(settings.at),
        window_s=settings.window_s,
        partitions=settings.partitions,
        coverage_min=settings.coverage_min,
        stands_s=settings.stands_s,
    )
    fault = rules.fault()
    if fault is not None:
        raise BadUse(f"index_price.settlement: {fault}")
    return rules


def minutes_of(times: Sequence[str]) -> tuple[int, ...]:
    """Return minutes of the day of HH:MM, rising."""
    return tuple(sorted({60 * int(text[:2]) + int(text[3:]) for text in times}))


class Settlements:
    """told is told of every settlement that is published, kept of every one that is made, also as a follower's."""

    def __init__(self, rules: SettlementRules, *, told: Sequence[Sink], kept: Sink) -> None:
        self._settling = Settling(rules)
        self._told, self._kept = told, kept
        self._waiting: deque[Settled] = deque(maxlen=KEPT)

    def publish(self, values: Sequence[Published]) -> None:
        """Take published values, being a sink like the others."""
        self._take_over(values)
        for value in values:
            settled = self._settling.take(value, led=True)
            if settled is not None:
                self._kept(settled)
                self._tell(settled)

    def stood_by(self, values: Sequence[Published]) -> None:
        """Take values that were calculated while this instance did not lead."""
        for value in values:
            settled = self._settling.take(value, led=False)
            if settled is not None:
                self._kept(settled)
                self._waiting.append(settled)

    def _take_over(self, values: Sequence[Published]) -> None:
        while self._waiting and values:
            settled, first = self._waiting.popleft(), values[0]
            if first.at_ms - settled.at_ms <= 1000 * TAKEOVER_S:
                self._tell(replace(settled, token=first.token))

    def _tell(self, settled: Settled) -> None:
        told = document(settled)
        log.info("settled", term=told.pop("token"), **told)
        for sink in self._told:
            sink(settled)


class Unsettling:
    """A sink that tells people of windows that did not settle; the alert ends by itself."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def settled(self, settled: Settled) -> None:
        code = f"index.settlement.{settled.symbol}"
        if settled.unsettled is None:
            self._desk.ended(code)
        else:
            self._desk.raised(code=code, level="critical", text=f"{settled.symbol}: {why(settled)}")


# --- as JSON and in words --------------------------------------------------------------------------------------


def document(settled: Settled) -> dict[str, Any]:
    """Return a settlement as JSON prints it; docs/index_price.md explains each field."""
    data: dict[str, Any] = msgspec.to_builtins(settled)
    times = {"start": data.pop("start_ms"), "end": data.pop("end_ms"), "timestamp": data.pop("at_ms")}
    return {"symbol": data.pop("symbol"), **times, **data}


def why(settled: Settled) -> str:
    """Return why a window is unsettled, in words."""
    lost = settled.seconds
    found = {"missing": lost.missing, "HALTED": lost.halted, "STARTING": lost.starting}
    counted = ", ".join(f"{seconds} s {name}" for name, seconds in found.items() if seconds)
    return f"not settled: {settled.coverage:.1%} of the window has a price, {settled.coverage_min:.1%} must ({counted})"


def line(settled: Settled) -> str:
    """Return a settlement for people."""
    if settled.unsettled is not None:
        return f"{settled.symbol} {why(settled)}"
    found = {"TWAP": settled.twap, "partitioned median": settled.partitioned_median}
    prices = ", ".join(f"{name} {price:,.8g}" for name, price in found.items() if price is not None)
    when = (iso(settled.end_ms) or "").removesuffix("+00:00")
    return f"{settled.symbol} settles {when}: {prices}, {settled.coverage:.1%} of the window has a price"
