import pytest
import structlog

from adapters.exchanges.lane import Lane
from core.prices.board import PriceBoard
from core.prices.presets import PRESETS
from core.prices.types import Cause, State, Tick
from daemon.index_prices.engine import Nowhere, PriceEngine, ToAll
from daemon.index_prices.metrics import Metrics
from tests.adapters.scripted import NOON_MS, ScriptedClock

VENUES = ("coinbase", "kraken", "bitstamp")


class Bench:
    """An engine with three venues, and a clock that a test moves."""

    def __init__(self):
        self.clock, self.lane, self.metrics = ScriptedClock(), Lane(), Metrics(lambda: 0.0)
        board = PriceBoard(PRESETS["nightdesk"], symbols=("BTC/USD",))
        self.engine = PriceEngine(board, self.lane, self.clock, self.metrics, record=Nowhere())

    def tell(self, price, *sources):
        now_ms = self.clock.now_ms()
        for source in sources or VENUES:
            tick = Tick(source=source, symbol="BTC/USD", price=price, at_ms=now_ms, received_ms=now_ms)
            self.lane.tick(tick)

    def due(self, token=1, after_s=0.0):
        self.clock.ms += 1000 * after_s
        values = self.engine.due(token)
        self.engine.publish(values)
        return [value for value in values if value.symbol == "BTC/USD"]


@pytest.fixture
def bench():
    return Bench()


def test_a_value_is_due_each_second_on_a_change_of_a_basis_point_and_on_a_change_of_state(bench):
    bench.tell(50_000.0)
    assert [value.state for value in bench.due()] == [State.OK]
    assert bench.due(after_s=0.1) == []
    bench.tell(50_004.0)
    assert bench.due(after_s=0.1) == []
    bench.tell(50_006.0)
    assert [value.price for value in bench.due(after_s=0.1)] == [50_006.0]
    assert len(bench.due(after_s=1.0)) == 1
    bench.engine.hold({"BTC/USD": "by hand"})
    assert [value.cause for value in bench.due(after_s=0.1)] == [Cause.MANUAL]
    bench.engine.hold({"BTC/USD": None, "ETH/USD": "nobody has it"})
    assert [value.cause for value in bench.due(after_s=0.1)] == [Cause.NONE]


def test_every_change_of_state_is_in_the_log(bench):
    with structlog.testing.capture_logs() as logs:
        for price in (50_000.0, 50_000.0, 40_000.0):
            bench.tell(price)
            bench.due(after_s=1.0)
    changes = [(one["was"], one["state"], one["cause"]) for one in logs if one.get("symbol") == "BTC/USD"]
    assert changes == [(None, "OK", ""), ("OK", "HALTED", "move_awaits_confirmation")]


def test_the_first_value_of_a_token_is_due_at_once(bench):
    bench.tell(50_000.0)
    assert len(bench.due(token=1)) == 1
    assert len(bench.due(token=2)) == 1
    assert bench.due(token=2) == []


def test_what_is_calculated_without_leading_is_remembered_and_not_published(bench):
    bench.tell(50_000.0)
    bench.engine.calculate()
    bench.clock.ms += 100
    bench.tell(60_000.0)
    [value] = bench.due()
    assert (value.state, value.cause, value.price) == (State.HALTED, Cause.MOVE, 50_000.0)


def test_a_tick_that_is_not_taken_is_counted_by_its_reason(bench):
    bench.tell(-1.0, "kraken")
    bench.engine.calculate()
    line = b'nightdesk_index_ticks_refused_total{reason="bad_price",source="kraken"} 1.0'
    assert line in bench.metrics.text()


def test_a_venue_that_goes_on_saying_strange_things_does_not_fill_the_log(bench):
    with structlog.testing.capture_logs() as lines:
        for number in range(1000):
            bench.lane.strange("kraken", f"frame {number}")
            bench.clock.ms += 20
            bench.engine.calculate()
    assert [line["event"] for line in lines] == ["a venue said something strange"] * 2
    assert bench.clock.ms == NOON_MS + 20_000


def test_everybody_is_told_in_order():
    told = []
    ToAll(
        (lambda values: told.append(("first", values)), lambda values: told.append(("second", values)))
    ).publish([])
    assert told == [("first", []), ("second", [])]


def test_the_same_strange_words_of_a_venue_are_logged_once_in_minutes_and_other_words_after_seconds(bench):
    with structlog.testing.capture_logs() as logs:
        for at_s, words in enumerate(("lost", "lost", "odd", "odd", "lost", "lost")):
            bench.lane.strange("kraken", words)
            bench.clock.ms += 11_000 if at_s < 4 else 301_000
            bench.engine.calculate()
    assert [one["text"] for one in logs if "strange" in one["event"]] == ["lost", "odd", "lost", "lost"]
