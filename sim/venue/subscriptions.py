"""What can be subscribed, with the defaults that the venue's acknowledgement echoes (hyperliquid.md 3)."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from sim.venue.request_base import Interval, User


class Subscription(Struct, frozen=True, tag_field="type", rename="camel"):
    """The root of the tagged union; equal subscriptions are one topic."""


class OfCoin(Subscription, frozen=True):
    coin: str


class OfUser(Subscription, frozen=True):
    user: User


class AllMids(Subscription, frozen=True, tag="allMids"):
    dex: str | UnsetType = UNSET


class Bbo(OfCoin, frozen=True, tag="bbo"):
    pass


class L2Book(OfCoin, frozen=True, tag="l2Book"):
    n_sig_figs: int | None = None
    mantissa: int | None = None
    fast: bool = False


class Trades(OfCoin, frozen=True, tag="trades"):
    pass


class ActiveAssetCtx(OfCoin, frozen=True, tag="activeAssetCtx"):
    pass


class Candle(Subscription, frozen=True, tag="candle"):
    interval: Interval
    coin: str


class OrderUpdates(OfUser, frozen=True, tag="orderUpdates"):
    pass


class UserEvents(OfUser, frozen=True, tag="userEvents"):
    pass


class UserFills(OfUser, frozen=True, tag="userFills"):
    aggregate_by_time: bool = False


class UserFundings(OfUser, frozen=True, tag="userFundings"):
    pass


class LedgerUpdates(OfUser, frozen=True, tag="userNonFundingLedgerUpdates"):
    pass


class ClearinghouseState(OfUser, frozen=True, tag="clearinghouseState"):
    dex: str | UnsetType = UNSET


class OpenOrders(OfUser, frozen=True, tag="openOrders"):
    dex: str | UnsetType = UNSET


class SpotState(OfUser, frozen=True, tag="spotState"):
    ignore_portfolio_margin: bool = False


class Notification(OfUser, frozen=True, tag="notification"):
    pass


class ActiveAssetData(OfUser, frozen=True, tag="activeAssetData"):
    coin: str


class AssetCtxs(Subscription, frozen=True, tag="assetCtxs"):
    dex: str | UnsetType = UNSET


class SpotAssetCtxs(Subscription, frozen=True, tag="spotAssetCtxs"):
    pass


class AllDexsAssetCtxs(Subscription, frozen=True, tag="allDexsAssetCtxs"):
    pass


class FastAssetCtxs(Subscription, frozen=True, tag="fastAssetCtxs"):
    pass


class AllDexsClearinghouse(OfUser, frozen=True, tag="allDexsClearinghouseState"):
    pass


class WebData2(OfUser, frozen=True, tag="webData2"):
    pass


class WebData3(OfUser, frozen=True, tag="webData3"):
    pass


class TwapSliceFills(OfUser, frozen=True, tag="userTwapSliceFills"):
    pass


class TwapHistory(OfUser, frozen=True, tag="userTwapHistory"):
    pass


class TwapStates(OfUser, frozen=True, tag="twapStates"):
    dex: str | UnsetType = UNSET


class HistoricalOrders(OfUser, frozen=True, tag="userHistoricalOrders"):
    pass


Topic = (
    AllMids
    | Bbo
    | L2Book
    | Trades
    | ActiveAssetCtx
    | Candle
    | OrderUpdates
    | UserEvents
    | UserFills
    | UserFundings
    | LedgerUpdates
    | ClearinghouseState
    | OpenOrders
    | SpotState
    | Notification
    | ActiveAssetData
    | AssetCtxs
    | SpotAssetCtxs
    | AllDexsAssetCtxs
    | FastAssetCtxs
    | AllDexsClearinghouse
    | WebData2
    | WebData3
    | TwapSliceFills
    | TwapHistory
    | TwapStates
    | HistoricalOrders
)


def read_topic(subscription: Any) -> Topic:
    """Return the topic of a subscription object. Raises msgspec.ValidationError."""
    topic: Topic = msgspec.convert(subscription, Topic)
    return msgspec.structs.replace(topic, user=topic.user.lower()) if isinstance(topic, OfUser) else topic


def coin_of(topic: Topic) -> str | None:
    return topic.coin if isinstance(topic, OfCoin | Candle | ActiveAssetData) else None


def breaks_socket(topic: Topic) -> bool:
    """Return whether the venue closes the socket over it, as it does over an illegal aggregation or an unknown dex."""
    if getattr(topic, "dex", None):
        return True
    return isinstance(topic, L2Book) and not (
        topic.n_sig_figs in (None, 2, 3, 4, 5)
        and (topic.mantissa is None or (topic.mantissa in (1, 2, 5) and topic.n_sig_figs == 5))
    )


class Ping(Struct, frozen=True, tag_field="method", tag="ping"):
    pass


class Subscribe(Struct, frozen=True, tag_field="method", tag="subscribe"):
    subscription: dict[str, Any]


class Unsubscribe(Struct, frozen=True, tag_field="method", tag="unsubscribe"):
    subscription: dict[str, Any]


class PostRequest(Struct, frozen=True):
    type: Literal["info", "action"]
    payload: dict[str, Any]


class Post(Struct, frozen=True, tag_field="method", tag="post"):
    id: Annotated[int, Meta(ge=0)]
    request: PostRequest


Message = Ping | Subscribe | Unsubscribe | Post

_message: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def read_message(text: str) -> Message:
    """Read a client's frame. Raises msgspec.DecodeError or its child ValidationError."""
    return _message.decode(text)
