"""ccxt's parsers as the second opinion: the same frame, the same best prices, last price, volumes and stamp."""

import decimal
import json

import ccxt.pro
import pytest

from tests.adapters.exchanges.spot_frames import (
    BITSTAMP_BOOK,
    BITSTAMP_TRADE,
    BOOK_TICKER,
    COINBASE_TICKER,
    DAY_TICKER,
    KRAKEN_CHECKSUM,
    KRAKEN_LEVELS,
    KRAKEN_TICKER,
    NOW,
    OKX_TICKER,
    PAIRS,
    VENUES,
    kraken_book,
    needs_recordings,
    old_frames,
    stream,
)


@pytest.fixture(scope="module", autouse=True)
def decimals_as_they_were():
    """ccxt turns the rounding of the whole thread's decimals; the tests after these want Python's own."""
    with decimal.localcontext():
        yield


class Silent:
    """A connection of ccxt's that nobody waits at."""

    url = "wss://ws.kraken.com/v2"

    def __init__(self):
        self.subscriptions = {"books:BTC-USDT": {}, "books:BTC/USDT": {}}

    def resolve(self, *said):
        pass

    def reject(self, error, *said):
        raise error


def tick_of(venue, message):
    frame = message if isinstance(message, str) else json.dumps(message)
    [tick] = VENUES[venue](PAIRS).read(frame, NOW).ticks
    return tick


def theirs_binance(message):
    return ccxt.pro.binance().parse_ws_ticker(message, "spot")


def test_binance_best_prices_are_those_of_ccxt():
    theirs = theirs_binance(BOOK_TICKER)
    tick = tick_of("binance", stream("btcusdt@bookTicker", BOOK_TICKER))
    assert (tick.bid, tick.ask) == (theirs["bid"], theirs["ask"])
    assert tick.at_ms == NOW


def test_binance_day_is_that_of_ccxt():
    theirs, tick = theirs_binance(DAY_TICKER), tick_of("binance", stream("btcusdt@ticker", DAY_TICKER))
    assert (tick.bid, tick.ask, tick.price) == (theirs["bid"], theirs["ask"], theirs["last"])
    assert (tick.volume_24h, tick.volume_24h_base) == (theirs["quoteVolume"], theirs["baseVolume"])


def same(tick, theirs):
    assert (tick.symbol, tick.bid, tick.ask, tick.price) == tuple(
        theirs[name] for name in ("symbol", "bid", "ask", "last")
    )
    assert (tick.volume_24h_base, tick.at_ms) == (theirs["baseVolume"], theirs["timestamp"])


def test_coinbases_ticker_is_that_of_ccxt():
    theirs, tick = (
        ccxt.pro.coinbaseexchange().parse_ticker(COINBASE_TICKER),
        tick_of("coinbase", COINBASE_TICKER),
    )
    same(tick, theirs)
    assert tick.volume_24h == pytest.approx(theirs["baseVolume"] * theirs["last"])


def test_okxs_ticker_is_that_of_ccxt():
    theirs = ccxt.pro.okx().parse_ticker(OKX_TICKER["data"][0])
    tick = tick_of("okx", OKX_TICKER)
    same(tick, theirs)
    assert tick.volume_24h == float(OKX_TICKER["data"][0]["volCcy24h"])


def test_krakens_ticker_is_that_of_ccxt_with_the_stamp_that_ccxt_leaves_out():
    kraken = ccxt.pro.kraken()
    kraken.handle_ticker(Silent(), KRAKEN_TICKER)
    tick = tick_of("kraken", KRAKEN_TICKER)
    same(tick, kraken.tickers["BTC/USD"] | {"timestamp": 1786613174873})
    assert tick.volume_24h == pytest.approx(kraken.tickers["BTC/USD"]["quoteVolume"], rel=1e-12)


