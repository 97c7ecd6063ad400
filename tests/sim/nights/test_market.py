import time
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.nights.distortions import (
    BadNumber,
    CandleUnit,
    CrossedBook,
    Delisting,
    EmptyBook,
    FrozenPrice,
    Gap,
    Halted,
    Listing,
    MissingClose,
    MissingFunding,
    RevisedClose,
    Side,
    ThinBook,
    UnitChange,
    WideSpread,
    Window,
)
from sim.nights.market import TERMS, Terms, WorldMarket
from sim.venue.assets import PRICE_DECIMALS_MAX
from sim.venue.bars import DAY_MS, HOUR_MS, MINUTE_MS

CLOSE_MS = 1_735_689_600_000
FROM_MS, TO_MS = CLOSE_MS - 4 * MINUTE_MS, CLOSE_MS + 3 * MINUTE_MS
COINS = 12
TICK_MS = TERMS.tick_ms
SHORT = Terms(history_seed=3, history_days=40)
SOL, K = "SOL", "kPEPE"

around = st.integers(CLOSE_MS - 4 * HOUR_MS, CLOSE_MS + 4 * HOUR_MS)
ever = st.integers(CLOSE_MS - 50 * DAY_MS, CLOSE_MS + 2 * DAY_MS)


def made(*distortions, seed=1, coins=COINS, terms=SHORT):
    return WorldMarket.drawn(seed, coins=coins, close_ms=CLOSE_MS, distortions=distortions, terms=terms)


def place(market, coin):
    return next(a.asset_id for a in market.assets if a.name == coin)


def figures(px):
    return len(format(px.normalize(), "f").replace(".", "").strip("0"))


def on_grid(asset, px):
    px = px.normalize()
    decimals = max(-px.as_tuple().exponent, 0)
    return (figures(px) <= 5 or decimals == 0) and decimals <= PRICE_DECIMALS_MAX - asset.size_decimals


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


# --- distortions -----------------------------------------------------------------------------------------


def seen(market, coin, at_ms):
    """What the market shows of its prices at a moment."""
    return (
        market.live(coin, at_ms),
        market.ladder(coin, at_ms),
        market.best(coin, at_ms),
        market.mid(coin, at_ms),
        market.mark(coin, at_ms),
        market.context(coin, at_ms),
    )


def rows_of(market, coin, now_ms):
    paid = market.funding_history(coin, start_ms=CLOSE_MS - 9 * HOUR_MS, end_ms=now_ms, now_ms=now_ms)
    return days_of(market, coin, now_ms=now_ms), paid


INSIDE = {
    "gap": Gap(Window(SOL, FROM_MS, TO_MS), -0.3),
    "frozen": FrozenPrice(Window(SOL, FROM_MS, TO_MS)),
    "halted": Halted(Window(SOL, FROM_MS, TO_MS)),
    "unit": UnitChange(Window(K, FROM_MS, TO_MS)),
    "smaller unit": UnitChange(Window(K, FROM_MS, TO_MS), 0.001),
    "empty": EmptyBook(Window(SOL, FROM_MS, TO_MS)),
    "no bids": EmptyBook(Window(SOL, FROM_MS, TO_MS), Side.BIDS),
    "no asks": EmptyBook(Window(SOL, FROM_MS, TO_MS), Side.ASKS),
    "crossed": CrossedBook(Window(SOL, FROM_MS, TO_MS)),
    "locked": CrossedBook(Window(SOL, FROM_MS, TO_MS), 0.0),
    "thin": ThinBook(Window(SOL, FROM_MS, TO_MS), 0.01),
    "wide": WideSpread(Window(SOL, FROM_MS, TO_MS), 400.0),
    "candle's unit": CandleUnit(Window(K, FROM_MS, TO_MS)),
    "missing close": MissingClose(Window(SOL, FROM_MS, TO_MS)),
    "revised close": RevisedClose(Window(SOL, FROM_MS, TO_MS), 0.02),
    "bad close": BadNumber(Window(SOL, FROM_MS, TO_MS), "c", "NaN"),
    "bad mark": BadNumber(Window(SOL, FROM_MS, TO_MS), "mark", "-1"),
    "missing funding": MissingFunding(Window(SOL, FROM_MS, TO_MS)),
}
SMOOTHED_MS = 3 * TICK_MS
"""A mark is smoothed over three ticks: what a price was is in it for so long."""


