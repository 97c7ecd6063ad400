"""The shell's one loop: inbox -> step -> journal -> outbox. It moves values about and has no opinions."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from decimal import Decimal
from math import inf

import structlog
from msgspec.structs import replace

from adapters.ports import Clock, Feed
from core import hedge, risk
from core.attention import held_coins, traded_coins
from core.engine import step
from core.events import AnyEvent, ClockSet, ClockTicked, QuoteReceived, Started
from core.intents import AnyIntent, WriteReport
from core.report import final_targets
from core.state import State, encode
from core.types import HEDGE_COINS, Coin, Quote
from daemon.inbox import Inbox
from daemon.outbox import Outbox
from state.errors import BadRecord, JournalLost
from state.journal import JournalWriter, Record

log = structlog.get_logger()

SNAPSHOT_EVERY = 2_000
TICK_S = 1.0
"""How often the clock looks whether something is due; alarms only make it look sooner."""


@dataclass(slots=True)
class Recorded:
    """Where the journal stands: the next record's number and the quotes that changed since the last one."""

    next_seq: int
    quotes: dict[Coin, Quote]
    since_snapshot: int = 0


class App:
    """The engine loop and the tick. Everything else hands it events or waits for its intents."""

    def __init__(
        self, *, state: State, next_seq: int, inbox: Inbox, journal: JournalWriter, clock: Clock
    ) -> None:
        self.state = state
        self.inbox = inbox
        self._journal = journal
        self._clock = clock
        self._recorded = Recorded(next_seq, {})
        self._watched: tuple[frozenset[Coin], frozenset[Coin]] = (frozenset(), frozenset())
        self._followed: tuple[object, ...] = (None,) * 5
        self._progress_s: float | None = None
        self._lost: BaseException | None = None
        self.observers: list[Callable[[State, AnyEvent, tuple[AnyIntent, ...]], None]] = []

    @property
    def idle_s(self) -> float:
        """Seconds of the loop since the engine last finished a step; the watchdog is fed by this and nothing else.

        The loop's time is monotonic: no step of a clock makes an engine that hangs look alive.
        """
        if self._progress_s is None:
            return inf
        return asyncio.get_running_loop().time() - self._progress_s

    @property
    def is_lost(self) -> bool:
        return self._lost is not None

    async def engine(self, outbox: Outbox, feed: Feed) -> None:
        """Take events for ever; commit before acting; a lost journal ends the daemon."""
        while True:
            events = await self.inbox.take()
            self._refuse_if_lost()
            records, acts = self._stepped(events)
            if records:
                try:
                    durable = self._journal.append(records)
                    self._act(outbox, acts, durable)
                except JournalLost as error:
                    self._lost = error
                self._refuse_if_lost()
            self._follow(feed, outbox)
            self._progress_s = asyncio.get_running_loop().time()

    def _refuse_if_lost(self) -> None:
        if self._lost is not None:
            kind = BadRecord if isinstance(self._lost, BadRecord) else JournalLost
            raise kind(f"the journal is lost, nothing more may be sent: {self._lost}") from self._lost

    async def tick(self) -> None:
        while True:
            self.inbox.put(ClockTicked(at_ms=self._clock.now_ms()))
            await self._clock.sleep(TICK_S)

    def _stepped(self, events: list[AnyEvent]) -> tuple[list[Record], tuple[AnyIntent, ...]]:
        records: list[Record] = []
        acts: tuple[AnyIntent, ...] = ()
        for event in events:
            before = self.state
            event = _in_order(event, before.at_ms)
            self.state, intents = step(before, event)
            if isinstance(event, QuoteReceived):
                self._recorded.quotes[event.quote.coin] = event.quote
                continue
            if intents or not _only_time_passed(before, self.state, event):
                records.append(self._record(event, intents))
                acts += intents
            for observe in self.observers:
                observe(self.state, event, intents)
        return records, acts

    def _record(self, event: AnyEvent, intents: tuple[AnyIntent, ...]) -> Record:
        recorded = self._recorded
        record = Record(recorded.next_seq, event.at_ms, tuple(recorded.quotes.values()), event, intents)
        recorded.next_seq += 1
        recorded.since_snapshot += 1
        recorded.quotes.clear()
        return record

    def _act(self, outbox: Outbox, acts: tuple[AnyIntent, ...], durable: Future[None]) -> None:
        committed = _awaitable(durable)
        committed.add_done_callback(self._committed)
        outbox.act(acts, committed)
        ended = any(isinstance(intent, WriteReport) for intent in acts)
        if ended or self._recorded.since_snapshot >= SNAPSHOT_EVERY:
            self.snapshot()

    def _committed(self, durable: "asyncio.Future[None]") -> None:
        """A commit that failed ends the daemon now: the next record may be long in coming."""
        if not durable.cancelled() and (error := durable.exception()) is not None:
            self._lost = error
            self.inbox.put(ClockTicked(at_ms=self._clock.now_ms()))

    def prune(self, *, before_seq: int) -> None:
        """Let go of old records. What the snapshots need stays."""
        self._journal.prune(before_seq=before_seq).add_done_callback(_pruned)

    def snapshot(self) -> None:
        """Keep the state as of the last record, so that a restart need not replay from the beginning."""
        if self._recorded.next_seq > 1 and not self._recorded.quotes:
            self._journal.save_snapshot(self._recorded.next_seq - 1, encode(self.state))
            self._recorded.since_snapshot = 0

    def _follow(self, feed: Feed, outbox: Outbox) -> None:
        """Keep the feed on the coins whose prices decisions need; looked at only when what they follow from changed."""
        state, session = self.state, self.state.session
        seen = (
            session and session.stage,
            session and session.universe,
            state.book.positions,
            state.instruments,
            state.trading,
        )
        if all(now is before for now, before in zip(seen, self._followed, strict=True)):
            return
        self._followed = seen
        watched = traded_coins(state), held_coins(state)
        if watched != self._watched:
            self._watched = watched
            outbox.asset_ids = {c: i.asset_id for c, i in state.instruments.items()}
            feed.watch(sorted(watched[0]), mids=sorted(watched[1] - watched[0]))


