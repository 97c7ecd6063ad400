"""What five venues' frames mean: signs of life, faults of the stream, and what nobody knows."""

import json

import pytest

from adapters.exchanges.ports import Words
from adapters.exchanges.symbols import Joined, divided
from tests.adapters.exchanges.spot_frames import (
    BINANCE_TRADE,
    BITSTAMP_BOOK,
    BOOK_TICKER,
    COINBASE_TICKER,
    DAY_TICKER,
    HEARTBEAT,
    KRAKEN_CHECKSUM,
    KRAKEN_OLD,
    KRAKEN_OLD_BOOK,
    KRAKEN_OLD_SPREAD,
    KRAKEN_OLD_TRADE,
    KRAKEN_TICKER,
    NOW,
    OKX_TICKER,
    PAIRS,
    VENUES,
    kraken_book,
    okx_book,
    stream,
)


def words(venue) -> Words:
    return VENUES[venue](PAIRS)


def read(venue, *frames):
    """Return what the last of some frames said on one connection."""
    spoken = words(venue)
    reads = [spoken.read(f if isinstance(f, str) else json.dumps(f), NOW) for f in frames]
    return reads[-1]


ALIVE = [
    ("binance", {"result": None, "id": 1}),
    (
        "binance",
        stream("btcusdt@depth@100ms", {"e": "depthUpdate", "E": NOW, "s": "BTCUSDT", "b": [], "a": []}),
    ),
    ("binance", {"lastUpdateId": 160, "bids": [["0.0024", "10"]], "asks": [["0.0026", "100"]]}),
    ("binance", BINANCE_TRADE | {"X": "INSURANCE_FUND"}),
    ("bitstamp", {"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}),
    ("bitstamp", {"event": "bts:subscription_succeeded", "channel": "order_book_btcusd", "data": {}}),
    ("bitstamp", BITSTAMP_BOOK | {"channel": "diff_order_book_btcusd"}),
    ("coinbase", HEARTBEAT),
    ("coinbase", {"type": "subscriptions", "channels": [{"name": "ticker", "product_ids": ["BTC-USD"]}]}),
    ("kraken", {"channel": "heartbeat"}),
    ("kraken", {"method": "pong", "time_in": "2026-08-13T09:26:14.873195Z"}),
    ("kraken", {"method": "subscribe", "result": {"channel": "book", "symbol": "BTC/USD"}, "success": True}),
    ("kraken", {"channel": "status", "type": "update", "data": [{"system": "online", "api_version": "v2"}]}),
    ("kraken", {"event": "heartbeat"}),
    ("kraken", {"event": "systemStatus", "status": "online", "version": "1.8.3"}),
    ("okx", "pong"),
    (
        "okx",
        {"event": "subscribe", "arg": {"channel": "tickers", "instId": "BTC-USDT"}, "connId": "d604ccd0"},
    ),
    ("okx", OKX_TICKER | {"arg": {"channel": "tickers", "instId": "BTC-USDT-SWAP"}}),
]
FAULTS = [
    ("binance", {"error": {"code": 2, "msg": "Invalid request: unknown variant"}, "id": 1}),
    ("binance", {"code": 3, "msg": "Invalid JSON"}),
    ("binance", {"e": "serverShutdown", "E": NOW}),
    ("binance", stream("", {"e": "serverShutdown", "E": NOW})),
    ("bitstamp", {"event": "bts:request_reconnect", "channel": "", "data": ""}),
    (
        "bitstamp",
        {"event": "bts:error", "channel": "", "data": {"code": None, "message": "Bad subscription string."}},
    ),
    (
        "coinbase",
        {"type": "error", "message": "Failed to subscribe", "reason": "XXX-YYY is not a valid product"},
    ),
    ("kraken", {"error": "Currency pair not supported BTC/XYZ", "method": "subscribe", "success": False}),
    (
        "kraken",
        {"event": "subscriptionStatus", "status": "error", "errorMessage": "Currency pair not supported"},
    ),
    ("kraken", {"channel": "status", "type": "update", "data": [{"system": "maintenance"}]}),
    (
        "kraken",
        {"channel": "book", "type": "update", "data": [{"symbol": "BTC/USD", "bids": [], "asks": []}]},
    ),
    ("okx", {"event": "error", "msg": "channel:ticker,instId:BTC-USDT doesn't exist", "code": "60018"}),
    (
        "okx",
        {
            "event": "notice",
            "code": "64008",
            "msg": "The connection will soon be closed for a service upgrade.",
        },
    ),
    ("okx", okx_book(["101 1"], [], chain=(99, 100))),
]
STRANGE = [
    ("binance", stream("btcusdt@bestBidAsk", BOOK_TICKER | {"e": "bestBidAsk"})),
    ("binance", stream("btcusdt@bookTicker", BOOK_TICKER | {"b": "NaN"})),
    ("binance", stream("btcusdt@bookTicker", BOOK_TICKER | {"a": "0.00000000"})),
    ("binance", stream("btcusdt_250627@bookTicker", BOOK_TICKER | {"s": "BTCUSDT_250627"})),
    ("bitstamp", BITSTAMP_BOOK | {"channel": "top_of_book_btcusd"}),
    ("bitstamp", BITSTAMP_BOOK | {"channel": "order_book"}),
    ("bitstamp", BITSTAMP_BOOK | {"data": {"bids": [], "asks": []}}),
    ("bitstamp", {"event": "bts:something"}),
    ("coinbase", COINBASE_TICKER | {"type": "ticker_v2"}),
    ("coinbase", COINBASE_TICKER | {"product_id": "BTCUSD"}),
    ("coinbase", COINBASE_TICKER | {"price": "Infinity", "best_bid": None}),
    ("kraken", KRAKEN_TICKER | {"channel": "ticker2"}),
    ("kraken", {"method": "add_order", "success": True}),
    ("kraken", [340, {"a": []}, "ticker2", "XBT/USD"]),
    ("kraken", []),
    ("kraken", [*KRAKEN_OLD_BOOK[:1], {"as": 7}, *KRAKEN_OLD_BOOK[2:]]),
    ("okx", OKX_TICKER | {"arg": {"channel": "tickers2", "instId": "BTC-USDT"}}),
    ("okx", OKX_TICKER | {"data": [{"last": "1e999", "bidPx": "", "askPx": None}]}),
    ("okx", okx_book(["101 NaN"], ["99 1"], chain=(-1, 1), kind="snapshot")),
    ("okx", {"event": "greeting"}),
]


@pytest.mark.parametrize(("venue", "frame"), ALIVE)
def test_a_sign_of_life_is_alive_and_nothing_else(venue, frame):
    said = read(venue, frame)
    assert (said.alive, said.ticks, said.fault, said.strange) == (True, (), None, None)


@pytest.mark.parametrize(("venue", "frame"), FAULTS)
def test_what_ends_or_breaks_the_stream_is_a_fault_and_nothing_else(venue, frame):
    said = read(venue, frame)
    assert said.fault
    assert (said.alive, said.ticks, said.strange) == (False, (), None)


@pytest.mark.parametrize(("venue", "frame"), STRANGE)
def test_what_nobody_knows_and_what_has_no_price_is_strange_and_nothing_else(venue, frame):
    said = read(venue, frame)
    assert said.strange
    assert (said.alive, said.ticks, said.fault) == (False, (), None)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(
    "frame", [b"", b"null", b"7", b"\xff\xfe", b'"', b"[" * 99_999, "\ud800", '{"a":NaN}']
)
def test_a_broken_frame_is_strange_to_every_venue(venue, frame):
    said = words(venue).read(frame, NOW)
    assert said.strange is not None
    assert (said.alive, said.ticks, said.fault) == (False, (), None)


# --- what is asked for ----------------------------------------------------------------------------------


def asked(venue):
    return [json.loads(frame) for frame in words(venue).hello()]


def test_each_venue_is_asked_in_its_own_spelling():
    names = ["btcusd@bookTicker", "btcusd@ticker", "btcusdt@bookTicker", "btcusdt@ticker"]
    assert [message["params"] for message in asked("binance")] == [names]
    assert [message["data"]["channel"] for message in asked("bitstamp")] == [
        "order_book_btcusd", "live_trades_btcusd", "order_book_btcusdt", "live_trades_btcusdt",
    ]  # fmt: skip
    assert [message["product_ids"] for message in asked("coinbase")] == [["BTC-USD", "BTC-USDT"]]
    assert [message["params"]["symbol"] for message in asked("kraken")] == [["BTC/USD", "BTC/USDT"]] * 2
    assert [(a["channel"], a["instId"]) for [message] in [asked("okx")] for a in message["args"]] == [
        ("tickers", "BTC-USD"), ("books", "BTC-USD"), ("tickers", "BTC-USDT"), ("books", "BTC-USDT"),
    ]  # fmt: skip


def test_pings_are_what_the_venues_answer():
    assert words("okx").ping(NOW) == "ping"
    assert json.loads(words("kraken").ping(NOW)) == {"method": "ping"}
    assert json.loads(words("bitstamp").ping(NOW)) == {"event": "bts:heartbeat"}
    assert words("binance").ping_s is words("coinbase").ping_s is None


@pytest.mark.parametrize(
    ("name", "pair"),
    [("BTC-USD", "BTC/USD"), ("xbt-usd", "BTC/USD"), ("XDG-EUR", "DOGE/EUR"), ("USDT-USD", "USDT/USD")]
    + [
        (name, None)
        for name in ("BTCUSD", "BTC-USD-SWAP", "BTC-", "-", "BTC-US D", "", None, 7, "ＢＴＣ-USD")
    ],
)
def test_a_name_with_a_mark_is_two_assets_or_none(name, pair):
    assert divided(name, "-") == pair


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("BTCUSDT", "BTC/USDT"), ("btcusd", "BTC/USD"), ("usdtusd", "USDT/USD"), ("ETHBTC", "ETH/BTC"),
        ("BTCFDUSD", "BTC/FDUSD"), ("dotusd", "DOT/USD"), ("bnbusd", "BNB/USD"),
        ("usdcusdt", "USDC/USDT"), ("ABCXYZ", "ABC/XYZ"),
    ] + [(name, None) for name in ("BTC", "USD", "BTC_USD", "", None, 7, "BTCQQQ", "BTCUSDT_250627", "ＢＴＣUSD")],
)  # fmt: skip
def test_a_joined_name_is_cut_at_its_quote_unless_it_is_one_we_asked_for(name, pair):
    assert Joined(["ABC/XYZ"])(name) == pair


