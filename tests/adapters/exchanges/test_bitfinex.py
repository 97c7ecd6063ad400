import json
from zlib import crc32

import pytest

from adapters.exchanges.bitfinex import Bitfinex
from adapters.exchanges.bitfinex_names import Names, symbol_of
from tests.adapters.exchanges.venue_frames import (
    BITFINEX_BOOK,
    BITFINEX_CONF,
    BITFINEX_INFO,
    BITFINEX_TICKER,
    NOW,
    bitfinex_subscribed,
    said,
)

AT_MS = NOW - 40
TEXT = "2504.1:89.4:2504.6:-95.6:2504:1e-7:2505:-0.25"
"""What the checksum of BITFINEX_BOOK is made of (docs.bitfinex.com/docs/ws-websocket-checksum)."""


def signed(text):
    told = crc32(text.encode())
    return told - 2**32 if told >= 2**31 else told


@pytest.fixture
def words():
    words = Bitfinex(("BTC/USD", "ETH/USDT", "DOGE/USD"))
    said(
        words,
        BITFINEX_INFO,
        BITFINEX_CONF,
        bitfinex_subscribed("ticker", 104),
        bitfinex_subscribed("book", 7),
    )
    return words


def read(words, frame):
    return words.read(json.dumps(frame), NOW)


@pytest.mark.parametrize(
    ("pair", "symbol"),
    [
        ("BTC/USD", "tBTCUSD"),
        ("BTC/USDT", "tBTCUST"),
        ("USDT/USD", "tUSTUSD"),
        ("USDC/USDT", "tUDCUST"),
        ("DOGE/USD", "tDOGE:USD"),
        ("DOGE/USDT", "tDOGE:UST"),
    ],
)
def test_names_go_both_ways_also_for_pairs_nobody_asked_for(pair, symbol):
    assert symbol_of(pair) == symbol
    assert Names((pair,))(symbol) == pair == Names(())(symbol)


def test_what_is_no_pair_has_no_name():
    assert [Names(())(name) for name in ("fUSD", "tBTC", "BTCUSD", "t", "", "tBTCUSDT")] == [None] * 6


def test_it_asks_for_sequence_stamps_and_checksums_before_tickers_and_books():
    conf, *asked = [json.loads(frame) for frame in Bitfinex(("BTC/USD",)).hello()]
    assert conf == {"event": "conf", "flags": 32768 + 65536 + 131072}
    assert [(one["channel"], one["symbol"]) for one in asked] == [("ticker", "tBTCUSD"), ("book", "tBTCUSD")]
    assert (asked[1]["len"], asked[1]["prec"]) == ("25", "P0")
    assert json.loads(Bitfinex(()).ping(NOW))["event"] == "ping"


def test_ticker_and_book_join_into_ticks_with_turnover_in_quote_currency(words):
    said(words, [*BITFINEX_BOOK, 1, AT_MS - 1])
    ticker, book = said(words, [*BITFINEX_TICKER, 2, AT_MS], [7, [2504.2, 1, 0.5], 3, AT_MS + 1])
    assert (ticker.symbol, ticker.price, ticker.bid, ticker.ask) == ("ETH/USDT", 2504.9, 2504.1, 2504.6)
    assert ticker.volume_24h_base == 22581.92240769
    assert ticker.volume_24h == pytest.approx(22581.92240769 * 2504.9)
    assert (book.price, book.bid, book.volume_24h) == (2504.9, 2504.2, ticker.volume_24h)
    assert (ticker.at_ms, book.at_ms) == (AT_MS, AT_MS + 1)


def test_the_book_is_changed_level_by_level(words):
    said(words, BITFINEX_BOOK)
    assert said(words, [7, [2504.3, 1, 0.5]])[0].bid == 2504.3
    assert said(words, [7, [2504.3, 0, 1]])[0].bid == 2504.1
    assert said(words, [7, [2504.6, 0, -1]])[0].ask == 2505
    assert said(words, [7, [2503, 4, 1]]) == []


def test_a_ticker_does_not_overwrite_the_book_that_is_quicker(words):
    *_, tick = said(words, BITFINEX_BOOK, [7, [2504.3, 1, 0.5]], BITFINEX_TICKER)
    assert tick.bid == 2504.3


def test_a_right_checksum_is_a_sign_of_life_and_a_false_one_a_fault(words):
    words.read(json.dumps(BITFINEX_BOOK).replace("1e-07", "1e-7"), NOW)
    assert read(words, [7, "cs", signed(TEXT)]).alive
    assert "checksum" in read(words, [7, "cs", signed(TEXT) ^ 1]).fault


def test_the_checksum_covers_25_levels_and_the_book_may_have_more(words):
    levels = [[100 - n, 1, 1.5] for n in range(27)] + [[101 + n, 1, -0.5] for n in range(27)]
    said(words, [7, levels])
    text = ":".join(f"{100 - n}:1.5:{101 + n}:-0.5" for n in range(25))
    assert read(words, [7, "cs", signed(text)]).alive


def test_a_lost_frame_is_a_fault_whichever_kind_it_was(words):
    said(words, [104, "hb", 7, AT_MS], [*BITFINEX_TICKER, 8, AT_MS])
    assert "came after 8" in read(words, [104, "hb", 10, AT_MS]).fault


def test_trades_are_taken_when_they_are_made(words):
    said(words, bitfinex_subscribed("trades", 9))
    (tick,) = said(words, [9, "te", [401, AT_MS, -0.005, 2503.7], 1])
    assert (tick.price, tick.at_ms) == (2503.7, AT_MS)
    assert (
        said(words, [9, "tu", [401, AT_MS, -0.005, 2503.7], 2], [9, [[401, AT_MS, -0.005, 2503.7]], 3]) == []
    )


@pytest.mark.parametrize(
    ("event", "word"),
    [
        ({"event": "info", "code": 20051, "msg": "Stopping. Please try to reconnect"}, "restarts"),
        ({"event": "info", "code": 20060, "msg": "maintenance"}, "enters maintenance"),
        ({"event": "info", "code": 20061, "msg": "ended"}, "comes out"),
        ({**BITFINEX_INFO, "platform": {"status": 0}}, "maintenance"),
        ({"event": "error", "msg": "symbol: invalid", "code": 10300}, "symbol: invalid"),
        ({"event": "conf", "status": "FAILED"}, "configuration"),
        ({"event": "unsubscribed", "status": "OK", "chanId": 7}, "took a subscription back"),
    ],
)
def test_events_after_which_the_stream_is_of_no_use_are_faults(words, event, word):
    assert word in read(words, event).fault


def test_a_subscription_made_twice_stands(words):
    assert read(words, {"event": "error", "msg": "subscribe: dup", "code": 10301}).alive


def test_a_level_that_cannot_be_read_is_a_fault(words):
    said(words, BITFINEX_BOOK)
    assert read(words, [7, ["x", 1, 2]]).fault


@pytest.mark.parametrize(
    "frame",
    [
        [999, [1, 2, 3]],
        [104, []],
        [104, "ticker2", []],
        {"event": "info", "version": 3},
        {"event": "x"},
        bitfinex_subscribed("ticker", 5, "fUSD"),
    ],
)
def test_channels_and_events_that_nobody_knows_are_strange(words, frame):
    assert read(words, frame).strange
