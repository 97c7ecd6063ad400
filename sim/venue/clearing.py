"""Executions into accounts: positions, cash, fees, profit; funding at the hour; delisting."""

from dataclasses import dataclass
from decimal import Decimal

from sim.venue.account import ZERO, Account, FundingPaid, Liquidation, Position, VenueFill
from sim.venue.assets import VenueAsset
from sim.venue.fees import Rates, note_volume, rates_of
from sim.venue.isolated import IsolatedFill, settle_isolated
from sim.venue.margin import is_isolated, valuation
from sim.venue.order import Order
from sim.venue.state import NonUserCancel, Printed, VenueState
from sim.venue.wire import fee_usd, usd

NO_HASH = "0x" + 64 * "0"
BACKSTOP = "0x" + 39 * "0" + "1"
"""The address that stands for everybody who is not an account: the ladder's makers, the backstop vault."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One trade between an order of ours and somebody.

    liquidation is set on both sides of a market liquidation. forced is the dir of what the venue itself does with a
    position at the mark (settlement, auto-deleveraging, the backstop's takeover): it pays no fee and is no volume.
    """

    px: Decimal
    size: Decimal
    crossed: bool
    tid: int
    hash: str
    liquidation: Liquidation | None = None
    forced: str | None = None


def execute(state: VenueState, order: Order, trade: Execution) -> VenueFill:
    """Book one side of a trade into its account, and tell the streams."""
    account = state.accounts[order.address]
    asset = state.prices.assets[order.asset_id]
    position = account.positions.get(order.asset_id) or open_position(account, asset)
    start, qty = position.size, trade.size * order.sign
    closed = position.move(qty, trade.px)
    _restart_funding(position, start)
    fee, builder_fee = fees_of(rates_of(state, account), order, trade)
    if position.raw_usd is None:
        account.cash_usd -= qty * trade.px + fee
    else:
        settle_isolated(state, account, asset, IsolatedFill(position, start, qty, trade.px, fee))
    if trade.forced is None:
        note_volume(state, account, trade.size * trade.px, crossed=trade.crossed)
    order.size -= trade.size
    if position.size == 0:
        del account.positions[order.asset_id]
    state.valuations[order.address].update(state, account).renew(state, account, order.asset_id)
    fill = VenueFill(
        address=order.address,
        asset_id=order.asset_id,
        coin=asset.name,
        buy=order.buy,
        px=trade.px,
        size=trade.size,
        at_ms=state.now_ms,
        start_position=start,
        direction=trade.forced or direction(start, qty, _own(trade, order)),
        closed_pnl_usd=closed,
        fee_usd=fee,
        oid=order.oid,
        tid=trade.tid,
        hash=trade.hash,
        crossed=trade.crossed,
        cloid=order.cloid,
        builder_fee_usd=builder_fee or None,
        liquidation=trade.liquidation,
        twap_id=order.twap_id,
    )
    account.fills.append(fill)
    state.happened.append(fill)
    return fill


def open_position(account: Account, asset: VenueAsset) -> Position:
    """Put an empty position into the account, isolated if the coin is set so."""
    position = account.positions[asset.asset_id] = Position(
        raw_usd=ZERO if is_isolated(account, asset) else None
    )
    return position


def _own(trade: Execution, order: Order) -> Liquidation | None:
    """Return the liquidation only on the side of the account that is liquidated."""
    why = trade.liquidation
    return why if why is not None and why.user == order.address else None


def print_trade(state: VenueState, taker: Order, trade: Execution, maker: str) -> None:
    """Show a trade to everybody; the side is the taker's."""
    users = (taker.address, maker) if taker.buy else (maker, taker.address)
    state.happened.append(
        Printed(
            taker.asset_id,
            taker.coin,
            taker.buy,
            trade.px,
            trade.size,
            state.now_ms,
            trade.tid,
            trade.hash,
            users,
        )
    )


def direction(start: Decimal, qty: Decimal, liquidation: Liquidation | None = None) -> str:
    """Return the fill's dir: what the execution did to the position (hyperliquid.md 1.3)."""
    if liquidation is not None:
        return liquidated(start, liquidation)
    if start * qty >= 0:
        return "Open Long" if qty > 0 else "Open Short"
    if abs(qty) > abs(start):
        return "Long > Short" if start > 0 else "Short > Long"
    return "Close Long" if start > 0 else "Close Short"


