"""Websocket connections: who hears what, when it is repeated, and when a connection is closed."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from sim.venue import frames
from sim.venue import subscriptions as on
from sim.venue.agenda import Agenda, Duty
from sim.venue.book import Level
from sim.venue.info_spot import is_spot
from sim.venue.state import Happening, Printed, VenueState
from sim.venue.subscriptions import Topic, breaks_socket, coin_of, read_message, read_topic
from sim.venue.tape import Tape, trade_document
from sim.venue.telling import messages
from sim.venue.wire import Close, encode

IDLE_MS = 60_000
USERS_MAX = 15
TOPICS_MAX = 1_000
ABNORMAL = Close(1006)

PostAnswer = Callable[[tuple[int, int], str, Any], Any]
"""(connection, id), type, payload of a post request -> the response member of its answer, None if it comes later."""


class Connection:
    def __init__(self, number: int, now_ms: int) -> None:
        self.number = number
        self.sent_ms = now_ms
        self.topics: dict[Topic, None] = {}


class Streams:
    def __init__(self, state: VenueState, agenda: Agenda, tape: Tape, post: PostAnswer) -> None:
        self._state, self._agenda, self._tape, self._post = state, agenda, tape, post
        self._connections: dict[int, Connection] = {}
        self._listeners: dict[Topic, list[Connection]] = {}
        self._opened = 0
        self._out: list[tuple[int, str | Close]] = []
        self._repetitions: dict[Topic, int] = {}
        self._repetition = 0
        self._ticking: set[int] = set()
        self._shown: dict[int, tuple[Level | None, Level | None]] = {}
        self._fast: frames.FastPrices = {}

    # --- connections -----------------------------------------------------------------------------------

    def connect(self) -> int:
        self._opened += 1
        self._connections[self._opened] = Connection(self._opened, self._state.now_ms)
        self._agenda.put(self._state.now_ms + IDLE_MS, Duty.IDLE, self._opened)
        return self._opened

    def disconnect(self, number: int) -> None:
        connection = self._connections.pop(number, None)
        for topic in () if connection is None else list(connection.topics):
            self._leave(connection, topic)

    def take_frames(self) -> list[tuple[int, str | Close]]:
        out, self._out = self._out, []
        return out

    def check_idle(self, number: int) -> None:
        """Close a connection on which we have sent nothing for a minute, or look again when it may be due."""
        connection = self._connections.get(number)
        if connection is None:
            return
        due_ms = connection.sent_ms + IDLE_MS
        if self._state.now_ms >= due_ms:
            self._close(connection)
        else:
            self._agenda.put(due_ms, Duty.IDLE, number)

    def cut(self, number: int) -> None:
        """Break a connection, if it is still there."""
        connection = self._connections.get(number)
        if connection is not None:
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        self.disconnect(connection.number)
        self._out.append((connection.number, ABNORMAL))

    def _send(self, connection: Connection, text: str) -> None:
        connection.sent_ms = self._state.now_ms
        self._out.append((connection.number, text))

    def _error(self, connection: Connection, text: str) -> None:
        self._send(connection, frames.frame("error", text))

    # --- what clients say ------------------------------------------------------------------------------

    def receive(self, number: int, text: str) -> None:
        """Take a client's frame. Those of a connection that is closed already are dropped."""
        connection = self._connections.get(number)
        if connection is None:
            return
        try:
            self._heed(connection, read_message(text))
        except (msgspec.DecodeError, RecursionError):
            self._error(connection, f"Error parsing JSON into valid websocket request: {text}")

    def _heed(self, connection: Connection, message: on.Message) -> None:
        match message:
            case on.Ping():
                self._send(connection, '{"channel":"pong"}')
            case on.Subscribe(subscription=subscription):
                self._subscribe(connection, subscription)
            case on.Unsubscribe(subscription=subscription):
                self._unsubscribe(connection, subscription)
            case on.Post(id=post_id, request=request):
                sender = (connection.number, post_id)
                response = self._post(sender, request.type, request.payload)
                if response is not None:
                    self.answer_post(sender, response)

    def answer_post(self, sender: tuple[int, int], response: Any) -> None:
        """Answer a post request, if its connection is still there."""
        number, post_id = sender
        connection = self._connections.get(number)
        if connection is not None:
            self._send(connection, frames.frame("post", {"id": post_id, "response": response}))

    def _topic(self, connection: Connection, subscription: Any) -> Topic | None:
        try:
            topic = read_topic(subscription)
        except msgspec.ValidationError:
            self._error(connection, f"Invalid subscription {encode(subscription).decode()}")
            return None
        coin = coin_of(topic)
        if breaks_socket(topic) or not (coin is None or self._known(topic, coin)):
            self._close(connection)
            return None
        return topic

    def _known(self, topic: Topic, coin: str) -> bool:
        return coin in self._state.by_name or (is_spot(coin) and not isinstance(topic, on.ActiveAssetData))

    def _subscribe(self, connection: Connection, subscription: Any) -> None:
        topic = self._topic(connection, subscription)
        if topic is None:
            return
        if topic in connection.topics:
            self._error(connection, f"Already subscribed: {encode(topic).decode()}")
            return
        if len(connection.topics) >= TOPICS_MAX:
            self._error(connection, f"Cannot subscribe to more than {TOPICS_MAX} channels.")
            return
        if isinstance(topic, on.OfUser) and len(_users(connection) | {topic.user}) > USERS_MAX:
            self._error(connection, f"Cannot track more than {USERS_MAX} total users.")
            return
        self._acknowledge(connection, "subscribe", topic)
        self._join(connection, topic)

    def _unsubscribe(self, connection: Connection, subscription: Any) -> None:
        topic = self._topic(connection, subscription)
        if topic is None:
            return
        if topic not in connection.topics:
            self._error(connection, f"Already unsubscribed: {encode(topic).decode()}")
            return
        self._leave(connection, topic)
        self._acknowledge(connection, "unsubscribe", topic)

    def _acknowledge(self, connection: Connection, method: str, topic: Topic) -> None:
        self._send(
            connection, frames.frame("subscriptionResponse", {"method": method, "subscription": topic})
        )

    # --- topics ----------------------------------------------------------------------------------------

    def _join(self, connection: Connection, topic: Topic) -> None:
        listeners = self._listeners.setdefault(topic, [])
        listeners.append(connection)
        connection.topics[topic] = None
        first = frames.current(self._state, self._tape, topic)
        if first is not None:
            self._send(connection, first)
        if len(listeners) == 1:
            self._repetition += 1
            self._repetitions[topic] = self._repetition
            self._put_repetition(topic)
        if isinstance(topic, on.FastAssetCtxs) and len(listeners) == 1:
            self._fast = frames.fast_prices(self._state)
        if isinstance(topic, on.Bbo | on.Trades) and topic.coin in self._state.by_name:
            asset_id = self._state.by_name[topic.coin].asset_id
            self.watch(asset_id)
            if isinstance(topic, on.Bbo) and len(listeners) == 1:
                self._shown[asset_id] = self._best(asset_id)

    def _leave(self, connection: Connection | None, topic: Topic) -> None:
        if connection is None:
            return
        connection.topics.pop(topic, None)
        listeners = self._listeners[topic]
        listeners.remove(connection)
        if not listeners:
            del self._listeners[topic], self._repetitions[topic]

    def _put_repetition(self, topic: Topic) -> None:
        cadence_ms = frames.cadence_ms(topic)
        if cadence_ms is not None:
            self._agenda.put(self._state.now_ms + cadence_ms, Duty.REPEAT, (topic, self._repetitions[topic]))

    def repeat(self, topic: Topic, repetition: int) -> None:
        """Send a topic again to all who listen, and put its next time on the agenda.

        A repetition that began before everybody had left the topic is over, or there would be two of them.
        """
        if self._repetitions.get(topic) == repetition:
            self._put_repetition(topic)
            self._publish(topic, self._again(topic))

    def _again(self, topic: Topic) -> str | None:
        if isinstance(topic, on.FastAssetCtxs):
            return self._fast_changes()
        return frames.current(self._state, self._tape, topic)

    def _fast_changes(self) -> str | None:
        """Return what fastAssetCtxs has not shown yet, coin by coin and field by field."""
        shown, self._fast = self._fast, frames.fast_prices(self._state)
        changes = {
            coin: {k: px for k, px in now.items() if shown.get(coin, {}).get(k, "") != px}
            for coin, now in self._fast.items()
        }
        changes = {coin: fields for coin, fields in changes.items() if fields}
        return frames.fast_frame(changes) if changes else None

    def _publish(self, topic: Topic, text: str | None) -> None:
        if text is not None:
            for connection in self._listeners.get(topic, ()):
                self._send(connection, text)

    # --- coins -----------------------------------------------------------------------------------------

    def watch(self, asset_id: int) -> None:
        """See to it that the coin's ticks are on the agenda as long as somebody needs them."""
        if asset_id not in self._ticking:
            self._agenda.put(self._state.book(asset_id).next_tick_ms, Duty.TICK, asset_id)
            self._ticking.add(asset_id)

    def tick(self, asset_id: int) -> None:
        """The market moved: show best prices and others' trades, and look again at the next tick."""
        prices, now_ms = self._state.prices, self._state.now_ms
        coin, book = prices.assets[asset_id].name, self._state.books[asset_id]
        trades = on.Trades(coin) in self._listeners
        if not (trades or book.has_resting or on.Bbo(coin) in self._listeners):
            self._ticking.discard(asset_id)
            return
        self._agenda.put(prices.next_tick_ms(asset_id, now_ms), Duty.TICK, asset_id)
        self.show_best(asset_id)
        if trades:
            self._show_others(asset_id, coin)

    def show_best(self, asset_id: int) -> None:
        """Send the best prices of a coin if they are not what was sent last."""
        topic = on.Bbo(self._state.prices.assets[asset_id].name)
        if topic not in self._listeners:
            self._shown.pop(asset_id, None)
            return
        best = self._best(asset_id)
        if self._shown.get(asset_id) != best:
            self._shown[asset_id] = best
            self._publish(topic, frames.bbo_frame(topic.coin, self._state.now_ms, *best))

    def _best(self, asset_id: int) -> tuple[Level | None, Level | None]:
        book, now_ms = self._state.book(asset_id), self._state.now_ms
        return book.best(now_ms, of_bids=True), book.best(now_ms, of_bids=False)

    def _show_others(self, asset_id: int, coin: str) -> None:
        trade = self._tape.others(asset_id, self._state.now_ms)
        if trade is not None:
            self._publish(on.Trades(coin), frames.frame("trades", [trade_document(trade)]))

    # --- events ----------------------------------------------------------------------------------------

    def tell(self, happened: Sequence[Happening]) -> None:
        """Send what has happened to those who listen, and keep the trades for those who come later."""
        for one in happened:
            if isinstance(one, Printed):
                self._tape.add(one)
        for topic, text in messages(self._state, happened, self._listeners.__contains__):
            self._publish(topic, text)


def _users(connection: Connection) -> set[str]:
    return {topic.user for topic in connection.topics if isinstance(topic, on.OfUser)}
