"""What the channels of a venue say of a pair, joined in one tick: prices, volumes, and stamps that rise."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.exchanges.bybit import Bybit
from adapters.exchanges.pairs import AHEAD_MS, Pairs, When, ticked
from adapters.exchanges.ports import ALIVE
from core.index_price import IndexPrice
from core.prices.presets import PRESETS
from tests.adapters.exchanges.venue_frames import BYBIT_BOOK, BYBIT_TICKER, NOW

BTC, ETH = "BTC/USD", "ETH/USD"
TICKER = {"bid": 98.0, "ask": 102.0, "last": 100.5, "volume": 7.0}


@pytest.fixture
def pairs():
    return Pairs("venue")


def when(channel, at_ms, received_ms=NOW):
    return When(channel, at_ms, received_ms)


# --- prices and volumes ---------------------------------------------------------------------------------


def test_the_price_is_the_last_trade_and_the_middle_where_there_is_none(pairs):
    assert pairs.tell(BTC, when("book", 1), bid=99.0, ask=102.0).price == 100.5
    assert pairs.trade(BTC, 101.0, when("trade", 2)).price == 101.0
    assert pairs.tell(BTC, when("book", 3), bid=99.0, ask=103.0).price == 101.0


def test_without_a_price_there_is_no_tick(pairs):
    pairs.note(BTC, volume=1.0, volume_base=1.0)
    assert pairs.tell(BTC, when("book", 1), bid=10.0, ask=None) is None


def test_a_side_of_the_book_that_is_gone_is_known_no_more(pairs):
    pairs.tell(BTC, when("book", 1), bid=99.0, ask=102.0)
    assert pairs.tell(BTC, when("book", 2), bid=99.0, ask=None) is None
    trade = pairs.trade(BTC, 101.0, when("trade", 3))
    assert (trade.bid, trade.ask) == (99.0, None)


def test_a_trade_without_a_price_takes_nothing_away(pairs):
    pairs.trade(BTC, 101.0, when("trade", 1))
    assert pairs.trade(BTC, None, when("trade", 2)) is None
    assert pairs.tell(BTC, when("book", 3), bid=99.0, ask=102.0).price == 101.0


def test_every_tick_has_the_volume_that_was_told_last(pairs):
    pairs.note(BTC, volume=1000.0, volume_base=50.0)
    for bid in (18.0, 19.0):
        tick = pairs.tell(BTC, when("book", 1), bid=bid, ask=21.0)
        assert (tick.volume_24h, tick.volume_24h_base) == (1000, 50)


def test_a_volume_in_base_currency_becomes_turnover_at_the_price(pairs):
    tick = pairs.tell(BTC, when("ticker", 1), last=20.0, volume_base=50.0)
    assert (tick.volume_24h, tick.volume_24h_base) == (1000, 50)


def test_what_is_no_volume_leaves_none(pairs):
    pairs.tell(BTC, when("ticker", 1), **TICKER)
    tick = pairs.tell(BTC, when("ticker", 2), volume=None, volume_base=None)
    assert (tick.price, tick.volume_24h, tick.volume_24h_base) == (100.5, None, None)


def test_a_book_whose_top_is_what_it_was_is_unchanged_and_an_empty_one_is_not(pairs):
    assert not pairs.unchanged(BTC, 99.0, 102.0)
    pairs.tell(BTC, when("book", 1), bid=99.0, ask=102.0)
    assert pairs.unchanged(BTC, 99.0, 102.0)
    assert not pairs.unchanged(BTC, 99.0, 103.0)
    pairs.tell(BTC, when("book", 2), bid=None, ask=None)
    assert not pairs.unchanged(BTC, None, None)


def test_pairs_are_kept_by_symbol(pairs):
    pairs.trade(BTC, 1.0, when("trade", 9))
    assert pairs.tell(ETH, when("book", 1), bid=2.0, ask=4.0).price == 3
    assert (pairs.newest_ms(BTC), pairs.newest_ms(ETH), pairs.newest_ms("SOL/USD")) == (9, 1, 0)


def test_rows_without_a_price_do_not_take_the_others_with_them(pairs):
    tick = pairs.tell(BTC, when("ticker", 1), **TICKER)
    assert ticked([]) == ALIVE
    assert ticked([None]) is None
    assert ticked([tick]).strange is None
    read = ticked([tick, None])
    assert read.ticks == (tick,)
    assert read.strange


# --- stamps ---------------------------------------------------------------------------------------------


def test_a_slow_channel_is_not_reordered_by_a_quick_one(pairs):
    book = pairs.tell(BTC, when("book", 1000), bid=99.0, ask=101.0)
    ticker = pairs.tell(BTC, when("ticker", 900), **TICKER)
    assert (book.at_ms, ticker.at_ms) == (1000, 1000)
    assert (ticker.price, ticker.bid, ticker.volume_24h) == (100.5, 98.0, 7.0)


def test_a_frame_before_its_channels_last_one_is_reordered_and_not_remembered(pairs):
    pairs.tell(BTC, when("book", 1000), bid=99.0, ask=101.0)
    late = pairs.tell(BTC, when("book", 800), bid=50.0, ask=52.0)
    trade = pairs.trade(BTC, 100.0, when("trade", 1001))
    assert (late.at_ms, late.bid) == (800, 50.0)
    assert (trade.bid, trade.ask, trade.at_ms) == (99.0, 101.0, 1001)


def test_a_stamp_of_the_far_future_does_not_push_later_ticks_there(pairs):
    mad = pairs.trade(BTC, 100.0, when("trade", NOW + AHEAD_MS + 1))
    book = pairs.tell(BTC, when("book", NOW - 5), bid=99.0, ask=101.5)
    assert mad.at_ms == NOW + AHEAD_MS + 1
    assert (book.at_ms, book.price) == (NOW - 5, 100.25)
    assert pairs.trade(BTC, 100.1, when("trade", NOW)).at_ms == NOW


def test_a_frame_without_a_stamp_has_that_of_its_receipt_and_so_have_those_stamped_before(pairs):
    assert pairs.tell(BTC, when("book", None), bid=99.0, ask=101.0).at_ms == NOW
    assert pairs.trade(BTC, 100.0, when("trade", NOW - 30)).at_ms == NOW
    assert pairs.trade(BTC, 100.0, when("trade", NOW + 5)).at_ms == NOW + 5


def test_our_clock_set_back_stamps_what_has_no_stamp_with_the_new_time(pairs):
    pairs.tell(BTC, when("book", None), bid=99.0, ask=101.0)
    assert pairs.tell(BTC, When("book", None, NOW - 60_000), bid=99.0, ask=101.0).at_ms == NOW - 60_000


def test_an_index_takes_both_streams_of_a_venue_in_whatever_order_their_stamps_are():
    """The ticker is stamped 27 ms after a book that comes after it."""
    index, words = IndexPrice("BTC/USDT", PRESETS["nightdesk"]), Bybit(("BTC/USDT",))
    for frame in (BYBIT_TICKER, BYBIT_BOOK):
        (tick,) = words.read(json.dumps(frame), NOW).ticks
        assert index.tick(tick) is None


@settings(max_examples=40)
@given(
    frames=st.lists(
        st.tuples(st.sampled_from(("book", "ticker", "trade", "unstamped")), st.integers(0, 500)), max_size=40
    ),
    lag=st.fixed_dictionaries({name: st.integers(0, 400) for name in ("book", "ticker", "trade")}),
)
@pytest.mark.parametrize("skew_ms", [-900, 0, 900])
def test_the_engine_takes_every_tick_of_channels_that_are_each_in_order(skew_ms, frames, lag):
    """Each channel is stamped by the venue's clock, skewed to ours, and lags as it likes: nothing looks reordered."""
    pairs, index = Pairs("venue"), IndexPrice(BTC, PRESETS["nightdesk"])
    now_ms = NOW
    for place, (channel, step_ms) in enumerate(frames):
        now_ms += step_ms
        at_ms = now_ms - lag[channel] + skew_ms if channel in lag else None
        price = 100.0 + place / 1000
        said = {"last": price} if channel == "trade" else {"bid": price - 0.1, "ask": price + 0.1}
        tick = pairs.tell(BTC, When(channel, at_ms, now_ms), **said)
        assert index.tick(tick) is None
