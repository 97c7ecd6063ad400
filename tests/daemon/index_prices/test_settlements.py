"""Settlements on their way: in a replay and its ledger, by a second implementation, to metrics and to people."""

import json
import random

import msgspec
import pytest

from core.prices.settling import Settled, SettlementRules, Settling, Unsettled
from core.prices.types import Reason, State
from daemon.index_prices.metrics import Metrics
from daemon.index_prices.settlements import Unsettling, line, minutes_of, rules_of
from daemon.options import BadUse
from daemon.settings import SettlementSettings
from research.index_again.settled import Windows
from tests.daemon.command_line import nightdesk
from tests.daemon.index_prices.values import fed, settled, value

MIDNIGHT = 1_700_006_400_000
VENUES = ("coinbase", "kraken", "bitstamp")


@pytest.fixture
def minutes(tmp_path):
    """Three venues a minute apart around a midnight; the price is 100 until 23:45 and 110 from then."""
    rows = []
    for minute in range(-31, 3):
        for source in VENUES:
            price = 100.0 if minute < -15 else 110.0
            stamp = MIDNIGHT + 60_000 * minute
            rows.append({"source": source, "symbol": "BTC/USD", "price": price, "timestamp": stamp})
    path = tmp_path / "minutes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_replay_over_midnight_tells_what_it_settles_at_with_the_value_that_closed_the_window(
    minutes, tmp_path
):
    said = nightdesk("index-price", "replay", minutes, "--json", "--out", tmp_path / "a")
    closing = [one for one in said.document if "settlements" in one]
    assert [one["timestamp"] for one in closing] == [MIDNIGHT]
    assert said.document[-1]["timestamp"] == MIDNIGHT + 120_000
    [found] = closing[0]["settlements"]
    assert (found["start"], found["end"]) == (MIDNIGHT - 1_800_000, MIDNIGHT)
    # a jump of a tenth waits until the feeds have agreed on it, which is at the next value
    assert (found["seconds"]["halted"], found["seconds"]["ok"], found["values"]) == (60, 1740, 30)
    assert found["twap"] == pytest.approx((15 * 100 + 14 * 110) / 29)
    assert found["partitioned_median"] == pytest.approx((3 * 100 + 3 * 110) / 6)
    verified = nightdesk("index", "verify", tmp_path / "a", "--json")
    assert (verified.code, verified.document["settlements"]) == (0, 1)
    people = nightdesk("index-price", "replay", minutes)
    assert "BTC/USD settles 2023-11-15T00:00:00.000: TWAP" in people.out


def test_a_replay_may_settle_at_other_times_and_says_why_it_does_not(minutes):
    said = nightdesk("index-price", "replay", minutes, "--json", "--settle-at", "23:40,08:00")
    found = [s for one in said.document for s in one.get("settlements", [])]
    assert [(s["end"] - MIDNIGHT, s["unsettled"]) for s in found] == [(-1_200_000, "coverage_below_minimum")]
    assert found[0]["seconds"]["missing"] == 1140
    assert found[0]["twap"] is None
    people = nightdesk("index-price", "replay", minutes, "--settle-at", "23:40")
    assert "not settled: 36.7% of the window has a price, 90.0% must (1140 s missing)" in people.out


@pytest.mark.parametrize("words", ["24:00", "8:00", "", "00:00,00:10", "noon"])
def test_times_that_are_none_are_refused(minutes, words):
    assert nightdesk("index-price", "replay", minutes, "--settle-at", words).code == 2


def test_settings_that_contradict_each_other_are_refused_and_the_defaults_are_not():
    assert rules_of(SettlementSettings()) == SettlementRules()
    assert minutes_of(("16:30", "00:00")) == (0, 990)
    with pytest.raises(BadUse, match=r"index_price\.settlement"):
        rules_of(SettlementSettings(partitions=7))


# --- by a second implementation ------------------------------------------------------------------------------

RULES = SettlementRules(at_min=(0, 2), window_s=60, coverage_min=0.3, stands_s=7.0)


def drawn(seed):
    """Yield values of an index that is in no order: late, early, stamped before the one before, without a price."""
    draw, at_ms = random.Random(seed), MIDNIGHT - 70_000
    for _ in range(60):
        at_ms += draw.choice((-3000, 0, 400, 1000, 1600, 6500, 9000, 25_000))
        inputs = [
            fed(
                source=draw.choice(VENUES),
                usd=draw.choice((None, 90.0, 100.0, 100.5, 101.0, 120.0)),
                weight=draw.choice((0.1, 1 / 3, 0.4)),
                reason=draw.choice((None, None, Reason.OUTLIER, Reason.STALE)),
            )
            for _ in range(draw.randint(0, 3))
        ]
        state = draw.choice((*State, State.OK, State.OK))
        price = draw.choice((None, draw.uniform(90, 110), draw.uniform(90, 110)))
        yield value(at_ms=at_ms, state=state, price=price, inputs=tuple(inputs)), draw.random() < 0.5


def test_both_implementations_settle_alike_whatever_comes_in_whatever_order():
    reasons = []
    for seed in range(30):
        first, second = Settling(RULES), Windows(msgspec.to_builtins(RULES))
        for price, led in drawn(seed):
            found = first.take(price, led=led)
            again = second.take(price.symbol, msgspec.to_builtins(price), led=led, token=price.token)
            assert (found is None) is (again is None)
            if found is not None:
                told = msgspec.json.decode(msgspec.json.encode(found))
                for name in ("twap", "partitioned_median"):
                    one, other = told.pop(name), again.pop(name)
                    assert one == other or one == pytest.approx(other, rel=1e-12)
                assert told == again
                reasons.append(found.unsettled)
    assert set(reasons) == {None, *Unsettled}


# --- to metrics and people -----------------------------------------------------------------------------------


def test_the_last_settlement_is_a_metric_and_one_that_did_not_come_has_no_price():
    metrics = Metrics(lambda: 0.0)
    metrics.settled(settled())
    assert b'nightdesk_index_settlement_usd{method="twap",symbol="BTC/USD"} 100.0' in metrics.text()
    metrics.settled(settled(twap=None, partitioned_median=None, unsettled=Unsettled.COVERAGE, coverage=0.5))
    assert b"settlement_usd{" not in metrics.text()
    assert b'nightdesk_index_settlement_coverage{symbol="BTC/USD"} 0.5' in metrics.text()


def test_people_are_told_of_a_window_that_did_not_settle():
    told = []

    class Desk:
        def raised(self, *, code, level, text):
            told.append((code, level, text))

        def ended(self, code):
            told.append((code, "ended", ""))

    unsettling = Unsettling(Desk())
    unsettling.settled(settled(twap=None, unsettled=Unsettled.COVERAGE, coverage=0.5))
    unsettling.settled(settled())
    assert [(code, level) for code, level, _ in told] == [
        ("index.settlement.BTC/USD", "critical"),
        ("index.settlement.BTC/USD", "ended"),
    ]
    assert "50.0% of the window has a price, 90.0% must" in told[0][2]
    assert isinstance(settled(), Settled)
    assert line(settled()).startswith(
        "BTC/USD settles 1970-01-01T00:30:00.000: TWAP 100, partitioned median 101"
    )