def _pruned(done: Future[int]) -> None:
    """Called in the journal's thread, perhaps. What was not pruned is tried again after the next night."""
    if (error := done.exception()) is not None:
        log.error("the journal could not be pruned", error=repr(error))
    elif done.result():
        log.info("journal pruned", records=done.result())


def _awaitable(durable: Future[None]) -> "asyncio.Future[None]":
    """Return the commit as a future of the loop; one that is done already needs no other thread to say so."""
    if not durable.done():
        return asyncio.wrap_future(durable)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    if (error := durable.exception()) is not None:
        done.set_exception(error)
    else:
        done.set_result(None)
    return done


def _in_order(event: AnyEvent, seen_ms: int) -> AnyEvent:
    """Return the event at the time at which the engine takes it: that of a tick before it may be in no record.

    A start needs none: the state that it finds is the one that the records led to. What sets time back has its own.
    """
    own = isinstance(event, Started | ClockSet)
    return event if own or event.at_ms >= seen_ms else replace(event, at_ms=seen_ms)


def _only_time_passed(before: State, after: State, event: AnyEvent) -> bool:
    """Say whether a tick changed nothing but the time: such a step needs no record."""
    if not isinstance(event, ClockTicked):
        return False
    return (
        before.book is after.book
        and before.orders is after.orders
        and before.hedge is after.hedge
        and before.account is after.account
        and before.dead_man is after.dead_man
        and before.session is after.session
        and before.trading is after.trading
    )


def book_words(state: State) -> str:
    """Say in words whether the positions are what the newest targets ask for."""
    session = state.session
    targets = final_targets(session) if session is not None else {}
    if not targets:
        return "no targets yet: the book is held as it is"
    off = sum(abs(q - state.book.positions.get(c, Decimal(0))) > 0 for c, q in targets.items())
    return f"{len(targets) - off} of {len(targets)} coins are on their target" + (
        f", {off} on the way" if off else ""
    )


def status_document(state: State) -> dict[str, object]:
    """Answer: is the book where it should be, what is the residual delta, what is next, what would a kill do."""
    delta, band = hedge.net_delta_usd(state), hedge.band_usd(state)
    session = state.session
    return {
        "trading": state.trading.value,
        "halt_reason": state.halt_reason,
        "session": session.day if session else None,
        "stage": session.stage.value if session else None,
        "delta_usd": dict(zip(HEDGE_COINS, delta, strict=True)),
        "band_usd": band,
        "inside_band": max(abs(x) for x in delta) <= band,
        "equity_usd": risk.equity_usd(state),
        "gross_usd": risk.gross_usd(state),
        "book": book_words(state),
        "disputed": state.disputed,
        "orders_open": len(state.orders.open),
        "kill_would": {
            "cancel_orders": len(state.orders.open),
            "close_positions": len(state.book.positions) if state.settings.flatten_on_kill else 0,
            "keep_positions": 0 if state.settings.flatten_on_kill else len(state.book.positions),
        },
    }
