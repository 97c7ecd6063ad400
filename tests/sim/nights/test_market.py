from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.nights.distortions import (
    FrozenPrice,
    Gap,
    Window,
)
from sim.nights.market import Terms, WorldMarket
from sim.venue.bars import DAY_MS, HOUR_MS, MINUTE_MS
from tests.sim.nights.markets import (
    CLOSE_MS,
    COINS,
    FROM_MS,
    SHORT,
    SOL,
    TICK_MS,
    TO_MS,
    made,
    on_grid,
)

around = st.integers(CLOSE_MS - 4 * HOUR_MS, CLOSE_MS + 4 * HOUR_MS)
ever = st.integers(CLOSE_MS - 50 * DAY_MS, CLOSE_MS + 2 * DAY_MS)


@pytest.fixture(scope="module")
def market():
    return made()


# --- what is there ---------------------------------------------------------------------------------------


def test_the_coins_are_the_samples_hedges_first_with_coins_of_a_thousand_units_among_them():
    names = [asset.name for asset in made(coins=20).assets]
    assert names[:3] == ["BTC", "ETH", "SOL"]
    assert {"XRP", "kPEPE", "kBONK"} < set(names)
    assert [asset.asset_id for asset in made(coins=120).assets] == list(range(120))


@pytest.mark.parametrize(("coins", "close_ms"), [(2, CLOSE_MS), (121, CLOSE_MS), (20, CLOSE_MS + HOUR_MS)])
def test_a_world_that_cannot_be_is_refused(coins, close_ms):
    with pytest.raises(ValueError, match=r"coins|midnight"):
        WorldMarket.drawn(1, coins=coins, close_ms=close_ms)


def test_a_distortion_of_a_coin_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="the world has no NOPE"):
        made(Gap(Window("NOPE", FROM_MS), 0.1))


# --- books -----------------------------------------------------------------------------------------------


@given(coin=st.integers(0, COINS - 1), at_ms=ever)
@settings(max_examples=150, deadline=None)
def test_every_price_and_size_is_legal_and_the_book_stands_around_the_path(market, coin, at_ms):
    asset, book = market.assets[coin], market.ladder(coin, at_ms)
    if not market.live(coin, at_ms):
        assert book.bids == book.asks == ()
        return
    prices = [level.px for level in (*book.bids, *book.asks)]
    assert all(on_grid(asset, px) for px in (*prices, market.mark(coin, at_ms), market.oracle(coin, at_ms)))
    lot = Decimal(1).scaleb(-asset.size_decimals)
    assert all(level.size > 0 and level.size % lot == 0 for level in (*book.bids, *book.asks))
    assert [level.px for level in book.bids] == sorted({level.px for level in book.bids}, reverse=True)
    assert [level.px for level in book.asks] == sorted({level.px for level in book.asks})
    assert book.bids[0].px < book.asks[0].px
    assert market.best(coin, at_ms) == (book.bids[0], book.asks[0])
    assert market.mid(coin, at_ms) == (book.bids[0].px + book.asks[0].px) / 2
    assert abs(market.mark(coin, at_ms) / market.mid(coin, at_ms) - 1) < Decimal("0.01")
    assert abs(market.oracle(coin, at_ms) / market.mid(coin, at_ms) - 1) < Decimal("0.01")
    assert book.at_ms <= at_ms < market.next_tick_ms(coin, at_ms)
    assert market.ladder(coin, market.next_tick_ms(coin, at_ms) - 1) == book


def answers(market, coin, at_ms):
    return (
        market.context(coin, at_ms),
        market.ladder(coin, at_ms),
        market.best(coin, at_ms),
        market.mid(coin, at_ms),
        market.mark(coin, at_ms),
        market.oracle(coin, at_ms),
        market.next_tick_ms(coin, at_ms),
        market.candles(coin, "1d", start_ms=at_ms - 3 * DAY_MS, end_ms=at_ms, now_ms=at_ms),
    )


