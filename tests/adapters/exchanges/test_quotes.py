"""Stamps of two channels that are joined in one tick."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.exchanges.quotes import AHEAD_MS, Quotes, Said, When
from core.index_price import IndexPrice
from core.prices.presets import PRESETS

RECEIVED = 1_000_000


def when(channel, at_ms, received_ms=RECEIVED):
    return When(channel, at_ms, received_ms)


def test_a_slow_channel_is_not_reordered_by_a_quick_one():
    quotes = Quotes("venue")
    book = quotes.book("BTC/USD", 99.0, 101.0, when=when("book", 1000))
    ticker = quotes.ticker("BTC/USD", Said(98.0, 102.0, 100.5, 7.0), when=when("ticker", 900))
    assert (book.at_ms, ticker.at_ms) == (1000, 1000)
    assert (ticker.price, ticker.bid, ticker.volume_24h) == (100.5, 98.0, 7.0)


def test_a_frame_before_its_channels_last_one_is_reordered_and_not_remembered():
    quotes = Quotes("venue")
    quotes.book("BTC/USD", 99.0, 101.0, when=when("book", 1000))
    late = quotes.book("BTC/USD", 50.0, 52.0, when=when("book", 800))
    trade = quotes.trade("BTC/USD", 100.0, when=when("trade", 1001))
    assert (late.at_ms, late.bid) == (800, 50.0)
    assert (trade.bid, trade.ask, trade.at_ms) == (99.0, 101.0, 1001)


def test_a_stamp_of_the_far_future_does_not_push_later_ticks_there():
    quotes = Quotes("venue")
    mad = quotes.trade("BTC/USD", 100.0, when=when("trade", RECEIVED + AHEAD_MS + 1))
    book = quotes.book("BTC/USD", 99.0, 101.0, when=when("book", RECEIVED - 5))
    assert mad.at_ms == RECEIVED + AHEAD_MS + 1
    assert book.at_ms == RECEIVED - 5
    assert book.price == 100.0
    assert quotes.trade("BTC/USD", 100.1, when=when("trade", RECEIVED)).at_ms == RECEIVED


def test_a_frame_without_a_stamp_has_that_of_the_other_channel_else_its_receipt():
    quotes = Quotes("venue")
    assert quotes.book("BTC/USD", 99.0, 101.0, when=when("book", None)).at_ms == RECEIVED
    quotes.trade("ETH/USD", 100.0, when=when("trade", 1000))
    assert quotes.book("ETH/USD", 99.0, 101.0, when=when("book", None)).at_ms == 1000


def test_the_price_is_the_last_trade_and_the_middle_where_there_is_none():
    quotes = Quotes("venue")
    assert quotes.book("BTC/USD", 99.0, 102.0, when=when("book", 1)).price == 100.5
    assert quotes.trade("BTC/USD", 101.0, when=when("trade", 2)).price == 101.0
    assert quotes.book("BTC/USD", 99.0, 102.0, when=when("book", 3)).price == 101.0


def test_a_book_with_one_side_is_no_tick_and_takes_the_old_one_along():
    quotes = Quotes("venue")
    quotes.book("BTC/USD", 99.0, 102.0, when=when("book", 1))
    assert quotes.book("BTC/USD", 99.0, None, when=when("book", 2)) is None
    trade = quotes.trade("BTC/USD", 101.0, when=when("trade", 3))
    assert (trade.bid, trade.ask) == (None, None)


@settings(max_examples=40)
@given(
    frames=st.lists(
        st.tuples(st.sampled_from(("book", "ticker", "trade")), st.integers(0, 500)), max_size=40
    ),
    lag=st.fixed_dictionaries({name: st.integers(0, 400) for name in ("book", "ticker", "trade")}),
)
@pytest.mark.parametrize("skew_ms", [-900, 0, 900])
def test_the_engine_takes_every_tick_of_channels_that_are_each_in_order(skew_ms, frames, lag):
    """Each channel is stamped by the venue's clock, skewed to ours, and lags as it likes: nothing looks reordered."""
    quotes, index = Quotes("venue"), IndexPrice("BTC/USD", PRESETS["nightdesk"])
    now_ms = RECEIVED
    for place, (channel, step_ms) in enumerate(frames):
        now_ms += step_ms
        moment = When(channel, now_ms - lag[channel] + skew_ms, now_ms)
        price = 100.0 + place / 1000
        if channel == "trade":
            tick = quotes.trade("BTC/USD", price, when=moment)
        elif channel == "book":
            tick = quotes.book("BTC/USD", price - 0.1, price + 0.1, when=moment)
        else:
            tick = quotes.ticker("BTC/USD", Said(price - 0.1, price + 0.1, price), when=moment)
        assert index.tick(tick) is None
