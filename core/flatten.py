"""What a kill does with positions, where the settings say that it closes them: reduce-only, in slices, until flat."""

from msgspec.structs import replace

from core import allowance, risk, venue_mode
from core.hedge import current_day
from core.intents import AnyIntent, SubmitOrders
from core.orders import client_order_id, outstanding, register
from core.sizing import limit_price
from core.state import State
from core.trade import BATCH_MAX
from core.types import Coin, Order, Purpose, Side, Tif, TradingState

AGAIN_MS = 5_000


def flatten(state: State) -> tuple[State, tuple[AnyIntent, ...]]:
    """Close what is open, when trading is halted and the settings ask for it; otherwise do nothing.

    In a post-only window nothing trades, and one order, the largest, asks whether it is over.
    """
    if state.trading is not TradingState.HALTED or not state.settings.flatten_on_kill:
        return state, ()
    if state.at_ms - state.hedge.last_sent_ms < max(AGAIN_MS, allowance.pause_ms(state)):
        return state, ()
    orders = tuple(o for c in sorted(state.book.positions) if (o := _closing(state, c)) is not None)
    if venue_mode.is_post_only(state):
        orders = tuple(sorted(orders, key=lambda o: -o.qty * o.limit_px)[:1])
    orders = tuple(
        replace(o, cloid=client_order_id(o.session, o.purpose, asset_id=o.asset_id, counter=n))
        for n, o in enumerate(orders, start=state.orders.counter)
    )
    if not orders:
        return state, ()
    state = replace(state, hedge=replace(state.hedge, last_sent_ms=state.at_ms))
    batches = tuple(orders[i : i + BATCH_MAX] for i in range(0, len(orders), BATCH_MAX))
    return register(state, orders), tuple(SubmitOrders(orders=batch) for batch in batches)


def _closing(state: State, coin: Coin) -> Order | None:
    position, instrument = state.book.positions[coin], state.instruments.get(coin)
    quote = risk.fresh_quote(state, coin)
    if quote is None or instrument is None or instrument.delisted or outstanding(state, coin):
        return None
    side = Side.SELL if position > 0 else Side.BUY
    settings = state.settings.twap
    return Order(
        cloid=client_order_id(current_day(state), Purpose.FLATTEN, asset_id=instrument.asset_id, counter=0),
        coin=coin,
        asset_id=instrument.asset_id,
        side=side,
        qty=abs(position),
        limit_px=limit_price(
            quote, side, slippage_bps=settings.slippage_final_bps, size_decimals=instrument.size_decimals
        ),
        tif=Tif.IOC,
        reduce_only=True,
        purpose=Purpose.FLATTEN,
        session=current_day(state),
        created_ms=state.at_ms,
        expires_ms=state.at_ms + int(1000 * settings.order_expiry_s),
        arrival_mid=quote.mid,
    )
