"""Which pair a refusal is about, and for how long it is left out."""

import pytest

from adapters.exchanges.refusals import AGAIN_MS, Refusals, named

PAIRS = ("BTC/USD", "BTC/USDT", "ETH/USDT")


class Time:
    at_ms = 1_000

    def now_ms(self):
        return self.at_ms


@pytest.mark.parametrize(
    ("reason", "symbol"),
    [
        ("unknown currency pair: ETH_USDT", "ETH/USDT"),
        ("Invalid symbol :[orderbook.1.BTCUSDT]", "BTC/USDT"),
        ("channel:tickers,instId:BTC-USD doesn't exist", "BTC/USD"),
        ('{"event":"bts:error","channel":"order_book_btcusd"}', "BTC/USD"),
        ("Currency pair not supported BTC/USD", "BTC/USD"),
        ("neither BTC-USD nor ETH-USDT", None),
        ("too many requests", None),
        ("", None),
    ],
)
def test_a_refusal_is_about_the_only_pair_that_it_names_however_it_spells_it(reason, symbol):
    assert named(reason, PAIRS) == symbol


def test_a_refused_pair_is_left_out_until_it_may_be_there_again():
    time = Time()
    refusals = Refusals(PAIRS, time)
    assert refusals.note("no BTC/USDT here") == "BTC/USDT"
    assert refusals.wanted() == ("BTC/USD", "ETH/USDT")
    time.at_ms += AGAIN_MS - 1
    assert len(refusals.wanted()) == 2
    time.at_ms += 1
    assert refusals.wanted() == PAIRS


def test_a_refusal_of_no_pair_or_of_all_leaves_none_out():
    refusals = Refusals(PAIRS, Time())
    assert refusals.note("slow down") is None
    assert refusals.wanted() == PAIRS
    for pair in PAIRS:
        refusals.note(pair)
    assert refusals.wanted() == PAIRS
