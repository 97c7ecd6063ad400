"""What is asked of the stream: which topics are wanted, which names may be subscribed, and the words for it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import structlog

from adapters.hyperliquid.freshness import Topic
from adapters.hyperliquid.universe import Universe
from core.types import HEDGE_COINS, Coin

PING = '{"method":"ping"}'

ACCOUNT = (Topic("userFills"), Topic("orderUpdates"), Topic("userFundings"))
MIDS = Topic("allMids")
STATE = Topic("clearinghouseState")
MARKET_CHANNELS = frozenset({"allMids", "bbo", "l2Book"})
REFUSED = "Invalid subscription"
"""The beginning of the venue's words for a subscription that it does not know."""

log = structlog.get_logger(__name__)

_encoder = msgspec.json.Encoder()


class Change(NamedTuple):
    method: str
    topic: Topic


def words(change: Change, *, user: str) -> str:
    """Return a frame of the client. To unsubscribe it repeats the object that was subscribed (hyperliquid.md 3.1)."""
    channel, coin = change.topic
    subscription: dict[str, Any] = {"type": channel}
    if coin:
        subscription["coin"] = coin
    elif channel not in MARKET_CHANNELS:
        subscription["user"] = user
    if channel == "l2Book":
        subscription["fast"] = True
    return _encoder.encode({"method": change.method, "subscription": subscription}).decode()


class Watchlist:
    """The topics that are wanted, and those already asked for on the socket at hand.

    A name that is not in meta closes the venue's whole socket (hyperliquid.md 3.1), so it waits until it is there.
    The hedge assets' books are wanted for their heartbeat, the account's state as a witness while a session trades.
    """

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self.coins: tuple[Coin, ...] = ()
        self._asked: dict[Topic, None] = {}
        self._refused: set[str] = set()
        self._complained: set[Coin] = set()

    @property
    def is_trading(self) -> bool:
        """Whether more is watched than the hedge assets: a session trades."""
        return not set(self.coins) <= set(HEDGE_COINS)

    def want(self, coins: Sequence[Coin]) -> None:
        self.coins = tuple(dict.fromkeys(coins))

    def forget(self) -> None:
        """The socket is gone, and every subscription with it."""
        self._asked.clear()

    def refuse(self, text: str) -> None:
        """Do without a channel that the venue says it does not know: without its witness, and not without the socket."""
        if text.lstrip('"').startswith(REFUSED):
            self._refused |= {channel for channel in ("l2Book", STATE.channel) if channel in text}

    def due(self) -> list[Change]:
        """Return what has to be sent to get from what was asked for to what is wanted, and count it as sent."""
        wanted = dict.fromkeys(self._wanted())
        fresh = [topic for topic in wanted if topic not in self._asked]
        dropped = [topic for topic in self._asked if topic not in wanted]
        self._asked = wanted
        return [*(Change("unsubscribe", t) for t in dropped), *(Change("subscribe", t) for t in fresh)]

    def _wanted(self) -> list[Topic]:
        known = [coin for coin in self.coins if coin in self._universe]
        self._complain(set(self.coins) - set(known))
        witnesses = [Topic("l2Book", coin) for coin in known if coin in HEDGE_COINS]
        witnesses += [STATE] if self.is_trading else []
        topics = [*ACCOUNT, MIDS, *witnesses, *(Topic("bbo", coin) for coin in known)]
        return [topic for topic in topics if topic.channel not in self._refused]

    def __contains__(self, coin: object) -> bool:
        return isinstance(coin, str) and Topic("bbo", coin) in self._asked

    def _complain(self, unknown: set[Coin]) -> None:
        for coin in sorted(unknown - self._complained):
            log.warning("not subscribed, the venue does not list it", coin=coin)
        self._complained = unknown
