from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.venue.bars import LEAF_MS, Bar, Grid, cut, cut_ms, variance_of
from sim.venue.draws import Draws
from sim.venue.market import Market
from sim.venue.segments import filled
from tests.sim.venue.markets import (
    DAY_MS,
    FIRST_DAY,
    FIRST_MS,
    HOUR_MS,
    SHARED,
    majors,
    needs_shared,
    walk,
    write_candles,
    write_daily,
)

TICKS = st.integers(1, 5_000)


@st.composite
def bars(draw, *, start_ms=FIRST_MS, length_ms=None):
    """A bar on a grid of hundredths, of any shape that a candle can have."""
    low, *inner = sorted(draw(st.lists(TICKS, min_size=4, max_size=4)))
    o, c = draw(st.permutations(inner[:2]))
    prices = tuple(tick / 100 for tick in (o, inner[2], low, c))
    length = length_ms or draw(st.sampled_from([60_000, HOUR_MS, 17 * 60_000, DAY_MS, 3 * DAY_MS]))
    volume = float(draw(st.integers(0, 10_000)))
    return Bar(start_ms, start_ms + length, *prices, volume, variance_of(*prices), Grid(100.0, 1.0))


def leaves(bar: Bar, draws: Draws, *, depth: int) -> list[Bar]:
    if depth == 0 or bar.end_ms - bar.start_ms <= LEAF_MS:
        return [bar]
    return [leaf for half in cut(bar, draws) for leaf in leaves(half, draws, depth=depth - 1)]


@given(bar=bars(), seed=st.integers(0, 50))
@settings(max_examples=150, deadline=None)
def test_the_pieces_of_a_bar_put_together_are_the_bar(bar, seed):
    pieces = leaves(bar, Draws(seed, "coin", market=Draws(seed, "market")), depth=7)
    assert (pieces[0].open, pieces[-1].close) == (bar.open, bar.close)
    assert max(piece.high for piece in pieces) == bar.high
    assert min(piece.low for piece in pieces) == bar.low
    assert sum(piece.volume for piece in pieces) == pytest.approx(bar.volume)
    assert all(a.close == b.open and a.end_ms == b.start_ms for a, b in pairwise(pieces))
    for piece in pieces:
        assert piece.low <= min(piece.open, piece.close) <= max(piece.open, piece.close) <= piece.high
        assert piece.volume >= 0
        assert {round(px * 100) / 100 for px in (piece.open, piece.high, piece.low, piece.close)} == {
            piece.open, piece.high, piece.low, piece.close
        }  # fmt: skip


@given(start=st.integers(0, 50), minutes=st.integers(2, 5_000))
def test_a_bar_of_whole_minutes_is_cut_on_a_minute_and_a_day_on_an_hour(start, minutes):
    start_ms = start * 60_000
    assert cut_ms(start_ms, start_ms + minutes * 60_000) % 60_000 == 0
    assert cut_ms(start * DAY_MS, (start + 1) * DAY_MS) % HOUR_MS == 0


@given(data=st.data(), outer=bars(length_ms=DAY_MS))
@settings(max_examples=150, deadline=None)
def test_known_candles_and_bridges_cover_the_day_and_agree_with_it(data, outer):
    hours = sorted(data.draw(st.sets(st.integers(0, 23), max_size=24)))
    known = [data.draw(bars(start_ms=FIRST_MS + hour * HOUR_MS, length_ms=HOUR_MS)) for hour in hours]
    covered = filled(outer, known, Draws(3, "coin"))
    assert (covered[0].start_ms, covered[-1].end_ms) == (outer.start_ms, outer.end_ms)
    assert all(a.end_ms == b.start_ms for a, b in pairwise(covered))
    assert (covered[0].open, covered[-1].close) == (outer.open, outer.close)
    assert max(bar.high for bar in covered) == outer.high
    assert min(bar.low for bar in covered) == outer.low
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in covered)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    coins = {**majors(12), "AAA": walk(2.0, 12, seed=5), "GAP": walk(5.0, 12, seed=6)}
    coins["GAP"][4] = coins["GAP"][5] = None
    return write_daily(tmp_path_factory.mktemp("data"), coins)


def paths(directory, *, seed=1):
    market = Market.from_directory(directory, seed=seed)
    return market, {asset.name: market._coin(asset.asset_id).path for asset in market.assets}


def test_days_are_hit_exactly_at_their_open_and_close(directory):
    _, path = paths(directory)
    for name, days in {**majors(12), "AAA": walk(2.0, 12, seed=5)}.items():
        for day, row in enumerate(days):
            start = FIRST_MS + day * DAY_MS
            assert path[name].price(start) == row["open"]
            assert path[name].price(start + DAY_MS - 1) == row["close"]


