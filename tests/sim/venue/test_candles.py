from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.venue.candles import INTERVAL_MS, ends_ms, opened_ms
from sim.venue.market import Market
from sim.venue.recorded import text_of
from tests.sim.venue.markets import (
    DAY_MS,
    FIRST_MS,
    HOUR_MS,
    SHARED,
    candle,
    ids,
    majors,
    needs_shared,
    walk,
    write_daily,
)

DAYS = 8
AAA = 2
INTRADAY = [name for name, length in INTERVAL_MS.items() if length < DAY_MS]


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    coins = {**majors(DAYS), "AAA": walk(2.0, DAYS, seed=5), "GAP": walk(5.0, DAYS, seed=6)}
    coins["GAP"][3] = None
    coins["AAA"][2]["num_trades"] = 777.0
    return Market.from_directory(write_daily(tmp_path_factory.mktemp("data"), coins), seed=4)


def served(market, interval, start, end, *, now=None, asset=AAA):
    now = FIRST_MS + 30 * DAY_MS if now is None else now
    return market.candles(asset, interval, start_ms=start, end_ms=end, now_ms=now)


def test_the_day_served_at_midnight_is_the_recorded_row(market):
    for day, row in enumerate(walk(2.0, DAYS, seed=5)):
        end = FIRST_MS + (day + 1) * DAY_MS
        got = served(market, "1d", end - DAY_MS, end - 1, now=end)[0]
        assert [float(got[k]) for k in "ohlc"] == [row[k] for k in ("open", "high", "low", "close")]
        assert [got[k] for k in "ohlc"] == [repr(row[k]) for k in ("open", "high", "low", "close")]
        assert (got["t"], got["T"], got["s"], got["i"]) == (end - DAY_MS, end - 1, "AAA", "1d")
        assert got["v"] == "5000000.0"
        assert got["n"] == (777 if day == 2 else got["n"]) > 0


@given(
    interval=st.sampled_from(INTRADAY),
    now=st.integers(DAY_MS, (DAYS + 1) * DAY_MS),
    back=st.integers(0, 2 * DAY_MS),
)
@settings(max_examples=60, deadline=None)
def test_candles_are_made_of_the_minutes_inside_them(market, interval, now, back):
    now += FIRST_MS
    rows = served(market, interval, now - min(back, 20 * INTERVAL_MS[interval]), now, now=now)
    minutes = served(market, "1m", rows[0]["t"], now, now=now)
    assert rows[-1]["t"] <= now <= rows[-1]["T"]
    assert sum(float(m["v"]) for m in minutes) == pytest.approx(sum(float(r["v"]) for r in rows), abs=1.0)
    for row in rows:
        inside = [m for m in minutes if row["t"] <= m["t"] <= row["T"]]
        assert (row["o"], row["c"]) == (inside[0]["o"], inside[-1]["c"])
        assert float(row["h"]) == max(float(m["h"]) for m in inside)
        assert float(row["l"]) == min(float(m["l"]) for m in inside)


@given(at=st.integers(DAY_MS, (DAYS + 1) * DAY_MS))
@settings(max_examples=60, deadline=None)
def test_the_open_candle_ends_at_the_price_of_now_and_never_shrinks(market, at):
    now = FIRST_MS + at
    path = market._coin(AAA).path
    *_, row = served(market, "1d", now, now, now=now)
    assert float(row["c"]) == path.price(now)
    *_, later = served(market, "1d", now, now, now=min(now + 60_000, row["T"]))
    assert float(later["h"]) >= float(row["h"])
    assert float(later["l"]) <= float(row["l"])
    assert float(later["v"]) >= float(row["v"]) - 0.01
    assert later["o"] == row["o"]


