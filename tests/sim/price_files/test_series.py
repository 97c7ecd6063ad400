"""Bars and trades of recorded files as arrays: each venue and pair apart, what is neither is said."""

import json

import numpy as np
import pytest

from sim.price_files.series import read_series
from sim.price_files.stream import UnreadablePrices

T = 1_700_000_040_000


def bar(minute, venue="A", pair="BTC-USD", **more):
    return {"time": T + 60_000 * minute, "venue": venue, "pair": pair, "close": 100 + minute, **more}


def test_bars_and_trades_of_a_directory_are_told_apart_and_the_rest_is_said(tmp_path):
    rows = [bar(1, volume=2, high=103), bar(0, "a", "BTCUSD"), bar(1, volume=5, low=99), {"venue": "A"}, 7]
    (tmp_path / "bars.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "trades.csv").write_text(
        "Exchange,symbol,timestamp,price,qty,side\nB,BTC/USD,1700000040000,100,0.5,buy\nB,BTC/USD,1700000040001,99,2,SELL\n"
    )
    (tmp_path / "readme.txt").write_text("about")
    found = read_series(tmp_path)
    (bars,), (trades,) = found.bars, found.trades
    assert (bars.source, bars.symbol) == ("A", "BTC/USD")
    assert bars.start_ms.tolist() == [T, T + 60_000]
    assert bars.close.tolist() == [100, 101]
    np.testing.assert_equal(bars.volume, [np.nan, 5])
    np.testing.assert_equal((bars.high, bars.low), ([np.nan, np.nan], [np.nan, 99]))
    assert (trades.source, trades.size.tolist(), trades.bought.tolist()) == ("B", [0.5, 2], [True, False])
    assert ["2 rows are neither" in line or "readme.txt" in line for line in found.left_out] == [True, True]


def test_who_made_the_trade_did_not_take_it(tmp_path):
    rows = [
        {"feed": "spot", "asset": "BTC", "exch_ms": T, "price": 1, "qty": 1, "buyer_is_maker": maker}
        for maker in (True, False)
    ]
    (tmp_path / "trades.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert read_series(tmp_path / "trades.jsonl").trades[0].bought.tolist() == [False, True]


@pytest.mark.parametrize(
    "text", ["", "{}", '{"source": "A", "symbol": "BTC/USD", "price": 1, "timestamp": 1}']
)
def test_a_path_without_bars_or_trades_says_what_one_should_have(tmp_path, text):
    (tmp_path / "ticks.jsonl").write_text(text)
    with pytest.raises(UnreadablePrices, match="no bars or trades"):
        read_series(tmp_path / "ticks.jsonl")
    with pytest.raises(UnreadablePrices, match="no such file"):
        read_series(tmp_path / "none")
