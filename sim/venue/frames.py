"""What a topic's frames look like: the first one, and the repeated ones."""

import base64
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from sim.venue import info_account as of_account
from sim.venue import info_market as of_market
from sim.venue import info_twap as of_twap
from sim.venue import info_web as of_web
from sim.venue import subscriptions as on
from sim.venue.account import FundingPaid
from sim.venue.assets import VenueAsset
from sim.venue.book import Level
from sim.venue.info_spot import CONTEXT as SPOT_CONTEXT
from sim.venue.info_spot import is_spot
from sim.venue.margin import clearinghouse
from sim.venue.matching import DEPTH
from sim.venue.requests import AskL2Book
from sim.venue.state import VenueState
from sim.venue.sub_accounts import spot_state
from sim.venue.subscriptions import Topic
from sim.venue.tape import Tape, trade_document
from sim.venue.twaps import twap_history, twap_states
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
    on.AssetCtxs: 5_000,
    on.SpotAssetCtxs: 5_000,
    on.AllDexsAssetCtxs: 13_600,
    on.FastAssetCtxs: 1_000,
    on.AllDexsClearinghouse: 3_000,
    on.WebData2: 5_000,
    on.WebData3: 5_000,
    on.TwapStates: 5_000,
}
FAST_MS = 500

FastPrices = dict[str, dict[str, str | None]]
"""coin -> {markPx, midPx}"""


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


def fast_prices(state: VenueState) -> FastPrices:
    """Return coin -> {markPx, midPx} of the coins that trade."""
    prices = state.prices
    live = (asset for asset in prices.assets if prices.live(asset.asset_id, state.now_ms))
    return {
        asset.name: {
            "markPx": number(state.mark(asset.asset_id)),
            "midPx": number(prices.mid(asset.asset_id, state.now_ms)),
        }
        for asset in live
    }


