"""Hyperliquid as a machine without IO: requests and frames in, replies and frames out, time given.

It has no clock and no randomness but its seed: the same calls at the same times give the same bytes.
A mistake of ours in one action, answer or duty ends that one alone: it is logged and kept in mistakes.
"""

from collections.abc import Callable, Mapping, MutableSequence
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import msgspec

from sim.venue.account import Account, FundingPaid, VenueFill
from sim.venue.actions import Envelope, convert_envelope, read_envelope
from sim.venue.agenda import Agenda, Due, Duty
from sim.venue.agents import forget_expired
from sim.venue.blocks import Blocks, Ticket, block_end_ms
from sim.venue.brackets import follow
from sim.venue.clearing import drop, pay_funding, settle_delisted
from sim.venue.exchange import act
from sim.venue.info import answer
from sim.venue.info_market import NoSuchCoin
from sim.venue.liquidation import liquidate_where_due
from sim.venue.margin import equity_usd
from sim.venue.placing import match_resting
from sim.venue.price_source import HOUR_MS, PRICE_CADENCE_MS, PriceSource
from sim.venue.refusing import Refusing
from sim.venue.reply import Document
from sim.venue.requests import convert_request, read_request
from sim.venue.signature import Chain, Unrecoverable
from sim.venue.state import VenueState
from sim.venue.streams import Streams
from sim.venue.tape import Tape
from sim.venue.triggers import fire_reached
from sim.venue.twaps import end_with_liquidation, execute_slice
from sim.venue.wire import JSON, TEXT, Close, Reply, reply

WRONG_TYPE = Reply(415, TEXT, b"Expected request with `Content-Type: application/json`")
WRONG_SHAPE = Reply(422, TEXT, b"Failed to deserialize the JSON body into the target type")
NO_JSON = Reply(400, TEXT, b"Failed to parse the request body as JSON")
NO_PATH = Reply(404, TEXT, b"")
NO_COIN = BROKEN = Reply(500, JSON, b"null")
DAY_MS = 24 * HOUR_MS
Observe = Callable[[Envelope, Document], None]
"""Told of every action that was carried out or refused, and of the venue's answer."""


