"""POST /info: which question gets which answer."""

from typing import Any, assert_never

from sim.venue import info_account as of_account
from sim.venue import info_market as of_market
from sim.venue import requests as ask
from sim.venue.info_market import NoSuchCoin
from sim.venue.margin import clearinghouse
from sim.venue.requests import AccountRequest, InfoRequest
from sim.venue.state import VenueState
from sim.venue.tape import Tape, trade_document


def answer(state: VenueState, tape: Tape, request: InfoRequest) -> Any:
    """Return the JSON document. Raises NoSuchCoin where the venue answers HTTP 500 with null."""
    if isinstance(request, ask.OfUser):
        return _about_account(state, request)
    match request:
        case ask.AskMeta(dex=dex):
            return of_market.meta(_main(state, dex))
        case ask.AskMetaAndAssetCtxs(dex=dex):
            return of_market.meta_and_contexts(_main(state, dex))
        case ask.AskAllMids(dex=dex):
            return of_market.all_mids(_main(state, dex))
        case ask.AskAllPerpMetas():
            return [of_market.meta(state)]
        case ask.AskOutcomeMeta():
            return {"outcomes": [], "questions": []}
        case ask.AskSpotMeta():
            return of_market.SPOT_META
        case ask.AskSpotMetaAndAssetCtxs():
            return [of_market.SPOT_META, []]
        case ask.AskPerpDexs():
            return [None]
        case ask.AskL2Book():
            return of_market.l2_book(state, request)
        case ask.AskRecentTrades(coin=coin):
            asset = state.by_name.get(coin)
            return None if asset is None else [trade_document(t) for t in tape.recent(asset.asset_id)]
        case ask.AskCandles():
            return of_market.candle_snapshot(state, request)
        case ask.AskFundingHistory():
            return of_market.funding_history(state, request)
        case ask.AskExchangeStatus():
            return {"time": state.now_ms, "specialStatuses": state.special_statuses}
        case _:
            assert_never(request)


def _main(state: VenueState, dex: str) -> VenueState:
    """There is only the main perp dex here; the venue has no better word for any other than 500 and null."""
    if dex:
        raise NoSuchCoin(dex)
    return state


def _about_account(state: VenueState, request: AccountRequest) -> Any:
    account = of_account.account_of(state, request.user)
    match request:
        case ask.AskClearinghouse():
            return clearinghouse(state, account)
        case ask.AskSpotState():
            return {"balances": []}
        case ask.AskOpenOrders():
            return of_account.open_orders(account)
        case ask.AskFrontendOpenOrders():
            return of_account.frontend_open_orders(account)
        case ask.AskOrderStatus():
            return of_account.order_status(account, request)
        case ask.AskHistoricalOrders():
            return of_account.historical_orders(account)
        case ask.AskUserFills():
            return of_account.user_fills(account)
        case ask.AskUserFillsByTime():
            return of_account.user_fills_by_time(state, account, request)
        case ask.AskUserFunding():
            return of_account.user_funding(state, account, request)
        case ask.AskLedgerUpdates(start_time=start_ms):
            return of_account.ledger_updates(state, account, start_ms)
        case ask.AskRateLimit():
            return of_account.rate_limit(account)
        case ask.AskRole():
            return of_account.role(state, request.user)
        case ask.AskAbstraction():
            return "default"
        case ask.AskFees():
            return of_account.fees(state, account)
        case ask.AskExtraAgents():
            return of_account.extra_agents(state, account)
        case ask.AskSubAccounts():
            return None
        case ask.AskActiveAssetData(coin=coin):
            asset = state.by_name.get(coin)
            if asset is None:
                raise NoSuchCoin(coin)
            return of_account.active_asset_data(state, account, asset)
        case ask.AskMaxBuilderFee(builder=builder):
            return account.builder_fees.get(builder.lower(), 0)
        case _:
            assert_never(request)
