"""The wash-trade screen on markets that trade and on volume that was made up; the measurement is bench/wash_trades."""

import numpy as np
import pytest

from strategies.quant.benford import Verdict
from strategies.quant.wash_trades import Sign, candle_signs, suspected, trade_signs


def market(seed, candles=720):
    """Volume that follows a volatility of its own memory, as real volume does, with noise of its own."""
    rng = np.random.default_rng(seed)
    calm = np.zeros(candles)
    for i in range(1, candles):
        calm[i] = 0.95 * calm[i - 1] + 0.25 * rng.standard_normal()
    span = 1e-3 * np.exp(calm) * rng.gamma(4, 0.25, candles)
    volume = np.exp(calm + 0.8 * rng.standard_normal(candles))
    return volume, 100 * np.exp(span / 2), 100 * np.exp(-span / 2)


def tape(seed, trades=2000):
    """Orders of Pareto size that fill in several trades on one side."""
    rng = np.random.default_rng(seed)
    sides = np.repeat(rng.random(trades) < 0.5, rng.integers(1, 20, trades))[:trades]
    return 1e-3 * rng.lognormal(0, 1.5, trades) * (1 + rng.pareto(1.6, trades)), sides


def test_a_market_that_trades_when_prices_move_shows_no_sign():
    found = [candle_signs(*market(seed)) for seed in range(30)]
    assert [f.signs for f in found] == [()] * 30
    assert suspected(found) is False


def test_volume_drawn_without_regard_to_prices_is_seen_however_good_its_digits():
    """M0-6."""
    rng = np.random.default_rng(1)
    found = []
    for seed in range(30):
        _, high, low = market(seed)
        found.append(candle_signs(rng.lognormal(0, 2, 720), high, low))
    assert all(Sign.QUIET in f.signs for f in found)
    assert np.mean([f.digits.verdict is Verdict.CONFORMS for f in found]) > 0.9
    assert suspected(found) is True


def test_a_steady_flow_is_seen_twice():
    _, high, low = market(2)
    volume = np.random.default_rng(2).uniform(90, 110, 720)
    assert candle_signs(volume, high, low).signs == (Sign.QUIET, Sign.STEADY)


def test_volume_that_never_changes_moves_with_nothing():
    _, high, low = market(2)
    assert candle_signs(np.full(720, 5.0), high, low).volatility == 0


def test_a_venue_of_which_a_quarter_is_real_is_seen_over_its_windows_though_not_in_each():
    rng = np.random.default_rng(3)
    found = []
    for seed in range(12):
        volume, high, low = market(seed)
        made = rng.lognormal(0, 1.5, 720)
        found.append(candle_signs(0.25 * volume + 0.75 * made * volume.sum() / made.sum(), high, low))
    assert sum(bool(f.signs) for f in found) < 6
    assert suspected(found) is True


def test_one_odd_window_suspects_nobody():
    _, high, low = market(1)
    odd = candle_signs(np.random.default_rng(4).lognormal(0, 2, 720), high, low)
    assert odd.signs
    assert suspected([odd, *(candle_signs(*market(seed)) for seed in range(4))]) is False


def test_candles_that_are_not_whole_do_not_count():
    volume, high, low = market(5)
    holes = np.arange(720) % 3 == 0
    found = candle_signs(np.where(holes, np.nan, volume), high, low)
    kept = candle_signs(volume[~holes], high[~holes], low[~holes])
    assert found.volatility == kept.volatility
    upside_down = np.where(holes, 0.5 * low, high)
    assert candle_signs(volume, upside_down, low).volatility == kept.volatility


def test_the_tail_exponent_is_that_of_the_sizes():
    """Hill's mean excess over the next smaller size, by hand: 500 sizes, the 25 largest e times it."""
    sizes = np.concatenate((np.full(25, np.e), np.full(475, 1.0)))
    assert trade_signs(sizes, np.ones(500, dtype=bool)).tail == pytest.approx(1.0)


def test_too_few_candles_or_trades_say_nothing():
    few = candle_signs(*(x[:150] for x in market(6)))
    assert few.signs is None
    assert suspected([few]) is None
    sizes, bought = tape(6)
    assert trade_signs(sizes[:499], bought[:499]).signs is None
    assert trade_signs(np.where(bought, np.nan, sizes), bought).signs is None


def test_orders_that_fill_in_several_trades_show_no_sign():
    assert [trade_signs(*tape(seed)).signs for seed in range(20)] == [()] * 20


@pytest.mark.parametrize(
    ("sizes", "sides", "sign"),
    [
        ("real", "tossed", Sign.COIN_TOSS),
        ("real", "in turn", Sign.COIN_TOSS),
        ("even", "real", Sign.ALIKE),
        ("bounded", "real", Sign.NO_TAIL),
        ("one lot", "real", Sign.ONE_SIZE),
    ],
)
def test_each_way_to_make_up_trades_has_its_sign(sizes, sides, sign):
    """M0-6."""
    rng = np.random.default_rng(7)
    real, bought = tape(7)
    made = {
        "real": real,
        "even": rng.uniform(1, 3, 2000),
        "bounded": 10 ** rng.uniform(-3, 0, 2000),
        "one lot": np.where(rng.random(2000) < 0.6, 0.1, real),
    }
    taken = {"real": bought, "tossed": rng.random(2000) < 0.5, "in turn": np.arange(2000) % 2 == 0}
    assert sign in trade_signs(made[sizes], taken[sides]).signs


def test_what_takers_bought_on_balance_is_told():
    sizes = np.r_[np.full(400, 3.0), np.full(400, 1.0)]
    found = trade_signs(sizes, np.arange(800) < 400)
    assert found.imbalance == pytest.approx((1200 - 400) / 1600)