# --- prices ---------------------------------------------------------------------------------------------


def test_a_books_tick_has_the_last_trade_as_its_price_once_one_is_known():
    [book] = read("binance", BOOK_TICKER).ticks
    assert book.price == pytest.approx(63707.25)
    [book] = read("binance", DAY_TICKER | {"c": "63700"}, BOOK_TICKER).ticks
    assert (book.price, book.bid, book.ask) == (63700.0, 63707.2, 63707.3)


def test_binance_spot_is_stamped_at_receipt_whatever_its_ticker_says():
    """A venue whose clock is a second ahead would otherwise push its own best prices out of order."""
    for frame in (
        BOOK_TICKER,
        DAY_TICKER | {"E": NOW + 1300},
        BINANCE_TRADE | {"E": NOW - 700, "T": NOW - 700},
    ):
        assert [tick.at_ms for tick in read("binance", frame).ticks] == [NOW]


def test_futures_of_binance_are_other_sources_with_the_venues_stamp():
    usdm = BOOK_TICKER | {"e": "bookTicker", "T": NOW - 9, "E": NOW - 8}
    coinm = usdm | {"s": "BTCUSD_PERP", "ps": "BTCUSD"}
    found = [tick for frame in (usdm, coinm) for tick in read("binance", frame).ticks]
    assert [(t.source, t.symbol, t.at_ms) for t in found] == [
        ("binance_usdm", "BTC/USDT", NOW - 9),
        ("binance_coinm", "BTC/USD", NOW - 9),
    ]


