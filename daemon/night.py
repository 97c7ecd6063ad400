"""The night's errands: preflight, the pipeline of each phase, the latch, alerts, the report.

They gather what is needed and hand it on as events; whether and when is the engine's business.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import structlog

from adapters.ports import AccountFacts, Clock, Gateway, Reference, VenueError
from core.calendar import DAY_MS
from core.events import AllowanceRead, AnyEvent, KillTripped, PreflightDone, ProFormaFailed, ProFormaReady
from core.intents import RaiseAlert, RunPipeline, RunPreflight, WriteReport
from core.report import session_report
from core.state import Stage, State
from core.types import HEDGE_COINS, Coin, Instrument, Phase, ProForma, SessionDay, TradingState
from daemon import account_modes
from daemon.alerts import Alerts
from daemon.compute import TIMEOUT_S, Compute, ComputeFailed
from daemon.history import HOUR_MS, HistoryKeeper
from daemon.night_requests import PipelineRequest, UniverseRequest
from daemon.settings import Settings
from research.night_page import PageRequest
from state.errors import StateError
from state.history import History
from state.kill_switch import KillSwitch
from state.store import Store

log = structlog.get_logger()

CLOSE_RETRY_S = 5.0
SILENT_DAYS = 5
PIPELINE_NEEDS_S = 30.0
"""Time left for the pipeline and at least one slice when the wait for closes is given up."""
TRIES = 3
TIMEOUT_MIN_S = 10.0
"""How often a pipeline that hangs can be tried in the time that is left, and how long one is waited for at least."""


@dataclass(slots=True)
class Parts:
    """What the errands use; the wiring makes them."""

    clock: Clock
    gateway: Gateway
    reference: Reference
    keeper: HistoryKeeper
    history: History
    compute: Compute
    alerts: Alerts
    latch: KillSwitch
    store: Store
    address: str
    master: str | None = None

    @property
    def traded(self) -> account_modes.Traded:
        return account_modes.Traded(self.address, self.master)


class NightDesk:
    """Fills daemon.outbox.Desk. settings and state are asked for anew each time: a reload may change them."""

    def __init__(
        self,
        parts: Parts,
        *,
        settings: Callable[[], Settings],
        state: Callable[[], State],
        put: Callable[[AnyEvent], None],
    ) -> None:
        self._parts = parts
        self._settings = settings
        self._state = state
        self._put = put
        self.reports: list[dict[str, Any]] = []
        self._refreshing = asyncio.Lock()
        self._preflighting = False

    # --- preflight -------------------------------------------------------------------------------------

    async def preflight(self, intent: RunPreflight) -> None:
        """Freeze the universe, or say what keeps the night from trading. The engine asks again until it is answered."""
        if self._preflighting:
            return
        self._preflighting = True
        try:
            await self._preflight(intent)
        finally:
            self._preflighting = False

    async def _preflight(self, intent: RunPreflight) -> None:
        problems: list[str] = []
        universe: tuple[Coin, ...] = ()
        traded_usd: Decimal | None = None
        try:
            facts = await self._parts.gateway.facts()
            traded_usd = facts.traded_usd
            problems += await self._account_problems(facts)
            universe = await self._universe(intent)
        except (VenueError, ComputeFailed, StateError) as error:
            problems.append(str(error))
        if not universe and not intent.held and not problems:
            problems.append("no name passes the universe filter; lower idio_statarb.min_volume_usd or wait")
        if problems:
            self._parts.alerts.raised(code="preflight", level="error", text="; ".join(problems))
        else:
            self._parts.alerts.ended("preflight")
        log.info("preflight", universe=len(universe), problems=problems)
        self._put(
            PreflightDone(
                at_ms=self._parts.clock.now_ms(),
                session=intent.session,
                universe=universe,
                problems=tuple(problems),
                traded_usd=traded_usd,
            )
        )

    async def unsupported_account(self) -> str:
        """Return why this account can never be traded as it is, "" when it can. Raises VenueError."""
        facts = await self._parts.gateway.facts()
        return "; ".join(map(str, account_modes.unsupported(facts, self._parts.traded)))

    async def _account_problems(self, facts: AccountFacts) -> list[str]:
        wrong = account_modes.clock(await self._skew_ms())
        problems = [wrong] if wrong else []
        self._put(
            AllowanceRead(at_ms=self._parts.clock.now_ms(), used=facts.requests_used, cap=facts.requests_cap)
        )
        return [str(p) for p in problems + account_modes.refusals(facts, self._parts.traded)]

    async def _skew_ms(self) -> float:
        before_ms = self._parts.clock.now_ms()
        venue_ms = await self._parts.reference.venue_time_ms()
        return (before_ms + self._parts.clock.now_ms()) / 2 - venue_ms

    async def _universe(self, intent: RunPreflight) -> tuple[Coin, ...]:
        before = _day_before(intent.session)
        await self.refresh_history(_ms(before))
        coins = self._recorded_coins()
        request = UniverseRequest(
            history_path=str(self._parts.store.history_path),
            day=before.isoformat(),
            coins=coins,
            parameters=self._settings().idio_statarb,
        )
        names: tuple[Coin, ...] = await self._parts.compute.run("daemon.night_pipeline:universe", request)
        listed = self._state().instruments
        return tuple(c for c in names if c in listed and not listed[c].delisted)

    async def refresh_history(self, last_day_ms: int) -> None:
        """Bring candles up to a complete day and funding up to now; what fails is said and left out.

        Whoever comes while it is under way waits, and then finds nothing missing: a first start reads for minutes.
        """
        async with self._refreshing:
            await self._refresh(last_day_ms)

    async def _refresh(self, last_day_ms: int) -> None:
        instruments: Sequence[Instrument] = list(self._state().instruments.values())
        faults = await self._parts.keeper.candles_until(last_day_ms, instruments)
        tracked = self._parts.keeper.tracked(
            [i.coin for i in instruments if not i.delisted],
            min_volume_usd=self._settings().idio_statarb.min_volume_usd,
        )
        faults += await self._parts.keeper.funding(tracked)
        for fault in faults:
            log.warning("history is incomplete", fault=fault)

    def _recorded_coins(self) -> tuple[Coin, ...]:
        return tuple(sorted(self._parts.history.coins()))

    # --- pipeline --------------------------------------------------------------------------------------

    async def pipeline(self, intent: RunPipeline) -> None:
        """Compute one phase and report the pro forma, or why there is none."""
        try:
            event = await self._proforma(intent)
        except (VenueError, ComputeFailed, StateError) as error:
            event = ProFormaFailed(
                at_ms=self._parts.clock.now_ms(),
                session=intent.session,
                phase=intent.phase,
                reason=str(error),
            )
        log.info("pipeline", phase=intent.phase.value, result=type(event).__name__)
        self._put(event)

    async def _proforma(self, intent: RunPipeline) -> AnyEvent:
        names = sorted({*intent.universe, *intent.held_qty, *HEDGE_COINS})
        last_hour_ms = _ms(date.fromisoformat(intent.session)) + DAY_MS - HOUR_MS
        faults = await self._parts.keeper.funding(names, until_ms=last_hour_ms)
        for fault in faults:
            log.warning("funding is incomplete", fault=fault)
        closes = dict(intent.prices) if intent.phase is Phase.PROJECTED else await self._closes(intent, names)
        missing = tuple(c for c in names if c not in closes)
        if lacking := [c for c in HEDGE_COINS if c not in closes]:
            raise ComputeFailed(
                f"no close of {' and '.join(lacking)}: nothing can be hedged or measured without it"
            )
        request = PipelineRequest(
            history_path=str(self._parts.store.history_path),
            day=intent.session,
            coins=self._recorded_coins(),
            universe=tuple(c for c in intent.universe if c in closes),
            held_qty={c: q for c, q in intent.held_qty.items() if c in closes},
            equity_usd=intent.equity_usd,
            closes=closes,
            parameters=self._settings().idio_statarb,
        )
        proforma: ProForma = await self._parts.compute.run(
            "daemon.night_pipeline:proforma", request, timeout_s=self._pipeline_timeout_s(intent)
        )
        self._tell_silence(proforma)
        return ProFormaReady(
            at_ms=self._parts.clock.now_ms(),
            session=intent.session,
            phase=intent.phase,
            proforma=proforma,
            missing_closes=missing,
        )

    def _pipeline_timeout_s(self, intent: RunPipeline) -> float:
        """Return a share of what is left, so that a phase whose worker hangs is tried again in time."""
        left_s = (intent.give_up_ms - self._parts.clock.now_ms()) / 1000
        return min(TIMEOUT_S, max(TIMEOUT_MIN_S, left_s / TRIES))

    def _tell_silence(self, proforma: ProForma) -> None:
        """A ridge that finds nothing for days may be a market, or a signal with its sign turned round (E3-13)."""
        days = int(proforma.parameters["zero_weight_days"])
        if days >= SILENT_DAYS:
            text = (
                f"no signal was worth anything for {days} days: the book is traded to flat, under its costs"
            )
            self._parts.alerts.raised(code="signals.silent", level="warning", text=text)
        else:
            self._parts.alerts.ended("signals.silent")

    async def _closes(self, intent: RunPipeline, names: Sequence[Coin]) -> dict[Coin, Decimal]:
        """Return the official closes; wait for late ones as long as the night allows (S3-17, E3-21)."""
        settings = self._settings().trading.session
        open_ms = _ms(date.fromisoformat(intent.session))
        close_ms = open_ms + DAY_MS
        patience_ms = close_ms + 1000 * (settings.correction_s + settings.close_wait_s)
        closes: dict[Coin, Decimal] = {}
        while True:
            missing = [c for c in names if c not in closes]
            found = await asyncio.gather(*(self._close(c, open_ms) for c in missing))
            closes |= {c: px for c, px in zip(missing, found, strict=True) if px is not None}
            now_ms = self._parts.clock.now_ms()
            hedgeable = all(c in closes for c in HEDGE_COINS)
            if len(closes) == len(names) or (hedgeable and now_ms >= patience_ms):
                return closes
            if now_ms >= intent.give_up_ms - 1000 * PIPELINE_NEEDS_S:
                return closes
            await self._parts.clock.sleep(CLOSE_RETRY_S)

    async def _close(self, coin: Coin, open_ms: int) -> Decimal | None:
        """Return the close of the day that opened at open_ms, None while the venue has none."""
        try:
            candles = await self._parts.reference.daily_candles(coin, from_ms=open_ms)
        except VenueError as error:
            log.warning("no close yet", coin=coin, error=str(error))
            return None
        final = [c for c in candles if c.open_ms == open_ms and c.close_ms < self._parts.clock.now_ms()]
        return final[0].close if final else None

    # --- the rest --------------------------------------------------------------------------------------

    def halt(self, reason: str) -> None:
        """Latch what the engine halted for, unless a person took it back in the same turn: that would undo the reset."""
        if self._state().trading is TradingState.HALTED:
            self.trip(reason)

    def trip(self, reason: str) -> None:
        """Latch. Where the disk refuses, the halt stands in the journal, and the next start latches again."""
        try:
            self._parts.latch.trip(reason, by="nightdesk", at_ms=self._parts.clock.now_ms())
        except StateError as error:
            text = f"halted, but the kill switch could not be written: {error}"
            self._parts.alerts.raised(code="latch", level="critical", text=text)

    def alert(self, intent: RaiseAlert) -> None:
        self._parts.alerts.raised(code=intent.code, level=intent.level, text=intent.text)

    async def report(self, intent: WriteReport) -> None:
        """Write the session's report, then the page that shows it."""
        document = session_report(self._state())
        self.reports.append(document)
        encoded = msgspec.json.format(msgspec.json.encode(document), indent=2)
        path = self._parts.store.write_report(intent.session, encoded)
        broken = [i["name"] for i in document["invariants"] if not i["held"]]
        log.info("session report", path=str(path), broken=broken)
        request = PageRequest(journal_path=str(self._parts.store.journal_path), report=encoded)
        try:
            page = await self._parts.compute.run("research.night_page:page", request)
        except ComputeFailed as error:
            log.error("the night's page could not be drawn", error=str(error))
        else:
            self._parts.store.write_page(intent.session, page)

    async def report_if_missing(self) -> None:
        """Write the report of a session that ended just before a crash."""
        session = self._state().session
        ended = session is not None and session.stage is Stage.DONE
        if session is not None and ended and self._parts.store.read_report(session.day) is None:
            await self.report(WriteReport(session=session.day))

    def was_reset(self) -> bool:
        """Say whether the last thing that happened to the latch was a reset, by its own history."""
        changes = self._parts.latch.history()
        return bool(changes) and changes[-1].get("action") == "reset"

    def latched(self) -> KillTripped | None:
        """Return the event of a latch that somebody set outside of the engine."""
        latch = self._parts.latch.read()
        if latch is None:
            return None
        return KillTripped(at_ms=self._parts.clock.now_ms(), reason=latch.reason, by=latch.by)


def _day_before(session: SessionDay) -> date:
    return date.fromisoformat(session) - timedelta(days=1)


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
