"""What a topic's frames look like: the first one, the repeated ones, and those that events make."""

from collections.abc import Callable, Sequence
from typing import Any

from sim.venue import info_account as of_account
from sim.venue import info_market as of_market
from sim.venue import subscriptions as on
from sim.venue.account import FundingPaid, LedgerRow, VenueFill
from sim.venue.book import Level
from sim.venue.margin import clearinghouse
from sim.venue.matching import DEPTH
from sim.venue.requests import AskL2Book
from sim.venue.state import Liquidated, NonUserCancel, Notice, VenueState
from sim.venue.sub_accounts import spot_state
from sim.venue.subscriptions import Topic
from sim.venue.tape import Tape, trade_document
from sim.venue.wire import encode, number

FAST_DEPTH = 5
CADENCE_MS: dict[type, int] = {
    on.AllMids: 5_000,
    on.L2Book: 5_000,
    on.ActiveAssetCtx: 1_000,
    on.Candle: 1_000,
    on.ClearinghouseState: 3_000,
    on.OpenOrders: 3_000,
    on.SpotState: 5_000,
    on.ActiveAssetData: 5_000,
}
FAST_MS = 500


def cadence_ms(topic: Topic) -> int | None:
    """Return how often a topic is sent again; None for those that only events make."""
    if isinstance(topic, on.L2Book) and topic.fast:
        return FAST_MS
    return CADENCE_MS.get(type(topic))


def frame(channel: str, data: Any) -> str:
    return encode({"channel": channel, "data": data}).decode()


def _level(level: Level | None) -> str:
    if level is None:
        return "null"
    return f'{{"px":"{number(level.px)}","sz":"{number(level.size)}","n":{level.orders}}}'


def bbo_frame(coin: str, at_ms: int, bid: Level | None, ask: Level | None) -> str:
    """The one frame sent by the ten thousand; written by hand because that is twice as fast."""
    return (
        f'{{"channel":"bbo","data":{{"coin":"{coin}","time":{at_ms},"bbo":[{_level(bid)},{_level(ask)}]}}}}'
    )


# --- the first frame, and the repeated one -----------------------------------------------------------------


def current(state: VenueState, tape: Tape, topic: Topic) -> str | None:
    """Return the frame that shows a topic as it is now; None if it has none (orderUpdates, userEvents)."""
    make = _CURRENT.get(type(topic))
    return None if make is None else make(state, tape, topic)


def _all_mids(state: VenueState, tape: Tape, topic: on.AllMids) -> str:
    return frame("allMids", {"mids": of_market.all_mids(state)})


def _bbo(state: VenueState, tape: Tape, topic: on.Bbo) -> str:
    book = state.book(state.by_name[topic.coin].asset_id)
    bid, ask = (book.best(state.now_ms, of_bids=side) for side in (True, False))
    return bbo_frame(topic.coin, state.now_ms, bid, ask)


def _l2_book(state: VenueState, tape: Tape, topic: on.L2Book) -> str:
    sig_figs, mantissa = topic.n_sig_figs, topic.mantissa
    asked = AskL2Book(topic.coin, sig_figs, mantissa)  # type: ignore[arg-type]  # breaks_socket checked them
    depth = FAST_DEPTH if topic.fast else DEPTH
    document = of_market.l2_book(state, asked, depth=depth)
    return frame("l2Book", (document or {}) | ({"fast": True} if topic.fast else {}))


def _trades(state: VenueState, tape: Tape, topic: on.Trades) -> str:
    trades = reversed(tape.recent(state.by_name[topic.coin].asset_id))
    return frame("trades", [trade_document(trade) for trade in trades])


def _context(state: VenueState, tape: Tape, topic: on.ActiveAssetCtx) -> str:
    context = of_market.asset_context(state, state.by_name[topic.coin].asset_id)
    return frame("activeAssetCtx", {"coin": topic.coin, "ctx": context})


def _candle(state: VenueState, tape: Tape, topic: on.Candle) -> str | None:
    now_ms, asset_id = state.now_ms, state.by_name[topic.coin].asset_id
    rows = state.prices.candles(asset_id, topic.interval, start_ms=now_ms, end_ms=now_ms, now_ms=now_ms)
    return frame("candle", rows[-1]) if rows else None


