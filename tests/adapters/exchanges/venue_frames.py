"""Frames of Bybit, Gemini, Bitfinex, Gate, KuCoin and Hyperliquid: recorded ones, read where they lie beside the
repository, and today's formats.

Today's are of August 2026 as ccxt recorded them (ts/src/test/static/ws, MIT licence), where it has them, and else those
of the venues' documentation.
"""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.exchanges.bitfinex import Bitfinex
from adapters.exchanges.bybit import Bybit
from adapters.exchanges.gate import Gate
from adapters.exchanges.gemini import Gemini
from adapters.exchanges.hyperliquid import Hyperliquid
from adapters.exchanges.kucoin import Kucoin
from core.prices.types import Tick

SHARED = Path(os.environ.get("NIGHTDESK_SHARED") or Path(__file__).resolve().parents[3].parent / "shared")
OLD = SHARED / "data/reference/raw_frames"
PERPETUAL = SHARED / "data/multi_venue/raw/hyperliquid_btc_l2_trades_20250126.txt.gz"
SPOT_META = SHARED / "data/hyperliquid_messages/go_hyperliquid_cassettes/SpotMeta.yaml"

needs_recordings = pytest.mark.skipif(
    not (OLD.is_dir() and PERPETUAL.is_file() and SPOT_META.is_file()),
    reason="no recorded frames beside the repository (shared/data: reference/raw_frames, multi_venue, hyperliquid_messages)",
)

NOW = 1_786_613_160_000
"""Milliseconds when today's frames arrive."""

OLD_PAIRS = {
    Bybit: tuple(f"{base}/USDT" for base in ("BCH", "XTZ", "UNI", "LTC", "DOT", "LINK", "ADA", "ETH")),
    Gemini: (
        *("BTC/GBP", "LINK/ETH", "FIL/USD", "ZEC/LTC", "BAT/BTC"),
        *("ETH/EUR", "LTC/ETH", "GRT/USD", "ANKR/USD", "ALCX/USD"),
    ),
    Bitfinex: (
        *("BFT/USD", "IOT/ETH", "DOG/USD", "MNA/BTC", "ODE/USD", "SNG/USD"),
        "TESTBTC/TESTUSD",
    ),
    Hyperliquid: ("BTC/USDC",),
}
OLD_FILES = {
    Bybit: OLD / "BYBIT.ws.25.0.txt.gz",
    Gemini: OLD / "GEMINI.ws.1.0.txt.gz",
    Bitfinex: OLD / "BITFINEX.ws.11.0.txt.gz",
    Hyperliquid: PERPETUAL,
}
TODAYS_PAIRS = {
    Bybit: ("BTC/USDT", "ETH/USDT"),
    Gemini: ("BTC/USD", "BTC/USDT"),
    Bitfinex: ("BTC/USD", "ETH/USDT", "DOGE/USD"),
    Gate: ("BTC/USDT", "ETH/USDT"),
    Kucoin: ("BTC/USDT", "ETH/USDT"),
    Hyperliquid: ("BTC/USDC", "HYPE/USDC"),
}
"""Every venue, with pairs that its frames below are of."""


def old_frames(venue: type) -> Iterator[tuple[int, str]]:
    """Yield (received ms, frame) of what a venue sent; lines with an arrow are what the recorder sent."""
    path = OLD_FILES[venue]
    mark, per_ms = (" ", 1e-6) if path == PERPETUAL else (": ", 1e3)
    with gzip.open(path, "rt") as lines:
        for line in lines:
            stamp, _, frame = line.rstrip("\n").partition(mark)
            if stamp and " <" not in stamp and not stamp.startswith("wss:"):
                yield int(float(stamp) * per_ms), frame


def said(words: Any, *frames: Any) -> list[Tick]:
    """Return the ticks of frames that arrive at NOW; each is read without fault, and none is strange."""
    ticks: list[Tick] = []
    for frame in frames:
        read = words.read(json.dumps(frame), NOW)
        assert (read.fault, read.strange) == (None, None), frame
        assert read.ticks or read.alive, frame
        ticks.extend(read.ticks)
    return ticks


