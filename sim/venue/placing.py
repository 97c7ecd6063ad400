"""Orders in: what is refused and with which words, what executes at once, what rests; and cancels."""

from dataclasses import replace
from decimal import Decimal

from sim.venue.account import ZERO, Account, Liquidation
from sim.venue.clearing import BACKSTOP, NO_HASH, Execution, drop, execute, force_cancel, print_trade
from sim.venue.margin import fills_within_margin
from sim.venue.matching import Match, Take
from sim.venue.order import Order, average_px
from sim.venue.reducing import cancel_older_reduce_only, trim_reduce_only
from sim.venue.refusals import RECORDED, Fault, fault_of, named
from sim.venue.refusing import first_refusal
from sim.venue.reply import Status
from sim.venue.state import VenueState
from sim.venue.wire import number

DEAD = "Order was never placed, already canceled, or filled."


def place(state: VenueState, account: Account, order: Order) -> Status:
    """Take an order and return its member of statuses (hyperliquid.md 2.5). The order is on its grid already."""
    fault = fault_of(state, account, order) or _unreasoned(state, order)
    return enter(state, account, order) if fault is None else refuse(state, account, order, fault)


def _unreasoned(state: VenueState, order: Order) -> Fault | None:
    words = first_refusal(state.refusing_orders, order.asset_id, state.now_ms)
    return None if words is None else Fault(*words)


def enter(state: VenueState, account: Account, order: Order) -> Status:
    """Show an order to its book: it executes, rests or is refused there. Its account can carry it."""
    match = state.book(order.asset_id).match(order, state.now_ms)
    if order.tif == "Alo" and (match.takes or match.self_trades):
        return refuse(state, account, order, _crossing_fault(state, order))
    if not order.rests and not match.takes:
        for own in match.self_trades:
            force_cancel(state, own, "selfTradeCanceled")
        return refuse(state, account, order, _no_match_fault(state, order))
    return _accept(state, account, order, match)


def refuse(state: VenueState, account: Account, order: Order, fault: Fault) -> Status:
    if fault.status in RECORDED:
        state.note_order(order, fault.status)
        account.remember(order)
    return {"error": fault.text}


def _crossing_fault(state: VenueState, order: Order) -> Fault:
    book = state.book(order.asset_id)
    bid, ask = (book.best(state.now_ms, of_bids=side) for side in (True, False))
    quote = "@".join("none" if level is None else format(level.px.normalize(), "f") for level in (bid, ask))
    text = f"Post only order would have immediately matched, bbo was {quote}."
    return named(order, text, "badAloPxRejected")


def _no_match_fault(state: VenueState, order: Order) -> Fault:
    at_market = order.tif == "FrontendMarket" or (order.trigger is not None and order.trigger.is_market)
    if at_market and state.book(order.asset_id).best(state.now_ms, of_bids=not order.buy) is None:
        text = "No liquidity available for market order."
        return named(order, text, "marketOrderNoLiquidityRejected")
    text = "Order could not immediately match against any resting orders."
    return named(order, text, "iocCancelRejected")


def _accept(state: VenueState, account: Account, order: Order, match: Match) -> Status:
    """Execute what matches; then the rest rests (Gtc, Alo) or is dropped (Ioc)."""
    for own in match.self_trades:
        force_cancel(state, own, "selfTradeCanceled")
    filled, spent = take(state, order, match)
    rests = order.size > 0 and order.rests
    if rests:
        _rest(state, account, order)
    else:
        state.note_order(order, "filled" if order.size == 0 else "canceled")
    account.remember(order)
    if filled:
        trim_reduce_only(state, account, order.asset_id)
    if rests:
        return resting(order)
    asset = state.prices.assets[order.asset_id]
    average = number(average_px(asset, spent, filled))
    return {"filled": {"totalSz": number(filled), "avgPx": average, **_named(order)}}


def resting(order: Order) -> Status:
    return {"resting": _named(order)}


def _named(order: Order) -> dict[str, int | str]:
    return {"oid": order.oid} if order.cloid is None else {"oid": order.oid, "cloid": order.cloid}


def _rest(state: VenueState, account: Account, order: Order) -> None:
    state.book(order.asset_id).rest(order)
    account.open_orders[order.oid] = order
    state.touched[order.asset_id] = None
    state.note_order(order, "open")
    if order.reduce_only:
        cancel_older_reduce_only(state, account, order)


