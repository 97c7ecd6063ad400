"""A night's journal as series over time: prices, positions, slices, exposure. Only the session's window counts."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from core.config import TradingSettings
from core.events import (
    ConfigChanged,
    FillsReceived,
    KillReset,
    KillTripped,
    OrdersAnswered,
    PreflightDone,
    ProFormaReady,
    SnapshotReceived,
    Started,
    StopRequested,
    StreamChanged,
)
from core.intents import RaiseAlert, SubmitOrders, WriteReport
from core.types import AccountSnapshot, Answer, Fill, Order
from research.night_report import NightReport
from state.journal import Journal, Record

BEFORE_MS, AFTER_MS = 20 * 60_000, 15 * 60_000
DAY_MS = 86_400_000
SLACK_MS = 60_000
"""Records of one moment may stand a little out of order; the window's edges are read with this margin."""

ZERO = Decimal(0)
Betas = dict[str, tuple[float, float]]


class Incident(msgspec.Struct, frozen=True):
    at_ms: int
    level: str
    text: str


class Night(msgspec.Struct):
    """What the journal holds of the window. Prices are mids (USD) by venue time; fills are told apart by their key."""

    start_ms: int
    end_ms: int
    settings: TradingSettings = msgspec.field(default_factory=TradingSettings)
    records: int = 0
    seen_ms: tuple[int, int] | None = None
    prices: dict[str, list[tuple[int, float]]] = {}
    fills: dict[str, Fill] = {}
    filled_qty: dict[str, Decimal] = {}
    fills_in_report: int | None = None
    reported_ms: int | None = None
    orders: dict[str, Order] = {}
    answers: dict[str, Answer] = {}
    proformas: list[ProFormaReady] = []
    betas_before: Betas = {}
    anchor: AccountSnapshot | None = None
    marks: dict[str, float] = {}
    incidents: list[Incident] = []

    def holds(self, at_ms: int) -> bool:
        return self.start_ms <= at_ms <= self.end_ms


def read_night(path: Path, report: NightReport) -> Night:
    """Read the session's window. Raises StateError when the journal is missing, damaged or of another version."""
    night = Night(start_ms=report.close_ms - BEFORE_MS, end_ms=report.close_ms + AFTER_MS)
    journal = Journal.open_read_only(path)
    try:
        for record in _between(journal, night.start_ms, night.end_ms):
            _take(night, record, report.session)
        night.betas_before = _betas_before(journal, report.close_ms)
    finally:
        journal.close()
    return night


def _between(journal: Journal, start_ms: int, end_ms: int) -> Iterator[Record]:
    """Yield the records whose step fell into the interval, without reading the nights before it."""
    for record in journal.read(after_seq=_seq_before(journal, start_ms - SLACK_MS)):
        if record.at_ms > end_ms + SLACK_MS:
            return
        if start_ms <= record.at_ms <= end_ms:
            yield record


def _seq_before(journal: Journal, at_ms: int) -> int:
    """Return a record's number with everything at or after at_ms behind it, by halving."""
    low, high = 0, journal.last_seq()
    while low < high:
        middle = (low + high) // 2
        found = next(iter(journal.read(after_seq=middle)), None)
        if found is None or found.at_ms >= at_ms:
            high = middle
        else:
            low = max(middle + 1, found.seq)
    return low


def _betas_before(journal: Journal, close_ms: int) -> Betas:
    """Return the betas that the night before left in force; nothing when it is not in the journal."""
    close_before = close_ms - DAY_MS
    for start_ms, end_ms in ((0, AFTER_MS), (-BEFORE_MS, 0)):
        for record in _between(journal, close_before + start_ms, close_before + end_ms):
            if isinstance(record.event, ProFormaReady):
                return {str(c): b for c, b in record.event.proforma.betas.items()}
    return {}


def _take(night: Night, record: Record, session: str) -> None:
    night.records += 1
    night.seen_ms = (night.seen_ms[0] if night.seen_ms else record.at_ms, record.at_ms)
    for quote in record.quotes:
        if night.holds(quote.at_ms):
            night.prices.setdefault(quote.coin, []).append((quote.at_ms, float(quote.mid)))
    _take_event(night, record)
    for intent in record.intents:
        if isinstance(intent, SubmitOrders):
            night.orders.update({o.cloid: o for o in intent.orders})
        elif isinstance(intent, RaiseAlert):
            night.incidents.append(Incident(record.at_ms, intent.level, intent.text))
        elif isinstance(intent, WriteReport) and intent.session == session:
            night.fills_in_report, night.reported_ms = len(night.fills), record.at_ms