def test_a_crossed_book_passes_as_it_came():
    crossed = BITSTAMP_BOOK | {"data": {"bids": [["101", "1"]], "asks": [["100", "1"]]}}
    assert [(t.bid, t.ask) for t in read("bitstamp", crossed).ticks] == [(101.0, 100.0)]


def test_a_broken_number_is_left_out_and_the_rest_stands():
    [tick] = read(
        "okx",
        OKX_TICKER | {"data": [OKX_TICKER["data"][0] | {"bidPx": "NaN", "volCcy24h": "-1", "vol24h": None}]},
    ).ticks
    assert (tick.price, tick.bid, tick.ask, tick.volume_24h) == (63707.3, None, 63707.3, None)


def test_a_row_without_a_price_does_not_take_the_others_with_it():
    rows = [KRAKEN_TICKER["data"][0], {"symbol": "ETH/USD", "last": "NaN"}]
    said = read("kraken", KRAKEN_TICKER | {"data": rows})
    assert [tick.symbol for tick in said.ticks] == ["BTC/USD"]
    assert said.strange


def test_a_stamp_that_is_none_gives_way_to_ours():
    for stamp in (None, "", "yesterday", "2026-08-13T09:26:14", "99999-01-01T00:00:00Z", 7):
        assert [t.at_ms for t in read("coinbase", COINBASE_TICKER | {"time": stamp}).ticks] == [NOW]
    for stamp in (None, "", "-5", "1e12", 10**30, True, "9" * 5000):
        [tick] = read("okx", OKX_TICKER | {"data": [OKX_TICKER["data"][0] | {"ts": stamp}]}).ticks
        assert tick.at_ms == NOW


