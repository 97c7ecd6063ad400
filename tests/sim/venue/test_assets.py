from decimal import Decimal

import numpy as np
import pytest

from sim.venue.assets import list_assets, price_decimals
from sim.venue.market import Market
from sim.venue.recorded import PRICES, DataDirectoryError, Recorded
from tests.sim.venue.markets import (
    DAY_MS,
    FIRST_MS,
    SHARED,
    candle,
    majors,
    needs_shared,
    walk,
    write_daily,
)


def test_bitcoin_and_ether_come_first_and_the_rest_by_name(tmp_path):
    coins = {"ZZZ": walk(1.0, 5, seed=3), "AAA": walk(2.0, 5, seed=4), **majors(5)}
    market = Market.from_directory(write_daily(tmp_path, coins), seed=1)
    assert [asset.name for asset in market.assets] == ["BTC", "ETH", "AAA", "ZZZ"]
    assert [asset.asset_id for asset in market.assets] == [0, 1, 2, 3]


def test_a_coin_is_delisted_after_its_last_live_day_and_keeps_its_id(tmp_path):
    rows = walk(1.0, 6, seed=3)
    for row in rows[3:]:
        row.update(live=False, volume=0.0)
    rows[0].update(live=False, volume=0.0)
    market = Market.from_directory(
        write_daily(tmp_path, {"AAA": rows, "BBB": walk(1.0, 6, seed=4), **majors(6)}), seed=1
    )
    gone = market.assets[2]
    assert (gone.name, gone.listed_from_ms, gone.delisted_from_ms) == (
        "AAA",
        FIRST_MS + DAY_MS,
        FIRST_MS + 3 * DAY_MS,
    )
    live = [market.live(2, FIRST_MS + DAY_MS * day) for day in range(7)]
    assert live == [False, True, True, False, False, False, False]
    assert market.assets[3].delisted_from_ms is None


def test_the_recorded_column_delisted_is_not_read(tmp_path):
    coins = majors(4)
    for row in coins["ETH"]:
        row["delisted"] = True
    assert Market.from_directory(write_daily(tmp_path, coins), seed=1).assets[1].delisted_from_ms is None


def test_prices_that_are_on_no_grid_still_get_a_lot_of_about_a_dollar(tmp_path):
    rows = [candle(50_000.123456, 51_000.98765, 49_000.555555, 50_500.777777) for _ in range(4)]
    recorded = Recorded(write_daily(tmp_path, {**majors(4), "AAA": rows}))
    asset = list_assets(recorded)[2]
    assert 0.1 <= 50_500 * 10**-asset.size_decimals <= 10


def test_size_decimals_leave_room_for_the_decimals_of_recorded_prices(tmp_path):
    rows = [candle(20.125, 20.5, 19.875, 20.001)] * 3
    asset = list_assets(Recorded(write_daily(tmp_path, {**majors(3), "AAA": rows})))[2]
    assert asset.size_decimals == 2
    finer = [candle(12.0, 12.0, 0.00125, 12.0)] * 3
    asset = list_assets(Recorded(write_daily(tmp_path, {**majors(3), "AAA": finer})))[2]
    assert asset.size_decimals == 1


@pytest.mark.parametrize(
    ("price", "size_decimals", "decimals"),
    [
        (118_825.0, 5, 0),
        (3_750.1, 4, 1),
        (0.012734, 0, 6),
        (9.9999, 1, 4),
        (10.0, 1, 3),
        (99_999.0, 5, 0),
        (0.5, 3, 3),
    ],
)
def test_a_price_has_five_figures_and_six_less_the_size_decimals(price, size_decimals, decimals):
    assert price_decimals(price, size_decimals) == decimals


def test_a_missing_file_column_or_major_is_named(tmp_path):
    with pytest.raises(DataDirectoryError, match=r"perp_daily.parquet is missing"):
        Market.from_directory(tmp_path, seed=1)
    write_daily(tmp_path, {"BTC": walk(1.0, 3, seed=1)})
    with pytest.raises(DataDirectoryError, match="ETH has no live day"):
        Market.from_directory(tmp_path, seed=1)


def test_a_price_that_is_no_price_stops_the_loading(tmp_path):
    coins = majors(3)
    coins["ETH"][1]["low"] = float("nan")
    with pytest.raises(DataDirectoryError, match="column low"):
        Market.from_directory(write_daily(tmp_path, coins), seed=1)


@needs_shared
def test_every_recorded_live_price_is_on_the_inferred_grid():
    recorded = Recorded(SHARED)
    for asset in list_assets(recorded):
        rows = recorded.daily.of(asset.name)
        live = rows.columns["live"]
        prices = np.concatenate([rows.columns[name][live] for name in PRICES])
        fine = 6 - asset.size_decimals
        assert (np.round(prices, fine) == prices).all(), asset.name
        exact = [Decimal(repr(float(px))).normalize() for px in prices[:400]]
        assert all(len(px.as_tuple().digits) <= 5 or px == px.to_integral_value() for px in exact), asset.name


@needs_shared
def test_the_recorded_universe_has_the_known_size_and_delistings():
    assets = list_assets(Recorded(SHARED))
    assert len(assets) == 201
    assert sum(asset.delisted_from_ms is not None for asset in assets) == 28
    assert [(a.name, a.size_decimals, a.leverage_max) for a in assets[:2]] == [("BTC", 5, 40), ("ETH", 4, 25)]
