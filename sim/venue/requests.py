"""What may stand in a POST to /info. Members unknown to us are dropped, as the venue does."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from sim.venue.request_base import Interval, Mantissa, Millis, OfUser, Request, SigFigs, User
from sim.venue.requests_beside import BesideRequest


class AskMeta(Request, frozen=True, tag="meta"):
    dex: str = ""


class AskAllPerpMetas(Request, frozen=True, tag="allPerpMetas"):
    pass


class AskOutcomeMeta(Request, frozen=True, tag="outcomeMeta"):
    pass


class AskSpotMeta(Request, frozen=True, tag="spotMeta"):
    pass


class AskSpotMetaAndAssetCtxs(Request, frozen=True, tag="spotMetaAndAssetCtxs"):
    pass


class AskPerpDexs(Request, frozen=True, tag="perpDexs"):
    pass


class AskMetaAndAssetCtxs(Request, frozen=True, tag="metaAndAssetCtxs"):
    dex: str = ""


class AskAllMids(Request, frozen=True, tag="allMids"):
    dex: str = ""


class AskL2Book(Request, frozen=True, tag="l2Book"):
    coin: str
    n_sig_figs: SigFigs | None = None
    mantissa: Mantissa | None = None


class AskRecentTrades(Request, frozen=True, tag="recentTrades"):
    coin: str


class CandleRange(Struct, frozen=True, rename="camel"):
    coin: str
    interval: Interval
    start_time: Millis
    end_time: Millis | None = None


class AskCandles(Request, frozen=True, tag="candleSnapshot"):
    req: CandleRange


class AskFundingHistory(Request, frozen=True, tag="fundingHistory"):
    coin: str
    start_time: Millis
    end_time: Millis | None = None


class AskPredictedFundings(Request, frozen=True, tag="predictedFundings"):
    pass


class AskPerpDexLimits(Request, frozen=True, tag="perpDexLimits"):
    dex: str


class AskPerpDexStatus(Request, frozen=True, tag="perpDexStatus"):
    dex: str


class AskPerpsAtCap(Request, frozen=True, tag="perpsAtOpenInterestCap"):
    dex: str = ""


class AskMarginTable(Request, frozen=True, tag="marginTable"):
    id: Annotated[int, Meta(ge=0)]


class AskMaxMarketOrders(Request, frozen=True, tag="maxMarketOrderNtls"):
    pass


class AskLiquidatable(Request, frozen=True, tag="liquidatable"):
    pass


class AskExchangeStatus(Request, frozen=True, tag="exchangeStatus"):
    pass


class AskClearinghouse(OfUser, frozen=True, tag="clearinghouseState"):
    dex: str = ""


class AskSpotState(OfUser, frozen=True, tag="spotClearinghouseState"):
    dex: str = ""


class AskOpenOrders(OfUser, frozen=True, tag="openOrders"):
    dex: str = ""


class AskFrontendOpenOrders(OfUser, frozen=True, tag="frontendOpenOrders"):
    dex: str = ""


class AskOrderStatus(OfUser, frozen=True, tag="orderStatus"):
    oid: Annotated[int, Meta(ge=0)] | Annotated[str, Meta(pattern=r"^0x[0-9a-fA-F]{32}\Z")]


class AskHistoricalOrders(OfUser, frozen=True, tag="historicalOrders"):
    pass


class AskUserFills(OfUser, frozen=True, tag="userFills"):
    aggregate_by_time: bool | None = False


class AskUserFillsByTime(OfUser, frozen=True, tag="userFillsByTime"):
    start_time: Millis
    end_time: Millis | None = None
    aggregate_by_time: bool | None = False
    reversed: bool = False


class AskUserFunding(OfUser, frozen=True, tag="userFunding"):
    start_time: Millis = 0
    end_time: Millis | None = None


class AskLedgerUpdates(OfUser, frozen=True, tag="userNonFundingLedgerUpdates"):
    start_time: Millis = 0
    end_time: Millis | None = None


class AskRateLimit(OfUser, frozen=True, tag="userRateLimit"):
    pass


class AskRole(OfUser, frozen=True, tag="userRole"):
    pass


class AskAbstraction(OfUser, frozen=True, tag="userAbstraction"):
    pass


class AskFees(OfUser, frozen=True, tag="userFees"):
    pass


class AskExtraAgents(OfUser, frozen=True, tag="extraAgents"):
    pass


class AskSubAccounts(OfUser, frozen=True, tag="subAccounts"):
    pass


class AskActiveAssetData(OfUser, frozen=True, tag="activeAssetData"):
    coin: str


class AskDexAbstraction(OfUser, frozen=True, tag="userDexAbstraction"):
    pass


class AskSubAccountsOfAllDexs(OfUser, frozen=True, tag="subAccounts2"):
    pass


class AskPortfolio(OfUser, frozen=True, tag="portfolio"):
    pass


class AskTwapSliceFills(OfUser, frozen=True, tag="userTwapSliceFills"):
    pass


class AskTwapSliceFillsByTime(OfUser, frozen=True, tag="userTwapSliceFillsByTime"):
    start_time: Millis
    end_time: Millis | None = None
    aggregate_by_time: bool | None = False


class AskTwapHistory(OfUser, frozen=True, tag="twapHistory"):
    pass


class AskApprovedBuilders(OfUser, frozen=True, tag="approvedBuilders"):
    pass


class AskWebData(OfUser, frozen=True, tag="webData2"):
    pass


class AskMaxBuilderFee(OfUser, frozen=True, tag="maxBuilderFee"):
    builder: User


MarketRequest = (
    AskMeta
    | AskAllPerpMetas
    | AskOutcomeMeta
    | AskSpotMeta
    | AskSpotMetaAndAssetCtxs
    | AskPerpDexs
    | AskMetaAndAssetCtxs
    | AskAllMids
    | AskL2Book
    | AskRecentTrades
    | AskCandles
    | AskFundingHistory
    | AskPredictedFundings
    | AskPerpDexLimits
    | AskPerpDexStatus
    | AskPerpsAtCap
    | AskMarginTable
    | AskMaxMarketOrders
    | AskLiquidatable
    | AskExchangeStatus
)
AccountRequest = (
    AskClearinghouse
    | AskSpotState
    | AskOpenOrders
    | AskFrontendOpenOrders
    | AskOrderStatus
    | AskHistoricalOrders
    | AskUserFills
    | AskUserFillsByTime
    | AskUserFunding
    | AskLedgerUpdates
    | AskRateLimit
    | AskRole
    | AskAbstraction
    | AskFees
    | AskExtraAgents
    | AskSubAccounts
    | AskActiveAssetData
    | AskMaxBuilderFee
    | AskDexAbstraction
    | AskSubAccountsOfAllDexs
    | AskPortfolio
    | AskTwapSliceFills
    | AskTwapSliceFillsByTime
    | AskTwapHistory
    | AskApprovedBuilders
    | AskWebData
)
InfoRequest = MarketRequest | AccountRequest | BesideRequest

_request: msgspec.json.Decoder[InfoRequest] = msgspec.json.Decoder(InfoRequest)


def read_request(body: bytes) -> InfoRequest:
    """Read a request body. Raises msgspec.ValidationError for a wrong shape, msgspec.DecodeError for no JSON."""
    return _request.decode(body)


def convert_request(payload: Any) -> InfoRequest:
    """The same for JSON that is already parsed (websocket post requests)."""
    request: InfoRequest = msgspec.convert(payload, InfoRequest)
    return request
