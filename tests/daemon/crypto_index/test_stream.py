"""What the index believes of what it hears: good values in USD, none of later than now, and what midnights settle at."""

from dataclasses import dataclass

import msgspec
import pytest

from core.prices.settling import SettlementRules
from core.prices.types import State
from daemon.crypto_index.stream import DAY_MS, Stream
from sim.nights.elsewhere import value_of

RULES = SettlementRules(at_min=(0, 720), window_s=20, partitions=1)


@dataclass
class Heard:
    stream: Stream

    def says(self, base, px, at_ms, **changes):
        self.stream.take([msgspec.structs.replace(value_of(base, px, at_ms), **changes)])

    def usd(self, now_ms):
        return {symbol: float(price.usd) for symbol, price in self.stream.heard(now_ms).items()}


@pytest.fixture
def heard():
    return Heard(Stream(RULES, "twap"))


@pytest.mark.parametrize("state", [state for state in State if state is not State.OK])
def test_a_value_that_is_not_ok_leaves_the_last_good_one(heard, state):
    heard.says("BTC", 100.0, 1000)
    heard.says("BTC", 50.0, 2000, state=state)
    assert heard.usd(2000) == {"BTC": 100.0}


@pytest.mark.parametrize("px", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_price_leaves_the_last_good_one(heard, px):
    heard.says("BTC", 100.0, 1000)
    heard.says("BTC", px, 2000)
    assert heard.usd(2000) == {"BTC": 100.0}


def test_a_price_in_another_currency_is_not_listened_to(heard):
    heard.says("BTC", 100.0, 1000)
    heard.says("BTC", 90.0, 2000, symbol="BTC/EUR")
    assert heard.usd(2000) == {"BTC": 100.0}


def test_a_price_of_later_than_now_is_neither_heard_nor_fresh_until_then(heard):
    heard.says("BTC", 100.0, 2000)
    assert (heard.usd(1999), heard.stream.fresh(1999)) == ({}, frozenset())
    assert (heard.usd(2000), heard.stream.fresh(2000)) == ({"BTC": 100.0}, {"BTC"})


def test_a_price_is_fresh_for_as_long_as_a_value_stands(heard):
    heard.says("BTC", 100.0, 1000)
    stands_ms = round(1000 * RULES.stands_s)
    assert heard.stream.fresh(1000 + stands_ms) == {"BTC"}
    assert heard.stream.fresh(1001 + stands_ms) == frozenset()
    assert heard.usd(1001 + stands_ms) == {"BTC": 100.0}


def test_windows_of_other_times_than_midnight_settle_nothing_and_the_last_two_midnights_are_kept(heard):
    for end_ms in (DAY_MS // 2, DAY_MS, 2 * DAY_MS, 3 * DAY_MS):
        for second in range(-21, 2):
            heard.says("BTC", 100.0 + end_ms / DAY_MS, end_ms + 1000 * second)
    assert heard.stream.settlements(DAY_MS // 2) == {}
    assert heard.stream.settlements(DAY_MS) == {}
    for midnight_ms, usd in ((2 * DAY_MS, 102.0), (3 * DAY_MS, 103.0)):
        found = heard.stream.settlements(midnight_ms)["BTC"]
        assert (float(found.usd), found.at_ms) == (pytest.approx(usd, rel=1e-12), midnight_ms)
