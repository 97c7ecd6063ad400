"""KuCoin, spot: /market/ticker for prices, /market/snapshot for volumes (kucoin.com/docs-new, classic websocket).

The address is told by bullet-public for each connection. Both topics send whole states; their sequence is the book's,
which rises by more than one, so that only one that falls is a fault.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from adapters.exchanges.edge import BAD, amount, price, reader, stamp_ms, strange, whole
from adapters.exchanges.pairs import Pairs, When, ticked
from adapters.exchanges.ports import ALIVE, Door, Read, WordsOf, refusal
from adapters.exchanges.symbols import divided

ENCRYPTED, LOOPBACK = "wss://", "ws://127.0.0.1"
"""Where a connection may lead: the venue's own servers under TLS, or a stand-in on this host (E4-20)."""

_json = reader(object)


def url_of(reply: bytes) -> str:
    """Return where to connect. Raises ValueError where the reply of bullet-public has no address."""
    try:
        told = _json(reply)
    except BAD as error:
        raise ValueError(f"bullet-public: {error}") from error
    match told:
        case {"data": {"token": str(token), "instanceServers": [{"endpoint": str(endpoint)}, *_]}}:
            if endpoint.startswith((ENCRYPTED, LOOPBACK)):
                return f"{endpoint}?{urlencode({'token': token, 'connectId': 'nightdesk'})}"
    raise ValueError("bullet-public: no address in the reply")


class Kucoin:
    """The words of one connection to KuCoin's spot market, for pairs such as "BTC/USDT"."""

    source = "kucoin"
    url = "https://api.kucoin.com"
    door: Door | None = Door(path="/api/v1/bullet-public", url_of=url_of)
    silence_s = 25.0
    ping_s: float | None = 10.0

    def __init__(self, pairs: Sequence[str]) -> None:
        self._asked = [pair.replace("/", "-") for pair in pairs]
        self._pairs = Pairs(self.source)
        self._sequences: dict[str, int] = {}

    def hello(self) -> tuple[str, ...]:
        """Nothing: the venue speaks first, and hears only what comes after its welcome."""
        return ()

    def ping(self, now_ms: int) -> str:
        return msgspec.json.encode({"id": str(now_ms), "type": "ping"}).decode()

    def read(self, frame: str | bytes, received_ms: int) -> Read:
        try:
            return self._read(_json(frame), received_ms) or strange(frame)
        except BAD:
            return strange(frame)

    def _read(self, message: object, received_ms: int) -> Read | None:
        match message:
            case {"type": "welcome"}:
                return Read(alive=True, replies=self._subscriptions())
            case {"type": "pong" | "ack"}:
                return ALIVE
            case {"type": "error", **rest}:
                return refusal(f"{rest.get('code')} {rest.get('data')}")
            case {"type": "message", "topic": str(topic), "data": data}:
                return self._topic(topic, data, received_ms)
        return None

    def _subscriptions(self) -> tuple[str, ...]:
        """Return a request for each topic of each pair: a name that the venue does not know spoils no other."""
        topics = [f"/market/{kind}:{name}" for name in self._asked for kind in ("ticker", "snapshot")]
        request = {"type": "subscribe", "privateChannel": False, "response": True}
        asked = ({"id": str(n), "topic": topic, **request} for n, topic in enumerate(topics, 1))
        return tuple(msgspec.json.encode(one).decode() for one in asked)

    def _topic(self, topic: str, data: object, received_ms: int) -> Read | None:
        kind, _, name = topic.partition(":")
        symbol = divided(name, "-")
        match data:
            case {"sequence": told} if symbol is not None and (sequence := whole(told)) is not None:
                if sequence < self._sequences.get(topic, sequence):
                    return Read(fault=f"kucoin {topic}: sequence {sequence} is older than the last")
                self._sequences[topic] = sequence
            case _:
                return None
        if kind == "/market/ticker":
            return self._ticker(symbol, data, received_ms)
        return self._snapshot(symbol, data, received_ms) if kind == "/market/snapshot" else None

    def _ticker(self, symbol: str, data: object, received_ms: int) -> Read | None:
        match data:
            case {"price": last, "bestBid": bid, "bestAsk": ask, **rest}:
                when = When("ticker", stamp_ms(rest.get("time", rest.get("Time"))), received_ms)
                tick = self._pairs.tell(symbol, when, last=price(last), bid=price(bid), ask=price(ask))
                return ticked([tick])
        return None

    def _snapshot(self, symbol: str, data: object, received_ms: int) -> Read | None:
        """Take the volumes; its prices only where the ticker has told none that is newer."""
        match data:
            case {"data": {"lastTradedPrice": last, "buy": bid, "sell": ask, "datetime": at, **rest}}:
                volume, base = amount(rest.get("volValue")), amount(rest.get("vol"))
                self._pairs.note(symbol, volume=volume, volume_base=base)
                when = When("snapshot", stamp_ms(at), received_ms)
                if when.at_ms is None or when.at_ms < self._pairs.newest_ms(symbol):
                    return ALIVE
                tick = self._pairs.tell(symbol, when, last=price(last), bid=price(bid), ask=price(ask))
                return ticked([tick])
        return None


WORDS: WordsOf = Kucoin
