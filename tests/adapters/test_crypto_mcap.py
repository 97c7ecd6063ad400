"""A directory of market caps: what is read, and the one clear message for what cannot be."""

import gzip
import json
import os
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adapters.crypto_mcap import BUNDLED_CUSTODY, read_blacklist, read_market
from adapters.tables import DataFault
from strategies.crypto_index.methodology import Category

SHARED = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).resolve().parents[2] / "../shared"))
REAL = SHARED / "data/crypto_mcap"
DAILY = "derived_daily_2021.parquet"


def rows():
    days = pd.date_range("2021-01-01", periods=5, freq="D")
    made = [
        {
            "date": day,
            "symbol": symbol,
            "close": 10.0 * k + i,
            "supply_pit": 100.0 * k,
            "supply": 7.0,
            "quote_volume": 5.0,
        }
        for k, symbol in enumerate(("BTC", "ETH"), start=1)
        for i, day in enumerate(days)
    ]
    return pd.DataFrame(made)


@pytest.fixture
def directory(tmp_path):
    rows().to_parquet(tmp_path / DAILY)
    (tmp_path / "categories.csv").write_text("symbol,category\nUSDT,stablecoin\n")
    return tmp_path


def written(directory, table):
    table.to_parquet(directory / DAILY)
    return directory


def fault(directory, **options):
    with pytest.raises(DataFault) as caught:
        read_market(directory, **options)
    return str(caught.value).replace(str(directory), "DIR")


def test_a_table_becomes_arrays_of_days_and_coins(directory):
    market = read_market(directory)
    assert market.symbols == ("BTC", "ETH")
    assert market.days.tolist() == [date(2021, 1, day) for day in range(1, 6)]
    assert market.close.tolist() == [[10.0 + i, 20.0 + i] for i in range(5)]
    assert (market.volume_usd == 5.0).all()
    assert market.custodians is None
    assert market.blacklist == frozenset()


def test_the_supply_is_the_one_that_was_known_that_day(directory):
    assert read_market(directory).supply[0].tolist() == [100.0, 200.0]
    written(directory, rows().drop(columns="supply_pit"))
    assert read_market(directory).supply[0].tolist() == [7.0, 7.0]


def test_rows_in_any_order_and_days_without_rows_make_the_same_market(directory):
    table = rows()
    written(
        directory,
        table[(table.date != "2021-01-03") | (table.symbol == "ETH")].sample(frac=1, random_state=1),
    )
    market = read_market(directory)
    assert np.isnan(market.close[2, 0])
    assert market.close[2, 1] == 22.0
    written(directory, table[table.date != "2021-01-03"])
    assert np.isnan(read_market(directory).close[2]).all()


def test_a_supply_of_zero_is_none_that_is_known(directory):
    table = rows()
    table.loc[0, "supply_pit"] = 0.0
    assert np.isnan(read_market(written(directory, table)).supply[0, 0])


def test_symbols_are_upper_case_tickers_wherever_they_stand(directory):
    table = rows()
    table["symbol"] = table["symbol"].replace("BTC", " wBtc")
    (directory / "custody_map.json").write_text('{"wBTC": ["BitGo"]}')
    (directory / "blacklist.json").write_text('["wBTC"]')
    (directory / "categories.csv").write_text("symbol,category\nwbtc,wrapped_or_staked\n")
    market = read_market(written(directory, table))
    assert market.symbols == ("ETH", "WBTC")
    assert set(market.kinds) == set(market.custodians) == market.blacklist == {"WBTC"}
    table["symbol"] = table["symbol"].replace("ETH", "WBTC")
    assert "is a duplicate (date, symbol)" in fault(written(directory, table))


def test_days_with_a_zone_are_days_of_utc(directory):
    table = rows()
    table["date"] = table["date"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    assert read_market(written(directory, table)).days[0] == np.datetime64("2021-01-01")


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("close", 0.0, "close 0.0 is not a number that can be; drop the row, or leave the field empty"),
        ("close", -1.0, "close -1.0 is not a number that can be"),
        ("supply_pit", np.inf, "supply_pit inf is not a number that can be"),
        ("quote_volume", -5.0, "quote_volume -5.0 is not a number that can be"),
        ("symbol", None, "symbol nan is missing; name the coin"),
        ("symbol", "  ", "symbol  is missing; name the coin"),
        (
            "date",
            pd.Timestamp("2021-01-02 12:00"),
            "date 2021-01-02 12:00:00 is not a UTC day; stamp it 00:00",
        ),
        ("date", pd.Timestamp("2021-01-01"), "date 2021-01-01 00:00:00 is a duplicate (date, symbol)"),
        ("date", pd.NaT, "date NaT is missing; every row needs its UTC day"),
    ],
)
def test_a_bad_row_is_named_with_its_fault_and_its_mend(directory, column, value, said):
    table = rows()
    table.loc[1, column] = value
    text = fault(written(directory, table))
    assert text.startswith(f"DIR/{DAILY}: row 1 (")
    assert said in text


