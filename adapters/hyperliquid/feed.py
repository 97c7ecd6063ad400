"""The venue's stream for one account, turned into events, for ever. It fills adapters.ports.Feed.

freshness judges what is alive. What is not is subscribed again, then connected again; adapters.hyperliquid.stand_in
reads its prices over HTTP meanwhile, and the engine its fills, told by StreamChanged.
"""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal

import structlog

from adapters.backoff import Backoff, Pace
from adapters.hyperliquid.freshness import Ailment, Freshness, Topic, Verdict
from adapters.hyperliquid.reference import HyperliquidReference
from adapters.hyperliquid.stand_in import Prices, StandIn
from adapters.hyperliquid.subscriptions import PING, STATE, Change, Watchlist, words
from adapters.hyperliquid.wire.frames import Frame, read_frame
from adapters.ports import Socket, SocketTransport
from core.events import AnyEvent, FillsReceived, OrdersAnswered, QuoteReceived, StreamChanged
from core.types import HEDGE_COINS, Coin, Outcome

PING_EVERY_S = 20.0
"""The venue closes a connection on which it has sent nothing for 60 s; its pongs count."""

ASK_EVERY_S = 1.0
LOOK_EVERY_S = 0.5
ASLEEP_S = 1.0
"""A look that comes later than this says something about us and nothing about the venue."""
DEAF_S = 3.0
"""After so long without listening the engine is told to read what it may have missed."""
REMEDIES_MAX = 2
"""How often a channel is subscribed again before the connection is given up."""
REMEDY_S = 3.0
REMEDY_MAX_S = 30.0
WELL_AFTER_MS = 60_000

QUIET_CHANNELS = frozenset({"subscriptionResponse", "pong"})
FILLS = Topic("userFills")

Sink = Callable[[AnyEvent], None]

log = structlog.get_logger(__name__)


class Stale(ConnectionError):
    """The socket is open and its content is dead."""


