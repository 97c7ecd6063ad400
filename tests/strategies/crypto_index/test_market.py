"""The market up to a day says nothing of later ones."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.crypto_index.market import carried
from strategies.crypto_index.methodology import Category
from strategies.crypto_index.total_market import total_market_returns
from tests.strategies.crypto_index.made_up import FIRST, cells, made_up


def test_until_ends_with_that_days_row():
    market = made_up().until(date(2021, 1, 10))
    assert market.day == date(2021, 1, 10)
    assert {len(a) for a in (market.days, market.close, market.supply, market.volume_usd)} == {10}


def test_until_a_day_before_the_first_is_refused():
    with pytest.raises(ValueError, match="no day up to 2020-12-31: the first row is of 2021-01-01"):
        made_up().until(date(2020, 12, 31))


def test_a_symbol_nobody_knows_is_refused_by_name():
    with pytest.raises(ValueError, match="XYZ: nothing is known of it"):
        made_up().place("XYZ")


def test_a_coin_is_of_the_kind_that_it_had_that_day():
    dated = ((date(2021, 1, 5), Category.MEME), (date(2021, 1, 9), Category.ABANDONED))
    market = made_up(kinds={"C01": dated})
    seen = [market.until(date(2021, 1, day)).kind("C01") for day in (4, 5, 8, 9)]
    assert seen == [Category.OTHER, Category.MEME, Category.MEME, Category.ABANDONED]
    assert market.kind("C02") is Category.OTHER


@given(st.lists(st.none() | st.floats(1, 9), min_size=1, max_size=12), st.integers(0, 4))
def test_a_hole_has_the_last_value_for_so_many_days_and_no_longer(values, most):
    column = np.array([[np.nan if v is None else v] for v in values])
    filled = carried(column, most_days=most)[:, 0]
    for row in range(len(values)):
        past = [v for v in values[max(row - most, 0) : row + 1] if v is not None]
        assert filled[row] == past[-1] if past else np.isnan(filled[row])


def test_the_total_market_holds_all_coins_by_market_cap():
    market = made_up(days=3, coins=2)
    market.close[:] = [[1.0, 10.0], [2.0, 10.0], [2.0, 5.0]]
    market.supply[:] = [[100.0, 10.0], [50.0, 10.0], [50.0, 10.0]]
    assert total_market_returns(market).tolist() == [0.0, 0.5, -0.25]


def test_a_new_supply_moves_no_return_of_the_total_market():
    market = made_up(days=30)
    printed = cells(market.supply, slice(15, None), 2, 9e9)
    before, after = total_market_returns(market), total_market_returns(made_up(days=30, supply=printed))
    assert (before[:16] == after[:16]).all()
    assert before[16] != after[16]


def test_a_coin_that_appears_or_goes_moves_no_return_by_that():
    market = made_up(days=30, coins=3)
    later = cells(market.close, slice(None, 12), 0, np.nan)
    gone = cells(later, slice(20, None), 0, np.nan)
    moves = total_market_returns(made_up(days=30, coins=3, close=gone))
    assert np.abs(moves).max() < 0.2
    others = total_market_returns(
        made_up(days=30, coins=3, close=cells(market.close, slice(None), 0, np.nan))
    )
    assert (moves[:13] == others[:13]).all()
    assert (moves[13:20] != others[13:20]).all()
    assert (moves[20:] == others[20:]).all()


def test_a_market_without_prices_does_not_move():
    nothing = np.full((5, 2), np.nan)
    assert total_market_returns(made_up(days=5, coins=2, close=nothing)).tolist() == [0.0] * 5
    assert made_up(days=5).days[0] == np.datetime64(FIRST)
