"""The daemon while it runs: its tasks, its birth and its death. It decides nothing about trading."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isinf
from typing import Any, Protocol

import structlog

from adapters.ports import Clock, Feed, Gateway, VenueError
from core import disputes, reconcile, risk, venue_mode
from core.calendar import DAY_MS, next_phase
from core.events import (
    ClockTicked,
    ConfigChanged,
    InstrumentsReceived,
    KillReset,
    KillTripped,
    ManualReconcile,
    Started,
    StopRequested,
)
from core.report import iso
from core.state import Stage, State
from core.types import HEDGE_COINS, Phase, TradingState
from daemon.account_modes import AccountRefused
from daemon.app import App, status_document
from daemon.compute import ComputeFailed
from daemon.config_file import Change, diff, taken_over
from daemon.crypto_index.by_hand import ByHand
from daemon.history import HOUR_MS
from daemon.logs import Changes, Logs
from daemon.night import NightDesk, Parts
from daemon.outbox import Outbox
from daemon.pruning import keep_from_seq
from daemon.settings import Reload, Settings
from daemon.supervisor import keep_running
from daemon.time_keeping import Keeping
from state.errors import StateError, may_pass

log = structlog.get_logger()

LATCH_LOOK_S = 1.0
ENGINE_IDLE_MAX_S = 10.0
"""The watchdog is not fed for an engine that has finished no step for so long."""

ASK_ACCOUNT_AGAIN_S = 5.0
DRAIN_S = 8.0
"""SIGTERM to exit must stay under ten seconds; the rest is for closing files."""


INDEX_LEAVES_S = 1.0
"""After the drain, beside which an index price leaves as well: what it does not manage by then holds nobody up."""

SETTLE_S = 0.05
"""Time for the engine to take up what has just arrived."""


class Alarms(Protocol):
    async def run(self) -> None: ...
    def close(self) -> None: ...


class Pulse(Protocol):
    """Tells the service manager that we are alive: systemd, or nobody."""

    def ready(self) -> None: ...
    def alive(self, text: str) -> None: ...
    def stopping(self) -> None: ...


class KeptIndex(Protocol):
    """shown is what it is worth, None where that is not known."""

    shown: dict[str, Any] | None

    async def run(self) -> None: ...
    def ask(self, one: ByHand) -> dict[str, Any]: ...


@dataclass(slots=True)
class Shell:
    """Everything the service runs with; wired in one place."""

    app: App
    outbox: Outbox
    desk: NightDesk
    feed: Feed
    gateway: Gateway
    parts: Parts
    clock: Clock
    keeping: Keeping
    alarms: Callable[[Callable[[], None], Callable[[], Awaitable[None]]], Alarms]
    pulse: Pulse
    logs: Logs
    version: str
    settings: Settings
    elapsed_ms: Callable[[], float]
    reread_secrets: Callable[[], None]
    index: Callable[[], Awaitable[None]] | None = None
    """Runs an index price beside the engine, whose loss stops nothing."""
    levels: "KeptIndex | None" = None
    """Keeps a crypto index, likewise."""


class Service:
    """run() until stop() is called or an essential task fails."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._clock = shell.clock
        self._stop = asyncio.Event()
        self._why = ""
        self._refused = ""
        self._latched = False
        self._pending: tuple[Change, ...] = ()
        self._wanted = shell.settings
        self._changes = Changes()
        self.marks_ms: dict[str, float] = {}

    @property
    def state(self) -> State:
        return self._shell.app.state

    @property
    def settings(self) -> Settings:
        return self._shell.settings

    def stop(self, reason: str) -> None:
        self._why = self._why or reason
        self._stop.set()

    async def run(self) -> None:
        """Start, work, and leave in order. Raises what an essential task raised, as it was, and AccountRefused."""
        shell = self._shell
        await shell.keeping.begin()
        self._announce()
        alarms = shell.alarms(self._wake, self._hourly)
        work: list[Awaitable[None]] = [
            shell.app.engine(shell.outbox, shell.feed),
            shell.app.tick(),
            self._watch(),
            self._list_instruments(),
            self._ask_account(),
            keep_running("feed", lambda: shell.feed.run(shell.app.inbox.put), clock=self._clock),
            keep_running("alerts", shell.parts.alerts.run, clock=self._clock),
            keep_running("time", shell.keeping.run, clock=self._clock),
            alarms.run(),
            self._prepare(),
        ]
        tasks = [asyncio.ensure_future(job) for job in work]
        for task in tasks:
            task.add_done_callback(self._essential)
        beside = [asyncio.ensure_future(self._keep_index(name, run)) for name, run in self._beside()]
        await self._stop.wait()
        for helper in beside:
            helper.cancel()
        try:
            await self._leave(tasks)
        finally:
            if beside:
                await asyncio.wait(beside, timeout=INDEX_LEAVES_S)
        alarms.close()
        if self._refused:
            raise AccountRefused(self._refused)

    def _essential(self, task: "asyncio.Future[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self.stop(f"{task.exception()!r}")

    def _announce(self) -> None:
        shell, now_ms = self._shell, self._clock.now_ms()
        shell.app.inbox.put(Started(at_ms=now_ms, version=shell.version, settings=shell.settings.trading))
        if (latch := shell.desk.latched()) is not None:
            self._latched = True
            shell.app.inbox.put(latch)
            log.critical("the kill switch is latched", reason=latch.reason, by=latch.by)
        elif self.state.trading is TradingState.HALTED and shell.desk.was_reset():
            shell.app.inbox.put(
                KillReset(at_ms=now_ms, reason="the latch was reset while the daemon was down")
            )
        elif self.state.trading is TradingState.HALTED:
            log.critical(
                "halted by the journal, without a latch: latched again", reason=self.state.halt_reason
            )
            shell.desk.trip(self.state.halt_reason)
            self._latched = shell.desk.latched() is not None

    async def _leave(self, tasks: Sequence["asyncio.Future[None]"]) -> None:
        """Cancel orders, let answers come in, write the last snapshot; never longer than systemd waits.

        A failure latches, but for one that the next start may find gone: a latch would keep that from trading.
        """
        shell = self._shell
        shell.pulse.stopping()
        log.info("stopping", reason=self._why)
        if not _failures(tasks) and not self._refused:
            shell.app.inbox.put(StopRequested(at_ms=self._clock.now_ms(), reason=self._why))
            await self._drained()
        if not _failures(tasks):
            shell.app.snapshot()
        failed = _failures(tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await shell.outbox.close()
        await shell.gateway.close()
        if failed:
            if not may_pass(failed[0]):
                shell.desk.trip(f"the daemon failed: {failed[0]!r}")
            raise failed[0]

    async def _drained(self) -> None:
        """Wait until no order of ours is open or unknown any more: each answer may lead to one more question."""
        try:
            async with asyncio.timeout(DRAIN_S):
                await asyncio.sleep(SETTLE_S)
                await self._shell.outbox.drain()
                await asyncio.sleep(SETTLE_S)
                while self.state.orders.open and not self._shell.app.is_lost:
                    await self._shell.outbox.drain()
                    await asyncio.sleep(SETTLE_S)
        except TimeoutError:
            log.warning("left with requests under way", orders_open=len(self.state.orders.open))

    # --- what runs beside the engine -------------------------------------------------------------------

    async def _list_instruments(self) -> None:
        """Learn the universe, again every hour: a listing or delisting must be known before midnight."""
        while True:
            try:
                instruments = await self._shell.parts.reference.instruments()
            except VenueError as error:
                log.warning("the venue's universe could not be read", error=str(error))
                await self._clock.sleep(2.0)
                continue
            self._shell.app.inbox.put(
                InstrumentsReceived(at_ms=self._clock.now_ms(), instruments=instruments)
            )
            await self._clock.sleep(HOUR_MS / 1000)

    async def _ask_account(self) -> None:
        """Leave, and touch nothing, when the account can never be traded as it is. A venue that is away proves nothing."""
        while True:
            try:
                self._refused = await self._shell.desk.unsupported_account()
            except VenueError as error:
                log.warning("the account's mode could not be read", error=str(error))
                await self._clock.sleep(ASK_ACCOUNT_AGAIN_S)
                continue
            if self._refused:
                self.stop(self._refused)
            return

    async def _prepare(self) -> None:
        """Warm the worker and fetch history, so that the preflight finds both ready."""
        while not self.state.instruments:
            await self._clock.sleep(0.1)
        try:
            await self._shell.parts.compute.warm()
        except ComputeFailed as error:
            log.error("the worker could not be warmed; the first solve will be slow", error=str(error))
        await self._refresh()
        await self._shell.desk.report_if_missing()
        self._mark("ready")
        await asyncio.Event().wait()

    def _beside(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        shell = self._shell
        if shell.index is not None:
            yield "index price", shell.index
        if shell.levels is not None:
            yield "crypto index", shell.levels.run

    async def _keep_index(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run an index once the book is hedged again, and again whenever it fails."""
        while "protected" not in self.marks_ms:
            await self._clock.sleep(LATCH_LOOK_S)
        await keep_running(name, run, clock=self._clock)

    async def _hourly(self) -> None:
        """Keep the history up to date between sessions: inside one the venue's weight belongs to closes and orders."""
        session = self.state.session
        if session is None or session.stage in (Stage.WAITING, Stage.DONE):
            await self._refresh()

    async def _refresh(self) -> None:
        last_day_ms = self._clock.now_ms() // DAY_MS * DAY_MS - DAY_MS
        await self._shell.desk.refresh_history(last_day_ms)

    def _wake(self) -> None:
        self._shell.app.inbox.put(ClockTicked(at_ms=self._clock.now_ms()))

    async def _watch(self) -> None:
        """Each second: the latch file, the watchdog, what changed and is worth a line."""
        while True:
            self._look_at_latch()
            self._log_changes()
            self._end_alerts()
            self._apply_pending()
            if self._is_protected():
                self._mark("protected")
            if self._shell.app.idle_s < ENGINE_IDLE_MAX_S:
                self._shell.pulse.alive(self._line())
            await self._clock.sleep(LATCH_LOOK_S if "protected" in self.marks_ms else 0.05)

    def _look_at_latch(self) -> None:
        found = self._shell.desk.latched()
        now_ms = self._clock.now_ms()
        if found is not None and not self._latched:
            self._shell.app.inbox.put(found)
        elif found is None and self._latched:
            self._shell.app.inbox.put(KillReset(at_ms=now_ms, reason="the latch was reset"))
        self._latched = found is not None

    def _log_changes(self) -> None:
        state = self.state
        session = state.session
        if session is not None:
            self._shell.logs.context.bind(session=session.day)
            if self._changes.is_new("stage", (session.day, session.stage)):
                log.info("stage", stage=session.stage.value, next=self._next())
                if session.stage is Stage.DONE:
                    self._prune()
        if self._changes.is_new("trading", state.trading):
            log.info("trading state", trading=state.trading.value, reason=state.halt_reason)
        if self._changes.is_new("stream", state.account.stream_up):
            log.info("account stream", up=state.account.stream_up)

    def _end_alerts(self) -> None:
        """Tell that what an alert was about is over; what no state shows ends when nobody repeats it."""
        state, alerts = self.state, self._shell.parts.alerts
        over = {
            "stream.down": state.account.stream_up,
            "positions.differ": not state.account.mismatches,
            "halted": state.trading is not TradingState.HALTED,
            "reducing": state.trading is TradingState.ACTIVE,
            "account.stale": not state.account.stale_ms,
            "fills.gap": not state.book.broken,
            "fills.unproved": reconcile.is_proved(state),
            "venue.post_only": not venue_mode.is_post_only(state),
            "venue.notice": not state.account.notice,
        }
        for phase in Phase:
            record = state.session.phase(phase) if state.session else None
            done = record is not None and (record.proforma is not None or not record.failed_ms)
            over[f"pipeline.{phase.value}"] = done
        for alert in alerts.active():
            if alert.code.startswith(disputes.ALERT):
                over[alert.code] = alert.code not in map(disputes.alert_code, state.disputed)
            if over.get(alert.code, False):
                alerts.ended(alert.code)
            elif alert.code in over:
                alerts.stands(alert.code)

    def _prune(self) -> None:
        """Once a night, after its report: let go of what is older than the nights that are kept."""
        parts = self._shell.parts
        try:
            before_seq = keep_from_seq(parts.store.journal_path, now_ms=self._clock.now_ms())
            self._shell.app.prune(before_seq=before_seq)
        except StateError as error:
            log.error("the journal could not be pruned", error=str(error))

    def _is_protected(self) -> bool:
        """Latch read, positions known, hedge live: prices of both hedge assets are fresh and fills stream in."""
        state = self.state
        quotes = all(risk.fresh_quote(state, coin) is not None for coin in HEDGE_COINS)
        return state.account.snapshot is not None and state.account.stream_up and quotes

    def _mark(self, name: str) -> None:
        if name not in self.marks_ms:
            self.marks_ms[name] = self._shell.elapsed_ms()
            log.info(name, elapsed_ms=round(self.marks_ms[name]))
            if name == "protected":
                self._shell.pulse.ready()

    def _line(self) -> str:
        session = self.state.session
        stage = session.stage.value if session else "starting"
        return f"{self.state.trading.value}, {stage}, next {self._next()}"

    def _next(self) -> str:
        name, at_ms = next_phase(self._clock.now_ms(), self.state.settings.session)
        return f"{name} at {iso(at_ms)}"

    # --- what an operator asks -------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        name, at_ms = next_phase(self._clock.now_ms(), self.state.settings.session)
        idle_s = self._shell.app.idle_s
        return {
            "running": True,
            "now": iso(self._clock.now_ms()),
            "engine_idle_ms": None if isinf(idle_s) else round(1000 * idle_s),
            "next_phase": name,
            "next_phase_at": iso(at_ms),
            "stream_up": self.state.account.stream_up,
            "marks_ms": self.marks_ms,
            **status_document(self.state),
            **self._index_document(),
        }

    def _index_document(self) -> dict[str, Any]:
        levels = self._shell.levels
        return {} if levels is None else {"crypto_index": levels.shown}

    def index_change(self, one: ByHand) -> dict[str, Any]:
        levels = self._shell.levels
        if levels is None:
            return {"error": "this daemon keeps no crypto index"}
        return levels.ask(one)

    def kill(self, reason: str) -> dict[str, Any]:
        """Latch first, then tell the engine: the file survives whatever comes next."""
        now_ms = self._clock.now_ms()
        try:
            self._shell.parts.latch.trip(reason, by="operator", at_ms=now_ms)
            self._latched = True
        finally:
            self._shell.app.inbox.put(KillTripped(at_ms=now_ms, reason=reason, by="operator"))
        return {"killed": True, "reason": reason}

    def reset(self, reason: str) -> dict[str, Any]:
        now_ms = self._clock.now_ms()
        was = self._shell.parts.latch.reset(reason, at_ms=now_ms)
        self._latched = False
        self._shell.app.inbox.put(KillReset(at_ms=now_ms, reason=reason))
        return {"reset": True, "was": was.reason if was else None}

    def reconcile(self) -> dict[str, Any]:
        self._shell.app.inbox.put(ManualReconcile(at_ms=self._clock.now_ms()))
        return {"asked": True, "mismatch": self.state.account.mismatch}

    def reload(self, new: Settings) -> dict[str, Any]:
        """Apply what may change now, keep the rest for the session's end, name what needs a restart. Read secrets again."""
        changes = diff(self._wanted, new)
        by_kind = {kind: [c for c in changes if c.reload is kind] for kind in Reload}
        self._wanted = taken_over(self._wanted, new, by_kind[Reload.NOW] + by_kind[Reload.SESSION_END])
        self._pending += tuple(by_kind[Reload.SESSION_END])
        self._take_over(tuple(by_kind[Reload.NOW]))
        for change in by_kind[Reload.RESTART]:
            log.warning("this key needs a restart; the old value stays", setting=change.key, value=change.new)
        self._apply_pending()
        self._shell.reread_secrets()
        return {kind.value: [c.key for c in found] for kind, found in by_kind.items()}

    def _apply_pending(self) -> None:
        session = self.state.session
        between = session is None or session.stage in (Stage.WAITING, Stage.DONE)
        if self._pending and between:
            pending, self._pending = self._pending, ()
            self._take_over(pending)

    def _take_over(self, changes: tuple[Change, ...]) -> None:
        if not changes:
            return
        shell = self._shell
        shell.settings = taken_over(shell.settings, self._wanted, changes)
        words = {c.key: (c.old, c.new) for c in changes}
        event = ConfigChanged(at_ms=self._clock.now_ms(), settings=shell.settings.trading, changes=words)
        shell.app.inbox.put(event)
        shell.parts.alerts.reconfigure(shell.settings.alerts)
        shell.logs.set_level(shell.settings.log.level)
        log.info("configuration changed", keys=sorted(words))


def _failures(tasks: Sequence["asyncio.Future[None]"]) -> list[BaseException]:
    ended = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    return [error for error in ended if error is not None]
