"""The venue's stream for one account, turned into events, for ever. It fills adapters.ports.Feed."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal

import structlog
from msgspec.structs import replace

from adapters.backoff import Backoff
from adapters.hyperliquid.subscriptions import PING, Watchlist, account_subscriptions
from adapters.hyperliquid.universe import Universe
from adapters.hyperliquid.wire.frames import Frame, read_frame
from adapters.ports import Clock, Socket, SocketTransport
from core.events import AnyEvent, QuoteReceived, StreamChanged
from core.types import Coin, Quote

PING_EVERY_S = 20.0
"""The venue closes a connection on which it has sent nothing for 60 s; its pongs count."""

LOOK_EVERY_S = 1.0
MIDS_SILENT_MAX_S = 30.0
"""allMids comes about every 5 s. It is the proof of life: pongs have been seen to go on over dead channels."""

FILLS_DUE_S = 15.0
"""How long the first userFills frame may take."""

QUIET_CHANNELS = frozenset({"subscriptionResponse", "pong"})

Sink = Callable[[AnyEvent], None]

log = structlog.get_logger(__name__)


class Stale(ConnectionError):
    """The socket is open and its content is dead."""


class HyperliquidFeed:
    """One websocket, opened again whenever it ends. user is the account's address in lower case.

    After every connection the userFills snapshot comes first, as FillsReceived, then StreamChanged(up=True):
    what happened in between may be missing from it, so it is for the engine to fetch fills from then on.
    """

    def __init__(
        self, sockets: SocketTransport, *, user: str, universe: Universe, clock: Clock, backoff: Backoff
    ) -> None:
        self._sockets = sockets
        self._user = user
        self._clock = clock
        self._backoff = backoff
        self._watchlist = Watchlist(universe)
        self._quotes: dict[Coin, Quote] = {}
        self._heard_ms: dict[str, int] = {}
        self._up = False
        self._mids_wanted: tuple[Coin, ...] = ()

    @property
    def heard_ms(self) -> dict[str, int]:
        """When each channel last brought readable content on the present connection, by the clock."""
        return dict(self._heard_ms)

    def watch(self, coins: Sequence[Coin], *, mids: Sequence[Coin] = ()) -> None:
        """Want the best prices of these coins and no others, and the mids of mids; the socket follows within a second."""
        self._watchlist.want(coins)
        self._mids_wanted = tuple(mids)

    async def run(self, sink: Sink) -> None:
        """Bring events to sink until cancelled. Only a fault of our own, sink's included, ends it."""
        while True:
            self._backoff.connecting(self._clock.now_ms())
            reason = await self._connection(sink)
            self._went_down(sink, reason)
            wait_s = self._backoff.wait_s(self._clock.now_ms())
            log.warning("stream ended", reason=reason, again_in_s=round(wait_s, 2))
            await self._clock.sleep(wait_s)

    async def _connection(self, sink: Sink) -> str:
        """Use one connection up; return why it ended."""
        try:
            socket = await self._sockets.connect()
        except ConnectionError as error:
            return f"no connection: {error}"
        try:
            return await self._use(socket, sink)
        finally:
            await socket.close()

    async def _use(self, socket: Socket, sink: Sink) -> str:
        self._watchlist.forget()
        self._quotes.clear()
        self._heard_ms = {}
        ended: list[BaseException] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(socket, sink))
                tasks.create_task(self._ask(socket))
                tasks.create_task(self._ping(socket))
                tasks.create_task(self._look(self._clock.now_ms()))
        except* ConnectionError as group:
            ended = list(group.exceptions)
        return f"{ended[0]}"

    async def _receive(self, socket: Socket, sink: Sink) -> None:
        while True:
            now = self._clock.now_ms
            raw = await socket.receive()
            self._take(read_frame(raw, now_ms=now(), user=self._user), sink)

    async def _ask(self, socket: Socket) -> None:
        """Send what is to be subscribed: a level that is looked at, so that no change of it can be missed."""
        for words in account_subscriptions(self._user):
            await socket.send(words)
        while True:
            for words in self._watchlist.due():
                await socket.send(words)
            await self._clock.sleep(LOOK_EVERY_S)

    async def _ping(self, socket: Socket) -> None:
        while True:
            await self._clock.sleep(PING_EVERY_S)
            await socket.send(PING)

    async def _look(self, since_ms: int) -> None:
        """End the connection when content that must come does not."""
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            now_ms = self._clock.now_ms()
            if now_ms - self._heard_ms.get("allMids", since_ms) > MIDS_SILENT_MAX_S * 1000:
                raise Stale(f"allMids brought nothing for {MIDS_SILENT_MAX_S:.0f} s")
            if not self._up and now_ms - since_ms > FILLS_DUE_S * 1000:
                raise Stale(f"no userFills snapshot within {FILLS_DUE_S:.0f} s")

    def _take(self, frame: Frame, sink: Sink) -> None:
        """Pass a frame's events on. A frame with faults in it counts as heard only for what could be read."""
        for event in frame.events:
            if type(event) is QuoteReceived:
                self._quotes[event.quote.coin] = event.quote
            sink(event)
        if frame.events or frame.mids or frame.snapshot:
            self._heard_ms[frame.channel] = self._clock.now_ms()
        if frame.mids:
            self._confirm(frame.mids, sink)
            self._value(frame.mids, sink)
        if frame.snapshot and frame.channel == "userFills" and not self._up:
            self._up = True
            sink(StreamChanged(at_ms=self._clock.now_ms(), up=True, reason="userFills snapshot"))
        if frame.faults or frame.text:
            self._complain(frame)

    def _confirm(self, mids: dict[str, Decimal], sink: Sink) -> None:
        """Renew received_ms of a quote whose mid allMids has just repeated.

        bbo speaks only when it changes; without this a calm coin would look like a dead one.
        """
        now_ms = self._clock.now_ms()
        for coin, quote in self._quotes.items():
            if coin in self._watchlist and mids.get(coin) == quote.mid:
                quote = replace(quote, received_ms=now_ms)
                self._quotes[coin] = quote
                sink(QuoteReceived(at_ms=now_ms, quote=quote))

    def _value(self, mids: dict[str, Decimal], sink: Sink) -> None:
        """Pass on the mids of coins that are held and not traded now, as quotes that cannot be traded on."""
        now_ms = self._clock.now_ms()
        for coin in self._mids_wanted:
            mid = mids.get(coin)
            if mid is not None and mid > 0:
                nothing = Decimal(0)
                quote = Quote(
                    coin=coin,
                    bid=mid,
                    ask=mid,
                    bid_size=nothing,
                    ask_size=nothing,
                    at_ms=now_ms,
                    received_ms=now_ms,
                )
                sink(QuoteReceived(at_ms=now_ms, quote=quote))

    def _complain(self, frame: Frame) -> None:
        for fault in frame.faults:
            log.error("a frame could not be read", channel=frame.channel, fault=str(fault))
        if frame.channel == "error":
            log.error("the venue refused a subscription", text=frame.text)
        elif frame.text and frame.channel not in QUIET_CHANNELS:
            log.debug("unknown channel", channel=frame.channel, text=frame.text)

    def _went_down(self, sink: Sink, reason: str) -> None:
        if self._up:
            self._up = False
            sink(StreamChanged(at_ms=self._clock.now_ms(), up=False, reason=reason))