@pytest.mark.parametrize("name", INSIDE)
def test_outside_its_window_and_its_coin_a_distortion_does_nothing(market, name):
    wrong = made(INSIDE[name])
    coin = place(market, INSIDE[name].at.coin)
    inside = range(FROM_MS, TO_MS, 7 * TICK_MS)
    outside = [FROM_MS - 1, FROM_MS - HOUR_MS, FROM_MS - 2 * DAY_MS, TO_MS + SMOOTHED_MS, TO_MS + HOUR_MS]
    for other in set(range(COINS)) - {coin}:
        for at_ms in (*outside, *inside):
            assert seen(wrong, other, at_ms) == seen(market, other, at_ms)
            assert rows_of(wrong, other, at_ms) == rows_of(market, other, at_ms)
    for at_ms in outside:
        assert seen(wrong, coin, at_ms) == seen(market, coin, at_ms)
    assert rows_of(wrong, coin, FROM_MS - 1) == rows_of(market, coin, FROM_MS - 1)
    assert any(
        seen(wrong, coin, at_ms) != seen(market, coin, at_ms)
        or rows_of(wrong, coin, at_ms) != rows_of(market, coin, at_ms)
        for at_ms in inside
    )


@pytest.mark.parametrize("name", ["missing close", "revised close", "bad close", "bad mark"])
def test_a_fault_of_the_data_leaves_the_books_alone(market, name):
    wrong = made(INSIDE[name])
    for at_ms in range(FROM_MS, TO_MS, MINUTE_MS):
        assert wrong.ladder(2, at_ms) == market.ladder(2, at_ms)


def test_a_gap_moves_the_price_by_its_fraction_and_stays_without_an_end(market):
    stays, returns = made(Gap(Window(SOL, FROM_MS), 0.25)), made(Gap(Window(SOL, FROM_MS, TO_MS), 0.25))
    for at_ms in (FROM_MS, TO_MS - 1):
        assert stays.mid(2, at_ms) == returns.mid(2, at_ms)
        assert float(stays.mid(2, at_ms) / market.mid(2, at_ms)) == pytest.approx(1.25, rel=1e-3)
    assert float(stays.mid(2, TO_MS + HOUR_MS) / market.mid(2, TO_MS + HOUR_MS)) == pytest.approx(
        1.25, rel=1e-3
    )
    assert returns.mid(2, TO_MS) == market.mid(2, TO_MS)
    close = next(r for r in days_of(stays, 2) if r["T"] == CLOSE_MS - 1)["c"]
    bid, ask = stays.best(2, CLOSE_MS - 1)
    assert bid.px <= Decimal(close) <= ask.px


@pytest.mark.parametrize("below", ["0.9999", "0.9995", "0.99", "0.96"])
def test_a_book_that_reaches_over_a_power_of_ten_is_legal_on_both_sides_of_it(below):
    """A price below 1 may have a decimal more than one above it; a book has one grid."""
    coins = 20
    coin = place(made(coins=coins), "ENA")
    fraction = float(Decimal(below) / made(coins=coins).mid(coin, CLOSE_MS)) - 1
    market = made(Gap(Window("ENA", FROM_MS), fraction), coins=coins)
    book = market.ladder(coin, CLOSE_MS)
    assert book.bids[0].px < 1
    assert all(on_grid(market.assets[coin], level.px) for level in (*book.bids, *book.asks))


@pytest.mark.parametrize("fraction", [0.31, -0.4, 0.0])
def test_a_gap_beyond_thirty_percent_is_refused(fraction):
    with pytest.raises(ValueError, match="gap"):
        Gap(Window(SOL, FROM_MS), fraction)


