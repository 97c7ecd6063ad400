import time
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.venue.market import Context, Level, Market, impact_px
from tests.sim.venue.markets import (
    DAY_MS,
    FIRST_MS,
    HOUR_MS,
    SHARED,
    majors,
    needs_shared,
    walk,
    write_daily,
)

DAYS = 10
AAA, GONE = 2, 3


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    gone = walk(5.0, DAYS, seed=6)
    for row in gone[6:]:
        row.update(live=False, volume=0.0, open=gone[5]["close"], high=gone[5]["close"], low=gone[5]["close"])
        row.update(close=gone[5]["close"])
    coins = {**majors(DAYS), "AAA": walk(2.0, DAYS, seed=5), "GONE": gone}
    coins["ETH"][5].update(funding=-0.012)
    return write_daily(tmp_path_factory.mktemp("data"), coins)


@pytest.fixture(scope="module")
def market(directory):
    return Market.from_directory(directory, seed=4)


def test_the_span_is_the_datas(market):
    assert (market.first_ms, market.last_ms) == (FIRST_MS, FIRST_MS + DAYS * DAY_MS)


@given(asset=st.integers(0, 2), at=st.integers(DAY_MS, (DAYS + 1) * DAY_MS))
@settings(max_examples=100, deadline=None)
def test_the_mid_is_the_books_and_the_mark_is_near_it(market, asset, at):
    at += FIRST_MS
    book, mid = market.ladder(asset, at), market.mid(asset, at)
    assert mid == (book.bids[0].px + book.asks[0].px) / 2
    assert abs(market.mark(asset, at) / mid - 1) < Decimal("0.01")
    assert abs(market.oracle(asset, at) / mid - 1) < Decimal("0.02")


@given(
    asked=st.lists(st.tuples(st.integers(0, 3), st.integers(0, (DAYS + 1) * DAY_MS)), min_size=2, max_size=5),
)
@settings(max_examples=25, deadline=None)
def test_everything_is_the_same_whatever_was_asked_before(directory, asked):
    def answers(order):
        market = Market.from_directory(directory, seed=9)
        return {
            (asset, at): (market.context(asset, FIRST_MS + at), market.ladder(asset, FIRST_MS + at))
            for asset, at in order
        }

    assert answers(asked) == answers(asked[::-1])


def test_the_oracle_is_smoother_than_the_mid(market):
    moments = [FIRST_MS + 4 * DAY_MS + 2000 * k for k in range(400)]

    def roughness(prices):
        return sum(abs(float(b - a)) for a, b in pairwise(prices))

    assert roughness([market.oracle(AAA, t) for t in moments]) < roughness(
        [market.mid(AAA, t) for t in moments]
    )


def test_the_premium_has_the_sign_that_funding_speaks_for(market):
    """ETH pays -5 bp an hour on the sixth day: its mid is below its oracle, all day long."""
    for hour in range(1, 23):
        context = market.context(1, FIRST_MS + 5 * DAY_MS + hour * HOUR_MS)
        assert context.funding_rate < 0
        assert context.premium is not None
        assert context.premium < 0


def test_a_context_is_of_the_last_day(market):
    at = market.ladder(AAA, FIRST_MS + 4 * DAY_MS).at_ms
    context = market.context(AAA, at)
    day = walk(2.0, DAYS, seed=5)[3]
    assert float(context.day_base_volume) == pytest.approx(day["volume"], rel=0.001)
    low, high = (float(context.day_base_volume) * day[k] for k in ("low", "high"))
    assert low < float(context.day_notional_usd) < high
    assert float(context.prev_day_px) == pytest.approx(day["open"], rel=0.02)
    assert context.open_interest > 0
    assert context.impact is not None
    assert context.impact[0] < context.mid < context.impact[1]


def test_a_delisted_coin_is_frozen_without_a_book(market):
    at = FIRST_MS + 8 * DAY_MS
    last = Decimal(repr(walk(5.0, DAYS, seed=6)[5]["close"]))
    assert not market.live(GONE, at)
    assert market.ladder(GONE, at).bids == market.ladder(GONE, at).asks == ()
    zero = Decimal(0)
    assert market.context(GONE, at) == Context(last, last, None, zero, None, zero, last, zero, zero, None)
    assert market.mid(GONE, at) == market.mark(GONE, market.last_ms + DAY_MS) == last


def test_the_impact_price_is_the_average_through_the_levels():
    levels = [Level(Decimal(px), Decimal(100), 1) for px in (10, 11, 12)]
    assert impact_px(levels, Decimal(500)) == 10
    assert impact_px(levels, Decimal(2100)) == Decimal("10.5")
    assert impact_px(levels, Decimal(10_000)) == 11


@needs_shared
def test_the_recorded_set_loads_in_two_seconds():
    began = time.process_time()
    market = Market.from_directory(SHARED, seed=1)
    assert time.process_time() - began < 2
    assert len(market.assets) == 201
