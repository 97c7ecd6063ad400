import math

import pytest

from core.prices.types import Cause, Reason, State
from daemon.index_prices.metrics import WINDOW_S, Metrics
from tests.daemon.index_prices.values import fed, value


class Elapsed:
    def __init__(self):
        self.s = 100.0

    def __call__(self):
        return self.s


@pytest.fixture
def elapsed():
    return Elapsed()


@pytest.fixture
def metrics(elapsed):
    return Metrics(elapsed)


def told(metrics):
    """Return the sample lines by name and labels."""
    lines = [line for line in metrics.text().decode().splitlines() if not line.startswith("#")]
    return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines)}


def test_what_s4_39_to_s4_43_ask_for_is_told(metrics, elapsed):
    feeds = (fed(at_ms=700, received_ms=1000), fed("okx", symbol="BTC/USDT", at_ms=950, received_ms=1000))
    elapsed.s += 2
    metrics.calculated([value(active_feeds=2, spread=0.012, inputs=feeds)])
    found = told(metrics)
    assert found['nightdesk_index_active_feeds{symbol="BTC/USD"}'] == 2
    assert found['nightdesk_index_spread_ratio{symbol="BTC/USD"}'] == 0.012
    assert found['nightdesk_index_feed_latency_seconds{pair="BTC/USD",source="kraken"}'] == 0.3
    assert found['nightdesk_index_feed_latency_seconds{pair="BTC/USDT",source="okx"}'] == 0.05
    assert found['nightdesk_index_feed_updated_timestamp_seconds{pair="BTC/USD",source="kraken"}'] == 1.0
    assert found["nightdesk_index_calculations_total"] == 1
    assert found["nightdesk_index_calculations_per_second"] == 0.5


def test_calculations_a_second_are_those_of_the_last_seconds(metrics, elapsed):
    for _ in range(300):
        elapsed.s += 0.1
        metrics.calculated([value(), value(symbol="ETH/USD")])
    assert math.isclose(told(metrics)["nightdesk_index_calculations_per_second"], 20, rel_tol=0.02)
    elapsed.s += WINDOW_S + 1
    assert told(metrics)["nightdesk_index_calculations_per_second"] == 0


def test_what_is_published_is_told_with_its_state_sequence_and_token(metrics):
    metrics.publish(
        [value(sequence=5, token=3), value(sequence=6, token=3, state=State.HALTED, cause=Cause.SPLIT)]
    )
    found = told(metrics)
    states = {s: found[f'nightdesk_index_state{{state="{s}",symbol="BTC/USD"}}'] for s in State}
    assert states == {State.HALTED: 1, State.OK: 0, State.DEGRADED: 0, State.STARTING: 0}
    assert found['nightdesk_index_sequence{symbol="BTC/USD"}'] == 6
    assert found["nightdesk_index_fencing_token"] == 3
    assert found['nightdesk_index_published_total{symbol="BTC/USD"}'] == 2


def test_a_number_that_is_not_known_has_no_line_and_none_is_nan(metrics):
    metrics.publish([value()])
    metrics.calculated([value(spread=0.1)])
    metrics.publish([value(price=None, confidence=math.nan)])
    metrics.calculated(
        [value(spread=None, inputs=(fed(reason=Reason.NO_TICK, at_ms=None, received_ms=None),))]
    )
    text = metrics.text().decode()
    assert "nan" not in text.lower()
    names = {line.partition("{")[0] for line in text.splitlines() if line[:1] != "#"}
    gone = ("price_usd", "confidence_usd", "spread_ratio", "feed_latency_seconds")
    assert names.isdisjoint(f"nightdesk_index_{name}" for name in gone)
    assert told(metrics)['nightdesk_index_feed_counts{pair="BTC/USD",source="kraken"}'] == 0


def test_what_others_count_is_read_when_it_is_asked_for(metrics):
    dropped = {}
    metrics.follow("ticks_dropped", "text", "source", lambda: dropped)
    metrics.refused("okx", Reason.CROSSED)
    metrics.leads(leads=True)
    dropped["kraken"] = 7
    found = told(metrics)
    assert found['nightdesk_index_ticks_dropped_total{source="kraken"}'] == 7
    assert found['nightdesk_index_ticks_refused_total{reason="crossed",source="okx"}'] == 1
    assert found["nightdesk_index_leader"] == 1


def test_two_instances_in_one_process_have_registries_of_their_own(elapsed):
    first, second = Metrics(elapsed), Metrics(elapsed)
    first.calculated([value()])
    assert told(first)["nightdesk_index_calculations_total"] == 1
    assert told(second)["nightdesk_index_calculations_total"] == 0
    assert not any(name.startswith("python_") for name in told(first))