def test_several_bad_rows_are_counted(directory):
    assert "(5 such rows)" in fault(written(directory, rows().assign(close=[-1.0] * 5 + [1.0] * 5)))


def test_a_missing_column_is_named_with_those_that_must_be_there(directory):
    text = fault(written(directory, rows().drop(columns="quote_volume")))
    assert text == (
        f"DIR/{DAILY}: missing columns ['quote_volume']; it must hold date, symbol, close, supply_pit, quote_volume"
    )


def test_a_column_of_another_type_is_named(directory):
    text = fault(written(directory, rows().assign(close="x")))
    assert text == f"DIR/{DAILY}: column close holds large_string, it must hold numbers; convert it"


def test_a_directory_without_a_daily_file_or_with_two_is_no_directory_of_market_caps(directory):
    rows().to_parquet(directory / "derived_daily_2022.parquet")
    assert fault(directory).startswith("DIR: 2 files named derived_daily*.parquet")
    for path in directory.glob("derived_daily*"):
        path.unlink()
    assert fault(directory).startswith("DIR: no file named derived_daily*.parquet")


def test_a_file_that_is_no_parquet_and_one_without_rows_are_refused(directory):
    (directory / DAILY).write_bytes(b"nothing")
    assert "not a readable parquet file" in fault(directory)
    whole = bytearray((written(directory, rows()) / DAILY).read_bytes())
    whole[4:60] = bytes(56)
    (directory / DAILY).write_bytes(whole)
    text = fault(directory)
    assert text.startswith(f"DIR/{DAILY}: a damaged parquet file (")
    assert "\n" not in text
    assert (
        fault(written(directory, rows().iloc[:0]))
        == f"DIR/{DAILY}: no rows; it must hold a row a coin and day"
    )


# --- kinds ---------------------------------------------------------------------------------------------


def kinds_of(directory, text):
    (directory / "categories.csv").write_text(text)
    return read_market(directory).kinds


def test_kinds_have_a_day_from_which_they_hold(directory):
    found = kinds_of(
        directory, "symbol,category,since\nX,meme,2021-06-01\nX,abandoned,2020-01-01\nY,privacy,\n"
    )
    assert found["X"] == ((date(2020, 1, 1), Category.ABANDONED), (date(2021, 6, 1), Category.MEME))
    assert found["Y"] == ((date(2009, 1, 3), Category.PRIVACY),)


def test_blanks_a_mark_of_bytes_and_twice_the_same_change_no_kind(directory):
    (directory / "categories.csv").write_bytes(
        b"\xef\xbb\xbfsymbol,category\r\n usdt ,stablecoin \r\nUSDT,stablecoin\r\n"
    )
    assert read_market(directory).kinds == {"USDT": ((date(2009, 1, 3), Category.STABLECOIN),)}


def test_a_coin_that_is_called_na_is_a_coin(directory):
    assert set(kinds_of(directory, "symbol,category\nNA,meme\nnan,meme\n")) == {"NA", "NAN"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "symbol,category\nX,mem\n",
            "X is a 'mem'; known are stablecoin, wrapped_or_staked, gold_token, meme",
        ),
        ("symbol,category\nX,\n", "X has no category; known are"),
        ("symbol,category\nX\n", "X has no category; known are"),
        ("symbol,category\n,meme\n", "row 0: symbol is missing; name the coin"),
        (
            "symbol,category\nX,meme\nX,privacy\n",
            "X is a meme and a privacy at once; keep one, or say since when",
        ),
        ("symbol,kind\nX,meme\n", "missing columns ['category']; it must hold symbol, category"),
        ("symbol,category,since\nX,meme,31.5.2021\n", "since '31.5.2021' is no day; write it as 2021-05-31"),
        ("", "cannot be read as CSV"),
    ],
)
def test_kinds_that_cannot_be_read_are_refused(directory, text, said):
    (directory / "categories.csv").write_text(text)
    assert said in fault(directory)


def test_without_kinds_nothing_is_read(directory):
    (directory / "categories.csv").unlink()
    assert fault(directory) == "DIR/categories.csv: no such file; it holds symbol, category"