@given(at=st.lists(st.integers(0, 14 * DAY_MS), min_size=2, max_size=6), seed=st.integers(0, 3))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_price_at_a_time_does_not_depend_on_what_was_asked_before(directory, at, seed):
    _, first = paths(directory, seed=seed)
    asked = {t: first["AAA"].price(FIRST_MS + t) for t in at}
    _, second = paths(directory, seed=seed)
    assert {t: second["AAA"].price(FIRST_MS + t) for t in reversed(at)} == asked
    rows = list(walk(2.0, 12, seed=5))
    for t, px in asked.items():
        day = t // DAY_MS
        if day < 12:
            assert rows[day]["low"] <= px <= rows[day]["high"]


def test_another_seed_is_another_path_with_the_same_closes(directory):
    moments = [FIRST_MS + 3 * DAY_MS + minute * 60_000 for minute in range(1, 200)]
    one, two = (np.array([paths(directory, seed=s)[1]["AAA"].price(t) for t in moments]) for s in (1, 2))
    assert (one != two).mean() > 0.9


def test_days_missing_in_the_data_are_bridged(directory):
    _, path = paths(directory)
    rows = walk(5.0, 12, seed=6)
    gap = [path["GAP"].price(FIRST_MS + 4 * DAY_MS + hour * HOUR_MS) for hour in range(48)]
    bounds = sorted((rows[3]["close"], rows[6]["open"]))
    assert all(bounds[0] <= px <= bounds[1] for px in gap)
    assert path["GAP"].price(FIRST_MS + 6 * DAY_MS - 1) == rows[6]["open"]


def test_the_night_after_the_last_close_goes_on_from_it(directory):
    market, path = paths(directory)
    end = market.last_ms
    close = walk(2.0, 12, seed=5)[-1]["close"]
    assert path["AAA"].price(end - 1) == close
    assert path["AAA"].price(end) == close
    later = [path["AAA"].price(end + day * DAY_MS + HOUR_MS) for day in range(5)]
    assert len(set(later)) == 5
    assert all(close / 2 < px < close * 2 for px in later)
    assert market.live(2, end + 5 * DAY_MS)
    assert market.ladder(2, end + HOUR_MS).bids


def test_a_bridge_moves_about_as_much_as_the_candle_says(directory):
    _, path = paths(directory)
    ratios = []
    for name in ("BTC", "ETH", "AAA"):
        for day in range(12):
            bar = path[name].days.bar(FIRST_MS + day * DAY_MS)
            moves = np.diff([path[name].price(bar.start_ms + k * 60_000) for k in range(0, 1440, 5)])
            ratios.append(np.sum(moves**2) / bar.variance)
    assert 0.7 < np.sqrt(np.median(ratios)) < 1.5


def test_hourly_candles_are_hit_and_the_daily_one_wins(tmp_path):
    write_daily(tmp_path, majors(3))
    day = majors(3)["ETH"][1]
    o, c = day["open"], round(day["open"] * 1.001, 1)
    at = FIRST_DAY + timedelta(days=1, hours=5)
    inside = (round(max(o, c) * 1.001, 1), round(min(o, c) * 0.999, 1))
    rows = [
        (at, "ETH", o, *inside, c, 10.0),
        (at + timedelta(hours=1), "ETH", c, day["high"] * 1.5, day["low"] * 0.5, c, 10.0),
    ]
    write_candles(tmp_path, "perp_1h_top20.parquet", rows)
    path = paths(tmp_path)[1]["ETH"]
    start = FIRST_MS + DAY_MS + 5 * HOUR_MS
    hit, cut_down = (
        list(path.pieces(start + k * HOUR_MS, start + (k + 1) * HOUR_MS, step_ms=HOUR_MS)) for k in range(2)
    )
    assert [(b.open, b.high, b.low, b.close) for b in hit] == [(o, *inside, c)]
    assert max(b.high for b in cut_down) == day["high"]
    assert min(b.low for b in cut_down) == day["low"]


@needs_shared
def test_recorded_days_hours_and_minutes_are_hit():
    market, path = paths(SHARED)
    recorded = market._recorded
    last = market.last_ms
    for name in ("BTC", "SOL", "HYPE"):
        hours, minutes = recorded.hourly.of(name), recorded.minutes.of(name)
        for table, length in ((hours, HOUR_MS), (minutes, 60_000)):
            picked = np.flatnonzero(table.times >= last - DAY_MS)[::37]
            for place in picked:
                t = int(table.times[place])
                got = list(path[name].pieces(t, t + length, step_ms=length))
                wanted = [float(str(table.columns[k][place])) for k in ("open", "high", "low", "close")]
                assert [
                    got[0].open,
                    max(b.high for b in got),
                    min(b.low for b in got),
                    got[-1].close,
                ] == wanted
    daily = recorded.daily
    for asset in market.assets[::9]:
        rows = daily.of(asset.name)
        for place in range(0, len(rows), 97):
            assert path[asset.name].price(int(rows.times[place]) + DAY_MS - 1) == rows.columns["close"][place]