def fast_frame(prices: FastPrices) -> str:
    """Return prices as fastAssetCtxs has them: JSON, raw deflate, base64."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(encode(prices)) + packer.flush()
    return frame("fastAssetCtxs", base64.b64encode(packed).decode())


# --- the first frame, and the repeated one -----------------------------------------------------------------


def current(state: VenueState, tape: Tape, topic: Topic) -> str | None:
    """Return the frame that shows a topic as it is now; None if it has none (orderUpdates, userEvents)."""
    make = _CURRENT.get(type(topic))
    return None if make is None else make(state, tape, topic)


def has_first(kind: type) -> bool:
    """Return whether a kind of topic shows how it stands as soon as it is subscribed."""
    return kind in _CURRENT


def _all_mids(state: VenueState, tape: Tape, topic: on.AllMids) -> str:
    return frame("allMids", {"mids": of_market.all_mids(state)})


def _bbo(state: VenueState, tape: Tape, topic: on.Bbo) -> str:
    if is_spot(topic.coin):
        return bbo_frame(topic.coin, state.now_ms, None, None)
    book = state.book(state.by_name[topic.coin].asset_id)
    bid, ask = (book.best(state.now_ms, of_bids=side) for side in (True, False))
    return bbo_frame(topic.coin, state.now_ms, bid, ask)


def _l2_book(state: VenueState, tape: Tape, topic: on.L2Book) -> str:
    sig_figs, mantissa = topic.n_sig_figs, topic.mantissa
    asset = state.by_name.get(topic.coin)
    if asset is not None and sig_figs is None and not topic.fast:
        return _whole_book(state, asset)
    asked = AskL2Book(topic.coin, sig_figs, mantissa)  # type: ignore[arg-type]  # breaks_socket checked them
    depth = FAST_DEPTH if topic.fast else DEPTH
    document = of_market.l2_book(state, asked, depth=depth)
    return frame("l2Book", (document or {}) | ({"fast": True} if topic.fast else {}))


def _whole_book(state: VenueState, asset: VenueAsset) -> str:
    """The frame with the most numbers, and nearly as often sent as bbo: written by hand like that."""
    book, now_ms = state.book(asset.asset_id), state.now_ms
    sides = [book.levels(now_ms, of_bids=of_bids) for of_bids in (True, False)]
    bids, asks = (",".join([_level(level) for level in side]) for side in sides)
    head = f'{{"channel":"l2Book","data":{{"coin":"{asset.name}","time":{now_ms},'
    return f'{head}"levels":[[{bids}],[{asks}]]}}}}'


def _trades(state: VenueState, tape: Tape, topic: on.Trades) -> str:
    asset = state.by_name.get(topic.coin)
    trades = () if asset is None else reversed(tape.recent(asset.asset_id))
    return frame("trades", [trade_document(trade) for trade in trades])


def _context(state: VenueState, tape: Tape, topic: on.ActiveAssetCtx) -> str:
    if is_spot(topic.coin):
        return frame("activeSpotAssetCtx", {"coin": topic.coin, "ctx": SPOT_CONTEXT})
    context = of_market.asset_context(state, state.by_name[topic.coin].asset_id)
    return frame("activeAssetCtx", {"coin": topic.coin, "ctx": context})


def _candle(state: VenueState, tape: Tape, topic: on.Candle) -> str | None:
    asset = state.by_name.get(topic.coin)
    if asset is None:
        return None
    now_ms, asset_id = state.now_ms, asset.asset_id
    rows = state.prices.candles(asset_id, topic.interval, start_ms=now_ms, end_ms=now_ms, now_ms=now_ms)
    return frame("candle", rows[-1]) if rows else None


def _fills(state: VenueState, tape: Tape, topic: on.UserFills) -> str:
    account = of_account.account_of(state, topic.user)
    fills = of_account.user_fills(state, account, aggregate=topic.aggregate_by_time)
    return frame("userFills", {"isSnapshot": True, "user": topic.user, "fills": fills})


def _fundings(state: VenueState, tape: Tape, topic: on.UserFundings) -> str:
    rows = of_account.account_of(state, topic.user).fundings[-of_account.ROWS_MAX :]
    return frame("userFundings", {"isSnapshot": True, "user": topic.user, "fundings": funding_rows(rows)})


def funding_rows(rows: Sequence[FundingPaid]) -> list[dict[str, Any]]:
    return [{"time": row.at_ms} | of_account.funding_delta(row) for row in rows]


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
    spot = spot_state(of_account.account_of(state, topic.user))
    return frame("spotState", {"user": topic.user, "spotState": spot})


def _asset_data(state: VenueState, tape: Tape, topic: on.ActiveAssetData) -> str:
    account = of_account.account_of(state, topic.user)
    return frame("activeAssetData", of_account.active_asset_data(state, account, state.by_name[topic.coin]))


def _asset_ctxs(state: VenueState, tape: Tape, topic: on.AssetCtxs) -> str:
    return frame("assetCtxs", {"dex": "", "ctxs": of_market.asset_contexts(state)})


def _spot_ctxs(state: VenueState, tape: Tape, topic: on.SpotAssetCtxs) -> str:
    return frame("spotAssetCtxs", [SPOT_CONTEXT])


def _all_ctxs(state: VenueState, tape: Tape, topic: on.AllDexsAssetCtxs) -> str:
    return frame("allDexsAssetCtxs", {"ctxs": [["", of_market.asset_contexts(state)]]})


def _fast_ctxs(state: VenueState, tape: Tape, topic: on.FastAssetCtxs) -> str:
    return fast_frame(fast_prices(state))


def _all_states(state: VenueState, tape: Tape, topic: on.AllDexsClearinghouse) -> str:
    document = clearinghouse(state, of_account.account_of(state, topic.user))
    return frame("allDexsClearinghouseState", {"user": topic.user, "clearinghouseStates": [["", document]]})


def _web_data_2(state: VenueState, tape: Tape, topic: on.WebData2) -> str:
    return frame("webData2", of_web.web_data_2(state, of_account.account_of(state, topic.user)))


def _web_data_3(state: VenueState, tape: Tape, topic: on.WebData3) -> str:
    return frame("webData3", of_web.web_data_3(state, of_account.account_of(state, topic.user)))


def _slice_fills(state: VenueState, tape: Tape, topic: on.TwapSliceFills) -> str:
    rows = of_twap.newest_slices(of_account.account_of(state, topic.user))
    return frame("userTwapSliceFills", {"isSnapshot": True, "user": topic.user, "twapSliceFills": rows})


def _twap_history(state: VenueState, tape: Tape, topic: on.TwapHistory) -> str:
    rows = twap_history(state, topic.user)
    return frame("userTwapHistory", {"isSnapshot": True, "user": topic.user, "history": rows})


def _twap_states(state: VenueState, tape: Tape, topic: on.TwapStates) -> str:
    rows = twap_states(state, topic.user)
    return frame("twapStates", {"dex": "", "user": topic.user, "states": rows})


def _order_history(state: VenueState, tape: Tape, topic: on.HistoricalOrders) -> str:
    rows = of_account.historical_orders(of_account.account_of(state, topic.user))
    return frame("userHistoricalOrders", {"isSnapshot": True, "user": topic.user, "orderHistory": rows})


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
    on.AssetCtxs: _asset_ctxs,
    on.SpotAssetCtxs: _spot_ctxs,
    on.AllDexsAssetCtxs: _all_ctxs,
    on.FastAssetCtxs: _fast_ctxs,
    on.AllDexsClearinghouse: _all_states,
    on.WebData2: _web_data_2,
    on.WebData3: _web_data_3,
    on.TwapSliceFills: _slice_fills,
    on.TwapHistory: _twap_history,
    on.TwapStates: _twap_states,
    on.HistoricalOrders: _order_history,
}
