"""Frames of five spot venues: recorded ones, read where they lie beside the repository, and today's formats.

Today's are those of the venues' documentation; OKX's and Kraken's tickers are of August 2026 as ccxt recorded them
(ts/src/test/static/ws, MIT licence).
"""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.exchanges.binance import Binance
from adapters.exchanges.bitstamp import Bitstamp
from adapters.exchanges.coinbase import Coinbase
from adapters.exchanges.kraken import Kraken
from adapters.exchanges.okx import Okx

SHARED = Path(os.environ.get("NIGHTDESK_SHARED") or Path(__file__).resolve().parents[3].parent / "shared")
OLD = SHARED / "data/reference/raw_frames"
BINANCE = SHARED / "data/multi_venue"

needs_recordings = pytest.mark.skipif(
    not (OLD.is_dir() and BINANCE.is_dir()),
    reason="no recorded frames beside the repository (shared/data/reference/raw_frames, multi_venue)",
)

PAIRS = ("BTC/USD", "BTC/USDT")
VENUES = {"binance": Binance, "bitstamp": Bitstamp, "coinbase": Coinbase, "kraken": Kraken, "okx": Okx}
NOW = 1_786_613_175_000
"""Milliseconds when today's frames arrive."""

T = "2026-08-13T09:26:14.873Z"
Frame = tuple[int, str]


def old_frames(name: str) -> Iterator[Frame]:
    """Yield (received ms, frame) of what a venue sent; lines with an arrow are what the recorder sent."""
    with gzip.open(OLD / name, "rt") as lines:
        for line in lines:
            stamp, _, frame = line.rstrip("\n").partition(": ")
            if " <" not in stamp and line.endswith("\n"):
                yield int(float(stamp) * 1000), frame


def binance_frames(name: str) -> Iterator[tuple[int, str]]:
    """Yield (received ns, frame)."""
    with gzip.open(BINANCE / "raw" / name, "rt") as lines:
        for line in lines:
            stamp, _, frame = line.rstrip("\n").partition(" ")
            yield int(stamp), frame


def stream(name: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"stream": name, "data": data}


BOOK_TICKER = {
    "u": 400900217,
    "s": "BTCUSDT",
    "b": "63707.20000000",
    "B": "1.7",
    "a": "63707.30000000",
    "A": "0.15",
}
DAY_TICKER = {
    "e": "24hrTicker", "E": NOW - 20, "s": "BTCUSDT", "p": "-251.6", "P": "-0.393", "w": "63747.96", "x": "63958.9",
    "c": "63707.30000000", "Q": "0.0016", "b": "63707.20000000", "B": "1.7", "a": "63707.30000000", "A": "0.15",
    "o": "63958.9", "h": "64496.9", "l": "63309.4", "v": "3601.15850000", "q": "229576048.73031732",
    "O": NOW - 86_400_020, "C": NOW - 20, "F": 0, "L": 18150, "n": 18151,
}  # fmt: skip
BINANCE_TRADE = {
    "e": "trade", "E": NOW, "s": "BTCUSDT", "t": 12345, "p": "63707.25", "q": "0.1", "T": NOW, "m": True, "M": True,
}  # fmt: skip

BITSTAMP_BOOK = {
    "data": {
        "timestamp": "1786613174", "microtimestamp": "1786613174873527",
        "bids": [["63707", "0.50000000"], ["63706", "1.00000000"]],
        "asks": [["63709", "0.20000000"], ["63711", "2.00000000"]],
    },
    "channel": "order_book_btcusd", "event": "data",
}  # fmt: skip
BITSTAMP_TRADE = {
    "data": {
        "id": 335698396, "timestamp": "1786613174", "amount": 0.005, "amount_str": "0.00500000", "price": 63708.5,
        "price_str": "63708.5", "type": 0, "microtimestamp": "1786613174900000", "buy_order_id": 1, "sell_order_id": 2,
    },
    "channel": "live_trades_btcusd", "event": "trade",
}  # fmt: skip

COINBASE_TICKER = {
    "type": "ticker", "sequence": 37475248783, "product_id": "BTC-USD", "price": "63707.23", "open_24h": "63958.9",
    "volume_24h": "2000.5", "low_24h": "63309.4", "high_24h": "64496.9", "volume_30d": "170521.52", "best_bid": "63707.2",
    "best_bid_size": "0.13", "best_ask": "63707.23", "best_ask_size": "0.06", "side": "buy", "time": T,
    "trade_id": 1000, "last_size": "0.06",
}  # fmt: skip
HEARTBEAT = {"type": "heartbeat", "sequence": 90, "last_trade_id": 1000, "product_id": "BTC-USD", "time": T}

KRAKEN_TICKER = {
    "channel": "ticker", "type": "update",
    "data": [{
        "symbol": "BTC/USD", "bid": 63297.7, "bid_qty": 5.75119051, "ask": 63297.8, "ask_qty": 0.36977971,
        "last": 63297.8, "volume": 1020.88387727, "vwap": 63685.7, "low": 63250, "high": 64409.2, "change": 0.7,
        "change_pct": 0, "trades": 47535, "timestamp": "2026-08-13T09:26:14.873195Z",
    }],
}  # fmt: skip
KRAKEN_LEVELS = (
    ("45285.2 0.00100000", "45286.4 1.54571953", "45286.6 1.54571109", "45289.6 1.54560911", "45290.2 0.15890660",
     "45291.8 1.54553491", "45294.7 0.04454749", "45296.1 0.35380000", "45297.5 0.09945542", "45299.5 0.18772827"),
    ("45283.5 0.10000000", "45283.4 1.54582015", "45282.1 0.10000000", "45281.0 0.10000000", "45280.3 1.54592586",
     "45279.0 0.07990000", "45277.6 0.03310103", "45277.5 0.30000000", "45277.3 1.54602737", "45276.6 0.15445238"),
)  # fmt: skip
KRAKEN_CHECKSUM = 3310070434
"""Kraken's guide to the checksum of version 2: these asks and bids have this one."""


