import json

import pytest

from adapters.exchanges.gemini import Gemini
from tests.adapters.exchanges.venue_frames import (
    GEMINI_BOOK,
    GEMINI_TRADE,
    NOW,
    gemini_change,
    gemini_first,
    said,
)


@pytest.fixture
def words():
    return Gemini(("BTC/USD", "BTC/USDT"))


def read(words, frame):
    return words.read(json.dumps(frame), NOW)


def test_it_asks_for_best_prices_and_trades_without_a_key(words):
    asked = [json.loads(frame) for frame in words.hello()]
    assert asked == [
        {"id": name, "method": "subscribe", "params": [f"{name}@bookTicker", f"{name}@trade"]}
        for name in ("btcusd", "btcusdt")
    ]
    assert json.loads(words.ping(NOW)) == {"id": str(NOW), "method": "ping"}


def test_best_prices_and_trades_join_into_ticks(words):
    assert said(words, {"id": "1", "status": 200}, {"id": str(NOW), "status": 200, "result": {}}) == []
    book, trade = said(words, GEMINI_BOOK, GEMINI_TRADE)
    assert (book.symbol, book.price, book.bid, book.ask) == ("BTC/USD", 63711.75, 63711.5, 63712)
    assert (book.at_ms, trade.at_ms) == (1786613159600, 1786613159700)
    assert (trade.price, trade.bid, trade.volume_24h) == (63711.75, 63711.5, None)


def test_an_empty_side_of_the_book_is_told_as_an_empty_text(words):
    *_, tick = said(words, GEMINI_TRADE, {**GEMINI_BOOK, "b": ""})
    assert (tick.price, tick.bid, tick.ask) == (63711.75, None, 63712)


def test_an_older_update_of_the_book_is_a_fault(words):
    said(words, GEMINI_BOOK, {**GEMINI_BOOK, "s": "btcusdt", "u": 5})
    assert "older" in read(words, {**GEMINI_BOOK, "u": GEMINI_BOOK["u"] - 1}).fault


def test_a_refused_request_is_a_fault(words):
    refused = {"id": "1", "status": 400, "error": {"code": -1013, "msg": "Invalid parameters"}}
    assert "Invalid parameters" in read(words, refused).fault


def test_v1_best_prices_replace_each_other(words):
    """A best price that goes away is not told to be gone: recorded on 2019-07-06."""
    first = gemini_first(
        0, gemini_change("bid", "11385", "1", "initial"), gemini_change("ask", "11386.12", "1.3", "initial")
    )
    (tick,) = said(words, first)
    assert (tick.bid, tick.ask) == (11385, 11386.12)
    (tick,) = said(words, gemini_first(1, gemini_change("ask", "11386.62", "1")))
    assert (tick.bid, tick.ask, tick.at_ms) == (11385, 11386.62, 1786613159472)
    gone, new = gemini_change("bid", "11385", "0.0"), gemini_change("bid", "11384.75", "0.11")
    assert said(words, gemini_first(2, gone, new))[0].bid == 11384.75


def test_v1_whole_books_are_kept_level_by_level(words):
    levels = [gemini_change("bid", price, "1", "initial") for price in ("10", "9", "8")]
    said(words, gemini_first(0, *levels, gemini_change("ask", "11", "1", "initial")))
    (tick,) = said(
        words, gemini_first(1, gemini_change("bid", "10", "0", "cancel"), {"type": "trade", "price": "10.5"})
    )
    assert (tick.bid, tick.ask, tick.price) == (9, 11, 10.5)


def test_v1_heartbeats_are_in_the_sequence_too(words):
    change = gemini_change("bid", "10", "1")
    assert said(words, gemini_first(8, change), {"type": "heartbeat", "socket_sequence": 9}) == []
    assert "11 came after 9" in read(words, gemini_first(11, change)).fault


@pytest.mark.parametrize("broken", [{"price": "x"}, {"side": "middle"}, {"remaining": None}, {"symbol": "?"}])
def test_v1_a_change_that_cannot_be_read_is_a_fault(words, broken):
    assert read(words, gemini_first(0, {**gemini_change("bid", "10", "1"), **broken})).fault


L2 = {"type": "l2_updates", "symbol": "BTCUSD", "changes": [["buy", "10", "1"], ["sell", "11", "1"]]}
TRADES = [
    {
        "type": "trade",
        "symbol": "BTCUSD",
        "event_id": 2,
        "timestamp": NOW - 500,
        "price": "10.7",
        "quantity": "1",
    },
    {
        "type": "trade",
        "symbol": "BTCUSD",
        "event_id": 1,
        "timestamp": NOW - 900,
        "price": "10.2",
        "quantity": "1",
    },
]


def test_v2_the_first_message_has_book_and_trades(words):
    (tick,) = said(words, {**L2, "trades": TRADES})
    assert (tick.price, tick.bid, tick.ask, tick.at_ms) == (10.7, 10, 11, NOW)
    assert said(words, {**L2, "changes": [["buy", "9", "1"]]}) == []
    assert said(words, {**L2, "changes": [["buy", "10", "0"]]})[0].bid == 9


def test_v2_a_change_of_a_book_that_never_came_or_cannot_be_read_is_a_fault(words):
    assert read(words, L2).fault
    said(words, {**L2, "trades": []})
    assert read(words, {**L2, "changes": [["buy", "x", "1"]]}).fault


def test_v2_candles_and_heartbeats_are_signs_of_life(words):
    candles = {"type": "candles_1m_updates", "symbol": "BTCUSD", "changes": [[NOW, 1, 1, 1, 1, 1]]}
    assert said(words, candles, {"type": "heartbeat", "timestamp": NOW}) == []


@pytest.mark.parametrize(
    "frame",
    [
        {**GEMINI_BOOK, "s": "nothing"},
        {**L2, "type": "l3_updates"},
        {"type": "heartbeat"},
        {"type": "subscription_ack"},
        {key: GEMINI_BOOK[key] for key in ("s", "E", "b", "a")},
    ],
)
def test_frames_that_nobody_knows_are_strange(words, frame):
    assert read(words, frame).strange