def test_the_candle_that_holds_the_start_is_given_and_nothing_from_the_future(market):
    now = FIRST_MS + 3 * DAY_MS + 5 * HOUR_MS + 1
    rows = served(market, "1h", now - 3 * HOUR_MS, now + DAY_MS, now=now)
    assert [row["t"] for row in rows] == [FIRST_MS + 3 * DAY_MS + hour * HOUR_MS for hour in (2, 3, 4, 5)]
    assert served(market, "1h", now + DAY_MS, now + 2 * DAY_MS, now=now) == []


def test_only_the_latest_five_thousand_exist(market):
    now = FIRST_MS + DAYS * DAY_MS
    rows = served(market, "1m", 0, now, now=now)
    assert len(rows) == 5000
    assert rows[0]["t"] == now - 4999 * 60_000
    assert served(market, "1m", FIRST_MS, FIRST_MS + HOUR_MS, now=now) == []


def test_a_day_that_the_data_lack_has_no_candles(market):
    end = FIRST_MS + DAYS * DAY_MS
    opened = [row["t"] for row in served(market, "1d", FIRST_MS, end - 1, now=end, asset=3)]
    assert FIRST_MS + 3 * DAY_MS not in opened
    assert len(opened) == DAYS - 1
    assert served(market, "1h", FIRST_MS + 3 * DAY_MS, FIRST_MS + 4 * DAY_MS - 1, now=end, asset=3) == []


def test_days_add_up_to_weeks_and_months(market):
    end = FIRST_MS + DAYS * DAY_MS
    days = served(market, "1d", FIRST_MS, end, now=end)
    for interval in ("3d", "1w", "1M"):
        for row in served(market, interval, FIRST_MS, end, now=end):
            inside = [day for day in days if row["t"] <= day["t"] <= row["T"]]
            assert (row["o"], row["c"]) == (inside[0]["o"], inside[-1]["c"])
            assert float(row["v"]) == pytest.approx(sum(float(day["v"]) for day in inside), abs=0.1)


def test_a_month_begins_on_its_first_day():
    at = int(datetime(2024, 2, 29, 13, tzinfo=UTC).timestamp() * 1000)
    assert opened_ms(at, "1M") == int(datetime(2024, 2, 1, tzinfo=UTC).timestamp() * 1000)
    assert ends_ms(opened_ms(at, "1M"), "1M") == int(datetime(2024, 3, 1, tzinfo=UTC).timestamp() * 1000)


def test_an_interval_that_the_venue_lacks_is_refused_with_the_list(market):
    with pytest.raises(ValueError, match=r"interval '7m'.*15m"):
        served(market, "7m", FIRST_MS, FIRST_MS + DAY_MS)


@pytest.mark.parametrize(
    ("value", "text"), [(3.0, "3.0"), (1e-05, "0.00001"), (1.5e17, "150000000000000000.0"), (0.1, "0.1")]
)
def test_numbers_are_written_without_an_exponent(value, text):
    assert text_of(value) == text


def test_a_day_whose_candle_breaks_its_bounds_is_widened_not_refused(tmp_path):
    coins = majors(3)
    coins["AAA"] = [candle(2.0, 2.1, 1.9, 2.2)] * 3
    market = Market.from_directory(write_daily(tmp_path, coins), seed=1)
    assert float(served(market, "1d", FIRST_MS, FIRST_MS, now=FIRST_MS + DAY_MS)[0]["h"]) == 2.2


@needs_shared
def test_every_recorded_close_of_a_week_is_served_as_it_is():
    market = Market.from_directory(SHARED, seed=1)
    end = market.last_ms
    for name in ("BTC", "ETH", "kPEPE", "PURR", "YGG"):
        rows = market._recorded.daily.of(name)
        got = served(market, "1d", end - 7 * DAY_MS, end - 1, now=end, asset=ids(market)[name])
        for place, row in enumerate(got, start=len(rows) - 7):
            assert [row[k] for k in "ohlc"] == [
                text_of(float(rows.columns[k][place])) for k in ("open", "high", "low", "close")
            ]
            assert row["v"] == text_of(float(str(rows.columns["volume"][place])))
