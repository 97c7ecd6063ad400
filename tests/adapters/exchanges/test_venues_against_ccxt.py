"""ccxt's parsers as the second opinion: of the same frames, the same best prices, last price, volumes and stamp.

Gemini's current interface, Bitfinex's stamps and the formats of 2021 of Bybit are not known to ccxt.
"""

import asyncio
import copy
import decimal
import json
import re
from itertools import islice
from urllib.parse import urlsplit

import ccxt.pro
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from adapters.exchanges.bitfinex import Bitfinex
from adapters.exchanges.bybit import Bybit
from adapters.exchanges.gate import Gate
from adapters.exchanges.gemini import Gemini
from adapters.exchanges.hyperliquid import Hyperliquid
from adapters.exchanges.kucoin import Kucoin
from adapters.exchanges.rest import placed
from adapters.exchanges.venues import VENUES as DESKS
from adapters.exchanges.venues import words_of
from tests.adapters.exchanges.venue_frames import (
    BITFINEX_TICKER,
    BYBIT_BOOK,
    BYBIT_TICKER,
    GATE_BOOK,
    GATE_TICKER,
    HYPERLIQUID_BOOK,
    HYPERLIQUID_CONTEXT,
    KUCOIN_SNAPSHOT,
    KUCOIN_TICKER,
    NOW,
    OLD_PAIRS,
    bitfinex_subscribed,
    bybit_book,
    gemini_change,
    gemini_first,
    needs_recordings,
    old_frames,
    said,
)


@pytest.fixture(scope="module", autouse=True)
def decimals_as_they_were():
    """ccxt turns the rounding of the whole thread's decimals; the tests after these want Python's own."""
    with decimal.localcontext():
        yield


class Silent:
    """A connection of ccxt's that nobody waits at."""

    def __init__(self, url):
        self.url = url
        self.subscriptions = {}

    def resolve(self, *said):
        pass

    def reject(self, error, *said):
        raise error


def opinion(venue, ids):
    """Return ccxt's exchange with the spot markets of ids (venue's id to our pair), and a connection of it."""
    exchange = getattr(ccxt.pro, venue.source)()
    markets = []
    for name, pair in ids.items():
        base, quote = pair.split("/")
        market = {"id": name, "symbol": pair, "base": base, "quote": quote, "type": "spot", "spot": True}
        markets.append(exchange.safe_market_structure(market | {"baseId": base, "quoteId": quote}))
    exchange.set_markets(markets)
    return exchange, Silent(venue.url)


def hear(exchange, connection, frame):
    """Let ccxt handle a frame; its handlers may not share what ours is given."""

    async def handle():
        exchange.handle_message(connection, copy.deepcopy(frame))

    asyncio.run(handle())


def seen(ticker):
    return ticker["last"], ticker["bid"], ticker["ask"], ticker["quoteVolume"], ticker["baseVolume"]


def ours(tick, *, last=True):
    return (tick.price if last else None), tick.bid, tick.ask, tick.volume_24h, tick.volume_24h_base


def best(book):
    return (book["bids"][0][0] if book["bids"] else None), (book["asks"][0][0] if book["asks"] else None)


def test_bybit():
    exchange, connection = opinion(Bybit, {"BTCUSDT": "BTC/USDT"})
    hear(exchange, connection, BYBIT_TICKER)
    (tick,) = said(Bybit(("BTC/USDT",)), BYBIT_TICKER)
    assert ours(tick) == seen(exchange.tickers["BTC/USDT"])
    assert tick.at_ms == exchange.tickers["BTC/USDT"]["timestamp"]

    words = Bybit(("BTC/USDT",))
    frames = [
        BYBIT_BOOK,
        bybit_book(72212458, [["63705.3", "0"], ["63705.2", "1"]], [], "delta"),
        bybit_book(72212459, [], [["63705.4", "0"], ["63706", "1"]], "delta"),
    ]
    for frame in frames:
        hear(exchange, connection, frame)
        (tick,) = said(words, frame)
        assert (tick.bid, tick.ask) == best(exchange.orderbooks["BTC/USDT"])
    assert tick.at_ms == exchange.orderbooks["BTC/USDT"]["timestamp"]