BYBIT_ACK = {"success": True, "ret_msg": "subscribe", "conn_id": "d9av-5m", "req_id": "1", "op": "subscribe"}
BYBIT_TICKER = {
    "topic": "tickers.BTCUSDT",
    "ts": 1786613159776,
    "type": "snapshot",
    "cs": 112571857121,
    "data": {
        "symbol": "BTCUSDT",
        "lastPrice": "64057.7",
        "highPrice24h": "64500",
        "lowPrice24h": "63232.1",
        "prevPrice24h": "64326.9",
        "volume24h": "7217.990977",
        "turnover24h": "460629823.77866687",
        "price24hPcnt": "-0.0042",
        "usdIndexPrice": "63989.741059",
    },
}


def bybit_book(update: int, bids: list, asks: list, kind: str = "snapshot") -> dict[str, Any]:
    data = {"s": "BTCUSDT", "b": bids, "a": asks, "u": update, "seq": 112603120278}
    return {
        "topic": "orderbook.1.BTCUSDT",
        "ts": 1786613159749,
        "type": kind,
        "data": data,
        "cts": 1786613159748,
    }


BYBIT_BOOK = bybit_book(72212457, [["63705.3", "2.045546"]], [["63705.4", "2.334566"]])

GATE_ACK = {
    "time": 1786539989,
    "time_ms": 1786539989162,
    "channel": "spot.tickers",
    "event": "subscribe",
    "payload": ["BTC_USDT"],
    "result": {"status": "success"},
}
GATE_TICKER = {
    "time": 1786539989,
    "time_ms": 1786539989549,
    "channel": "spot.tickers",
    "event": "update",
    "result": {
        "currency_pair": "BTC_USDT",
        "last": "64043.9",
        "lowest_ask": "64043.95",
        "highest_bid": "64043.8",
        "change_percentage": "-0.4034",
        "base_volume": "5291.366688",
        "quote_volume": "337744396.9986996",
        "high_24h": "64473.5",
        "low_24h": "63234.7",
    },
}
GATE_BOOK = {
    "time": 1786539991,
    "time_ms": 1786539991556,
    "channel": "spot.book_ticker",
    "event": "update",
    "result": {
        "t": 1786539991549,
        "u": 9793320464,
        "s": "BTC_USDT",
        "b": "64048.3",
        "B": "0.0134",
        "a": "64048.4",
        "A": "0.0353",
    },
}

KUCOIN_DOOR = {
    "code": "200000",
    "data": {
        "token": "2neAiu==.H7utp2==",
        "instanceServers": [
            {
                "endpoint": "wss://ws-api-spot.kucoin.com/",
                "encrypt": True,
                "protocol": "websocket",
                "pingInterval": 18000,
                "pingTimeout": 10000,
            }
        ],
    },
}
KUCOIN_TICKER = {
    "type": "message",
    "topic": "/market/ticker:BTC-USDT",
    "subject": "trade.ticker",
    "data": {
        "bestAsk": "64021.7",
        "bestAskSize": "0.99011388",
        "bestBid": "64021.6",
        "bestBidSize": "0.04794181",
        "price": "64021.65",
        "sequence": "35487585646",
        "size": "0.00832274",
        "time": 1786538852001,
    },
}


def kucoin_snapshot(at_ms: int, sequence: str = "35487584851") -> dict[str, Any]:
    data = {
        "buy": 64018.6,
        "sell": 64018.7,
        "lastTradedPrice": 64018.7,
        "datetime": at_ms,
        "symbol": "BTC-USDT",
    }
    volumes = {"vol": 1959.8542395, "volValue": 125097404.47479571, "lastSize": 1.565e-05}
    told = {"sequence": sequence, "data": data | volumes}
    return {
        "topic": "/market/snapshot:BTC-USDT",
        "type": "message",
        "subject": "trade.snapshot",
        "data": told,
    }


KUCOIN_SNAPSHOT = kucoin_snapshot(1786538851527)

