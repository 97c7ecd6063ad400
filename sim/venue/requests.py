"""What may stand in a POST to /info. Members unknown to us are dropped, as the venue does."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

User = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{40}$")]
Interval = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "3d", "1w", "1M"]
SigFigs = Literal[2, 3, 4, 5]
Mantissa = Literal[1, 2, 5]
Millis = Annotated[int, Meta(ge=0, le=2**62)]


class Request(Struct, frozen=True, tag_field="type", rename="camel"):
    """The root of the tagged union; holds no behaviour."""


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


class AskExchangeStatus(Request, frozen=True, tag="exchangeStatus"):
    pass


class OfUser(Request, frozen=True):
    user: User


class AskClearinghouse(OfUser, frozen=True, tag="clearinghouseState"):
    dex: str = ""


class AskSpotState(OfUser, frozen=True, tag="spotClearinghouseState"):
    pass


class AskOpenOrders(OfUser, frozen=True, tag="openOrders"):
    dex: str = ""


class AskFrontendOpenOrders(OfUser, frozen=True, tag="frontendOpenOrders"):
    dex: str = ""


class AskOrderStatus(OfUser, frozen=True, tag="orderStatus"):
    oid: Annotated[int, Meta(ge=0)] | Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{32}$")]


class AskHistoricalOrders(OfUser, frozen=True, tag="historicalOrders"):
    pass


class AskUserFills(OfUser, frozen=True, tag="userFills"):
    aggregate_by_time: bool = False


class AskUserFillsByTime(OfUser, frozen=True, tag="userFillsByTime"):
    start_time: Millis
    end_time: Millis | None = None
    aggregate_by_time: bool | None = False
    reversed: bool = False


class AskUserFunding(OfUser, frozen=True, tag="userFunding"):
    start_time: Millis
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
)
InfoRequest = MarketRequest | AccountRequest

_request: msgspec.json.Decoder[InfoRequest] = msgspec.json.Decoder(InfoRequest)


def read_request(body: bytes) -> InfoRequest:
    """Read a request body. Raises msgspec.ValidationError for a wrong shape, msgspec.DecodeError for no JSON."""
    return _request.decode(body)


def convert_request(payload: Any) -> InfoRequest:
    """The same for JSON that is already parsed (websocket post requests)."""
    request: InfoRequest = msgspec.convert(payload, InfoRequest)
    return request
