"""`nightdesk index screen`: who trades passes, who makes its volume up fails, who said too little is not judged."""

import json

import numpy as np

from tests.daemon.command_line import nightdesk
from tests.daemon.index_prices.bars import rows, written
from tests.strategies.quant.test_wash_trades import market, tape


def screened(path):
    document = nightdesk("index", "screen", path, "--json").document
    return document, {one["venue"]: one for one in document["series"]}


def candles(venue, volume, high, low, **more):
    return rows(venue, np.sqrt(high * low), volume, high=high, low=low, **more)


def test_a_venue_that_makes_its_volume_up_fails_and_one_that_trades_passes(tmp_path):
    volume, high, low = market(1)
    made = np.random.default_rng(1).lognormal(0, 1.5, len(volume))
    few = candles("few", volume[:100], high[:100], low[:100])
    pegged = candles("real", volume, high, low, pair="USDT/USD")
    parts = candles("real", volume, high, low), candles("made", made, high, low), few, pegged
    path = written(tmp_path, *parts)
    document, by = screened(path)
    assert {venue: one["passes"] for venue, one in by.items()} == {"real": True, "made": False, "few": None}
    assert by["made"]["signs"] == {"volume does not rise when prices move": 1}
    assert by["made"]["figures"]["volatility"] < 0.2 < by["real"]["figures"]["volatility"]
    assert by["few"]["figures"] == {"volatility": None, "spread": None}
    assert document["left_out"] == ["real USDT/USD: pegged"]
    shown = nightdesk("index", "screen", path).out
    assert "FAIL" in shown
    assert "too little to say" in shown


def test_a_minute_that_is_not_there_is_one_without_a_trade(tmp_path):
    volume, high, low = market(2)
    volume[::3] = 0.0
    high[::3] = low[::3] = 100.0
    whole = candles("whole", volume, high, low)
    gaps = [row | {"venue": "gaps"} for row in whole if row["volume"]]
    _, by = screened(written(tmp_path, whole[1:], gaps))
    assert by["gaps"]["figures"] == by["whole"]["figures"]


def test_trades_are_judged_by_their_sides_and_sizes(tmp_path):
    sizes, bought = tape(1)
    tossed = np.random.default_rng(1).random(len(sizes)) < 0.5
    trades = [
        {
            "venue": venue,
            "pair": "BTC",
            "timestamp": 1_700_000_000_000,
            "price": 1,
            "size": s,
            "side": "buy" if b else "sell",
        }
        for venue, sides in (("real", bought), ("made", tossed))
        for s, b in zip(sizes.tolist(), sides.tolist(), strict=True)
    ]
    path = tmp_path / "trades.jsonl"
    path.write_text("\n".join(map(json.dumps, trades)))
    _, by = screened(path)
    assert (by["real"]["passes"], by["made"]["passes"]) == (True, False)
    assert by["made"]["signs"] == {"trades change sides as a tossed coin does, or more": 1}
    assert by["made"]["of"] == "trades"


def test_a_path_without_bars_is_one_message(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    said = nightdesk("index", "screen", tmp_path / "x.csv")
    assert said.code == 2
    assert "no bars or trades" in said.err
