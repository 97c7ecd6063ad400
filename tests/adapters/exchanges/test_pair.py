import json

import pytest

from adapters.exchanges.bybit import Bybit
from adapters.exchanges.pair import OVERLAP_MS, Pair, Pairs
from adapters.exchanges.ports import ALIVE
from core.index_price import IndexPrice
from core.prices.presets import PRESETS
from tests.adapters.exchanges.venue_frames import BYBIT_BOOK, BYBIT_TICKER, NOW


@pytest.fixture
def pair():
    return Pair("venue", "BTC/USD")


def test_without_a_price_there_is_no_tick(pair):
    pair.turned("1", "1")
    pair.touched("10", None)
    assert pair.read(NOW, NOW) == ALIVE


def test_the_last_trade_goes_before_the_middle(pair):
    pair.touched("10", "12")
    assert pair.read(NOW, NOW).ticks[0].price == 11
    pair.traded("11.5")
    assert pair.read(NOW, NOW).ticks[0].price == 11.5


def test_every_tick_has_the_volume_that_was_told_last(pair):
    pair.traded("20")
    pair.turned("1000", "50")
    for bid in ("18", "19"):
        pair.touched(bid, "21")
        (tick,) = pair.read(NOW, NOW).ticks
        assert (tick.volume_24h, tick.volume_24h_base) == (1000, 50)


def test_a_volume_in_base_currency_becomes_turnover_at_the_price(pair):
    pair.traded("20")
    pair.turned(None, "50")
    assert pair.read(NOW, NOW).ticks[0].volume_24h == 1000


@pytest.mark.parametrize("told", ["-1", "NaN", None, "x"])
def test_what_is_no_volume_leaves_none(pair, told):
    pair.traded("20")
    pair.turned(told, told)
    (tick,) = pair.read(NOW, NOW).ticks
    assert (tick.volume_24h, tick.volume_24h_base) == (None, None)


def test_stamps_of_two_streams_that_overlap_do_not_go_back(pair):
    pair.traded("20")
    stamps = [NOW, NOW - 1, NOW - OVERLAP_MS, NOW + 5]
    assert [pair.read(at, NOW).ticks[0].at_ms for at in stamps] == [NOW, NOW, NOW, NOW + 5]


def test_a_stamp_that_is_older_than_streams_overlap_is_handed_on_as_it_came(pair):
    pair.traded("20")
    stamps = [NOW, NOW - OVERLAP_MS - 1, NOW + 3_600_000, NOW]
    assert [pair.read(at, NOW).ticks[0].at_ms for at in stamps] == stamps


def test_without_a_stamp_of_the_venue_ours_stands(pair):
    pair.traded("20")
    assert pair.read(None, NOW).ticks[0].at_ms == NOW


def test_pairs_are_kept_by_symbol():
    pairs = Pairs("venue")
    pairs["BTC/USD"].traded("1")
    assert (pairs["BTC/USD"].last, pairs["ETH/USD"].last) == (1, None)


def test_an_index_takes_both_streams_of_a_venue_in_whatever_order_their_stamps_are():
    """The ticker is stamped 27 ms after a book that comes after it."""
    index, words = IndexPrice("BTC/USDT", PRESETS["nightdesk"]), Bybit(("BTC/USDT",))
    for frame in (BYBIT_TICKER, BYBIT_BOOK):
        (tick,) = words.read(json.dumps(frame), NOW).ticks
        assert index.tick(tick) is None