def test_an_unchanged_book_is_a_sign_of_life():
    deeper = BITSTAMP_BOOK["data"] | {"bids": [["63707", "0.1"]], "microtimestamp": "1786613174999999"}
    assert read("bitstamp", BITSTAMP_BOOK, BITSTAMP_BOOK | {"data": deeper}).alive
    assert read(
        "okx", okx_book(["2 1"], ["1 1"], chain=(-1, 1), kind="snapshot"), okx_book(["3 1"], [], chain=(1, 2))
    ).alive


def test_a_change_below_the_top_of_krakens_book_is_a_sign_of_life():
    deeper = kraken_book(["45286.4 9.0"], [], kind="update", checksum=0).replace('"checksum":0,', "")
    assert read("kraken", kraken_book(kind="snapshot", checksum=KRAKEN_CHECKSUM), deeper).alive


def test_a_book_that_stays_empty_stays_strange():
    empty = BITSTAMP_BOOK | {"data": {"bids": [], "asks": [], "microtimestamp": "1786613174999999"}}
    assert read("bitstamp", BITSTAMP_BOOK, empty, empty).strange


def test_old_frames_of_kraken_are_read_beside_those_of_today():
    found = [
        read("kraken", frame).ticks[0]
        for frame in (KRAKEN_OLD, KRAKEN_OLD_TRADE, KRAKEN_OLD_SPREAD, KRAKEN_OLD_BOOK)
    ]
    assert {tick.symbol for tick in found} == {"BTC/USD"}
    assert [tick.price for tick in found] == [5525.2, 5541.2, 5699.2, pytest.approx(5541.25)]
    assert [tick.at_ms for tick in found] == [NOW, 1534614057321, 1542057299545, 1534614248700]
    assert found[0].volume_24h == pytest.approx(3591.1 * 5653.7)


# --- what was lost --------------------------------------------------------------------------------------


def beat(last_trade_id):
    return HEARTBEAT | {"last_trade_id": last_trade_id}


def test_a_trade_that_coinbase_named_a_heartbeat_ago_and_never_sent_is_a_fault():
    said = read("coinbase", COINBASE_TICKER, beat(1001), beat(1002))
    assert "1001" in said.fault


def test_a_trade_that_comes_after_the_heartbeat_that_named_it_is_in_time():
    late = COINBASE_TICKER | {"trade_id": 1003}
    assert read("coinbase", COINBASE_TICKER, beat(1001), late, beat(1004)).alive
    assert read("coinbase", COINBASE_TICKER, beat(1000), beat(1000), beat(1000)).alive


def test_a_heartbeat_before_any_ticker_is_no_loss():
    assert read("coinbase", beat(1001), beat(1002)).alive


def test_a_broken_change_of_a_chained_book_shows_at_the_next_one():
    frames = [okx_book(["2 1"], ["1 1"], chain=(-1, 1), kind="snapshot"), okx_book(["2 x"], [], chain=(1, 2))]
    assert read("okx", *frames).strange
    assert read("okx", *frames, okx_book(["2.5 1"], [], chain=(2, 3))).fault