def take(
    state: VenueState, order: Order, match: Match, why: Liquidation | None = None
) -> tuple[Decimal, Decimal]:
    """Execute a match and return (size filled, USD exchanged). why is set when the venue liquidates."""
    filled, spent = ZERO, ZERO
    hash_ = state.ids.hash() if order.twap_id is None else NO_HASH
    for piece in match.takes:
        size = _still_there(state, piece)
        if size == 0:
            continue
        trade = Execution(piece.px, size, True, state.ids.tid(), hash_, why)
        execute(state, order, trade)
        print_trade(state, order, trade, BACKSTOP if piece.maker is None else piece.maker.address)
        if piece.maker is None:
            state.book(order.asset_id).eat(size, state.now_ms, of_bids=not order.buy)
        else:
            fill_resting(state, piece.maker, replace(trade, crossed=False))
        filled += size
        spent += size * piece.px
    if filled:
        state.touched[order.asset_id] = None
    return filled, spent


def _still_there(state: VenueState, piece: Take) -> Decimal:
    """Return a piece's size now: a maker's reduce-only orders shrink as the pieces before it execute."""
    if piece.maker is None:
        return piece.size
    account = state.accounts[piece.maker.address]
    if piece.maker.oid not in account.open_orders or not _carried(state, account, piece.maker):
        return ZERO
    return min(piece.size, piece.maker.size)


def _carried(state: VenueState, account: Account, order: Order) -> bool:
    """Return whether the account can carry an order that is about to fill; cancel it if not (1.4)."""
    if fills_within_margin(state, account, order):
        return True
    force_cancel(state, order, "marginCanceled")
    return False


def fill_resting(state: VenueState, maker: Order, trade: Execution) -> None:
    """Execute a resting order's side of a trade at its own price."""
    account = state.accounts[maker.address]
    execute(state, maker, trade)
    if maker.size == 0:
        drop(state, maker, "filled")
    else:
        state.note_order(maker, "open")
    trim_reduce_only(state, account, maker.asset_id)


def match_resting(state: VenueState, asset_id: int) -> None:
    """Fill the resting orders that the ladder has come through since the last tick."""
    book = state.book(asset_id)
    if not book.has_resting or state.post_only:
        return
    for order, size in book.crossed(state.now_ms):
        size, account = min(size, order.size), state.accounts[order.address]
        if size <= 0 or order.oid not in account.open_orders or not _carried(state, account, order):
            continue
        book.eat(size, state.now_ms, of_bids=not order.buy)
        trade = Execution(order.px, size, False, state.ids.tid(), state.ids.hash())
        seller_took = Order(
            0, BACKSTOP, asset_id, order.coin, not order.buy, order.px, size, size, "Ioc", False, 0
        )
        print_trade(state, seller_took, trade, order.address)
        fill_resting(state, order, trade)
        state.touched[asset_id] = None


def filled_of(account: Account, order: Order) -> tuple[Decimal, Decimal]:
    """Return what an order has executed so far: (size, USD)."""
    filled, spent = ZERO, ZERO
    for fill in reversed(account.fills):
        if fill.at_ms < order.at_ms:
            break
        if fill.oid == order.oid:
            filled += fill.size
            spent += fill.size * fill.px
    return filled, spent


# --- cancels ---------------------------------------------------------------------------------------------


def cancel(state: VenueState, account: Account, asset_id: int, oid: int | None) -> Status:
    """Cancel by order id and return the member of statuses. oid is None for a cloid nobody knows."""
    order = (
        None if oid is None else account.open_orders.get(oid) or _taken_from_parent(account, oid, asset_id)
    )
    if order is None or order.asset_id != asset_id:
        return {"error": f"{DEAD} asset={asset_id}"}
    drop(state, order, "canceled")
    return "success"


def _taken_from_parent(account: Account, oid: int, asset_id: int) -> Order | None:
    """Return a child that still waits for its parent to fill, and let the parent forget it."""
    for parent in account.open_orders.values():
        for child in parent.children:
            if child.oid == oid and child.asset_id == asset_id:
                parent.children.remove(child)
                return child
    return None
