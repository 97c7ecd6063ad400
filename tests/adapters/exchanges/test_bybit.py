import json

import pytest

from adapters.exchanges.bybit import Bybit
from tests.adapters.exchanges.venue_frames import (
    BYBIT_ACK,
    BYBIT_BOOK,
    BYBIT_TICKER,
    NOW,
    bybit_book,
    said,
)

PONG = {"success": True, "ret_msg": "pong", "conn_id": "465772b1-7630-4fdc-a492-e003e6f0f260", "op": "ping"}
REFUSED = {"success": False, "ret_msg": "error:handler not found,topic:tickers.NOUSDT", "op": "subscribe"}


@pytest.fixture
def words():
    return Bybit(("BTC/USDT", "ETH/USDT"))


def read(words, frame):
    return words.read(json.dumps(frame), NOW)


def test_it_asks_for_ticker_and_best_prices_of_each_pair_ten_topics_at_a_time():
    asked = [json.loads(frame) for frame in Bybit([f"{base}/USDT" for base in "ABCDEFG"]).hello()]
    assert [len(one["args"]) for one in asked] == [10, 4]
    assert asked[0]["args"][:2] == ["tickers.AUSDT", "orderbook.1.AUSDT"]
    assert json.loads(Bybit(()).ping(NOW))["op"] == "ping"


def test_ticker_and_book_join_into_ticks(words):
    ticker, book = said(words, BYBIT_ACK, PONG, BYBIT_TICKER, BYBIT_BOOK)
    assert (ticker.symbol, ticker.price, ticker.bid, ticker.at_ms) == (
        "BTC/USDT",
        64057.7,
        None,
        1786613159776,
    )
    assert (ticker.volume_24h, ticker.volume_24h_base) == (460629823.77866687, 7217.990977)
    assert (book.price, book.bid, book.ask) == (64057.7, 63705.3, 63705.4)
    assert (book.volume_24h, book.at_ms) == (ticker.volume_24h, ticker.at_ms)


def test_the_middle_is_the_price_where_only_the_book_was_heard(words):
    assert said(words, BYBIT_BOOK)[0].price == pytest.approx(63705.35)


def test_changes_of_the_book_are_made_in_sequence(words):
    said(words, bybit_book(5, [["10", "1"]], [["11", "1"]]))
    (tick,) = said(words, bybit_book(6, [["10", "0"], ["9", "2"]], [], "delta"))
    assert (tick.bid, tick.ask) == (9, 11)
    assert read(words, bybit_book(7, [["9", "0"]], [], "delta")).strange
    (tick,) = said(words, BYBIT_TICKER)
    assert (tick.bid, tick.ask) == (None, 11)


def test_a_gap_in_the_books_sequence_is_a_fault(words):
    said(words, bybit_book(5, [["10", "1"]], [["11", "1"]]))
    assert "does not follow" in read(words, bybit_book(7, [["9", "2"]], [], "delta")).fault


def test_a_change_of_a_book_that_never_came_is_a_fault(words):
    assert read(words, bybit_book(7, [["9", "2"]], [], "delta")).fault


def test_the_book_after_a_restart_of_the_venue_replaces_ours(words):
    said(words, bybit_book(5, [["10", "1"]], [["11", "1"]]))
    (tick,) = said(words, bybit_book(1, [["8", "1"]], [["9", "1"]]))
    assert (tick.bid, tick.ask) == (8, 9)


def test_a_refused_subscription_is_a_fault(words):
    assert "handler not found" in read(words, REFUSED).fault


def test_a_crossed_book_passes_as_it_is(words):
    (tick,) = said(words, bybit_book(5, [["12", "1"]], [["11", "1"]]))
    assert (tick.bid, tick.ask) == (12, 11)


@pytest.mark.parametrize("price", ["NaN", "0", "-5", "inf", "", None, "1e400"])
def test_a_last_price_that_is_none_leaves_the_middle(words, price):
    frame = {**BYBIT_TICKER, "data": {**BYBIT_TICKER["data"], "lastPrice": price}}
    said(words, BYBIT_BOOK)
    assert said(words, frame)[0].price == pytest.approx(63705.35)


@pytest.mark.parametrize("topic", ["ticker2.BTCUSDT", "kline.1.BTCUSDT", "tickers.XXXYYY", "tickers"])
def test_an_unknown_topic_or_symbol_is_strange(words, topic):
    assert read(words, {**BYBIT_TICKER, "topic": topic}).strange