@given(
    asked=st.lists(st.tuples(st.integers(0, COINS - 1), around), min_size=2, max_size=6),
    seed=st.integers(0, 2**40),
)
@settings(max_examples=25, deadline=None)
def test_everything_is_the_same_whatever_was_asked_before(asked, seed):
    wrong = (Gap(Window(SOL, FROM_MS, TO_MS), 0.2), FrozenPrice(Window(None, TO_MS, TO_MS + MINUTE_MS)))
    forth, back = (made(*wrong, seed=seed) for _ in range(2))
    first = {one: answers(forth, *one) for one in asked}
    assert first == {one: answers(back, *one) for one in reversed(asked)}
    assert first == {one: answers(forth, *one) for one in asked}


def test_another_seed_is_another_night_on_the_same_history():
    one, other = made(seed=1), made(seed=2)
    assert days_of(one, 2, now_ms=CLOSE_MS - 4 * HOUR_MS) == days_of(other, 2, now_ms=CLOSE_MS - 4 * HOUR_MS)
    assert one.mid(2, CLOSE_MS) != other.mid(2, CLOSE_MS)
    assert days_of(made(terms=Terms(history_seed=4, history_days=40)), 2) != days_of(one, 2)


def test_the_market_moves_as_often_as_it_is_told_to():
    slow = made(terms=Terms(history_seed=3, history_days=40, tick_ms=5_000))
    moments = range(CLOSE_MS, CLOSE_MS + 60_000, 500)
    assert len({slow.ladder(2, at_ms).at_ms for at_ms in moments}) == 12
    assert slow.next_tick_ms(2, CLOSE_MS + 1) == CLOSE_MS + 5_000
    assert days_of(slow, 2, now_ms=CLOSE_MS - 4 * HOUR_MS) == days_of(
        made(), 2, now_ms=CLOSE_MS - 4 * HOUR_MS
    )


@pytest.mark.parametrize("tick_ms", [7_000, 3_600_001])
def test_a_tick_that_does_not_fit_an_hour_is_refused(tick_ms):
    with pytest.raises(ValueError, match="whole number of ticks"):
        Terms(tick_ms=tick_ms)


@pytest.mark.parametrize("tick_ms", [2_000, 5_000])
def test_prices_move_as_volatility_says(tick_ms):
    """The path's standard deviation over three hours is the coin's daily one times the root of an eighth of a day."""
    terms = Terms(history_seed=3, history_days=40, tick_ms=tick_ms)
    for coin in (0, 2, 5):
        mids = [float(made(seed=seed, terms=terms).mid(coin, CLOSE_MS)) for seed in range(150)]
        market = made()
        market.mid(coin, CLOSE_MS)
        volatility = market._coins[coin].now._path.history.coin.volatility
        assert np.std(np.log(mids)) == pytest.approx(volatility / np.sqrt(8), rel=0.2)


# --- candles ---------------------------------------------------------------------------------------------


def days_of(market, coin, *, now_ms=CLOSE_MS + MINUTE_MS, interval="1d"):
    return market.candles(coin, interval, start_ms=market.first_ms, end_ms=now_ms, now_ms=now_ms)


def path(market, coin, from_ms, to_ms):
    return [market._coins[coin].now._path.price(ms) for ms in range(from_ms, to_ms, TICK_MS)]


@given(
    coin=st.integers(0, COINS - 1), now_ms=around, interval=st.sampled_from(["1m", "15m", "1h", "1d", "1w"])
)
@settings(max_examples=60, deadline=None)
def test_a_candle_is_what_the_path_did_until_now(market, coin, now_ms, interval):
    market.best(coin, now_ms)
    row = market.candles(coin, interval, start_ms=now_ms, end_ms=now_ms, now_ms=now_ms)[-1]
    assert row["t"] <= now_ms <= row["T"]
    start = max(row["t"], market.first_ms)
    prices = path(market, coin, start, now_ms + 1)
    scale = 10.0 ** -market._coins[coin].now._path.history.decimals
    told = [float(row[k]) for k in ("o", "h", "l", "c")]
    assert told == pytest.approx(
        [p * scale for p in (prices[0], max(prices), min(prices), prices[-1])], rel=1e-12
    )
    assert float(row["v"]) >= 0


