from dataclasses import replace as with_fields
from decimal import Decimal as D

from msgspec.structs import replace

from core.attention import held_coins, traded_coins
from core.state import Session, Stage
from core.types import HEDGE_COINS, Coin, SessionDay, TradingState
from tests.core.desk import DOGE, SOL, desk


def session(stage: Stage) -> Session:
    return Session(day=SessionDay("2024-12-31"), close_ms=0, stage=stage, universe=(SOL,))


def test_by_day_only_the_hedges_are_traded_and_the_book_is_valued():
    state = replace(desk({DOGE: D(5)}), session=session(Stage.WAITING))
    assert traded_coins(state) == frozenset(HEDGE_COINS)
    assert held_coins(state) == {DOGE}


def test_in_a_session_the_universe_and_the_book_are_traded():
    state = replace(desk({DOGE: D(5)}), session=session(Stage.PROJECTED))
    assert traded_coins(state) == {*HEDGE_COINS, SOL, DOGE}


def test_a_kill_that_flattens_needs_tradable_prices_of_the_book_at_any_hour():
    state = replace(desk({DOGE: D(5)}), session=session(Stage.DONE), trading=TradingState.HALTED)
    assert DOGE not in traded_coins(state)
    flattening = replace(state, settings=with_fields(state.settings, flatten_on_kill=True))
    assert DOGE in traded_coins(flattening)


def test_a_coin_that_the_venue_does_not_list_is_never_watched():
    state = desk()
    gone = replace(state, book=replace(state.book, positions={Coin("GONE"): D(5)}))
    assert held_coins(gone) == frozenset()