def test_a_coin_is_known_since_its_first_snapshot(directory):
    with gzip.open(directory / "cmc_top200_monthly.csv.gz", "wt") as file:
        file.write("date,symbol\n2020-03-01,BTC\n2020-01-01,BTC\n2020-02-01,ETH\n")
    with gzip.open(directory / "other_monthly.csv.gz", "wt") as file:
        file.write("date,symbol\n2013-01-01,ETH\n")
    assert read_market(directory).first_seen == {"BTC": date(2020, 1, 1), "ETH": date(2013, 1, 1)}


@pytest.mark.parametrize(
    ("text", "said"),
    [("symbol\nBTC\n", "missing columns ['date']"), ("date,symbol\nsoon,BTC\n", "date 'soon' is no day")],
)
def test_snapshots_that_cannot_be_read_are_refused(directory, text, said):
    with gzip.open(directory / "x_monthly.csv.gz", "wt") as file:
        file.write(text)
    assert said in fault(directory)


def test_a_snapshot_that_is_not_gzip_or_cut_short_is_refused(directory):
    packed = gzip.compress(b"date,symbol\n" + b"2021-01-01,BTC\n" * 50)
    for data in (b"date,symbol\n", packed[:-20], packed[:12] + b"\xff" * 9 + packed[21:]):
        (directory / "x_monthly.csv.gz").write_bytes(data)
        assert "DIR/x_monthly.csv.gz: cannot be read as CSV" in fault(directory)


# --- custody and blacklist -----------------------------------------------------------------------------


def test_a_custody_map_is_read_with_or_without_its_source(directory):
    names = {"BTC": ["BitGo", "Coinbase"], "ETH": []}
    for document in (names, {"date": "2025-01-01", "source": "here", "custodians": names}):
        (directory / "custody_map.json").write_text(json.dumps(document))
        assert read_market(directory).custodians == {"BTC": ("BitGo", "Coinbase"), "ETH": ()}


@pytest.mark.parametrize("document", [[], {"BTC": "BitGo"}, {"BTC": [1]}, {"BTC": [""]}, "x", None])
def test_a_custody_map_of_another_shape_is_refused(directory, document):
    (directory / "custody_map.json").write_text(json.dumps(document))
    assert "custody_map.json: must map symbols to lists of custodians" in fault(directory)


@pytest.mark.parametrize("document", [{}, ["A", 1], [""], "LUNA", None])
def test_a_blacklist_of_another_shape_is_refused(directory, document):
    (directory / "blacklist.json").write_text(json.dumps(document))
    assert "blacklist.json: must be a list of symbols" in fault(directory)


@pytest.mark.parametrize("name", ["custody_map.json", "blacklist.json"])
def test_json_that_is_torn_fails_closed(directory, name):
    (directory / name).write_bytes(b'["LUNA"')
    assert "cannot be read as JSON" in fault(directory)
    assert "nothing is decided until it can" in fault(directory)
    for data in (b"\xff", b"", b"[" * 100_000):
        (directory / name).write_bytes(data)
        assert f"DIR/{name}: cannot be read as JSON" in fault(directory)


def test_a_file_that_was_asked_for_and_is_not_there_fails_closed(directory, tmp_path):
    missing = tmp_path / "gone.json"
    for options in ({"custody": missing}, {"blacklist": missing}):
        assert "no such file; nothing is decided without it" in fault(directory, **options)
    assert read_blacklist(missing, is_asked=False) == frozenset()


def test_a_blacklist_is_read(directory):
    (directory / "blacklist.json").write_bytes(b'\xef\xbb\xbf["LUNA", " ftt "]')
    assert read_market(directory).blacklist == {"LUNA", "FTT"}


def test_the_bundled_custody_map_has_source_and_date_and_says_what_it_is_not(directory):
    document = json.loads(BUNDLED_CUSTODY.read_text("utf-8"))
    date.fromisoformat(document["date"])
    assert "not point in time" in document["source"]
    assert "checked against the custodians" in document["source"]
    custodians = read_market(directory, custody=BUNDLED_CUSTODY).custodians
    assert len(custodians["BTC"]) >= 2
    assert all(len(set(names)) == len(names) for names in custodians.values())


@pytest.mark.skipif(not REAL.is_dir(), reason="the recorded market caps are not beside the repository")
def test_the_recorded_directory_is_read_and_bitcoin_is_what_it_was():
    market = read_market(REAL)
    day = market.days.tolist().index(date(2021, 11, 10))
    assert market.close[day, market.place("BTC")] == pytest.approx(64_900, rel=0.01)
    assert market.supply[day, market.place("BTC")] == pytest.approx(18.86e6, rel=0.01)
    assert market.kind("USDT") is Category.STABLECOIN
    assert market.first_seen["BTC"] == date(2013, 4, 28)
