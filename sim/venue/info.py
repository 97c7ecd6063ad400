"""POST /info: which question gets which answer."""

from collections.abc import Callable, Mapping
from typing import Any

from sim.venue import info_account as of_account
from sim.venue import info_beside as beside
from sim.venue import info_dexs as of_dexs
from sim.venue import info_market as of_market
from sim.venue import info_spot as of_spot
from sim.venue import info_twap as of_twap
from sim.venue import info_web as of_web
from sim.venue import requests as ask
from sim.venue import requests_beside as ask_beside
from sim.venue.account import Account
from sim.venue.info_market import NoSuchCoin
from sim.venue.margin import clearinghouse
from sim.venue.portfolio import portfolio
from sim.venue.refusals import coins_at_open_interest_cap
from sim.venue.request_base import OfUser
from sim.venue.requests import InfoRequest
from sim.venue.state import VenueState
from sim.venue.sub_accounts import spot_state, sub_account_documents
from sim.venue.tape import Tape, trade_document
from sim.venue.twaps import twap_history


def answer(state: VenueState, tape: Tape, request: InfoRequest) -> Any:
    """Return the JSON document. Raises NoSuchCoin where the venue answers HTTP 500 with null."""
    if getattr(request, "dex", ""):
        raise NoSuchCoin("there is only the main perp dex here")
    if isinstance(request, ask.AskRecentTrades):
        return recent_trades(state, tape, request.coin)
    if isinstance(request, OfUser):
        return OF_ACCOUNT[type(request)](state, of_account.account_of(state, request.user), request)
    return OF_MARKET[type(request)](state, request)


def recent_trades(state: VenueState, tape: Tape, coin: str) -> list[Any] | None:
    if of_spot.is_spot(coin):
        return []
    asset = state.by_name.get(coin)
    return None if asset is None else [trade_document(trade) for trade in tape.recent(asset.asset_id)]


OF_MARKET: Mapping[type, Callable[[VenueState, Any], Any]] = {
    ask.AskMeta: lambda state, _: of_market.meta(state),
    ask.AskMetaAndAssetCtxs: lambda state, _: of_market.meta_and_contexts(state),
    ask.AskAllMids: lambda state, _: of_market.all_mids(state),
    ask.AskAllPerpMetas: lambda state, _: [of_market.meta(state)],
    ask.AskOutcomeMeta: lambda state, _: {"outcomes": [], "questions": []},
    ask.AskSpotMeta: lambda state, _: of_spot.SPOT_META,
    ask.AskSpotMetaAndAssetCtxs: lambda state, _: of_spot.meta_and_contexts(),
    ask.AskPerpDexs: lambda state, _: [None],
    ask.AskPerpDexLimits: lambda state, _: None,
    ask.AskPerpDexStatus: lambda state, _: of_dexs.perp_dex_status(state),
    ask.AskPerpsAtCap: lambda state, _: coins_at_open_interest_cap(state),
    ask.AskMarginTable: lambda state, request: of_dexs.table_of(request.id),
    ask.AskMaxMarketOrders: lambda state, _: of_dexs.max_market_orders(),
    ask.AskLiquidatable: lambda state, _: [],
    ask.AskL2Book: lambda state, request: of_market.l2_book(state, request),
    ask.AskCandles: lambda state, request: of_market.candle_snapshot(state, request),
    ask.AskFundingHistory: lambda state, request: of_market.funding_history(state, request),
    ask.AskPredictedFundings: lambda state, _: of_dexs.predicted_fundings(state),
    ask.AskExchangeStatus: lambda state, _: {
        "time": state.now_ms,
        "specialStatuses": state.special_statuses,
    },
    ask_beside.AskVaultDetails: lambda state, _: None,
    ask_beside.AskVaultSummaries: lambda state, _: [],
    ask_beside.AskValidatorSummaries: lambda state, _: [],
    ask_beside.AskValidatorVotes: lambda state, _: [],
    ask_beside.AskPerpDeployAuction: lambda state, _: beside.auction(state),
    ask_beside.AskSpotPairDeployAuction: lambda state, _: beside.auction(state),
    ask_beside.AskTokenDetails: lambda state, request: of_spot.token_details(request.token_id),
}

OF_ACCOUNT: Mapping[type, Callable[[VenueState, Account, Any], Any]] = {
    ask.AskClearinghouse: lambda state, account, _: clearinghouse(state, account),
    ask.AskSpotState: lambda state, account, _: spot_state(account),
    ask.AskOpenOrders: lambda state, account, _: of_account.open_orders(account),
    ask.AskFrontendOpenOrders: lambda state, account, _: of_account.frontend_open_orders(account),
    ask.AskOrderStatus: lambda state, account, request: of_account.order_status(account, request),
    ask.AskHistoricalOrders: lambda state, account, _: of_account.historical_orders(account),
    ask.AskUserFills: lambda state, account, request: of_account.user_fills(
        state, account, aggregate=bool(request.aggregate_by_time)
    ),
    ask.AskUserFillsByTime: of_account.user_fills_by_time,
    ask.AskUserFunding: of_account.user_funding,
    ask.AskLedgerUpdates: lambda state, account, request: of_account.ledger_updates(
        state, account, request.start_time, request.end_time
    ),
    ask.AskRateLimit: lambda state, account, _: of_account.rate_limit(account),
    ask.AskRole: lambda state, account, request: of_account.role(state, request.user),
    ask.AskAbstraction: lambda state, account, _: account.abstraction,
    ask.AskDexAbstraction: lambda state, account, _: False,
    ask.AskFees: lambda state, account, _: of_account.fees(state, account),
    ask.AskExtraAgents: lambda state, account, _: of_account.extra_agents(state, account),
    ask.AskSubAccounts: lambda state, account, _: sub_account_documents(state, account),
    ask.AskSubAccountsOfAllDexs: lambda state, account, _: None,
    ask.AskPortfolio: lambda state, account, _: portfolio(state, account),
    ask.AskActiveAssetData: lambda state, account, request: of_account.active_asset_data(
        state, account, of_market.asset_named(state, request.coin)
    ),
    ask.AskMaxBuilderFee: lambda state, account, request: account.builder_fees.get(
        request.builder.lower(), 0
    ),
    ask.AskApprovedBuilders: lambda state, account, _: [b for b, f in account.builder_fees.items() if f],
    ask.AskTwapSliceFills: lambda state, account, _: of_twap.newest_slices(account),
    ask.AskTwapSliceFillsByTime: of_twap.slices_by_time,
    ask.AskTwapHistory: lambda state, account, _: twap_history(state, account.address),
    ask.AskWebData: lambda state, account, _: of_web.web_data_2(state, account),
    ask_beside.AskReferral: lambda state, account, _: beside.referral(account),
    ask_beside.AskLegalCheck: lambda state, account, _: beside.LAWFUL,
    ask_beside.AskIsVip: lambda state, account, _: False,
    ask_beside.AskMultiSigSigners: lambda state, account, _: None,
    ask_beside.AskPreTransferCheck: lambda state, account, request: beside.transfer_check(
        state, request.user
    ),
    ask_beside.AskVaultEquities: lambda state, account, _: [],
    ask_beside.AskLeadingVaults: lambda state, account, _: [],
    ask_beside.AskDelegations: lambda state, account, _: [],
    ask_beside.AskDelegatorSummary: lambda state, account, _: beside.NO_STAKE,
    ask_beside.AskDelegatorHistory: lambda state, account, _: [],
    ask_beside.AskDelegatorRewards: lambda state, account, _: [],
    ask_beside.AskSpotDeployState: lambda state, account, _: beside.spot_deploy_state(state),
}
