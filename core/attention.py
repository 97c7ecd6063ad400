"""Which prices decisions need now: tradable ones for what may be traded, mids for what is only held."""

from core.state import Stage, State
from core.types import HEDGE_COINS, Coin, TradingState


def traded_coins(state: State) -> frozenset[Coin]:
    """Return the coins that an order may be made for: both hedges always; the book while a session or a kill trades it."""
    session = state.session
    resting = session is None or session.stage in (Stage.WAITING, Stage.DONE)
    flattens = state.trading is TradingState.HALTED and state.settings.flatten_on_kill
    coins = {*HEDGE_COINS}
    if session is not None and not resting:
        coins |= {*(session.universe or ()), *state.book.positions}
    if flattens:
        coins |= state.book.positions.keys()
    return frozenset(c for c in coins if c in state.instruments)


def held_coins(state: State) -> frozenset[Coin]:
    """Return the coins whose value moves the book's exposure."""
    return frozenset(c for c in state.book.positions if c in state.instruments)