def _take_event(night: Night, record: Record) -> None:
    match record.event:
        case FillsReceived(fills=fills):
            for fill in fills:
                if fill.key not in night.fills and night.holds(fill.at_ms):
                    night.fills[fill.key] = fill
                    cloid = fill.cloid or ""
                    night.filled_qty[cloid] = night.filled_qty.get(cloid, ZERO) + fill.qty
        case OrdersAnswered(answers=answers):
            night.answers.update({a.cloid: a for a in answers})
        case ProFormaReady():
            night.proformas.append(record.event)
        case SnapshotReceived(snapshot=snapshot):
            if night.anchor is None and night.holds(snapshot.at_ms):
                night.anchor = snapshot
            night.marks.update({c: float(p.mark_px) for c, p in snapshot.positions.items()})
        case Started(settings=settings) | ConfigChanged(settings=settings):
            night.settings = settings
    told = _told(record)
    if told is not None:
        night.incidents.append(Incident(record.at_ms, *told))


def _told(record: Record) -> tuple[str, str] | None:
    """Return level and text of an event that a reader should know of; what raises an alert tells itself."""
    match record.event:
        case Started(version=version):
            return "info", f"the daemon started (version {version})"
        case StreamChanged(up=True):
            return "info", "account stream up"
        case KillTripped(reason=reason, by=by):
            return "critical", f"kill switch tripped by {by}: {reason}"
        case KillReset(reason=reason):
            return "warning", f"kill switch reset: {reason}"
        case StopRequested(reason=reason):
            return "info", f"stop requested: {reason}"
        case PreflightDone(problems=problems) if problems:
            return "error", "preflight: " + "; ".join(problems)
        case ConfigChanged(changes=changes):
            return "info", "configuration: " + ", ".join(f"{k} {a} -> {b}" for k, (a, b) in changes.items())
    return None


# --- positions -----------------------------------------------------------------------------------------


class Steps(msgspec.Struct, frozen=True):
    """A step function: value[i] from at_ms[i] until the next."""

    at_ms: list[int]
    value: list[Decimal]


def sorted_fills(night: Night) -> list[Fill]:
    return sorted(night.fills.values(), key=lambda f: (f.at_ms, f.tid))


def session_fills(night: Night, report: NightReport) -> list[Fill]:
    """Return the fills that the report counts: from the preflight to when it was written."""
    first_ms = report.close_ms + 1000 * night.settings.session.preflight_s
    last_ms = night.end_ms if night.reported_ms is None else night.reported_ms
    return [f for f in sorted_fills(night) if first_ms <= f.at_ms <= last_ms]


def by_coin(fills: Iterable[Fill]) -> dict[str, list[Fill]]:
    sorted_out: dict[str, list[Fill]] = {}
    for fill in fills:
        sorted_out.setdefault(fill.coin, []).append(fill)
    return sorted_out


def starting_positions(night: Night, report: NightReport) -> dict[str, Decimal]:
    """Return positions at the window's start: the first snapshot's, less the fills it already holds.

    Without a snapshot they are counted back from where the report says that the book ended.
    """
    start: dict[str, Decimal] = {}
    if night.anchor is not None:
        start = {c: p.qty for c, p in night.anchor.positions.items()}
        inside = [f for f in night.fills.values() if f.at_ms <= night.anchor.at_ms]
    else:
        start = {a.coin: Decimal(a.position) for a in report.assets}
        inside = list(night.fills.values())[: night.fills_in_report]
    for fill in inside:
        start[fill.coin] = start.get(fill.coin, ZERO) - fill.signed_qty
    return start


def disagreements(night: Night, report: NightReport) -> dict[str, tuple[Decimal, Decimal]]:
    """Return (rebuilt from the journal, the report's) where they differ: a check that the engine had no part in."""
    ends = starting_positions(night, report)
    for fill in list(night.fills.values())[: night.fills_in_report]:
        ends[fill.coin] = ends.get(fill.coin, ZERO) + fill.signed_qty
    said = {a.coin: Decimal(a.position) for a in report.assets}
    coins = sorted(ends.keys() | said.keys())
    return {
        c: (ends.get(c, ZERO), said.get(c, ZERO)) for c in coins if ends.get(c, ZERO) != said.get(c, ZERO)
    }


def positions(night: Night, report: NightReport) -> dict[str, Steps]:
    start = starting_positions(night, report)
    steps = {c: Steps([night.start_ms], [q]) for c, q in start.items()}
    for fill in sorted_fills(night):
        own = steps.setdefault(fill.coin, Steps([night.start_ms], [ZERO]))
        own.at_ms.append(fill.at_ms)
        own.value.append(own.value[-1] + fill.signed_qty)
    return steps


def targets(report: NightReport) -> dict[str, Steps]:
    """Return what each name was steered to, from the start of the phase that set it."""
    steps: dict[str, Steps] = {}
    for phase in sorted(report.phases.values(), key=lambda p: p.start.timestamp() if p.start else 0.0):
        if phase.start is None:
            continue
        for coin, qty in phase.targets.items():
            own = steps.setdefault(coin, Steps([], []))
            own.at_ms.append(round(phase.start.timestamp() * 1000))
            own.value.append(Decimal(qty))
    return steps
