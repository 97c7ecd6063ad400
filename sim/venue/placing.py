"""Orders in: what is refused and with which words, what executes at once, what rests; and cancels."""

from dataclasses import replace
from decimal import Decimal

from sim.venue.account import ZERO, Account, Liquidation
from sim.venue.clearing import BACKSTOP, Execution, drop, execute, force_cancel, print_trade
from sim.venue.margin import fills_within_margin, margin_fault
from sim.venue.matching import Book, Match, Take
from sim.venue.order import Order, average_px
from sim.venue.reply import Status
from sim.venue.state import VenueState
from sim.venue.wire import number

NOTIONAL_MIN_USD = 10
FAR_SHARE = Decimal("0.95")
OPEN_ORDERS_FREE = 1_000
OPEN_ORDERS_CAP = 5_000
VOLUME_PER_OPEN_ORDER_USD = 5_000_000
DEAD = "Order was never placed, already canceled, or filled."


def place(state: VenueState, account: Account, order: Order) -> Status:
    """Take an order and return its member of statuses (hyperliquid.md 2.5). The order is on its grid already."""
    book = state.book(order.asset_id)
    fault = _fault(state, account, order) or _reduce_only_fault(account, order)
    if fault is not None:
        return {"error": fault}
    lacking = margin_fault(state, account, order)
    if lacking is not None:
        return _refused(order, lacking)
    match = book.match(order, state.now_ms)
    matched = bool(match.takes or match.self_trades)
    if order.tif == "Alo" and matched:
        return _refuse_alo(state, account, order, book)
    if order.tif not in ("Gtc", "Alo") and not match.takes:
        return _refuse_ioc(state, account, order, match)
    return _accept(state, account, order, match)


def _refused(order: Order, text: str) -> Status:
    return {"error": f"{text} asset={order.asset_id}"}


def _fault(state: VenueState, account: Account, order: Order) -> str | None:
    if not state.prices.live(order.asset_id, state.now_ms):
        return f"Trading is halted for a delisted asset. asset={order.asset_id}"
    mark = state.mark(order.asset_id)
    if abs(order.px - mark) > FAR_SHARE * mark:
        return "Order price cannot be more than 95% away from the reference price"
    if order.px * order.size < NOTIONAL_MIN_USD and not _closes_all(account, order):
        return f"Order must have minimum value of $10. asset={order.asset_id}"
    allowed = OPEN_ORDERS_FREE + int(account.traded_usd) // VOLUME_PER_OPEN_ORDER_USD
    if len(account.open_orders) >= min(allowed, OPEN_ORDERS_CAP) and order.tif in ("Gtc", "Alo"):
        return f"Too many open orders. asset={order.asset_id}"
    return None


def _closes_all(account: Account, order: Order) -> bool:
    held = account.size(order.asset_id)
    return order.reduce_only and held * order.sign < 0 and order.size >= abs(held)


def _reduce_only_fault(account: Account, order: Order) -> str | None:
    """Shrink a reduce-only order to what is held; return the text if it would not reduce."""
    if not order.reduce_only:
        return None
    closable = -account.size(order.asset_id) * order.sign
    if closable <= 0:
        return f"Reduce only order would increase position. asset={order.asset_id}"
    order.size = min(order.size, closable)
    return None


def _refuse_alo(state: VenueState, account: Account, order: Order, book: Book) -> Status:
    bid, ask = (book.best(state.now_ms, of_bids=side) for side in (True, False))
    quote = "@".join("none" if level is None else format(level.px.normalize(), "f") for level in (bid, ask))
    _record(state, account, order, "badAloPxRejected")
    return _refused(order, f"Post only order would have immediately matched, bbo was {quote}.")


def _refuse_ioc(state: VenueState, account: Account, order: Order, match: Match) -> Status:
    for own in match.self_trades:
        force_cancel(state, own, "selfTradeCanceled")
    _record(state, account, order, "iocCancelRejected")
    return _refused(order, "Order could not immediately match against any resting orders.")


def _record(state: VenueState, account: Account, order: Order, status: str) -> None:
    state.note_order(order, status)
    account.remember(order)


def _accept(state: VenueState, account: Account, order: Order, match: Match) -> Status:
    """Execute what matches; then the rest rests (Gtc, Alo) or is dropped (Ioc)."""
    for own in match.self_trades:
        force_cancel(state, own, "selfTradeCanceled")
    filled, spent = take(state, order, match)
    named = {"oid": order.oid} if order.cloid is None else {"oid": order.oid, "cloid": order.cloid}
    rests = order.size > 0 and order.tif in ("Gtc", "Alo")
    if rests:
        _rest(state, account, order)
    else:
        state.note_order(order, "filled" if order.size == 0 else "canceled")
    account.remember(order)
    if filled:
        trim_reduce_only(state, account, order.asset_id)
    if rests:
        return {"resting": named}
    asset = state.prices.assets[order.asset_id]
    return {"filled": {"totalSz": number(filled), "avgPx": number(average_px(asset, spent, filled)), **named}}


def _rest(state: VenueState, account: Account, order: Order) -> None:
    state.book(order.asset_id).rest(order)
    account.open_orders[order.oid] = order
    state.touched[order.asset_id] = None
    state.note_order(order, "open")
    if order.reduce_only:
        _cancel_older_reduce_only(state, account, order)


def take(
    state: VenueState, order: Order, match: Match, why: Liquidation | None = None
) -> tuple[Decimal, Decimal]:
    """Execute a match and return (size filled, USD exchanged). why is set when the venue liquidates."""
    filled, spent, hash_ = ZERO, ZERO, state.ids.hash()
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
    if not book.has_resting:
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


# --- reduce-only upkeep ----------------------------------------------------------------------------------


def trim_reduce_only(state: VenueState, account: Account, asset_id: int) -> None:
    """Shrink resting reduce-only orders to the position, newest kept longest; end those with nothing left."""
    closable = abs(account.size(asset_id))
    resting = [o for o in account.open_orders.values() if o.reduce_only and o.asset_id == asset_id]
    for order in reversed(resting):
        if closable == 0 or account.size(asset_id) * order.sign > 0:
            force_cancel(state, order, "reduceOnlyCanceled")
            continue
        if order.size > closable:
            order.size = closable
            state.note_order(order, "open")
        closable -= order.size


def _cancel_older_reduce_only(state: VenueState, account: Account, newest: Order) -> None:
    closable = abs(account.size(newest.asset_id)) - newest.size
    older = [
        o
        for o in account.open_orders.values()
        if o.reduce_only and o.asset_id == newest.asset_id and o.oid != newest.oid
    ]
    for order in reversed(older):
        if order.size > closable:
            force_cancel(state, order, "reduceOnlyCanceled")
        else:
            closable -= order.size


# --- cancels ---------------------------------------------------------------------------------------------


def cancel(state: VenueState, account: Account, asset_id: int, oid: int | None) -> Status:
    """Cancel by order id and return the member of statuses. oid is None for a cloid nobody knows."""
    order = None if oid is None else account.open_orders.get(oid)
    if order is None or order.asset_id != asset_id:
        return {"error": f"{DEAD} asset={asset_id}"}
    drop(state, order, "canceled")
    return "success"