def kraken_book(
    asks: Any = KRAKEN_LEVELS[0], bids: Any = KRAKEN_LEVELS[1], *, kind: str, checksum: int
) -> str:
    """Return a frame as the venue writes it: numbers with all their digits, which json would drop."""
    sides = [
        ",".join('{{"price":{},"qty":{}}}'.format(*level.split()) for level in levels)
        for levels in (bids, asks)
    ]
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{sides[0]}],"asks":[{sides[1]}],'
        f'"checksum":{checksum},"timestamp":"2026-08-13T09:26:14.873195Z"}}]}}'
    )


OKX_TICKER = {
    "arg": {"channel": "tickers", "instId": "BTC-USDT"},
    "data": [{
        "instType": "SPOT", "instId": "BTC-USDT", "last": "63707.3", "lastSz": "0.00164251", "askPx": "63707.3",
        "askSz": "0.15455902", "bidPx": "63707.2", "bidSz": "1.70080521", "open24h": "63958.9", "high24h": "64496.9",
        "low24h": "63309.4", "sodUtc0": "63484.7", "sodUtc8": "63445.9", "volCcy24h": "229576048.730317321",
        "vol24h": "3601.1585121", "ts": "1786613174873",
    }],
}  # fmt: skip


def okx_book(
    asks: Any, bids: Any, *, chain: tuple[int, int], kind: str = "update", checksum: int = 0
) -> dict[str, Any]:
    """Return a frame of the chained book; chain is (prevSeqId, seqId), levels are "price size" or (price, size)."""
    sides = [[[*level.split(), "0", "1"] for level in levels] for levels in (asks, bids)]
    row = {"asks": sides[0], "bids": sides[1], "ts": "1786613174873", "checksum": checksum}
    row |= {"prevSeqId": chain[0], "seqId": chain[1]}
    return {"arg": {"channel": "books", "instId": "BTC-USDT"}, "action": kind, "data": [row]}


KRAKEN_OLD = [
    340,
    {"a": ["5525.4", 1, "1.0"], "b": ["5525.1", 1, "1.0"], "c": ["5525.2", "0.003"], "v": ["2634.1", "3591.1"],
     "p": ["5631.4", "5653.7"], "t": [11493, 16267], "l": ["5505", "5505"], "h": ["5783", "5783"], "o": ["5760", "5763"]},
    "ticker", "XBT/USD",
]  # fmt: skip
KRAKEN_OLD_TRADE = [0, [["5541.2", "0.158", "1534614057.321597", "s", "l", ""]], "trade", "XBT/USD"]
KRAKEN_OLD_SPREAD = [0, ["5698.4", "5700.0", "1542057299.545897", "1.0", "0.9"], "spread", "XBT/USD"]
KRAKEN_OLD_BOOK = [0, {"as": [["5541.3", "2.5", "1534614248.1"]], "bs": [["5541.2", "1.5", "1534614248.7"]]},
                   "book-10", "XBT/USD"]  # fmt: skip

TODAY: dict[str, tuple[str, ...]] = {
    "binance": tuple(
        map(
            json.dumps,
            (
                stream("btcusdt@bookTicker", BOOK_TICKER),
                stream("btcusdt@ticker", DAY_TICKER),
                BINANCE_TRADE,
                {"result": None, "id": 1},
                {"e": "serverShutdown", "E": NOW},
            ),
        )
    ),
    "bitstamp": tuple(
        map(
            json.dumps,
            (
                BITSTAMP_BOOK,
                BITSTAMP_TRADE,
                {"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}},
                {"event": "bts:request_reconnect", "channel": "", "data": ""},
            ),
        )
    ),
    "coinbase": tuple(
        map(json.dumps, (COINBASE_TICKER, HEARTBEAT, HEARTBEAT | {"last_trade_id": 1001}, {"type": "error"}))
    ),
    "kraken": (
        json.dumps(KRAKEN_TICKER),
        kraken_book(kind="snapshot", checksum=KRAKEN_CHECKSUM),
        kraken_book(["45285.2 0"], [], kind="update", checksum=1),
        *map(json.dumps, (KRAKEN_OLD, KRAKEN_OLD_TRADE, KRAKEN_OLD_SPREAD, KRAKEN_OLD_BOOK)),
        '{"channel":"status","type":"update","data":[{"system":"online","api_version":"v2"}]}',
        '{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD"},"success":true}',
    ),
    "okx": tuple(
        map(
            json.dumps,
            (
                OKX_TICKER,
                okx_book(["63707.3 0.15"], ["63707.2 1.7"], chain=(-1, 100), kind="snapshot"),
                okx_book(["63707.4 0.15"], ["63707.3 1.7"], chain=(100, 107)),
                {
                    "event": "subscribe",
                    "arg": {"channel": "tickers", "instId": "BTC-USDT"},
                    "connId": "d604ccd0",
                },
                {"event": "error", "msg": "Wrong URL or channel doesn't exist", "code": "60018"},
            ),
        )
    ),
}
"""A connection's worth of frames of each venue, in order."""
