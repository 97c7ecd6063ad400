from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.venue.book import LEVELS, Ladder, depth_usd, half_spread_bps, shape_of
from sim.venue.days import Usual
from sim.venue.market import Market
from tests.sim.venue.markets import (
    DAY_MS,
    FIRST_MS,
    SAMPLE,
    SHARED,
    candle,
    ids,
    majors,
    needs_shared,
    walk,
    write_daily,
)

DAYS = 12
TEN = 3


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    coins = {
        **majors(DAYS),
        "TEN": walk(2.0, DAYS, seed=5, volume_usd=1e7),
        "THIN": walk(9.99, DAYS, seed=6, volume_usd=1e5),
        "DUST": [candle(0.000012, 0.000014, 0.000009, 0.000011, 1e9)] * DAYS,
        "WIDE": walk(0.3, DAYS, seed=7, daily=0.3, volume_usd=3e5),
    }
    return Market.from_directory(write_daily(tmp_path_factory.mktemp("data"), coins), seed=4)


def cost_bps(ladder: Ladder, notional_usd: float) -> float:
    """What an IOC buying this much would pay over the mid."""
    mid = float(ladder.bids[0].px + ladder.asks[0].px) / 2
    left, bought = notional_usd, 0.0
    for level in ladder.asks:
        taken = min(left, float(level.px * level.size))
        left, bought = left - taken, bought + taken / float(level.px)
    assert left < 1e-6, "the book is too small"
    return (notional_usd / bought / mid - 1) * 1e4


def legal(px: Decimal, size_decimals: int) -> bool:
    exact = px.normalize()
    if exact == exact.to_integral_value():
        return True
    return len(exact.as_tuple().digits) <= 5 and -exact.as_tuple().exponent <= 6 - size_decimals


@given(asset=st.integers(0, 5), at=st.integers(DAY_MS, (DAYS + 2) * DAY_MS))
@settings(max_examples=300, deadline=None)
def test_a_ladder_is_never_crossed_and_stands_on_the_grid(market, asset, at):
    ladder = market.ladder(asset, FIRST_MS + at)
    size_decimals = market.assets[asset].size_decimals
    assert 1 <= len(ladder.bids) <= LEVELS == len(ladder.asks)
    assert ladder.bids[0].px < ladder.asks[0].px
    assert all(a.px > b.px for a, b in pairwise(ladder.bids))
    assert all(a.px < b.px for a, b in pairwise(ladder.asks))
    for level in (*ladder.bids, *ladder.asks):
        assert level.px > 0
        assert legal(level.px, size_decimals), level.px
        assert level.size > 0
        assert level.size % Decimal(1).scaleb(-size_decimals) == 0
        assert level.orders >= 1


@pytest.mark.parametrize("px", [0.1, 1.0, 10.0, 100.0, 1000.0])
def test_a_book_that_spans_a_power_of_ten_stands_on_the_coarser_grid(px, tmp_path):
    """Above 10 a price has three decimals, below it four: a book around 10 has three."""
    coins = {**majors(3), "TEN": [candle(px, px * 1.05, px * 0.95, px, 1e5 / px)] * 3}
    market = Market.from_directory(write_daily(tmp_path, coins), seed=4)
    size_decimals, seen = market.assets[2].size_decimals, 0
    for k in range(4000):
        ladder = market.ladder(2, FIRST_MS + DAY_MS + 21_000 * k)
        seen += ladder.bids[-1].px < px < ladder.asks[-1].px
        assert all(legal(level.px, size_decimals) for level in (*ladder.bids, *ladder.asks))
    assert seen > 100


@given(asset=st.integers(0, 5), at=st.integers(DAY_MS, DAYS * DAY_MS))
@settings(max_examples=100, deadline=None)
def test_a_book_stays_as_it_is_until_its_next_tick(market, asset, at):
    at += FIRST_MS
    ladder, following = market.ladder(asset, at), market.next_tick_ms(asset, at)
    assert at < following <= at + 2000
    assert ladder.at_ms == following - 2000
    assert market.ladder(asset, ladder.at_ms) == market.ladder(asset, following - 1) == ladder
    assert market.next_tick_ms(asset, following) == following + 2000
    assert market.ladder(asset, following).at_ms == following


