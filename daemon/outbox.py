"""Acts on intents, after their record is durable. Signs while the disk writes; sends when both are done.

Whatever comes back is an event. Nothing is decided here, and no order is ever sent twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

import structlog

from adapters.ports import Clock, Gateway, Rejected, Signed, VenueError
from core.events import (
    AnyEvent,
    CancelScheduled,
    FillsReceived,
    FundingReceived,
    OrdersAnswered,
    SnapshotReceived,
)
from core.intents import (
    AnyIntent,
    BurnNonce,
    CancelEverything,
    CancelOrders,
    FetchFills,
    FetchFunding,
    FetchSnapshot,
    QueryOrders,
    RaiseAlert,
    RunPipeline,
    RunPreflight,
    ScheduleCancel,
    SubmitOrders,
    TripKill,
    WriteReport,
)
from core.types import Answer, Coin, Order, Outcome
from state.errors import JournalLost

log = structlog.get_logger()

COVERAGE_MARGIN_MS = 1_500
"""A read proves nothing about the last moments before it: the venue serves state that is a little old."""

CANCEL_TRIES = 4
CANCEL_AGAIN_S = 1.0
"""Three pauses and the requests between them fit into the time that a stop may take."""

Put = Callable[[AnyEvent], None]


class Desk(Protocol):
    """What is not the venue's: the night's computations, the latch, alerts, reports."""

    async def preflight(self, intent: RunPreflight) -> None: ...
    async def pipeline(self, intent: RunPipeline) -> None: ...
    async def report(self, intent: WriteReport) -> None: ...
    def halt(self, reason: str) -> None: ...
    def alert(self, intent: RaiseAlert) -> None: ...


class Outbox:
    """One task an intent; a read is not doubled while one that reaches as far back is under way."""

    def __init__(self, *, gateway: Gateway, desk: Desk, clock: Clock, put: Put) -> None:
        self._gateway = gateway
        self._desk = desk
        self._clock = clock
        self._put = put
        self._tasks: set[asyncio.Task[None]] = set()
        self._computing: set[asyncio.Task[None]] = set()
        self._reading: dict[str, int] = {}
        self.asset_ids: dict[Coin, int] = {}

    def act(self, intents: tuple[AnyIntent, ...], durable: Awaitable[None]) -> None:
        """Start what the intents ask for. durable completes when they are on the disk, or raises."""
        shared = asyncio.ensure_future(durable)
        for intent in intents:
            match intent:
                case SubmitOrders(orders=orders):
                    self._start(self._submit(self._sign(orders), orders, shared))
                case TripKill(reason=reason):
                    self._desk.halt(reason)
                case RaiseAlert():
                    self._desk.alert(intent)
                case RunPreflight() | RunPipeline():
                    self._computing.add(self._start(self._after(shared, intent)))
                case _:
                    self._start(self._after(shared, intent))

    async def drain(self) -> None:
        """Wait for everything under way that has to do with orders and books; computations are left alone."""
        while waiting := self._tasks - self._computing:
            await asyncio.wait(waiting)

    async def close(self) -> None:
        """Give up whatever is still under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Tell what no errand may do: fail in a way it does not know. A lost journal is the engine's to tell."""
        self._tasks.discard(task)
        self._computing.discard(task)
        if task.cancelled() or (error := task.exception()) is None or isinstance(error, JournalLost):
            return
        log.error("intent failed", error=repr(error), exc_info=error)
        text = f"something the engine wanted was not done: {error!r}"
        self._desk.alert(RaiseAlert(level="error", code="intent.failed", text=text))

    def _sign(self, orders: tuple[Order, ...]) -> Signed | str:
        """Return the signed action, or why there is none: then nothing was sent, which is proof."""
        try:
            return self._gateway.sign(orders)
        except (VenueError, ValueError) as error:
            return str(error)

    async def _submit(
        self, signed: Signed | str, orders: tuple[Order, ...], durable: asyncio.Future[None]
    ) -> None:
        await durable
        if isinstance(signed, str):
            answers = tuple(
                Answer(cloid=o.cloid, outcome=Outcome.REJECTED, reason=f"not sent: {signed}") for o in orders
            )
        else:
            answers = await self._gateway.send(signed)
        self._put(OrdersAnswered(at_ms=self._clock.now_ms(), answers=answers))

    async def _after(self, durable: asyncio.Future[None], intent: AnyIntent) -> None:
        await durable
        match intent:
            case CancelOrders(orders=orders):
                known = [(self.asset_ids[coin], cloid) for coin, cloid in orders if coin in self.asset_ids]
                self._answered(_unproved(await self._gateway.cancel(known)))
            case CancelEverything():
                await self._cancel_everything()
            case QueryOrders(cloids=cloids):
                answers = await asyncio.gather(*(self._gateway.order_status(c) for c in cloids))
                self._answered(tuple(answers))
            case BurnNonce(cloids=cloids):
                self._answered(await self._gateway.burn(cloids))
            case ScheduleCancel(cancel_ms=cancel_ms):
                await self._schedule(cancel_ms)
            case RunPreflight():
                await self._desk.preflight(intent)
            case RunPipeline():
                await self._desk.pipeline(intent)
            case WriteReport():
                await self._desk.report(intent)
            case FetchFills() | FetchFunding() | FetchSnapshot():
                await self._read(intent)

    def _answered(self, answers: tuple[Answer, ...]) -> None:
        if answers:
            self._put(OrdersAnswered(at_ms=self._clock.now_ms(), answers=answers))

    async def _cancel_everything(self) -> None:
        """Cancel until the venue shows nothing that can be cancelled, a few times; say so when that could not be done."""
        for left in range(CANCEL_TRIES - 1, -1, -1):
            why = await self._cancel_open()
            if not why:
                return
            log.warning("open orders are not all cancelled", reason=why, tries_left=left)
            if left:
                await self._clock.sleep(CANCEL_AGAIN_S)
        text = f"open orders are not all cancelled after {CANCEL_TRIES} tries, cancel them by hand: {why}"
        self._desk.alert(RaiseAlert(level="critical", code="cancel.failed", text=text))

    async def _cancel_open(self) -> str:
        """Return why something may still rest, "" when nothing does."""
        try:
            answers = await self._gateway.cancel_open()
        except VenueError as error:
            return str(error)
        self._answered(_unproved(answers))
        return "; ".join(f"{a.cloid}: {a.reason}" for a in answers if a.outcome is not Outcome.CANCELLED)

    async def _schedule(self, cancel_ms: int | None) -> None:
        taken: bool | None = True
        reason = ""
        try:
            await self._gateway.schedule_cancel(cancel_ms)
        except VenueError as error:
            taken, reason = (False if isinstance(error, Rejected) else None), str(error)
        now_ms = self._clock.now_ms()
        self._put(CancelScheduled(at_ms=now_ms, scheduled_ms=cancel_ms, taken=taken, reason=reason))

    async def _read(self, intent: FetchFills | FetchFunding | FetchSnapshot) -> None:
        """Read from the venue; a failed read is no information, and is asked for again by the engine."""
        kind, from_ms = type(intent).__name__, getattr(intent, "from_ms", 0)
        if kind in self._reading and self._reading[kind] <= from_ms:
            return
        self._reading[kind] = from_ms
        try:
            self._put(await self._fetched(intent))
        except VenueError as error:
            log.warning("read failed", read=kind, error=str(error))
        finally:
            self._reading.pop(kind, None)

    async def _fetched(self, intent: FetchFills | FetchFunding | FetchSnapshot) -> AnyEvent:
        asked_ms = self._clock.now_ms()
        match intent:
            case FetchFills(from_ms=from_ms):
                fills = await self._gateway.fills(from_ms=from_ms)
                return FillsReceived(
                    at_ms=self._clock.now_ms(),
                    fills=fills,
                    covered_from_ms=from_ms,
                    covered_to_ms=asked_ms - COVERAGE_MARGIN_MS,
                )
            case FetchFunding(from_ms=from_ms):
                payments = await self._gateway.fundings(from_ms=from_ms)
                return FundingReceived(at_ms=self._clock.now_ms(), payments=payments)
            case FetchSnapshot():
                snapshot = await self._gateway.snapshot()
                return SnapshotReceived(at_ms=self._clock.now_ms(), snapshot=snapshot, asked_ms=asked_ms)


def _unproved(answers: tuple[Answer, ...]) -> tuple[Answer, ...]:
    """A cancel says nothing about what was filled before it, so each order's own status is asked next."""
    return tuple(Answer(cloid=a.cloid, outcome=Outcome.UNKNOWN, reason=a.reason) for a in answers)
