"""What can happen. Each event is stamped by the shell and journaled, except quotes that changed nothing."""

from core.config import TradingSettings
from core.types import (
    AccountSnapshot,
    Answer,
    Coin,
    Fill,
    FundingPayment,
    Instrument,
    Phase,
    ProForma,
    Quote,
    SessionDay,
    Value,
)


class Event(Value, tag=True):
    """at_ms is the shell's clock when the event entered the inbox."""

    at_ms: int


class Started(Event):
    """The daemon came up, with an empty state or a restored one. Every order in flight is unknown from here on."""

    version: str
    settings: TradingSettings


class QuoteReceived(Event):
    quote: Quote


class FillsReceived(Event):
    """Executions of our account. A backfill also proves that nothing else happened in its interval."""

    fills: tuple[Fill, ...]
    covered_from_ms: int | None = None
    covered_to_ms: int | None = None


class FundingReceived(Event):
    payments: tuple[FundingPayment, ...]


class OrdersAnswered(Event):
    """The venue's answers to a submit, a cancel, or a status query."""

    answers: tuple[Answer, ...]


class SnapshotReceived(Event):
    snapshot: AccountSnapshot


class InstrumentsReceived(Event):
    instruments: tuple[Instrument, ...]


class StreamChanged(Event):
    """The account stream (fills) went up or down. After it went up the gap is backfilled."""

    up: bool
    reason: str = ""


class PreflightDone(Event):
    """The universe frozen for the night, and what is wrong (nothing trades while problems is not empty)."""

    session: SessionDay
    universe: tuple[Coin, ...]
    problems: tuple[str, ...] = ()


class ProFormaReady(Event):
    session: SessionDay
    phase: Phase
    proforma: ProForma
    missing_closes: tuple[Coin, ...] = ()


class ProFormaFailed(Event):
    session: SessionDay
    phase: Phase
    reason: str


class ClockTicked(Event):
    """Time passed. What is due is decided from at_ms and the record, never from the tick itself."""


class KillTripped(Event):
    reason: str
    by: str


class KillReset(Event):
    reason: str


class ConfigChanged(Event):
    settings: TradingSettings
    changes: dict[str, tuple[str, str]]


class StopRequested(Event):
    reason: str


class ManualReconcile(Event):
    """An operator asked for positions and fills to be compared with the venue now."""


AnyEvent = (
    Started
    | QuoteReceived
    | FillsReceived
    | FundingReceived
    | OrdersAnswered
    | SnapshotReceived
    | InstrumentsReceived
    | StreamChanged
    | PreflightDone
    | ProFormaReady
    | ProFormaFailed
    | ClockTicked
    | KillTripped
    | KillReset
    | ConfigChanged
    | StopRequested
    | ManualReconcile
)

