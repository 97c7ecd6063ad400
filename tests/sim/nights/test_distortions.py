"""What goes wrong with a market does so in its window, to its coin, and to nothing else."""

from decimal import Decimal

import pytest

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
from sim.venue.bars import DAY_MS, HOUR_MS, MINUTE_MS
from tests.sim.nights.markets import CLOSE_MS, COINS, FROM_MS, SOL, TICK_MS, TO_MS, K, made, on_grid, place


@pytest.fixture(scope="module")
def market():
    return made()


def days_of(market, coin, *, now_ms=CLOSE_MS + MINUTE_MS, interval="1d"):
    return market.candles(coin, interval, start_ms=market.first_ms, end_ms=now_ms, now_ms=now_ms)


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


def test_a_close_that_is_no_number_is_none_though_it_is_revised_as_well():
    other = RevisedClose(Window(SOL, CLOSE_MS, TO_MS), 0.05)
    bad = BadNumber(Window(SOL, CLOSE_MS, TO_MS), "c", "NaN")
    assert days_of(made(bad, other), 2) == days_of(made(other, bad), 2)
    assert days_of(made(bad, other), 2)[-2]["c"] == "NaN"


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