def test_a_frozen_price_stands_while_ticks_go_on(market):
    wrong = made(INSIDE["frozen"])
    books = {wrong.ladder(2, at_ms).asks for at_ms in range(FROM_MS, TO_MS, TICK_MS)}
    assert books == {market.ladder(2, FROM_MS).asks}
    assert wrong.next_tick_ms(2, FROM_MS) == FROM_MS + TICK_MS
    assert wrong.ladder(2, TO_MS - 1).at_ms == TO_MS - TICK_MS


def test_a_halted_coin_is_live_without_a_book_or_a_tick(market):
    wrong = made(INSIDE["halted"])
    for at_ms in (FROM_MS, CLOSE_MS, TO_MS - 1):
        assert wrong.live(2, at_ms)
        assert wrong.best(2, at_ms) is None
        assert wrong.ladder(2, at_ms).bids == wrong.ladder(2, at_ms).asks == ()
        assert wrong.next_tick_ms(2, at_ms) == TO_MS
        assert abs(wrong.mid(2, at_ms) / market.mid(2, FROM_MS) - 1) < Decimal("0.001")
    assert wrong.next_tick_ms(2, FROM_MS - 1) == FROM_MS
    assert wrong.best(2, TO_MS) == market.best(2, TO_MS)


@pytest.mark.parametrize("times", [1000.0, 0.001])
def test_a_unit_change_keeps_the_value_of_what_rests(market, times):
    wrong, coin = made(UnitChange(Window(K, FROM_MS, TO_MS), times)), place(market, K)
    was, now = market.ladder(coin, CLOSE_MS), wrong.ladder(coin, CLOSE_MS)
    assert float(now.bids[0].px / was.bids[0].px) == pytest.approx(times, rel=0.1 if times < 1 else 1e-3)
    assert all(on_grid(market.assets[coin], level.px) for level in (*now.bids, *now.asks))
    usd = [sum(level.px * level.size for level in book.asks[:5]) for book in (was, now)]
    assert usd[1] / usd[0] > 0.2
    assert times < 1 or usd[1] / usd[0] < 5, "a tick is 5 % of the smaller price: each level stands for more"


def test_only_a_coin_of_a_thousand_units_changes_its_unit():
    with pytest.raises(ValueError, match="kPEPE"):
        UnitChange(Window(SOL, FROM_MS))
    with pytest.raises(ValueError, match="1000"):
        CandleUnit(Window(K, FROM_MS), 10.0)


@pytest.mark.parametrize(
    ("side", "bids", "asks"), [(Side.BOTH, 0, 0), (Side.BIDS, 0, 20), (Side.ASKS, 20, 0)]
)
def test_an_empty_book_has_no_best_prices(market, side, bids, asks):
    wrong = made(EmptyBook(Window(SOL, FROM_MS, TO_MS), side))
    book, context = wrong.ladder(2, CLOSE_MS), wrong.context(2, CLOSE_MS)
    assert (len(book.bids), len(book.asks)) == (bids, asks)
    assert wrong.best(2, CLOSE_MS) is None
    assert context.mid is context.premium is context.impact is None
    assert context.mark == market.mark(2, CLOSE_MS)


@pytest.mark.parametrize("depth_bps", [0.0, 5.0, 100.0])
def test_a_crossed_book_bids_at_or_above_its_ask(depth_bps):
    wrong = made(CrossedBook(Window(None, FROM_MS, TO_MS), depth_bps))
    for coin in range(COINS):
        bid, ask = wrong.best(coin, CLOSE_MS)
        assert bid.px >= ask.px
        assert float(bid.px / ask.px - 1) == pytest.approx(depth_bps * 1e-4, abs=4e-4)
        book = wrong.ladder(coin, CLOSE_MS)
        assert all(on_grid(wrong.assets[coin], level.px) for level in (*book.bids, *book.asks))