def liquidated(start: Decimal, why: Liquidation) -> str:
    return f"Liquidated {why.mode} {'Long' if start > 0 else 'Short'}"


def fees_of(rates: Rates, order: Order, trade: Execution) -> tuple[Decimal, Decimal]:
    """Return the whole fee and the builder's part of it, in USDC, each cut to six decimals."""
    if trade.forced is not None:
        return ZERO, ZERO
    notional = trade.size * trade.px
    builder = fee_usd(notional, order.builder_rate)
    return fee_usd(notional, rates.of(crossed=trade.crossed)) + builder, builder


def _restart_funding(position: Position, start: Decimal) -> None:
    position.funding_since_change = ZERO
    if start == 0 or start * position.size < 0:
        position.funding_since_open = ZERO


# --- funding ---------------------------------------------------------------------------------------------


def pay_funding(state: VenueState, hour_ms: int) -> None:
    """Settle one hour's funding: size times oracle price times rate; longs pay when it is positive."""
    for account in state.accounts.values():
        for asset_id in sorted(account.positions):
            with state.mistakes.survived("funding of", (account.address, asset_id)):
                _pay(state, account, state.prices.assets[asset_id], hour_ms)


def _pay(state: VenueState, account: Account, asset: VenueAsset, hour_ms: int) -> None:
    rate = state.prices.funding_rate(asset.asset_id, hour_ms)
    position = account.positions[asset.asset_id]
    paid = usd(position.size * state.prices.oracle(asset.asset_id, hour_ms) * rate)
    if position.raw_usd is None:
        account.cash_usd -= paid
    else:
        position.raw_usd -= paid
        valuation(state, account).renew(state, account, asset.asset_id)
    position.funding_since_open += paid
    position.funding_since_change += paid
    account.funding_all_time[asset.asset_id] = account.funding_all_time.get(asset.asset_id, ZERO) + paid
    row = FundingPaid(
        account.address, asset.asset_id, asset.name, state.now_ms, -paid, position.size, rate, NO_HASH
    )
    account.fundings.append(row)
    state.happened.append(row)


# --- forced cancels and settlement ------------------------------------------------------------------------


def force_cancel(state: VenueState, order: Order, status: str) -> None:
    """Cancel an order in the venue's name; all but reduce-only trims appear as nonUserCancel."""
    drop(state, order, status)
    if status != "reduceOnlyCanceled":
        state.happened.append(NonUserCancel(order.address, order.coin, order.oid))


def drop(state: VenueState, order: Order, status: str) -> None:
    """Take an order out of the book for good, with this last status."""
    account = state.accounts[order.address]
    if account.open_orders.pop(order.oid, None) is not None and not order.waits:
        state.book(order.asset_id).remove(order)
        state.touched[order.asset_id] = None
    state.note_order(order, status)


def forced_order(state: VenueState, account: Account, asset_id: int, tif: str) -> Order:
    """Return an order of the venue's own that closes a whole position."""
    size, mark = account.size(asset_id), state.mark(asset_id)
    return Order(
        oid=state.ids.oid(),
        address=account.address,
        asset_id=asset_id,
        coin=state.prices.assets[asset_id].name,
        buy=size < 0,
        px=mark,
        asked_size=abs(size),
        size=abs(size),
        tif=tif,
        reduce_only=True,
        at_ms=state.now_ms,
    )


def settle_delisted(state: VenueState, asset_id: int) -> None:
    """Cancel a delisted coin's orders and settle its positions at the mark, without a fee."""
    for account in state.accounts.values():
        with state.mistakes.survived("settlement of", (account.address, asset_id)):
            _settle_delisted(state, account, asset_id)


def _settle_delisted(state: VenueState, account: Account, asset_id: int) -> None:
    for order in [o for o in account.open_orders.values() if o.asset_id == asset_id]:
        force_cancel(state, order, "delistedCanceled")
    if asset_id in account.positions:
        order = forced_order(state, account, asset_id, "Ioc")
        trade = Execution(order.px, order.size, True, state.ids.tid(), NO_HASH, forced="Settlement")
        execute(state, order, trade)