class HyperliquidFeed:
    """One websocket, opened again whenever it ends. user is the account's address in lower case.

    After every connection the userFills snapshot comes first, as FillsReceived, then StreamChanged(up=True):
    what happened in between may be missing from it, so it is for the engine to fetch fills from then on.
    patience stretches the limits of freshness, for clocks that run faster than the network.
    """

    def __init__(
        self,
        sockets: SocketTransport,
        reference: HyperliquidReference,
        *,
        user: str,
        backoff: Backoff,
        patience: float = 1.0,
    ) -> None:
        self._sockets = sockets
        self._user = user
        self._clock = reference.clock
        self._backoff = backoff
        self._pace = Pace()
        self._patience = patience
        self._watchlist = Watchlist(reference.universe)
        self._fresh = Freshness(patience=patience)
        self._prices = Prices(self._clock)
        self._stand_in = StandIn(reference, self._watchlist, self._prices)
        self._remedies: dict[Topic, tuple[int, int]] = {}
        self._heard_ms: dict[str, int] = {}
        self._spoken = {FILLS.channel}
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
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._connections(sink))
            tasks.create_task(self._stand_in.run(sink, lambda mids: self._take_mids(mids, sink)))

    async def _connections(self, sink: Sink) -> None:
        while True:
            self._backoff.connecting(self._clock.now_ms())
            reason = await self._connection(sink)
            self._stand_in.connection_ended()
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
        self._fresh = Freshness(patience=self._patience)
        self._stand_in.connection_begun(self._fresh)
        self._remedies.clear()
        self._heard_ms = {}
        works = (self._receive(socket, sink), self._ask(socket), self._ping(socket), self._look(socket, sink))
        return await _first_end([asyncio.create_task(work) for work in works])

    async def _receive(self, socket: Socket, sink: Sink) -> None:
        while True:
            now = self._clock.now_ms
            raw = await socket.receive()
            self._take(read_frame(raw, now_ms=now(), user=self._user), sink)

    async def _ask(self, socket: Socket) -> None:
        """Send what is to be subscribed: a level that is looked at, so that no change of it can be missed."""
        while True:
            for change in self._watchlist.due():
                while wait_s := self._pace.wait_s(self._clock.now_ms()):
                    await self._clock.sleep(wait_s)
                self._pace.sent(self._clock.now_ms())
                await socket.send(words(change, user=self._user))
                if change.method == "subscribe":
                    self._fresh.expect(change.topic, self._clock.now_ms())
                else:
                    self._fresh.forget(change.topic)
            await self._clock.sleep(ASK_EVERY_S)

    async def _ping(self, socket: Socket) -> None:
        while True:
            await self._clock.sleep(PING_EVERY_S)
            self._pace.sent(self._clock.now_ms())
            await socket.send(PING)

    # --- what is not alive ---------------------------------------------------------------------------------

    async def _look(self, socket: Socket, sink: Sink) -> None:
        """Judge the content twice a second; end the connection when no remedy helps."""
        while True:
            due_ms = self._clock.now_ms() + 1000 * LOOK_EVERY_S
            await self._clock.sleep(LOOK_EVERY_S)
            late_s = (self._clock.now_ms() - due_ms) / 1000
            if late_s > ASLEEP_S * self._patience:
                self._woke(sink, late_s)
                continue
            if why := self._fresh.dead(self._clock.now_ms()):
                raise Stale(why)
            for verdict in self._fresh.verdicts(self._clock.now_ms()):
                if verdict.ailment is not Ailment.DOUBTED:
                    await self._treat(verdict, socket, sink)

    def _woke(self, sink: Sink, late_s: float) -> None:
        self._fresh.forgive(self._clock.now_ms())
        log.warning("the feed did not listen", for_s=round(late_s, 1))
        if self._up and late_s > DEAF_S * self._patience:
            self._missed(sink, f"deaf for {late_s:.1f} s")

    async def _treat(self, verdict: Verdict, socket: Socket, sink: Sink) -> None:
        """Subscribe again, ever more slowly; where the hedge or the fills hang on it, connect again in the end."""
        now_ms, topic = self._clock.now_ms(), verdict.topic
        tries, next_ms = self._remedies.get(topic, (0, 0))
        if now_ms - next_ms > WELL_AFTER_MS:
            tries = 0
        if now_ms < next_ms or self._pace.wait_s(now_ms):
            return
        if tries >= REMEDIES_MAX and self._is_vital(topic):
            raise Stale(str(verdict))
        log.warning("subscribed again", channel=str(topic), reason=str(verdict))
        wait_s = min(REMEDY_S * 2**tries, REMEDY_MAX_S) * self._backoff.rng.uniform(0.5, 1.0)
        self._remedies[topic] = (tries + 1, now_ms + int(1000 * wait_s * self._patience))
        self._fresh.settled(topic)
        if topic == FILLS:
            self._went_down(sink, str(verdict))
        elif topic == STATE:
            self._missed(sink, str(verdict))
        for method in ("unsubscribe", "subscribe"):
            self._pace.sent(now_ms)
            await socket.send(words(Change(method, topic), user=self._user))
        self._fresh.expect(topic, now_ms)

    def _is_vital(self, topic: Topic) -> bool:
        """Say whether a new connection is worth having for it: not for one coin of many, nor for what never came at all."""
        return topic.channel in self._spoken and (topic.channel != "bbo" or topic.coin in HEDGE_COINS)

    def _missed(self, sink: Sink, reason: str) -> None:
        """Something of the account may have been missed: the engine reads fills and positions at every StreamChanged."""
        if self._up:
            sink(StreamChanged(at_ms=self._clock.now_ms(), up=True, reason=reason))

    def _went_down(self, sink: Sink, reason: str) -> None:
        if self._up:
            self._up = False
            sink(StreamChanged(at_ms=self._clock.now_ms(), up=False, reason=reason))

    # --- what comes ------------------------------------------------------------------------------------------

    def _take(self, frame: Frame, sink: Sink) -> None:
        """Pass a frame's events on. A frame with faults in it counts as heard only for what could be read."""
        if frame.events or frame.mids or frame.snapshot or frame.positions is not None:
            self._note(frame)
        for event in frame.events:
            if type(event) is QuoteReceived:
                self._take_quote(event, frame.channel, sink)
            else:
                sink(event)
        if frame.mids:
            self._take_mids(frame.mids, sink)
        if frame.snapshot and frame.channel == "userFills" and not self._up:
            self._up = True
            sink(StreamChanged(at_ms=self._clock.now_ms(), up=True, reason="userFills snapshot"))
        if frame.faults or frame.text:
            self._complain(frame)

    def _note(self, frame: Frame) -> None:
        """Tell freshness what was heard."""
        now_ms = self._heard_ms[frame.channel] = self._clock.now_ms()
        self._spoken.add(frame.channel)
        exchange_ms = 0
        for event in frame.events:
            match event:
                case QuoteReceived(quote=quote):
                    exchange_ms = quote.at_ms
                case FillsReceived(fills=fills):
                    for fill in fills:
                        live = not frame.snapshot and fill.cloid is not None
                        self._fresh.executed(fill.oid, fill.coin, now_ms, live=live)
                case OrdersAnswered(answers=answers):
                    for answer in answers:
                        filled = answer.outcome is Outcome.FILLED
                        self._fresh.reported(answer.oid or 0, now_ms, filled=filled)
        if frame.positions is not None:
            self._fresh.positions(frame.positions, now_ms)
        self._fresh.heard(Topic(frame.channel, frame.coin), now_ms, exchange_ms=exchange_ms)

    def _take_quote(self, event: QuoteReceived, channel: str, sink: Sink) -> None:
        self._stand_in.is_alive = True
        if channel == "bbo":
            self._prices.best[event.quote.coin] = event.quote
        else:
            best = self._prices.best.get(event.quote.coin)
            self._fresh.book(event.quote, best, self._clock.now_ms())
        self._prices.offer(event.quote, sink)

    def _take_mids(self, mids: dict[str, Decimal], sink: Sink) -> None:
        """Confirm what has not moved, doubt what has, and value what is held and not traded now.

        bbo speaks only when it changes; without this a calm coin would look like a dead one. A mid carries no time: it is
        as of the newest that the venue has shown beside it.
        """
        now_ms, as_of_ms = self._clock.now_ms(), self._fresh.newest_exchange_ms
        self._stand_in.mids_ms = now_ms
        for coin in self._watchlist.coins:
            mid, best = mids.get(coin), self._prices.best.get(coin)
            if mid is None or best is None or coin not in self._watchlist:
                continue
            if self._fresh.mid(mid, best, now_ms):
                self._prices.confirm(best, as_of_ms, sink)
        for coin in self._mids_wanted:
            mid = mids.get(coin)
            if mid is not None and mid > 0:
                self._prices.value(coin, mid, sink)

    def _complain(self, frame: Frame) -> None:
        for fault in frame.faults:
            log.error("a frame could not be read", channel=frame.channel, fault=str(fault))
        if frame.channel == "error":
            log.error("the venue refused a subscription", text=frame.text)
            self._watchlist.refuse(frame.text)
        elif frame.text and frame.channel not in QUIET_CHANNELS:
            log.debug("unknown channel", channel=frame.channel, text=frame.text)


async def _first_end(tasks: list[asyncio.Task[None]]) -> str:
    """Return why the first task lost its connection, and end the others. A fault of our own passes.

    No TaskGroup: when one is cancelled in the moment in which a task of it fails, Python before 3.13 forgets the
    cancellation, and a stop waited for a feed that ran on.
    """
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    errors = [error for task in tasks if not task.cancelled() and (error := task.exception()) is not None]
    for error in errors:
        if not isinstance(error, ConnectionError):
            raise error
    return f"{errors[0]}"