def test_a_thin_book_has_a_share_of_each_size_and_the_same_prices(market):
    wrong = made(INSIDE["thin"])
    for was, now in zip(market.ladder(2, CLOSE_MS).asks, wrong.ladder(2, CLOSE_MS).asks, strict=True):
        assert now.px == was.px
        assert 0 < now.size <= max(was.size / 100, Decimal("0.001"))


def test_a_wide_spread_is_as_wide_as_asked():
    wrong = made(WideSpread(Window(None, FROM_MS, TO_MS), 900.0))
    for coin in range(COINS):
        bid, ask = wrong.best(coin, CLOSE_MS)
        assert float((ask.px - bid.px) / wrong.mid(coin, CLOSE_MS)) == pytest.approx(0.09, rel=0.02)
        assert all(on_grid(wrong.assets[coin], level.px) for level in wrong.ladder(coin, CLOSE_MS).asks)


def test_a_missing_close_comes_when_its_window_ends(market):
    wrong = made(MissingClose(Window(SOL, CLOSE_MS, TO_MS)))
    late, there = days_of(wrong, 2, now_ms=TO_MS - 1), days_of(market, 2, now_ms=TO_MS - 1)
    assert [row for row in there if row not in late] == [there[-2]]
    assert days_of(wrong, 2, now_ms=TO_MS) == days_of(market, 2, now_ms=TO_MS)


def test_a_revised_close_is_off_first_and_right_later(market):
    wrong = made(RevisedClose(Window(SOL, CLOSE_MS, TO_MS), 0.05))
    first, true = days_of(wrong, 2, now_ms=TO_MS - 1)[-2], days_of(market, 2)[-2]
    assert float(first["c"]) == pytest.approx(1.05 * float(true["c"]), rel=1e-4)
    assert float(first["h"]) >= float(first["c"])
    assert on_grid(market.assets[2], Decimal(first["c"]))
    assert days_of(wrong, 2, now_ms=TO_MS)[-2] == true


@pytest.mark.parametrize("times", [1000.0, 0.001])
def test_a_candle_in_other_units_keeps_its_value_and_the_book_its_prices(market, times):
    coin = place(market, K)
    wrong = made(CandleUnit(Window(K, CLOSE_MS, TO_MS), times))
    told, true = days_of(wrong, coin), days_of(market, coin)
    for key in "ohlc":
        assert float(told[-2][key]) == pytest.approx(times * float(true[-2][key]), rel=1e-4)
    assert float(told[-2]["v"]) == pytest.approx(float(true[-2]["v"]) / times, rel=1e-4)
    assert [told[-1], *told[:-2]] == [true[-1], *true[:-2]]
    assert wrong.ladder(coin, CLOSE_MS) == market.ladder(coin, CLOSE_MS)


