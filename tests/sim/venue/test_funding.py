from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.venue.market import Market
from tests.sim.venue.markets import (
    DAY_MS,
    FIRST_DAY,
    FIRST_MS,
    HOUR_MS,
    SHARED,
    majors,
    needs_shared,
    walk,
    write_daily,
)

DAYS = 30
INTEREST, CLAMP = Decimal("0.0001"), Decimal("0.0005")


def write_funding(directory, rows):
    times, symbols, rates = zip(*rows, strict=True)
    columns = {
        "time": pa.array(times, pa.timestamp("ms")),
        "symbol": symbols,
        "rate": pa.array(rates, pa.float32()),
    }
    pq.write_table(pa.table(columns), directory / "funding_1h.parquet")


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    coins = {**majors(DAYS), "AAA": walk(2.0, DAYS, seed=5), "BBB": walk(2.0, DAYS, seed=5)}
    coins["BTC"][2].update(funding=-0.0006, funding_n=3)
    for row in coins["BBB"]:
        row.update(funding=float("nan"), funding_n=0)
    coins["AAA"][1].update(funding=0.003, funding_n=24)
    write_daily(directory, coins)
    hours = [FIRST_DAY + timedelta(hours=h) for h in range(30)]
    write_funding(directory, [(hour, "AAA", 0.00001 * (k + 1)) for k, hour in enumerate(hours)])
    return Market.from_directory(directory, seed=4)


def test_recorded_hours_are_paid_as_they_are(market):
    assert market.funding_rate(2, FIRST_MS + 4 * HOUR_MS + 59_000) == Decimal("0.00005")


def test_what_the_hourly_file_lacks_of_a_day_is_the_rest_of_its_sum(market):
    rates = [market.funding_rate(2, FIRST_MS + DAY_MS + hour * HOUR_MS) for hour in range(24)]
    assert rates[:6] == [Decimal("0.00001") * k for k in range(25, 31)]
    assert len(set(rates[6:])) == 1
    assert float(sum(rates)) == pytest.approx(0.003, abs=1e-9)


def test_a_day_without_hours_is_its_sum_over_its_count(market):
    paid = {hour: market.funding_rate(0, FIRST_MS + 2 * DAY_MS + hour * HOUR_MS) for hour in range(24)}
    assert {hour: rate for hour, rate in paid.items() if rate} == dict.fromkeys(
        (0, 8, 16), Decimal("-0.0002")
    )
    assert market.funding_rate(1, FIRST_MS) * 24 == Decimal("0.0003")


def test_a_coin_without_funding_pays_none_and_has_no_rows(market):
    assert market.funding_rate(3, FIRST_MS + HOUR_MS) == 0
    assert (
        market.funding_history(3, start_ms=FIRST_MS, end_ms=FIRST_MS + DAY_MS, now_ms=FIRST_MS + DAY_MS) == []
    )


def test_after_the_data_the_last_days_mean_is_paid_on(market):
    assert market.funding_rate(1, market.last_ms + 5 * HOUR_MS) * 24 == pytest.approx(Decimal("0.0003"))


def test_rows_are_ascending_stamped_just_after_the_hour_and_at_most_five_hundred(market):
    now = FIRST_MS + DAYS * DAY_MS
    rows = market.funding_history(1, start_ms=0, end_ms=now, now_ms=now)
    assert len(rows) == 500
    stamps = [row["time"] for row in rows]
    assert stamps == sorted(stamps)
    assert all(1 <= stamp % HOUR_MS <= 118 for stamp in stamps)
    following = market.funding_history(1, start_ms=stamps[-1] + 1, end_ms=now, now_ms=now)
    assert following[0]["time"] // HOUR_MS == stamps[-1] // HOUR_MS + 1
    assert len(rows) + len(following) == DAYS * 24


@given(start=st.integers(0, 3 * DAY_MS), length=st.integers(0, DAY_MS), now=st.integers(0, 3 * DAY_MS))
@settings(max_examples=60, deadline=None)
def test_the_bounds_hold_and_nothing_is_told_before_it_was_paid(market, start, length, now):
    rows = market.funding_history(
        1, start_ms=FIRST_MS + start, end_ms=FIRST_MS + start + length, now_ms=FIRST_MS + now
    )
    assert all(start <= row["time"] - FIRST_MS <= min(start + length, now) for row in rows)


def test_the_premium_gives_the_rate_by_the_venues_formula(market):
    for asset in (0, 1, 2):
        end = FIRST_MS + 3 * DAY_MS
        for row in market.funding_history(asset, start_ms=FIRST_MS, end_ms=end, now_ms=end):
            premium = Decimal(row["premium"])
            rate_8h = premium + min(max(INTEREST - premium, -CLAMP), CLAMP)
            assert rate_8h / 8 == Decimal(row["fundingRate"])


@needs_shared
def test_recorded_rates_add_up_to_the_recorded_day():
    market = Market.from_directory(SHARED, seed=1)
    rows = market._recorded.daily
    for asset in market.assets[::10]:
        own = rows.of(asset.name)
        for place in range(0, len(own), 61):
            count = int(own.columns["funding_n"][place])
            day = int(own.times[place])
            served = market.funding_history(
                asset.asset_id, start_ms=day, end_ms=day + DAY_MS - 1, now_ms=market.last_ms
            )
            assert len(served) == count, (asset.name, day)
            if count:
                total = float(sum(Decimal(row["fundingRate"]) for row in served))
                assert total == pytest.approx(float(own.columns["funding"][place]), abs=1e-8)