def test_the_official_close_is_the_last_price_before_midnight(market):
    for coin in range(COINS):
        row = next(r for r in days_of(market, coin) if r["T"] == CLOSE_MS - 1)
        bid, ask = market.best(coin, CLOSE_MS - 1)
        assert bid.px <= Decimal(row["c"]) <= ask.px
        assert on_grid(market.assets[coin], Decimal(row["c"]))


def test_days_follow_each_other_without_a_hole(market):
    rows = days_of(market, 3)
    assert len(rows) == SHORT.history_days + 2
    assert [row["t"] for row in rows] == [market.first_ms + k * DAY_MS for k in range(len(rows))]
    assert all(float(r["l"]) <= min(float(r["o"]), float(r["c"])) for r in rows)
    assert all(float(r["h"]) >= max(float(r["o"]), float(r["c"])) for r in rows)


def test_five_thousand_candles_are_the_most(market):
    now_ms = CLOSE_MS + HOUR_MS
    rows = market.candles(2, "1m", start_ms=0, end_ms=now_ms, now_ms=now_ms)
    assert len(rows) == 5000
    assert rows[-1]["t"] == now_ms


def test_an_interval_that_the_venue_lacks_is_refused(market):
    with pytest.raises(ValueError, match="7m"):
        market.candles(2, "7m", start_ms=0, end_ms=CLOSE_MS, now_ms=CLOSE_MS)


@given(coin=st.integers(0, COINS - 1), days=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_what_is_known_on_a_day_does_not_change_with_later_ones(market, coin, days):
    then = CLOSE_MS - days * DAY_MS
    early = days_of(market, coin, now_ms=then - 1)
    assert early == [row for row in days_of(market, coin) if row["T"] < then]
    paid = market.funding_history(coin, start_ms=then - DAY_MS, end_ms=CLOSE_MS, now_ms=then)
    later = market.funding_history(coin, start_ms=then - DAY_MS, end_ms=CLOSE_MS, now_ms=CLOSE_MS)
    assert paid == [row for row in later if row["time"] <= then]


# --- funding and contexts --------------------------------------------------------------------------------


def test_every_hour_is_paid_at_the_rate_that_its_premium_means(market):
    rows = market.funding_history(2, start_ms=0, end_ms=CLOSE_MS, now_ms=CLOSE_MS)
    assert len(rows) == 500
    assert [row["time"] // HOUR_MS for row in rows] == [market.first_ms // HOUR_MS + k for k in range(500)]
    for row in rows:
        premium, rate = Decimal(row["premium"]), Decimal(row["fundingRate"])
        clamped = min(max(Decimal("0.0001") - premium, Decimal("-0.0005")), Decimal("0.0005"))
        assert abs(8 * rate - (premium + clamped)) <= Decimal("8e-10")
        assert market.funding_rate(2, row["time"]) == rate


@given(coin=st.integers(0, COINS - 1), at_ms=around)
@settings(max_examples=60, deadline=None)
def test_a_context_agrees_with_the_prices(market, coin, at_ms):
    context = market.context(coin, at_ms)
    assert (context.mark, context.mid) == (market.mark(coin, at_ms), market.mid(coin, at_ms))
    assert context.oracle == market.oracle(coin, at_ms)
    assert context.impact[0] < context.mid < context.impact[1]
    assert context.prev_day_px == market._coins[coin].now.frozen(at_ms - DAY_MS)
    assert context.day_base_volume * context.mid == pytest.approx(
        context.day_notional_usd, rel=Decimal("0.01")
    )
    assert context.open_interest > 0


def test_every_coin_trades_more_than_the_universe_asks_for():
    market = made(coins=120)
    for coin in range(120):
        rows = days_of(market, coin)[-31:-1]
        assert np.mean([float(r["v"]) * float(r["c"]) for r in rows]) > 12e6