BITFINEX_INFO = {"event": "info", "version": 2, "serverId": "083bd8d4", "platform": {"status": 1}}
BITFINEX_CONF = {"event": "conf", "status": "OK", "flags": 229376}
BITFINEX_TICKER = [
    104,
    [2504.1, 89.39691507, 2504.6, 95.6, 13.5, 0.0054, 2504.9, 22581.92240769, 2533.2, 2461.4, None],
]


def bitfinex_subscribed(channel: str, number: int, symbol: str = "tETHUST") -> dict[str, Any]:
    return {"event": "subscribed", "channel": channel, "chanId": number, "symbol": symbol, "pair": symbol[1:]}


BITFINEX_BOOK = [7, [[2504.1, 2, 89.4], [2504, 1, 1e-7], [2504.6, 3, -95.6], [2505, 1, -0.25]]]

GEMINI_BOOK = {
    "u": 1751505576085,
    "E": 1786613159600117161,
    "s": "btcusd",
    "b": "63711.50",
    "B": "1.25000000",
    "a": "63712.00",
    "A": "0.75000000",
}
GEMINI_TRADE = {
    "E": 1786613159700117161,
    "s": "btcusd",
    "t": 2840140800042677,
    "p": "63711.75",
    "q": "0.5",
    "m": True,
}


def gemini_first(sequence: int, *events: dict[str, Any]) -> dict[str, Any]:
    """Return an update of v1; recorded ones are of 2022 and 2026."""
    return {
        "type": "update",
        "eventId": 143329393638,
        "timestamp": 1786613159,
        "timestampms": 1786613159472,
        "socket_sequence": sequence,
        "events": [{"symbol": "BTCUSD", **event} for event in events],
    }


def gemini_change(side: str, price: str, remaining: str, reason: str = "top-of-book") -> dict[str, Any]:
    return {"type": "change", "side": side, "price": price, "remaining": remaining, "reason": reason}


HYPERLIQUID_BBO = {
    "channel": "bbo",
    "data": {
        "coin": "@107",
        "time": 1786613159233,
        "bbo": [{"px": "92.637", "sz": "3.1", "n": 2}, {"px": "92.638", "sz": "12.89", "n": 1}],
    },
}
HYPERLIQUID_BOOK = {
    "channel": "l2Book",
    "data": {
        "coin": "@107",
        "time": 1786613159333,
        "levels": [
            [{"px": "92.636", "sz": "3.1", "n": 2}, {"px": "92.63", "sz": "1", "n": 1}],
            [{"px": "92.639", "sz": "2", "n": 1}],
        ],
    },
}
HYPERLIQUID_CONTEXT = {
    "channel": "activeSpotAssetCtx",
    "data": {
        "coin": "@107",
        "ctx": {
            "prevDayPx": "93.124",
            "dayNtlVlm": "64552049.6973299459",
            "markPx": "92.949",
            "midPx": "92.945",
            "circulatingSupply": "298462370.4079165459",
            "coin": "@107",
            "dayBaseVlm": "690824.1400000008",
        },
    },
}

TODAYS: dict[type, tuple[Any, ...]] = {
    Bybit: (BYBIT_ACK, BYBIT_TICKER, BYBIT_BOOK),
    Gemini: (
        GEMINI_BOOK,
        GEMINI_TRADE,
        gemini_first(
            0,
            gemini_change("bid", "63711.5", "1.7", "initial"),
            gemini_change("ask", "63712", "2", "initial"),
        ),
    ),
    Bitfinex: (
        bitfinex_subscribed("ticker", 104),
        bitfinex_subscribed("book", 7),
        BITFINEX_TICKER,
        BITFINEX_BOOK,
        [7, [2504.2, 1, 0.5]],
    ),
    Gate: (GATE_ACK, GATE_TICKER, GATE_BOOK),
    Kucoin: (KUCOIN_TICKER, KUCOIN_SNAPSHOT),
    Hyperliquid: (HYPERLIQUID_BBO, HYPERLIQUID_BOOK, HYPERLIQUID_CONTEXT),
}
"""Frames of a venue in an order in which they may come, for those who change them."""