def test_gate():
    exchange, connection = opinion(Gate, {"BTC_USDT": "BTC/USDT"})
    hear(exchange, connection, GATE_TICKER)
    (tick,) = said(Gate(()), GATE_TICKER)
    assert ours(tick) == seen(exchange.tickers["BTC/USDT"])
    hear(exchange, connection, GATE_BOOK)
    (tick,) = said(Gate(()), GATE_BOOK)
    assert ours(tick, last=False) == seen(exchange.bidsasks["BTC/USDT"])


@pytest.mark.parametrize("frame", [KUCOIN_TICKER, KUCOIN_SNAPSHOT], ids=["ticker", "snapshot"])
def test_kucoin(frame):
    exchange, connection = opinion(Kucoin, {"BTC-USDT": "BTC/USDT"})
    hear(exchange, connection, frame)
    (tick,) = said(Kucoin(()), frame)
    assert ours(tick) == seen(exchange.tickers["BTC/USDT"])
    assert tick.at_ms == exchange.tickers["BTC/USDT"]["timestamp"]


def test_hyperliquid():
    exchange, connection = opinion(Hyperliquid, {"@107": "HYPE/USDC"})
    hear(exchange, connection, HYPERLIQUID_BOOK)
    hear(exchange, connection, HYPERLIQUID_CONTEXT)
    (tick,) = said(Hyperliquid(("HYPE/USDC",)), HYPERLIQUID_CONTEXT, HYPERLIQUID_BOOK)
    assert (tick.bid, tick.ask) == best(exchange.orderbooks["HYPE/USDC"])
    assert tick.at_ms == exchange.orderbooks["HYPE/USDC"]["timestamp"]
    assert tick.volume_24h == exchange.tickers["HYPE/USDC"]["quoteVolume"]


@needs_recordings
def test_hyperliquids_recording():
    exchange, connection = opinion(Hyperliquid, {"BTC/USDC:USDC": "BTC/USDC"})
    words, books = Hyperliquid(OLD_PAIRS[Hyperliquid]), 0
    for ms, frame in old_frames(Hyperliquid):
        if '"l2Book"' in frame:
            hear(exchange, connection, json.loads(frame))
            (tick,) = words.read(frame, ms).ticks
            assert (tick.bid, tick.ask) == best(exchange.orderbooks["BTC/USDC"])
            books += 1
    assert books == 46


def test_geminis_first_generation():
    exchange, connection = opinion(Gemini, {"btcusd": "BTC/USD"})
    words = Gemini(("BTC/USD",))
    frames = [
        gemini_first(0, gemini_change("bid", "50945.37", "1"), gemini_change("ask", "50950", "2")),
        gemini_first(1, gemini_change("bid", "50945.37", "0.0"), gemini_change("bid", "50947.75", "0.11725")),
        gemini_first(2, gemini_change("ask", "50949.5", "0.3")),
    ]
    for frame in frames:
        hear(exchange, connection, frame)
        (tick,) = said(words, frame)
        told = exchange.bidsasks["BTC/USD"]
        assert (tick.bid, tick.ask, tick.at_ms) == (told["bid"], told["ask"], told["timestamp"])


@needs_recordings
def test_geminis_recording():
    """Books of thousands of levels are ccxt's slow side: two pairs of the ten."""
    pairs = {"filusd": "FIL/USD", "btcgbp": "BTC/GBP"}
    exchange, connection = opinion(Gemini, pairs)
    words, moved = Gemini(tuple(pairs.values())), 0
    for ms, frame in old_frames(Gemini):
        if any(f'"{name.upper()}"' in frame for name in pairs) and "l2_updates" in frame:
            hear(exchange, connection, json.loads(frame))
            for tick in words.read(frame, ms).ticks:
                assert (tick.bid, tick.ask) == best(exchange.orderbooks[tick.symbol])
                moved += 1
    assert moved > 50