def test_bitstamps_book_and_trade_are_those_of_ccxt():
    bitstamp = ccxt.pro.bitstamp()
    book = bitstamp.parse_order_book(BITSTAMP_BOOK["data"], "BTC/USD")
    trade = bitstamp.parse_ws_trade(BITSTAMP_TRADE["data"], bitstamp.safe_market("btcusd"))
    words = VENUES["bitstamp"](PAIRS)
    ticks = [words.read(json.dumps(frame), NOW).ticks[0] for frame in (BITSTAMP_BOOK, BITSTAMP_TRADE)]
    assert (ticks[0].bid, ticks[0].ask) == (book["bids"][0][0], book["asks"][0][0])
    assert (ticks[1].price, ticks[1].at_ms) == (trade["price"], trade["timestamp"])
    assert (ticks[1].volume_24h, ticks[1].bid) == (None, ticks[0].bid)


def test_krakens_book_is_that_of_ccxt_after_changes():
    kraken, words = ccxt.pro.kraken(), VENUES["kraken"](PAIRS)
    changes = (["45285.2 0", "45286.4 1.0"], []), ([], ["45284.0 0.5"]), (["45284.9 0.1"], ["45283.5 0"])
    frames = [kraken_book(kind="snapshot", checksum=KRAKEN_CHECKSUM)]
    frames += [
        kraken_book(*change, kind="update", checksum=0).replace('"checksum":0,', "") for change in changes
    ]
    for frame in frames:
        [tick] = words.read(frame, NOW).ticks
        message = json.loads(frame, parse_float=str)
        kraken.handle_order_book(Silent(), message)
        theirs = kraken.orderbooks["BTC/USD"]
        assert (tick.bid, tick.ask) == (theirs["bids"][0][0], theirs["asks"][0][0])
    assert (tick.bid, tick.ask) == (45284.0, 45284.9)
    assert len(KRAKEN_LEVELS[0]) == 10


@needs_recordings
def test_okxs_recorded_books_are_those_of_ccxt_at_every_frame():
    okx, words, client, compared = ccxt.pro.okx(), VENUES["okx"](PAIRS), Silent(), 0
    okx.set_markets(
        [okx.safe_market_structure({"id": "BTC-USDT", "symbol": "BTC/USDT", "spot": True, "type": "spot"})]
    )
    bid = ask = None
    for at_ms, frame in old_frames("OKX.ws.1.0.txt.gz"):
        if '"channel":"books","instId":"BTC-USDT"}' not in frame or '"action"' not in frame:
            continue
        for tick in words.read(frame, at_ms).ticks:
            bid, ask = tick.bid, tick.ask
        okx.handle_order_book(client, json.loads(frame))
        theirs = okx.orderbooks["BTC/USDT"]
        assert (bid, ask) == (theirs["bids"][0][0], theirs["asks"][0][0])
        compared += 1
    assert compared > 60


@needs_recordings
def test_coinbases_recorded_tickers_are_those_of_ccxt():
    coinbase, words, compared = ccxt.pro.coinbaseexchange(), VENUES["coinbase"](PAIRS), 0
    for at_ms, frame in old_frames("COINBASE.ws.28.0.txt.gz"):
        if '"type":"ticker"' in frame:
            [tick] = words.read(frame, at_ms).ticks
            same(tick, coinbase.parse_ticker(json.loads(frame)))
            compared += 1
    assert compared > 10


@needs_recordings
def test_bitstamps_recorded_trades_are_those_of_ccxt():
    bitstamp, words, compared = ccxt.pro.bitstamp(), VENUES["bitstamp"](PAIRS), 0
    for at_ms, frame in old_frames("BITSTAMP.ws.1.0.txt.gz"):
        if '"event":"trade"' in frame:
            [tick] = words.read(frame, at_ms).ticks
            theirs = bitstamp.parse_ws_trade(json.loads(frame)["data"], bitstamp.safe_market("ethusd"))
            assert (tick.price, tick.at_ms) == (theirs["price"], theirs["timestamp"])
            compared += 1
    assert compared == 10