class Venue:
    def __init__(
        self,
        market: PriceSource,
        *,
        accounts: Mapping[str, Decimal],
        agents: Mapping[str, str],
        start_ms: int,
        seed: int,
        chain: Chain = Chain.TESTNET,
    ) -> None:
        """accounts: address -> USDC; agents: agent's address -> its master's."""
        self._state = VenueState(market, chain, accounts=accounts, agents=agents, at=(start_ms, seed))
        self._agenda, self._tape = Agenda(), Tape(self._state)
        self._blocks = Blocks()
        self._replies: list[tuple[int, Reply]] = []
        self._posts: dict[int, tuple[int, int]] = {}
        self._streams = Streams(self._state, self._agenda, self._tape, self._post)
        self.observers: list[Observe] = []
        self._state.portfolios.open(self._state)
        self._agenda.put(start_ms - start_ms % HOUR_MS + HOUR_MS, Duty.HOUR)
        for asset in market.assets:
            if asset.delisted_from_ms is not None and asset.delisted_from_ms > start_ms:
                self._agenda.put(asset.delisted_from_ms, Duty.DELIST, asset.asset_id)

    # --- requests --------------------------------------------------------------------------------------

    def submit(self, path: str, content_type: str | None, body: bytes, *, now_ms: int) -> Reply | Ticket:
        """Take a POST exactly as hyperliquid.md 1.1 has it: an action's reply is known when its block ends."""
        self.advance(now_ms)
        given = self._read(path, content_type, body)
        return given if isinstance(given, Reply) else self._into_block(given)

    def take_replies(self) -> list[tuple[int, Reply]]:
        """Return the replies known since the last call, as (ticket's number, reply), in order."""
        replies, self._replies = self._replies, []
        return replies

    def http(self, path: str, content_type: str | None, body: bytes, *, now_ms: int) -> Reply:
        """Answer a POST at once, as if its block ended at this instant with nothing else in it."""
        self.advance(now_ms)
        given = self._read(path, content_type, body)
        return given if isinstance(given, Reply) else _http_reply(self._carry_out(given))

    def _read(self, path: str, content_type: str | None, body: bytes) -> Reply | Envelope:
        if path not in ("/info", "/exchange"):
            return NO_PATH
        if (content_type or "").partition(";")[0].strip().lower() != JSON:
            return WRONG_TYPE
        with self._state.mistakes.survived("POST", path):
            return self._made_of(path, body)
        return BROKEN

    def _made_of(self, path: str, body: bytes) -> Reply | Envelope:
        try:
            if path == "/exchange":
                return read_envelope(body)
            return reply(answer(self._state, self._tape, read_request(body)))
        except NoSuchCoin:
            return NO_COIN
        except msgspec.ValidationError:
            return WRONG_SHAPE
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return NO_JSON

    def _post(self, sender: tuple[int, int], kind: str, payload: Any) -> Any:
        """Answer a post request of a websocket; sender is (connection, id). None: when the block ends.

        What would be an HTTP error is a string there.
        """
        with self._state.mistakes.survived("a post request for", kind):
            return self._post_response(sender, kind, payload)
        return _post_error(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _post_response(self, sender: tuple[int, int], kind: str, payload: Any) -> Document | None:
        try:
            if kind == "info":
                data = answer(self._state, self._tape, convert_request(payload))
                return {"type": "info", "payload": {"type": payload["type"], "data": data}}
            self._posts[self._into_block(convert_envelope(payload)).number] = sender
            return None
        except NoSuchCoin:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
        except msgspec.ValidationError:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
        return _post_error(status)

    # --- blocks ----------------------------------------------------------------------------------------

    def _into_block(self, envelope: Envelope) -> Ticket:
        due_ms = block_end_ms(self._state.now_ms)
        if self._blocks.empty:
            self._agenda.put(due_ms, Duty.BLOCK)
        return Ticket(self._blocks.add(envelope), due_ms)

    def _end_block(self) -> None:
        for number, envelope in self._blocks.take():
            sender = self._posts.pop(number, None)
            with self._state.mistakes.survived(type(envelope.action).__name__):
                self._answer(number, sender, self._carry_out(envelope))
                continue
            self._answer(number, sender, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _answer(self, number: int, sender: tuple[int, int] | None, outcome: Document | HTTPStatus) -> None:
        if sender is None:
            self._replies.append((number, _http_reply(outcome)))
        elif isinstance(outcome, HTTPStatus):
            self._streams.answer_post(sender, _post_error(outcome))
        else:
            self._streams.answer_post(sender, {"type": "action", "payload": outcome})

    def _carry_out(self, envelope: Envelope) -> Document | HTTPStatus:
        """Return what the action led to; a status for a signature that nobody can have made."""
        try:
            document = act(self._state, envelope)
        except Unrecoverable:
            return HTTPStatus.UNPROCESSABLE_ENTITY
        self._settle()
        for observe in self.observers:
            observe(envelope, document)
        return document

    # --- websockets ------------------------------------------------------------------------------------

    def connect(self, *, now_ms: int) -> int:
        """Open a connection and return its number."""
        self.advance(now_ms)
        return self._streams.connect()

    def receive(self, connection: int, text: str, *, now_ms: int) -> None:
        """Take a client's frame. A mistake of ours in it breaks the connection."""
        self.advance(now_ms)
        self._hear(connection, text)
        with self._state.mistakes.survived("what follows from a frame of connection", connection):
            self._settle()

    def _hear(self, connection: int, text: str) -> None:
        with self._state.mistakes.survived("a frame of connection", connection):
            self._streams.receive(connection, text)
            return
        self._streams.cut(connection)

    def disconnect(self, connection: int) -> None:
        self._streams.disconnect(connection)

    def take_frames(self) -> list[tuple[int, str | Close]]:
        """Return what there is to send since the last call, as (connection, frame), in order."""
        return self._streams.take_frames()

    # --- time ------------------------------------------------------------------------------------------

    def next_ms(self) -> int:
        """Return when advance() has something to do next."""
        return self._agenda.next_ms

    def advance(self, now_ms: int) -> None:
        """Do what has come due, each thing at its own moment. Time never goes back: where it stands a block ends as well."""
        now_ms = max(self._state.now_ms, now_ms)
        while (due := self._agenda.take(now_ms)) is not None:
            self._state.now_ms = max(self._state.now_ms, due.at_ms)
            with self._state.mistakes.survived("duty", due):
                self._do(due)
            with self._state.mistakes.survived("what follows from duty", due):
                self._settle()
        self._state.now_ms = now_ms

    def _do(self, due: Due) -> None:
        match due.duty:
            case Duty.BLOCK:
                self._end_block()
            case Duty.TICK:
                with self._state.mistakes.survived("the matching of asset", due.subject):
                    match_resting(self._state, due.subject)
                self._streams.tick(due.subject)
            case Duty.PRICES:
                self._heed_marks()
            case Duty.HOUR:
                self._agenda.put(due.at_ms + HOUR_MS, Duty.HOUR)
                pay_funding(self._state, due.at_ms)
                self._state.portfolios.sample(self._state)
                forget_expired(self._state)
            case Duty.DELIST:
                settle_delisted(self._state, due.subject)
            case Duty.TWAP:
                self._slice(due.subject)
            case Duty.SCHEDULED_CANCEL:
                self._scheduled_cancel(due)
            case Duty.REPEAT:
                self._streams.repeat(*due.subject)
            case Duty.IDLE:
                self._streams.check_idle(due.subject)

    def _settle(self) -> None:
        """Send what has happened, and put on the agenda what follows from it."""
        try:
            self._follow()
        finally:
            self._mind_marks()
            self._mind_scheduled()
            self._mind_twaps()

    def _follow(self) -> None:
        state = self._state
        while state.happened or state.touched:
            happened, state.happened = state.happened, []
            touched, state.touched = state.touched, {}
            follow(state, happened)
            end_with_liquidation(state, happened)
            self._streams.tell(happened)
            for asset_id in touched:
                self._streams.show_best(asset_id)
                if state.book(asset_id).has_resting:
                    self._streams.watch(asset_id)

    # --- marks: triggers and margins -------------------------------------------------------------------

    _minding_marks = False

    def _mind_marks(self) -> None:
        state = self._state
        if self._minding_marks:
            return
        if state.triggers or any(a.positions for a in state.accounts.values()):
            self._minding_marks = True
            now_ms = state.now_ms
            self._agenda.put(now_ms - now_ms % PRICE_CADENCE_MS + PRICE_CADENCE_MS, Duty.PRICES)

    def _heed_marks(self) -> None:
        """Fire what the new marks trigger, so that stops come before liquidation."""
        self._minding_marks = False
        if self._state.triggers:
            fire_reached(self._state)
            with self._state.mistakes.survived("what follows from the triggers"):
                self._settle()
        liquidate_where_due(self._state)

    # --- TWAPs ------------------------------------------------------------------------------------------

    def _slice(self, twap_id: int) -> None:
        twap = self._state.twaps.get(twap_id)
        if twap is not None:
            twap.on_agenda = False
            execute_slice(self._state, twap)

    def _mind_twaps(self) -> None:
        for twap in self._state.twaps.values():
            if not twap.on_agenda:
                twap.on_agenda = True
                self._agenda.put(twap.next_ms, Duty.TWAP, twap.twap_id)

    # --- the dead-man's switch --------------------------------------------------------------------------

    def _mind_scheduled(self) -> None:
        for account in self._state.accounts.values():
            scheduled = account.scheduled
            if scheduled.at_ms is None:
                continue
            if scheduled.agenda_ms is None or scheduled.at_ms < scheduled.agenda_ms:
                scheduled.agenda_ms = scheduled.at_ms
                self._agenda.put(scheduled.at_ms, Duty.SCHEDULED_CANCEL, account.address)

    def _scheduled_cancel(self, due: Due) -> None:
        account = self._state.accounts[due.subject]
        scheduled = account.scheduled
        if scheduled.agenda_ms == due.at_ms:
            scheduled.agenda_ms = None
        if scheduled.at_ms is None or scheduled.at_ms > due.at_ms:
            return
        scheduled.at_ms = None
        today = due.at_ms // DAY_MS
        scheduled.triggers = scheduled.triggers + 1 if scheduled.day == today else 1
        scheduled.day = today
        for order in list(account.open_orders.values()):
            drop(self._state, order, "scheduledCancel")

    # --- set from outside --------------------------------------------------------------------------------

    @property
    def market(self) -> PriceSource:
        return self._state.prices

    @property
    def mistakes(self) -> MutableSequence[Exception]:
        """What was raised by our own code and survived, oldest first. Whoever has looked may clear it."""
        return self._state.mistakes.made

    @property
    def post_only_until_ms(self) -> int:
        """Until when only post-only orders are taken, as after a network upgrade (4.6); 0 or past: not at all."""
        return self._state.post_only_until_ms

    def only_post_only(self, *, until_ms: int) -> None:
        self._state.post_only_until_ms = until_ms

    def leave_requests(self, *, left: int) -> None:
        """Use up every account's address budget but for so many requests."""
        for account in self._state.accounts.values():
            account.requests_used = max(account.requests_used, account.requests_cap - left)

    def cap_open_interest(self, coin: str, cap_usd: Decimal | None) -> None:
        """Cap a coin's open interest in USD at the mark; None lifts the cap. Raises KeyError."""
        asset_id = self._state.by_name[coin].asset_id
        if cap_usd is None:
            self._state.open_interest_caps_usd.pop(asset_id, None)
        else:
            self._state.open_interest_caps_usd[asset_id] = cap_usd

    def limit_backstop(self, notional_usd: Decimal) -> None:
        """Leave the backstop vault this much to take over; what is beyond it is closed against the other side."""
        self._state.backstop.capacity_usd = notional_usd

    def refuse_orders(self, refusing: Refusing) -> None:
        """Refuse orders one by one; each call adds to those before."""
        self._state.refusing_orders.append(refusing)

    def refuse_batches(self, refusing: Refusing) -> None:
        """Refuse whole batches with one member; each call adds to those before."""
        self._state.refusing_batches.append(refusing)

    def refused_without_reason(self, words: str) -> int:
        """Return how often these words were said because refuse_orders() or refuse_batches() asked for it."""
        state = self._state
        return sum(one.said[words] for one in (*state.refusing_orders, *state.refusing_batches))

    # --- the ledger, for tests and reports ---------------------------------------------------------------

    def fills(self, address: str) -> tuple[VenueFill, ...]:
        return tuple(self._account(address).fills)

    def fundings(self, address: str) -> tuple[FundingPaid, ...]:
        return tuple(self._account(address).fundings)

    def positions(self, address: str) -> dict[str, Decimal]:
        """Return coin -> signed size in base units, without flat coins."""
        assets = self._state.prices.assets
        return {assets[i].name: held.size for i, held in self._account(address).positions.items()}

    def equity(self, address: str) -> Decimal:
        """Return cash plus positions at the marks of the last advance(), in USD."""
        return equity_usd(self._state, self._account(address))

    def _account(self, address: str) -> Account:
        return self._state.accounts[address.lower()]


def _http_reply(outcome: Document | HTTPStatus) -> Reply:
    if isinstance(outcome, HTTPStatus):
        return BROKEN if outcome is HTTPStatus.INTERNAL_SERVER_ERROR else WRONG_SHAPE
    return reply(outcome)


def _post_error(status: HTTPStatus) -> Document:
    return {"type": "error", "payload": f"{status.value} {status.phrase}"}
