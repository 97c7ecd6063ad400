"""Frames as five venues sent them, all of them: nothing in them is strange, and their prices are the market's."""

from itertools import pairwise

import pyarrow.parquet as pq
import pytest

from adapters.exchanges.binance import Binance
from tests.adapters.exchanges.spot_frames import (
    BINANCE,
    PAIRS,
    VENUES,
    binance_frames,
    needs_recordings,
    old_frames,
)

pytestmark = needs_recordings

FILES = {
    "bitstamp": "BITSTAMP.ws.1.0.txt.gz",
    "coinbase": "COINBASE.ws.28.0.txt.gz",
    "kraken": "KRAKEN.ws.50.0.txt.gz",
    "okx": "OKX.ws.1.0.txt.gz",
}
OUTSIDE = {
    ("bitstamp", "ETH/USD"): (3750, 3850),
    ("coinbase", "SKL/USD"): (0.69, 0.81),
    ("coinbase", "YFI/BTC"): (0.78, 0.89),
    ("kraken", "BTC/CHF"): (54_000, 58_000),
    ("okx", "BTC/USDT"): (29_900, 30_400),
}
"""Where the market was then: 4 January 2022, 17 April 2021 (the day's low and high, or about), 13 May 2022."""


@pytest.fixture(scope="module", params=FILES)
def heard(request):
    words, said = VENUES[request.param](PAIRS), []
    for at_ms, frame in old_frames(FILES[request.param]):
        said.append((at_ms, words.read(frame, at_ms)))
    return request.param, said


def test_no_recorded_frame_is_strange_and_none_breaks_the_stream(heard):
    _, said = heard
    assert [read for _, read in said if read.strange or read.fault] == []
    assert all(read.ticks or read.alive for _, read in said)


def test_recorded_prices_are_where_the_market_was(heard):
    source, said = heard
    ticks = [tick for _, read in said for tick in read.ticks]
    assert {tick.source for tick in ticks} == {source}
    wanted = {symbol: bounds for (name, symbol), bounds in OUTSIDE.items() if name == source}
    assert wanted.keys() <= {tick.symbol for tick in ticks}
    for tick in ticks:
        low, high = wanted.get(tick.symbol, (0, 1e9))
        assert low < tick.price < high
        assert tick.bid is None or low < tick.bid < tick.ask < high


def test_recorded_stamps_are_the_venues_and_rise(heard):
    """Two minutes: a ticker may be that of a trade long ago."""
    _, said = heard
    stamps: dict[str, list[int]] = {}
    for at_ms, read in said:
        for tick in read.ticks:
            assert -120_000 < tick.at_ms - at_ms < 1_000
            stamps.setdefault(tick.symbol, []).append(tick.at_ms)
    assert all(before <= after for series in stamps.values() for before, after in pairwise(series))
    assert any(len(set(series)) > 1 for series in stamps.values()) or heard[0] == "kraken"


FEEDS = {
    "spot": ("binance_spot_btcusdt_first2000.txt.gz", "binance", "BTC/USDT"),
    "usdm": ("binance_usdm_btcusdt_first2000.txt.gz", "binance_usdm", "BTC/USDT"),
    "cm": ("binance_cm_btcusd_perp_first2000.txt.gz", "binance_coinm", "BTC/USD"),
}


@pytest.fixture(scope="module")
def table():
    """What another reader made of the same streams: {feed: {receipt in ns: (bid, ask, the venue's stamp)}}."""
    columns = ["recv_ns", "exch_ms", "feed", "bid", "ask"]
    early = [("recv_ns", "<", 1_723_161_275_000_000_000)]
    read = pq.read_table(BINANCE / "binance_book_ticker_20240808.parquet", columns=columns, filters=early)
    rows: dict[str, dict[int, tuple[float, float, int]]] = {}
    for row in read.to_pylist():
        rows.setdefault(row["feed"], {})[row["recv_ns"]] = (row["bid"], row["ask"], row["exch_ms"])
    return rows


@pytest.mark.parametrize("feed", FEEDS)
def test_binance_quotes_are_those_that_another_reader_found_in_the_same_streams(feed, table):
    name, source, symbol = FEEDS[feed]
    words, rows, compared = Binance(PAIRS), table[feed], 0
    for recv_ns, frame in binance_frames(name):
        read = words.read(frame, recv_ns // 1_000_000)
        assert read.ticks or read.alive, frame
        for tick in read.ticks:
            assert (tick.source, tick.symbol) == (source, symbol)
            if "bookTicker" in frame:
                bid, ask, stamp_ms = rows[recv_ns]
                assert (tick.bid, tick.ask) == (bid, ask)
                assert abs(tick.at_ms - (stamp_ms or recv_ns // 1_000_000)) <= 20
                compared += 1
    assert compared > 800