def test_coins_tick_at_moments_of_their_own(market):
    assert len({market.next_tick_ms(asset.asset_id, FIRST_MS) for asset in market.assets}) == 6


def test_a_book_moves_from_tick_to_tick_and_depends_on_the_seed(market, tmp_path):
    at = FIRST_MS + 5 * DAY_MS
    books = [market.ladder(TEN, at + 2000 * k) for k in range(200)]
    assert len({(book.bids, book.asks) for book in books}) > 190
    other = Market.from_directory(
        write_daily(tmp_path, {**majors(DAYS), "TEN": walk(2.0, DAYS, seed=5)}), seed=5
    )
    assert other.ladder(2, at) != books[0]


def test_a_coin_of_ten_million_a_day_takes_three_thousand_dollars_for_less_than_ten_basis_points(market):
    books = [market.ladder(TEN, FIRST_MS + 5 * DAY_MS + 3000 * k) for k in range(200)]
    small = sum(cost_bps(book, 3_000) for book in books) / len(books)
    large = sum(cost_bps(book, 100_000) for book in books) / len(books)
    assert 1 < small < 5
    assert max(cost_bps(book, 3_000) for book in books) < 10
    assert large > 3 * small


def test_majors_are_tight_and_thin_coins_are_wide():
    usual = [Usual(px=1.0, volume=usd, volatility=0.05) for usd in (3e9, 1e7, 1e6, 1e5)]
    spreads = [half_spread_bps(u) for u in usual]
    assert spreads == sorted(spreads)
    assert 0.5 <= spreads[0] <= 1
    assert spreads[1] == pytest.approx(2)
    assert spreads[3] > 5
    depths = [depth_usd(u) for u in usual]
    assert depths == sorted(depths, reverse=True)
    calm, wild = (Usual(px=1.0, volume=1e7, volatility=s) for s in (0.02, 0.2))
    assert half_spread_bps(calm) < half_spread_bps(wild)
    assert depth_usd(calm) > depth_usd(wild)


def test_the_shape_holds_the_depth_it_is_laid_out_for():
    usual = Usual(px=2.0, volume=5e6, volatility=0.05)
    shape = shape_of(usual, 4, 0)
    within = sum(lots for far, lots in zip(shape.distances, shape.lots, strict=True) if far * 0.5 <= 10) * 2.0
    assert within == pytest.approx(depth_usd(usual), rel=0.25)


@needs_shared
def test_recorded_coins_have_legal_books_through_a_midnight():
    market = Market.from_directory(SHARED, seed=2)
    midnight = market.last_ms - DAY_MS
    live = [asset for asset in market.assets if market.live(asset.asset_id, midnight)]
    assert len(live) > 150
    for asset in live:
        for at in (midnight - 600_000, midnight - 1, midnight, midnight + 300_000):
            ladder = market.ladder(asset.asset_id, at)
            assert ladder.bids[0].px < ladder.asks[0].px
            assert all(legal(level.px, asset.size_decimals) for level in (*ladder.bids, *ladder.asks))
    btc = market.ladder(ids(market)["BTC"], midnight)
    assert 0.3 < float(btc.asks[0].px - btc.bids[0].px) / float(btc.bids[0].px) * 1e4 < 3


def test_the_best_levels_alone_are_those_of_the_whole_book():
    whole, best_only = (Market.from_directory(SAMPLE, seed=4) for _ in range(2))
    for k in range(200):
        for asset_id in (0, 1, 17):
            at_ms = whole.last_ms - 90_000_000 + 2_000 * k
            ladder = whole.ladder(asset_id, at_ms)
            if not ladder.bids:
                assert best_only.best(asset_id, at_ms) is None
                continue
            assert best_only.best(asset_id, at_ms) == (ladder.bids[0], ladder.asks[0])
