"""Exposure outside the band -> one order for each hedge asset (S3-10 to S3-13, E3-19, E3-20).

It looks at confirmed positions in notional terms and at hedge orders already on their way, never at
targets, projections or open alt orders; so calling it once too often is harmless.
"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from core import allowance, risk, venue_mode
from core.calendar import current_close_ms, session_day
from core.intents import AnyIntent, RaiseAlert, SubmitOrders
from core.orders import client_order_id, open_records, outstanding, purpose_of, register
from core.sizing import ceil_lots, floor_lots, limit_price, to_decimal
from core.state import ZERO, HedgeState, OrderRecord, Session, Stage, State
from core.types import HEDGE_COINS, Coin, Fill, Order, Purpose, SessionDay, Side, Tif, TradingState

Exposure = tuple[float, float]

OWN_BETAS = {HEDGE_COINS[0]: (1.0, 0.0), HEDGE_COINS[1]: (0.0, 1.0)}
BACKOFF_MAX = 6
BACKOFF_MIN_MS = 200.0
"""What the pause after failures grows from at least: without an interval ten refusals came at once, and halted the night."""
BACKOFF_MAX_MS = 12_800.0
"""Whatever the interval is set to: with a second between hedges the pause grew to 64 s, and the book stood open."""
MINUTE_MS = 60_000
REPRICE_MS = 2_000
"""How long a hedge may rest at a price that is no longer the touch."""
LARGE = 0.1
"""Exposure, as a fraction of equity, from which prices are looked at once more before it is hedged; a tick looks anyway."""
TRIM_MS = 10_000
"""How long a closing session trims to the last tradable dollar; the delta of a large book moves by more each second."""


def net_delta_usd(state: State) -> Exposure:
    """Return the BTC and ETH delta of confirmed positions, hedges held included (USD, E3-19).

    A coin that never had betas has the cautious guess of the settings. Written out flat: it is summed at every fill.
    """
    mids, betas = state.mids_usd, state.hedge.betas
    unknown = (state.settings.hedge.beta_btc_unknown, 0.0)
    btc = eth = 0.0
    for coin, qty in state.book.positions.items():
        mid = mids.get(coin)
        notional = float(qty) * (risk.last_px_usd(state, coin) if mid is None else mid)
        beta_btc, beta_eth = OWN_BETAS.get(coin) or betas.get(coin, unknown)
        btc += notional * beta_btc
        eth += notional * beta_eth
    return btc, eth


def cover_usd(state: State) -> Exposure:
    """Return what our own hedge orders on their way will add, at the newest price (USD)."""
    cover = [0.0, 0.0]
    for record in open_records(state, Purpose.HEDGE):
        px = risk.last_px(state, record.order.coin)
        if record.order.coin in HEDGE_COINS and px is not None:
            cover[HEDGE_COINS.index(record.order.coin)] += float(record.outstanding_qty * px)
    return cover[0], cover[1]


def band_usd(state: State) -> float:
    """Return the half-width of the band that the book must stay in (E3-20)."""
    settings = state.settings
    floor = settings.hedge.band_min_orders * settings.twap.min_order_usd
    return max(floor, settings.hedge.band_equity * risk.equity_usd(state))


def trigger_usd(state: State) -> float:
    """Return the delta that is worth an order: the band, or the least tradable when a session begins to close."""
    session = state.session
    if session is not None and session.stage is Stage.CLOSING and state.at_ms - session.stage_ms < TRIM_MS:
        return min(band_usd(state), state.settings.twap.min_order_usd)
    return band_usd(state)


def is_settled(state: State) -> bool:
    """Say whether nothing is left that a hedge order could still bring closer to zero: without betas none is sent."""
    return not state.hedge.betas or max(abs(x) for x in net_delta_usd(state)) <= trigger_usd(state)


def rehedge(state: State) -> tuple[State, tuple[AnyIntent, ...]]:
    """Send one batch for the exposure that nothing covers yet, if it is worth one.

    Before the first betas nothing is known about the exposure, and no information is not an exposure of one.
    """
    delta = net_delta_usd(state)
    state = _observed(state, delta)
    if state.trading is TradingState.HALTED or state.account.snapshot is None or not state.hedge.betas:
        return state, ()
    state, cancels = venue_mode.cancelled(
        state, [r for r in open_records(state, Purpose.HEDGE) if _is_off(state, r)]
    )
    if state.at_ms - state.hedge.last_sent_ms < _wait_ms(state):
        return state, cancels
    cover = cover_usd(state)
    open_usd = (delta[0] + cover[0], delta[1] + cover[1])
    if max(abs(x) for x in open_usd) <= trigger_usd(state):
        return state, cancels
    if max(abs(x) for x in open_usd) > LARGE * risk.equity_usd(state) and (
        strange := risk.strange_price(state)
    ):
        return risk.halt(state, strange)
    passed, refused = risk.screen(state, _orders(state, open_usd))
    if passed:
        state, intents = _submitted(state, passed)
        return state, (*cancels, *intents)
    if refused:
        state, intents = _refused(state, refused)
        return state, (*cancels, *intents)
    return state, cancels


def _is_off(state: State, record: OrderRecord) -> bool:
    """Say whether a resting hedge must make room: the window is over, or the touch has moved away from it."""
    order = record.order
    if order.tif is not Tif.ALO or state.at_ms - order.created_ms < REPRICE_MS:
        return False
    if not venue_mode.is_post_only(state):
        return True
    quote, instrument = risk.fresh_quote(state, order.coin), state.instruments.get(order.coin)
    if quote is None or instrument is None:
        return False
    touch = venue_mode.touch_px(quote, order.side, size_decimals=instrument.size_decimals)
    return touch != order.limit_px


def _wait_ms(state: State) -> float:
    """Return the pause after the last hedge: it doubles with each failure in a row, up to what an open book may wait."""
    pause_ms = allowance.pause_ms(state)
    if venue_mode.is_post_only(state):
        return max(float(REPRICE_MS), pause_ms)
    interval_ms = 1000.0 * state.settings.hedge.min_interval_s
    if not state.hedge.failures:
        return max(interval_ms, pause_ms)
    first_ms = max(interval_ms, BACKOFF_MIN_MS)
    backoff_ms = min(first_ms * (1 << min(state.hedge.failures, BACKOFF_MAX)), BACKOFF_MAX_MS)
    return max(interval_ms, backoff_ms, pause_ms)


def _orders(state: State, open_usd: Exposure) -> list[Order]:
    """Return an order for each factor that needs one and can have one, within the turnover cap together.

    What only closes a position in a hedge asset is beyond the cap: it ends by itself, and whoever holds ten times the
    equity that a stranger bought cannot wait ten minutes.
    """
    room_usd = state.settings.hedge.turnover_max_per_min * risk.equity_usd(state) - _turnover_usd(state)
    wanted: list[Order] = []
    for factor, open_delta_usd in enumerate(open_usd):
        order = _order(state, factor, open_delta_usd=open_delta_usd, room_usd=room_usd)
        if order is not None:
            wanted.append(order)
            opening_qty = order.qty - _closing_qty(state, order.coin, open_delta_usd)
            room_usd -= max(float(opening_qty * order.arrival_mid), 0.0)
    return wanted


def _order(state: State, factor: int, *, open_delta_usd: float, room_usd: float) -> Order | None:
    """Return the order that brings one factor back to zero, or None where no order can."""
    coin = HEDGE_COINS[factor]
    quote, instrument = risk.fresh_quote(state, coin), state.instruments.get(coin)
    if quote is None or instrument is None:
        return None
    slippage = state.settings.hedge.slippage_bps
    most_usd = state.settings.risk.order_max_usd / (1 + 2 * slippage / 10_000)
    room_usd = max(room_usd, 0.0) + float(_closing_qty(state, coin, open_delta_usd) * quote.mid)
    size_usd = min(abs(open_delta_usd), room_usd, most_usd)
    if size_usd < state.settings.twap.min_order_usd:
        return None
    side = Side.SELL if open_delta_usd > 0 else Side.BUY
    minimum = ceil_lots(to_decimal(state.settings.twap.min_order_usd) / quote.mid, instrument)
    qty = max(floor_lots(to_decimal(size_usd) / quote.mid, instrument), minimum)
    rests = venue_mode.is_post_only(state)
    touch = venue_mode.touch_px(quote, side, size_decimals=instrument.size_decimals)
    px = limit_price(quote, side, slippage_bps=slippage, size_decimals=instrument.size_decimals)
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
        limit_px=touch if rests else px,
        tif=Tif.ALO if rests else Tif.IOC,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        session=current_day(state),
        created_ms=state.at_ms,
        expires_ms=state.at_ms + int(1000 * state.settings.twap.order_expiry_s),
        arrival_mid=quote.mid,
    )


def _closing_qty(state: State, coin: Coin, open_delta_usd: float) -> Decimal:
    """Return how much an order against a delta would only close, whether or not what is on its way is filled."""
    held = state.book.positions.get(coin, ZERO)
    sides = (held, held + outstanding(state, coin))
    return min(map(abs, sides)) if all(float(qty) * open_delta_usd > 0 for qty in sides) else ZERO


def _submitted(state: State, orders: tuple[Order, ...]) -> tuple[State, tuple[AnyIntent, ...]]:
    state = register(replace(state, hedge=replace(state.hedge, last_sent_ms=state.at_ms)), orders)
    counter = state.orders.counter + len(HEDGE_COINS) - len(orders)
    state = replace(state, orders=replace(state.orders, counter=counter))
    return state, (SubmitOrders(orders=orders),)


def _refused(state: State, refused: dict[Coin, str]) -> tuple[State, tuple[AnyIntent, ...]]:
    """A hedge that our own limits stop is a failed hedge: exposure stays open, and somebody must know."""
    state = replace(state, hedge=replace(state.hedge, last_sent_ms=state.at_ms))
    text = "; ".join(f"{coin}: {reason}" for coin, reason in refused.items())
    alert = RaiseAlert(level="error", code="hedge.refused", text=f"the hedge may not be sent: {text}")
    return note_failures(state, failed=len(refused), filled=0), (alert,)


def on_fills(state: State, new: Iterable[Fill]) -> State:
    """Count what new fills of hedges have opened: a hedge that was refused is no turnover."""
    hedged = [fill for fill in new if purpose_of(fill.cloid) is Purpose.HEDGE]
    if not hedged:
        return state
    opened_usd = sum(float(_opened(fill.start_position, fill.signed_qty) * fill.px) for fill in hedged)
    recent = tuple(t for t in state.hedge.turnover if t[0] > state.at_ms - MINUTE_MS)
    turnover = (*recent, (state.at_ms, opened_usd)) if opened_usd else recent
    state = replace(state, hedge=replace(state.hedge, turnover=turnover))
    return note_failures(state, failed=0, filled=len(hedged))


def _opened(held: Decimal, change: Decimal) -> Decimal:
    """Return how much of a change of a position does more than close it."""
    after = held + change
    return abs(after) - (min(abs(held), abs(after)) if held * after > 0 else ZERO)


def note_failures(state: State, *, failed: int, filled: int) -> State:
    """Count hedge orders in a row that did nothing; a fill starts the count anew."""
    failures = 0 if filled else state.hedge.failures + failed
    return replace(state, hedge=replace(state.hedge, failures=failures))


def renewed(hedge: HedgeState) -> HedgeState:
    """Return the hedge state for a new session: what decides stays, the record of the night begins again."""
    return HedgeState(
        betas=hedge.betas,
        last_sent_ms=hedge.last_sent_ms,
        failures=hedge.failures,
        turnover=hedge.turnover,
    )


def _observed(state: State, delta: Exposure) -> State:
    """Keep the record of the night: worst delta, time outside the band, time from leaving it to being back."""
    hedge = state.hedge
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
    """Return what hedges opened within the last minute, with what is on its way (USD)."""
    opened_usd = sum(usd for at_ms, usd in state.hedge.turnover if at_ms > state.at_ms - MINUTE_MS)
    for coin in HEDGE_COINS:
        held = state.book.positions.get(coin, ZERO)
        opened_usd += float(_opened(held, outstanding(state, coin))) * risk.last_px_usd(state, coin)
    return opened_usd


def current_day(state: State) -> SessionDay:
    """Return the session that orders made now belong to."""
    if state.session is not None:
        return state.session.day
    return session_day(current_close_ms(state.at_ms, state.settings.session))