def _fills(state: VenueState, tape: Tape, topic: on.UserFills) -> str:
    fills = of_account.user_fills(of_account.account_of(state, topic.user))
    return frame("userFills", {"isSnapshot": True, "user": topic.user, "fills": fills})


def _fundings(state: VenueState, tape: Tape, topic: on.UserFundings) -> str:
    rows = of_account.account_of(state, topic.user).fundings[-of_account.ROWS_MAX :]
    return frame("userFundings", {"isSnapshot": True, "user": topic.user, "fundings": _funding_rows(rows)})


def _ledger(state: VenueState, tape: Tape, topic: on.LedgerUpdates) -> str:
    rows = of_account.ledger_updates(state, of_account.account_of(state, topic.user), 0)
    data = {"isSnapshot": True, "user": topic.user, "nonFundingLedgerUpdates": rows}
    return frame("userNonFundingLedgerUpdates", data)


def _clearinghouse(state: VenueState, tape: Tape, topic: on.ClearinghouseState) -> str:
    document = clearinghouse(state, of_account.account_of(state, topic.user))
    return frame("clearinghouseState", {"dex": "", "user": topic.user, "clearinghouseState": document})


def _open_orders(state: VenueState, tape: Tape, topic: on.OpenOrders) -> str:
    orders = of_account.frontend_open_orders(of_account.account_of(state, topic.user))
    return frame("openOrders", {"dex": "", "user": topic.user, "orders": orders})


def _spot(state: VenueState, tape: Tape, topic: on.SpotState) -> str:
    account = of_account.account_of(state, topic.user)
    return frame("spotState", {"user": topic.user, "spotState": spot_state(account)})


def _asset_data(state: VenueState, tape: Tape, topic: on.ActiveAssetData) -> str:
    account = of_account.account_of(state, topic.user)
    return frame("activeAssetData", of_account.active_asset_data(state, account, state.by_name[topic.coin]))


_CURRENT: dict[type, Callable[[VenueState, Tape, Any], str | None]] = {
    on.AllMids: _all_mids,
    on.Bbo: _bbo,
    on.L2Book: _l2_book,
    on.Trades: _trades,
    on.ActiveAssetCtx: _context,
    on.Candle: _candle,
    on.UserFills: _fills,
    on.UserFundings: _fundings,
    on.LedgerUpdates: _ledger,
    on.ClearinghouseState: _clearinghouse,
    on.OpenOrders: _open_orders,
    on.SpotState: _spot,
    on.ActiveAssetData: _asset_data,
}


# --- what events make --------------------------------------------------------------------------------------


def fills_frame(user: str, fills: Sequence[VenueFill]) -> str:
    rows = [of_account.fill_document(fill) for fill in fills]
    return frame("userFills", {"user": user, "fills": rows})


def fundings_frame(user: str, rows: Sequence[FundingPaid]) -> str:
    return frame("userFundings", {"user": user, "fundings": _funding_rows(rows)})


def ledger_frame(row: LedgerRow) -> str:
    rows = [of_account.ledger_document(row)]
    return frame("userNonFundingLedgerUpdates", {"user": row.address, "nonFundingLedgerUpdates": rows})


def _funding_rows(rows: Sequence[FundingPaid]) -> list[dict[str, Any]]:
    return [{"time": row.at_ms} | of_account.funding_delta(row) for row in rows]


def event_frame(happening: VenueFill | FundingPaid | NonUserCancel | Liquidated) -> str:
    """Return the frame of userEvents, whose channel is called 'user'."""
    match happening:
        case VenueFill():
            return frame("user", {"fills": [of_account.fill_document(happening)]})
        case FundingPaid():
            row = {"time": happening.at_ms} | of_account.funding_delta(happening)
            return frame("user", {"funding": row})
        case NonUserCancel():
            return frame("user", {"nonUserCancel": [{"coin": happening.coin, "oid": happening.oid}]})
        case Liquidated():
            data = {
                "lid": happening.lid,
                "liquidator": "0x" + 40 * "0",
                "liquidated_user": happening.address,
                "liquidated_ntl_pos": number(happening.notional_usd),
                "liquidated_account_value": number(happening.equity_usd),
            }
            return frame("user", {"liquidation": data})


def notice_frame(notice: Notice) -> str:
    return frame("notification", {"notification": notice.text})
