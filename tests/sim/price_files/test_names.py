"""One name for each pair and venue, however a file spells it."""

import json

import pytest

from sim.price_files.names import Spellings, pair_of
from sim.price_files.reading import read_prices

T = 1_700_000_000_000


@pytest.mark.parametrize(
    "symbol", ["BTC/USD", "btc/usd", "BTC-USD", "BTC_USD", "BTCUSD", "XBT/USD", "XBTUSD", " btcusd "]
)
def test_a_pair_has_one_name(symbol):
    assert pair_of(symbol) == "BTC/USD"


@pytest.mark.parametrize(
    ("symbol", "pair"),
    [("BTCUSDT", "BTC/USDT"), ("USDCUSDT", "USDC/USDT"), ("USDTUSD", "USDT/USD"), ("ETHUSDC", "ETH/USDC")],
)
def test_the_longest_known_quote_ends_a_name_without_a_separator(symbol, pair):
    assert pair_of(symbol) == pair


@pytest.mark.parametrize(
    "symbol", ["BTC", "BTC/", "/USD", "BTC/USD/X", "BTC-USDT-SWAP", "BTC/USDT:USDT", "BTCUSD_PERP", "a b"]
)
def test_what_is_no_spot_pair_is_not_made_one(symbol):
    assert pair_of(symbol) in (symbol, "BTCUSD/PERP")


def test_a_venue_in_other_letters_is_the_one_that_was_heard_first():
    spelled = Spellings()
    assert [spelled(name) for name in ("Kraken", "KRAKEN", " kraken", "okx")] == ["Kraken"] * 3 + ["okx"]


def test_files_of_a_directory_share_their_venues(tmp_path):
    for name, source in (("a", "Kraken"), ("b", "kraken")):
        row = {"source": source, "symbol": "XBTUSD", "price": 5, "timestamp": T}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    heard = read_prices(tmp_path).heard
    assert [(tick.source, tick.symbol) for tick in heard] == [("Kraken", "BTC/USD")] * 2
