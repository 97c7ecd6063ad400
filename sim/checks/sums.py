"""Sums over a state that several checkers need, written anew: what they check must not be what they check it with."""

from collections.abc import Mapping
from decimal import Decimal

from core.orders import purpose_of
from core.state import OrderRecord, OrderStatus, State
from core.types import ClientOrderId, Coin, Fill, Purpose
from sim.venue.account import VenueFill

ZERO = Decimal(0)
FACTORS = (Coin("BTC"), Coin("ETH"))

Delta = tuple[float, float]


def live_qty(record: OrderRecord) -> Decimal:
    """Return the signed quantity of an order that may still be filled, or was and is not booked yet."""
    most = record.reported_qty if record.status is OrderStatus.ENDED else record.order.qty
    return max(most - record.booked_qty, ZERO) * (1 if record.order.side.value == "buy" else -1)


def px_usd(state: State, coin: Coin) -> float:
    """Return the mid, else the mark of the last snapshot, else zero."""
    mid_usd = state.mids_usd.get(coin)
    if mid_usd is not None:
        return mid_usd
    held = state.account.snapshot.positions.get(coin) if state.account.snapshot else None
    return float(held.mark_px) if held else 0.0


def delta_usd(state: State) -> Delta:
    """Return the BTC and ETH delta of the confirmed positions."""
    return weighted_usd(state, state.book.positions)


def weighted_usd(state: State, qtys: Mapping[Coin, Decimal]) -> Delta:
    guess = state.settings.hedge.beta_btc_unknown
    btc = eth = 0.0
    for coin, qty in qtys.items():
        usd = float(qty) * px_usd(state, coin)
        if coin == FACTORS[0]:
            btc += usd
        elif coin == FACTORS[1]:
            eth += usd
        else:
            beta_btc, beta_eth = state.hedge.betas.get(coin, (guess, 0.0))
            btc += usd * beta_btc
            eth += usd * beta_eth
    return btc, eth


def equity_usd(state: State) -> float:
    return float(state.account.snapshot.equity_usd) if state.account.snapshot else 0.0


def band_usd(state: State) -> float:
    settings = state.settings
    least = settings.hedge.band_min_orders * settings.twap.min_order_usd
    return max(least, settings.hedge.band_equity * equity_usd(state))


def is_fresh(state: State, coin: Coin) -> bool:
    """Say whether a coin has a price that may be traded on."""
    quote = state.quotes.get(coin)
    if quote is None or quote.bid >= quote.ask:
        return False
    oldest_ms = state.at_ms - 1000 * state.settings.risk.quote_age_max_s
    return quote.received_ms >= oldest_ms and quote.at_ms >= oldest_ms


def opened_qty(held: Decimal, change: Decimal) -> Decimal:
    """Return how much of a change of a position does more than close what was held."""
    closed = min(abs(held), abs(change)) if held * change < 0 else ZERO
    return abs(change) - closed


def is_slice(purpose: Purpose | None) -> bool:
    return purpose in (Purpose.PROJECTED, Purpose.CORRECTION)


def is_hedge(fill: Fill | VenueFill) -> bool:
    return fill.cloid is not None and purpose_of(ClientOrderId(fill.cloid)) is Purpose.HEDGE


def is_ours(cloid: str | None) -> bool:
    """Say whether an id at the venue is one of the daemon's making."""
    return cloid is not None and purpose_of(ClientOrderId(cloid)) is not None