@pytest.fixture
def bitfinex():
    exchange, connection = opinion(Bitfinex, {"tETHUST": "ETH/USDT"})
    words = Bitfinex(("ETH/USDT",))
    for frame in (bitfinex_subscribed("ticker", 104), bitfinex_subscribed("book", 7)):
        hear(exchange, connection, frame)
        said(words, frame)
    return exchange, connection, words


def test_bitfinex(bitfinex):
    exchange, connection, words = bitfinex
    hear(exchange, connection, BITFINEX_TICKER)
    (tick,) = said(words, BITFINEX_TICKER)
    last, bid, ask, _, base = seen(exchange.tickers["ETH/USDT"])
    assert (tick.price, tick.bid, tick.ask, tick.volume_24h_base) == (last, bid, ask, base)


BITFINEX_FRAMES = 900


@needs_recordings
def test_bitfinexs_recording():
    """The first best prices of five books."""
    names = {f"t{pair.replace('/', '')}": pair for pair in OLD_PAIRS[Bitfinex] if "TEST" not in pair}
    exchange, connection = opinion(Bitfinex, names)
    words, kinds, moved = Bitfinex(OLD_PAIRS[Bitfinex]), {}, 0
    for ms, frame in islice(old_frames(Bitfinex), BITFINEX_FRAMES):
        message = json.loads(frame)
        if isinstance(message, dict) and message["event"] == "subscribed":
            kinds[message["chanId"]] = message["channel"] if message["symbol"] in names else None
        read = words.read(frame, ms)
        if isinstance(message, dict) or kinds.get(message[0]) in ("ticker", "book"):
            hear(exchange, connection, message)
            for tick in read.ticks:
                if tick.symbol in exchange.orderbooks:
                    assert (tick.bid, tick.ask) == best(exchange.orderbooks[tick.symbol])
                    moved += 1
    assert moved > 100


LEVELS = st.lists(
    st.tuples(st.integers(1, 200), st.integers(1, 9999)),
    min_size=26,
    max_size=30,
    unique_by=lambda row: row[0],
)


@settings(max_examples=8, deadline=None, phases=[Phase.generate])
@given(bids=LEVELS, asks=LEVELS)
def test_bitfinexs_checksum(bids, asks):
    """ccxt makes its checksum of its own book; numbers are written as the venue does, 2000 and not 2000.0."""
    exchange, connection = opinion(Bitfinex, {"tETHUST": "ETH/USDT"})
    words, made = Bitfinex(("ETH/USDT",)), []
    crc32 = exchange.crc32
    exchange.crc32 = lambda text, signed: made.append(crc32(text, signed))
    rows = [[2000 - at / 100, 1, size / 1000] for at, size in bids]
    rows += [[2000 + at / 100, 1, -size / 1000] for at, size in asks]
    for frame in (bitfinex_subscribed("book", 7), [7, rows]):
        hear(exchange, connection, frame)
        words.read(re.sub(r"\.0(?=[,\]])", "", json.dumps(frame)), NOW)
    connection.subscriptions["book:tETHUST"] = {}
    with pytest.raises(ccxt.ChecksumError):
        hear(exchange, connection, [7, "cs", 0])
    assert words.read(json.dumps([7, "cs", made[0]]), NOW).alive
    assert words.read(json.dumps([7, "cs", made[0] ^ 1]), NOW).fault


@pytest.mark.parametrize("name", [name for name in DESKS if name not in ("gemini", "kucoin")])
def test_a_venue_is_reached_at_a_host_and_port_where_ccxt_reaches_it(name):
    """A venue closes a port as quietly as it renames a channel. Gemini's interface is not ccxt's, KuCoin's is told."""
    exchange = getattr(ccxt.pro, "coinbaseexchange" if name == "coinbase" else name)()
    hosts = set()
    placed(exchange.urls["api"], lambda url: hosts.add(urlsplit(exchange.implode_hostname(url)).netloc))
    assert urlsplit(words_of(name)(()).url).netloc in hosts
