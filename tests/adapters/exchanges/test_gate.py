import json

import pytest

from adapters.exchanges.gate import Gate
from tests.adapters.exchanges.venue_frames import GATE_ACK, GATE_BOOK, GATE_TICKER, NOW, said

PONG = {"time": 1786539989, "time_ms": 1786539989449, "channel": "spot.pong", "event": "", "result": None}
UPGRADE = {
    "time": 1770694860,
    "time_ms": 1770694860773,
    "channel": "spot.system",
    "event": "update",
    "result": {
        "type": "upgrade",
        "msg": "The connection will soon be closed for a service upgrade. Please reconnect.",
    },
}
REFUSED = {
    "time": 1739853211,
    "channel": "spot.tickers",
    "event": "subscribe",
    "payload": ["LUNARLENS_USDT"],
    "error": {"code": 2, "message": "unknown currency pair: LUNARLENS_USDT"},
    "result": {"status": "fail"},
}


@pytest.fixture
def words():
    return Gate(("BTC/USDT", "ETH/USDT"))


def read(words, frame):
    return words.read(json.dumps(frame), NOW)


def result(frame, **new):
    return {**frame, "result": {**frame["result"], **new}}


def test_it_asks_for_tickers_and_best_prices_of_all_pairs(words):
    asked = [json.loads(frame) for frame in words.hello()]
    assert [one["channel"] for one in asked] == ["spot.tickers", "spot.book_ticker"]
    assert all(one["payload"] == ["BTC_USDT", "ETH_USDT"] and one["time"] > 0 for one in asked)
    assert json.loads(words.ping(NOW)) == {"time": NOW // 1000, "channel": "spot.ping"}


def test_ticker_and_book_join_into_ticks(words):
    ticker, book = said(words, GATE_ACK, PONG, GATE_TICKER, GATE_BOOK)
    assert (ticker.symbol, ticker.price, ticker.at_ms) == ("BTC/USDT", 64043.9, 1786539989549)
    assert (ticker.bid, ticker.ask) == (64043.8, 64043.95)
    assert (ticker.volume_24h, ticker.volume_24h_base) == (337744396.9986996, 5291.366688)
    assert (book.price, book.bid, book.ask, book.at_ms) == (64043.9, 64048.3, 64048.4, 1786539991556)
    assert book.volume_24h == ticker.volume_24h


def test_a_ticker_does_not_overwrite_the_book_that_is_quicker(words):
    *_, tick = said(words, GATE_BOOK, GATE_TICKER)
    assert (tick.bid, tick.ask) == (64048.3, 64048.4)


def test_an_older_update_of_the_book_is_a_fault(words):
    said(words, GATE_BOOK, result(GATE_BOOK, u=9793320464))
    assert "older" in read(words, result(GATE_BOOK, u=9793320463)).fault


def test_an_empty_side_leaves_none(words):
    *_, tick = said(words, GATE_TICKER, result(GATE_BOOK, b=""))
    assert (tick.bid, tick.price) == (None, 64043.9)


def test_old_frames_have_seconds_only(words):
    frame = {key: value for key, value in GATE_TICKER.items() if key != "time_ms"}
    assert said(words, frame)[0].at_ms == 1786539989000


def test_a_refused_subscription_is_a_fault(words):
    assert "unknown currency pair" in read(words, REFUSED).fault
    assert read(words, {**GATE_ACK, "result": {"status": "fail"}}).fault


def test_the_notice_that_it_will_close_is_a_fault(words):
    assert "upgrade" in read(words, UPGRADE).fault


@pytest.mark.parametrize("channel", ["spot.tickers_v2", "futures.tickers", "", None])
def test_an_unknown_channel_is_strange(words, channel):
    assert read(words, {**GATE_TICKER, "channel": channel}).strange


def test_a_frame_that_the_venue_mangled_under_load_is_strange(words):
    """Two frames in one, as users have seen them on slow lines."""
    torn = json.dumps(GATE_BOOK).encode()[:90] + b"\x81~\x01\x07" + json.dumps(GATE_BOOK).encode()
    assert words.read(torn, NOW).strange
