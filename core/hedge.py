"""Exposure outside the band -> one order for each hedge asset (S3-10 to S3-13, E3-19, E3-20).

It looks at confirmed positions in notional terms and at hedge orders already on their way, never at
targets, projections or open alt orders; so calling it once too often is harmless.
"""

from msgspec.structs import replace

from core import risk
from core.calendar import current_close_ms, session_day
from core.intents import AnyIntent, SubmitOrders
from core.orders import client_order_id, open_records, register
from core.sizing import floor_lots, limit_price, to_decimal
from core.state import HedgeState, Session, Stage, State
from core.types import HEDGE_COINS, Coin, Order, Purpose, SessionDay, Side, Tif, TradingState

Exposure = tuple[float, float]


def beta(state: State, coin: Coin) -> tuple[float, float]:
    """Return the betas in force; for a coin that never had one, the cautious guess of the settings."""
    return state.hedge.betas.get(coin, (state.settings.hedge.beta_btc_unknown, 0.0))


def net_delta_usd(state: State) -> Exposure:
    """Return the BTC and ETH delta of confirmed positions, hedges held included (USD, E3-19)."""
    deltas = [risk.notional_usd(state, factor) for factor in HEDGE_COINS]
    for coin in state.book.positions:
        if coin not in HEDGE_COINS:
            notional = risk.notional_usd(state, coin)
            for f, b in enumerate(beta(state, coin)):
                deltas[f] += notional * b
    return deltas[0], deltas[1]


def cover_usd(state: State) -> Exposure:
    """Return what our own hedge orders on their way will add, at the newest price (USD)."""
    cover = [0.0, 0.0]
    for record in open_records(state, Purpose.HEDGE):
        px = risk.last_px(state, record.order.coin)
        if record.order.coin in HEDGE_COINS and px is not None:
            cover[HEDGE_COINS.index(record.order.coin)] += float(record.outstanding_qty * px)
    return cover[0], cover[1]


def band_usd(state: State) -> float:
    """Return the half-width of the band; while a session closes, the smallest that can be traded."""
    settings = state.settings
    if state.session is not None and state.session.stage is Stage.CLOSING:
        return settings.twap.min_order_usd
    floor = settings.hedge.band_min_orders * settings.twap.min_order_usd
    return max(floor, settings.hedge.band_equity * risk.equity_usd(state))


def rehedge(state: State) -> tuple[State, tuple[AnyIntent, ...]]:
    """Send one batch for the exposure that nothing covers yet, if it is worth one."""
    state = _observed(state)
    if state.trading is TradingState.HALTED or state.account.snapshot is None:
        return state, ()
    if state.at_ms - state.hedge.last_sent_ms < 1000 * state.settings.hedge.min_interval_s:
        return state, ()
    delta, cover = net_delta_usd(state), cover_usd(state)
    open_usd = (delta[0] + cover[0], delta[1] + cover[1])
    if max(abs(x) for x in open_usd) <= band_usd(state):
        return state, ()
    wanted = [order for f, x in enumerate(open_usd) if (order := _order(state, f, x)) is not None]
    passed, _ = risk.screen(state, wanted)
    return _submitted(state, passed) if passed else (state, ())


def _order(state: State, factor: int, open_delta_usd: float) -> Order | None:
    """Return the order that brings one factor back to zero, or None where no order can."""
    coin = HEDGE_COINS[factor]
    quote, instrument = risk.fresh_quote(state, coin), state.instruments.get(coin)
    if quote is None or instrument is None:
        return None
    room_usd = state.settings.hedge.turnover_max_per_min * risk.equity_usd(state) - _turnover_usd(state)
    size_usd = min(abs(open_delta_usd), max(room_usd, 0.0))
    side = Side.SELL if open_delta_usd > 0 else Side.BUY
    qty = floor_lots(to_decimal(size_usd) / quote.mid, instrument)
    if qty * quote.mid < to_decimal(state.settings.twap.min_order_usd):
        return None
    slippage = state.settings.hedge.slippage_bps
    return Order(
        cloid=client_order_id(
            current_day(state),
            Purpose.HEDGE,
            asset_id=instrument.asset_id,
            counter=state.orders.counter + factor,
        ),
        coin=coin,
        asset_id=instrument.asset_id,
        side=side,
        qty=qty,
        limit_px=limit_price(quote, side, slippage_bps=slippage, size_decimals=instrument.size_decimals),
        tif=Tif.IOC,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        session=current_day(state),
        created_ms=state.at_ms,
        expires_ms=state.at_ms + int(1000 * state.settings.twap.order_expiry_s),
        arrival_mid=quote.mid,
    )


def _submitted(state: State, orders: tuple[Order, ...]) -> tuple[State, tuple[AnyIntent, ...]]:
    spent = sum(float(o.qty * o.arrival_mid) for o in orders)
    recent = tuple(t for t in state.hedge.turnover if t[0] > state.at_ms - 60_000)
    hedge = replace(state.hedge, last_sent_ms=state.at_ms, turnover=(*recent, (state.at_ms, spent)))
    state = register(replace(state, hedge=hedge), orders)
    counter = state.orders.counter + len(HEDGE_COINS) - len(orders)
    state = replace(state, orders=replace(state.orders, counter=counter))
    return state, (SubmitOrders(orders=orders),)


def note_failures(state: State, *, failed: int, filled: int) -> State:
    """Count hedge orders in a row that did nothing; a fill starts the count anew."""
    failures = 0 if filled else state.hedge.failures + failed
    return replace(state, hedge=replace(state.hedge, failures=failures))


def renewed(hedge: HedgeState) -> HedgeState:
    """Return the hedge state for a new session: betas stay, the record of the night begins again."""
    return HedgeState(betas=hedge.betas, last_sent_ms=hedge.last_sent_ms, failures=hedge.failures)


def _observed(state: State) -> State:
    """Keep the record of the night: worst delta, time outside the band, time from leaving it to being back."""
    delta, hedge = net_delta_usd(state), state.hedge
    outside = max(abs(x) for x in delta) > band_usd(state)
    since = hedge.outside_since_ms
    worst = (max(hedge.worst_usd[0], abs(delta[0])), max(hedge.worst_usd[1], abs(delta[1])))
    if worst != hedge.worst_usd and _in_session(state.session):
        hedge = replace(hedge, worst_usd=worst)
    if outside and since is None:
        hedge = replace(hedge, outside_since_ms=state.at_ms)
    elif not outside and since is not None:
        took_ms = state.at_ms - since
        hedge = replace(
            hedge,
            outside_since_ms=None,
            outside_s=hedge.outside_s + took_ms / 1000,
            reaction_ms=(*hedge.reaction_ms, took_ms),
        )
    return state if hedge is state.hedge else replace(state, hedge=hedge)


def _in_session(session: Session | None) -> bool:
    return session is not None and session.stage not in (Stage.WAITING, Stage.DONE)


def _turnover_usd(state: State) -> float:
    return sum(usd for at_ms, usd in state.hedge.turnover if at_ms > state.at_ms - 60_000)


def current_day(state: State) -> SessionDay:
    """Return the session that orders made now belong to."""
    if state.session is not None:
        return state.session.day
    return session_day(current_close_ms(state.at_ms, state.settings.session))
