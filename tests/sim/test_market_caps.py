"""Market caps of a simulated venue, against its own rows: each day of a coin is there once, at the price of one coin."""

import pandas as pd
import pytest

from adapters.crypto_mcap import read_market
from sim.market_caps import SUPPLIES, build, coins
from sim.venue.recorded import DAILY_FILE

DAYS = pd.date_range("2024-01-01", periods=4, freq="D")
FATES = {
    "BTC": (40_000.0, 10.0, True),
    "kPEPE": (0.02, 1e9, True),
    "KAS": (0.1, 1e6, True),
    "FTT": (1.5, 1e6, True),
    "BNB": (600.0, 1e3, True),
    "NOSUCH": (3.0, 5.0, True),
    "ETH": (2_000.0, 50.0, False),
    "SOL": (0.0, 0.0, True),
}
"""Close, volume and whether it trades, of each of the venue's coins."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The venue's rows and the market caps made of them, both by day and symbol."""
    directory = tmp_path_factory.mktemp("venue")
    rows = [
        {"date": day, "symbol": name, "close": close * (1 + n / 10), "volume": volume, "live": live}
        for name, (close, volume, live) in FATES.items()
        for n, day in enumerate(DAYS)
    ]
    daily = pd.DataFrame(rows)
    daily.to_parquet(directory / DAILY_FILE)
    out = build(directory, directory / "deep" / "caps")
    return daily.set_index(["date", "symbol"]), out


def table(out):
    return pd.read_parquet(out / "derived_daily.parquet").set_index(["date", "symbol"])


def test_a_row_is_of_a_coin_that_trades_has_a_price_and_a_known_supply(made):
    found = table(made[1])
    kept = [
        name for name, (close, _, live) in FATES.items() if live and close > 0 and single(name) in coins()
    ]
    assert kept
    assert sorted(found.index) == sorted((day, single(name)) for day in DAYS for name in kept)


def single(name):
    return "PEPE" if name == "kPEPE" else name


def test_a_price_is_of_one_coin_and_what_was_traded_is_the_same_money(made):
    daily, out = made
    found = table(out)
    for (day, symbol), row in found.iterrows():
        name = "kPEPE" if symbol == "PEPE" else symbol
        theirs = daily.loc[(day, name)]
        assert row["close"] * (1000 if name == "kPEPE" else 1) == pytest.approx(theirs["close"], rel=1e-12)
        assert row["quote_volume"] == pytest.approx(theirs["close"] * theirs["volume"], rel=1e-12)


def test_a_supply_is_the_samples_on_every_day(made):
    known = pd.read_csv(SUPPLIES, keep_default_na=False).set_index("symbol")["supply"].astype(float)
    found = table(made[1])["supply_pit"]
    assert all(supply == known[symbol] for (_, symbol), supply in found.items())


def test_the_sample_has_each_coin_once_with_a_supply():
    known = pd.read_csv(SUPPLIES, keep_default_na=False)
    assert known["symbol"].is_unique
    assert (known["supply"].astype(float) > 0).all()
    assert set(known["symbol"]) == coins()


def test_a_review_reads_it_with_its_kinds(made):
    _, out = made
    market = read_market(out)
    assert market.day.isoformat() == "2024-01-04"
    assert {"BTC", "PEPE"} <= set(market.symbols)
    kinds = pd.read_csv(out / "categories.csv", keep_default_na=False).set_index("symbol")["category"]
    assert (kinds["BNB"], kinds["PEPE"], "BTC" in kinds) == ("exchange_token", "meme", False)
