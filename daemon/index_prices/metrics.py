"""What Prometheus is told of the index price (S4-39 to S4-43). A number that is not known has no line: none is NaN."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from core.prices.settling import Settled
from core.prices.types import Input, Published, State

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
WINDOW_S = 10.0
"""Calculations a second are counted over this."""

INDEX = ("symbol",)
FEED = ("source", "pair")


class Metrics:
    """One registry of one instance. calculated is told of every calculation, published of what was published."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        """elapsed_s is a monotonic clock, in seconds."""
        self.registry = CollectorRegistry()
        self._elapsed_s = elapsed_s
        self._rounds: deque[tuple[float, int]] = deque()
        self._began_s = elapsed_s()
        self._active = self._gauge("active_feeds", "Feeds that count in the index", INDEX)
        self._spread = self._gauge(
            "spread_ratio", "Distance of the highest from the lowest price that counts", INDEX
        )
        self._price = self._gauge("price_usd", "The published price", INDEX)
        self._confidence = self._gauge("confidence_usd", "Confidence of the published price", INDEX)
        self._sequence = self._gauge("sequence", "Sequence of the newest published value", INDEX)
        self._stamp = self._gauge("published_timestamp_seconds", "When the newest value was made", INDEX)
        self._state = self._gauge("state", "1 for the state the index is in", (*INDEX, "state"))
        self._latency = self._gauge(
            "feed_latency_seconds", "Receipt of a feed's newest tick minus the venue's stamp on it", FEED
        )
        self._updated = self._gauge("feed_updated_timestamp_seconds", "Receipt of a feed's newest tick", FEED)
        self._counts = self._gauge(
            "feed_counts", "1 where a feed counts in its index, 0 where it is left out", FEED
        )
        self._settlement = self._gauge(
            "settlement_usd", "What the last window settled at", (*INDEX, "method")
        )
        self._coverage = self._gauge("settlement_coverage", "Share of the last window with a price", INDEX)
        self._leader = self._gauge("leader", "1 where this instance publishes")
        self._token = self._gauge("fencing_token", "Token of the newest published value")
        self._rate = self._gauge(
            "calculations_per_second", f"Calculations of an index, over {WINDOW_S:.0f} s"
        )
        self._rate.set_function(self._per_second)
        self._calculations = self._counter("calculations", "Calculations of an index")
        self._values = self._counter("published", "Values published", INDEX)
        self._refused = self._counter("ticks_refused", "Ticks that were not taken", ("source", "reason"))

    def calculated(self, values: Sequence[Published]) -> None:
        """Take what was calculated, whether or not it is published."""
        self._calculations.inc(len(values))
        self._rounds.append((self._elapsed_s(), len(values)))
        self._forget()
        for value in values:
            self._active.labels(value.symbol).set(value.active_feeds)
            _tell(self._spread, value.spread, value.symbol)
            for one in value.inputs:
                self._feed(one)

    def publish(self, values: Sequence[Published]) -> None:
        for value in values:
            self._values.labels(value.symbol).inc()
            self._sequence.labels(value.symbol).set(value.sequence)
            self._stamp.labels(value.symbol).set(value.at_ms / 1000)
            self._token.set(value.token)
            _tell(self._price, value.price, value.symbol)
            _tell(self._confidence, value.confidence, value.symbol)
            for state in State:
                self._state.labels(value.symbol, state).set(value.state is state)

    def settled(self, settled: Settled) -> None:
        """Take what a window settles at; a window that did not settle has no price."""
        self._coverage.labels(settled.symbol).set(settled.coverage)
        _tell(self._settlement, settled.twap, settled.symbol, "twap")
        _tell(self._settlement, settled.partitioned_median, settled.symbol, "partitioned_median")

    def refused(self, source: str, reason: str) -> None:
        self._refused.labels(source, reason).inc()

    def leads(self, *, leads: bool) -> None:
        self._leader.set(leads)

    def follow(self, name: str, text: str, label: str, counts: Callable[[], Mapping[str, int]]) -> None:
        """Tell counts that somebody else keeps, by label, read at each scrape."""
        self.registry.register(_Kept(f"nightdesk_index_{name}", text, label, counts))

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _feed(self, one: Input) -> None:
        self._counts.labels(one.source, one.symbol).set(one.reason is None)
        if one.received_ms is not None and one.at_ms is not None:
            self._latency.labels(one.source, one.symbol).set((one.received_ms - one.at_ms) / 1000)
            self._updated.labels(one.source, one.symbol).set(one.received_ms / 1000)

    def _per_second(self) -> float:
        self._forget()
        passed_s = min(WINDOW_S, self._elapsed_s() - self._began_s)
        return sum(count for _, count in self._rounds) / passed_s if passed_s > 0 else 0.0

    def _forget(self) -> None:
        oldest_s = self._elapsed_s() - WINDOW_S
        while self._rounds and self._rounds[0][0] < oldest_s:
            self._rounds.popleft()

    def _gauge(self, name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
        return Gauge(f"nightdesk_index_{name}", text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, labels: Iterable[str] = ()) -> Counter:
        return Counter(f"nightdesk_index_{name}", text, labels, registry=self.registry)


class _Kept(Collector):
    """A counter whose counts are kept elsewhere."""

    def __init__(self, name: str, text: str, label: str, counts: Callable[[], Mapping[str, int]]) -> None:
        self._made = name, text, label
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        name, text, label = self._made
        family = CounterMetricFamily(name, text, labels=[label])
        for key, count in sorted(self._counts().items()):
            family.add_metric([key], count)
        yield family


def _tell(gauge: Gauge, number: float | None, *labels: str) -> None:
    if number is None or not isfinite(number):
        gauge.remove(*labels)
    else:
        gauge.labels(*labels).set(number)


def level_text(shown: Mapping[str, Any] | None) -> bytes:
    """Return the lines of a crypto index that is kept beside; a level that is none has no line."""
    if shown is None:
        return b""
    gauges = {
        "level": ("Level of the crypto index", shown["level"]),
        "ok": ("1 while the level is of now", shown["state"] == "OK"),
        "divisor": ("Divisor of the crypto index", shown["divisor"]),
    }
    return b"".join(
        f"# HELP nightdesk_crypto_index_{name} {text}\n"
        f"# TYPE nightdesk_crypto_index_{name} gauge\n"
        f'nightdesk_crypto_index_{name}{{index="{shown["index"]}"}} {float(number)}\n'.encode()
        for name, (text, number) in gauges.items()
        if number is not None
    )