def test_missing_hours_of_funding_stay_missing_and_are_paid_all_the_same(market):
    gap = Window(SOL, CLOSE_MS - 5 * HOUR_MS, CLOSE_MS - 3 * HOUR_MS)
    wrong = made(MissingFunding(gap))
    told, true = rows_of(wrong, 2, CLOSE_MS)[1], rows_of(market, 2, CLOSE_MS)[1]
    lost = [row["time"] // HOUR_MS * HOUR_MS for row in true if row not in told]
    assert lost == [CLOSE_MS - 5 * HOUR_MS, CLOSE_MS - 4 * HOUR_MS]
    assert wrong.funding_rate(2, lost[0]) == market.funding_rate(2, lost[0])


@pytest.mark.parametrize("text", ["NaN", "null", "", "-1.0", "0.0"])
def test_a_bad_number_stands_in_the_candle_of_the_ended_day(market, text):
    wrong = made(BadNumber(Window(SOL, CLOSE_MS, TO_MS), "c", text))
    rows, true = days_of(wrong, 2), days_of(market, 2)
    assert rows[-2]["c"] == text
    assert rows[-2] | {"c": true[-2]["c"]} == true[-2]
    assert [rows[-1], *rows[:-2]] == [true[-1], *true[:-2]]


def test_a_bad_number_stands_in_a_context_while_the_venue_reckons_with_the_true_one(market):
    wrong = made(BadNumber(Window(SOL, CLOSE_MS, TO_MS), "mark", "NaN"))
    assert wrong.context(2, CLOSE_MS).mark.is_nan()
    assert wrong.mark(2, CLOSE_MS) == market.mark(2, CLOSE_MS)


def test_a_coin_is_delisted_in_the_middle_of_a_night(market):
    at_ms = CLOSE_MS - 2 * MINUTE_MS
    wrong = made(Delisting(SOL, at_ms))
    assert wrong.assets[2].delisted_from_ms == at_ms
    assert (wrong.live(2, at_ms - 1), wrong.live(2, at_ms)) == (True, False)
    assert wrong.best(2, at_ms - 1) == market.best(2, at_ms - 1)
    assert wrong.best(2, at_ms) is None
    assert wrong.mid(2, CLOSE_MS) == wrong.mark(2, CLOSE_MS) == wrong.context(2, CLOSE_MS).mark
    assert wrong.context(2, CLOSE_MS).mid is None
    last = days_of(wrong, 2)[-1]
    assert last["T"] == CLOSE_MS - 1
    assert Decimal(last["c"]) == wrong.mid(2, CLOSE_MS)
    assert wrong.funding_history(2, start_ms=at_ms, end_ms=CLOSE_MS + 1000, now_ms=CLOSE_MS + 1000) == []


def test_a_coin_is_listed_in_the_middle_of_a_night(market):
    at_ms = CLOSE_MS - 2 * MINUTE_MS
    wrong, new = made(Listing(SOL, at_ms)), COINS - 1
    assert [a.name for a in wrong.assets] == [*(a.name for a in market.assets if a.name != SOL), SOL]
    assert (wrong.live(new, at_ms - 1), wrong.live(new, at_ms)) == (False, True)
    assert wrong.best(new, at_ms - 1) is None
    assert wrong.best(new, at_ms) == market.best(2, at_ms)
    assert [row["t"] for row in days_of(wrong, new)] == [CLOSE_MS - DAY_MS, CLOSE_MS]
    assert days_of(wrong, new, now_ms=at_ms - 1) == []
    assert wrong.funding_history(new, start_ms=0, end_ms=at_ms, now_ms=at_ms) == []


@pytest.mark.parametrize("kind", [Listing, Delisting])
def test_the_hedges_trade_all_night(kind):
    with pytest.raises(ValueError, match="hedged with BTC"):
        made(kind("BTC", CLOSE_MS))


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (ThinBook, (1.0,)),
        (WideSpread, (0.0,)),
        (CrossedBook, (-1.0,)),
        (RevisedClose, (0.0,)),
        (BadNumber, ("t", "NaN")),
        (BadNumber, ("mark", "null")),
    ],
)
def test_a_distortion_that_would_do_nothing_or_break_the_venue_is_refused(kind, wrong):
    with pytest.raises(ValueError, match=r"share|spread|depth|fraction|field|text"):
        kind(Window(SOL, FROM_MS, TO_MS), *wrong)


def test_a_window_must_end_after_it_began():
    with pytest.raises(ValueError, match="must end"):
        Window(SOL, TO_MS, FROM_MS)


# --- speed -----------------------------------------------------------------------------------------------


def test_prices_cost_microseconds(capsys):
    market = made(coins=20)
    moments = range(CLOSE_MS, CLOSE_MS + 4 * MINUTE_MS, 500)
    with capsys.disabled():
        for ask in (market.best, market.mid, market.mark, market.context, market.ladder):
            began = time.process_time()
            for at_ms in moments:
                for coin in range(20):
                    ask(coin, at_ms)
            spent_us = (time.process_time() - began) * 1e6 / (20 * len(moments))
            print(f"\n{ask.__name__}: {spent_us:.2f} us", end="")
