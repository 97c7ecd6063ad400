"""What is asked of the stream: which names may be subscribed, and the words for it."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import structlog

from adapters.hyperliquid.universe import Universe
from core.types import Coin

PING = '{"method":"ping"}'

log = structlog.get_logger(__name__)

_encoder = msgspec.json.Encoder()


def account_subscriptions(user: str) -> tuple[str, ...]:
    """Return the subscriptions that one account needs, its fills first."""
    return (
        _subscribe(type="userFills", user=user),
        _subscribe(type="orderUpdates", user=user),
        _subscribe(type="userFundings", user=user),
        _subscribe(type="allMids"),
    )


def _subscribe(**subscription: Any) -> str:
    return _words("subscribe", subscription)


def _words(method: str, subscription: dict[str, Any]) -> str:
    return _encoder.encode({"method": method, "subscription": subscription}).decode()


class Watchlist:
    """The coins whose best prices are wanted, and those already asked for on the socket at hand.

    A name that is not in meta closes the venue's whole socket (hyperliquid.md 3.1), so it waits until it is there.
    """

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self._wanted: tuple[Coin, ...] = ()
        self._asked: set[Coin] = set()
        self._complained: set[Coin] = set()

    def want(self, coins: Sequence[Coin]) -> None:
        self._wanted = tuple(dict.fromkeys(coins))

    def forget(self) -> None:
        """The socket is gone, and every subscription with it."""
        self._asked.clear()

    def due(self) -> list[str]:
        """Return what has to be sent to get from what was asked for to what is wanted, and count it as sent."""
        known = [coin for coin in self._wanted if coin in self._universe]
        self._complain(set(self._wanted) - set(known))
        fresh = [coin for coin in known if coin not in self._asked]
        dropped = sorted(self._asked - set(self._wanted))
        self._asked = (self._asked | set(fresh)) - set(dropped)
        return [*_bbo("unsubscribe", dropped), *_bbo("subscribe", fresh)]

    def __contains__(self, coin: object) -> bool:
        return coin in self._asked

    def _complain(self, unknown: set[Coin]) -> None:
        for coin in sorted(unknown - self._complained):
            log.warning("not subscribed, the venue does not list it", coin=coin)
        self._complained = unknown


def _bbo(method: str, coins: Iterable[Coin]) -> list[str]:
    return [_words(method, {"type": "bbo", "coin": coin}) for coin in coins]
