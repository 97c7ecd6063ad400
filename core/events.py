"""What can happen. Each event is stamped by the shell and journaled, except quotes that changed nothing."""

from decimal import Decimal

from core.config import TradingSettings
from core.types import (
    AccountSnapshot,
    Answer,
    Coin,
    Fill,
    FundingPayment,
    Instrument,
    OpenOrder,
    Phase,
    ProForma,
    Quote,
    SessionDay,
    Value,
)


class Event(Value, frozen=True, kw_only=True, tag=True):
    """at_ms is the shell's clock when the event entered the inbox; never less than what the state has seen since a start."""

    at_ms: int


class Started(Event, frozen=True, kw_only=True):
    """The daemon came up, with an empty state or a restored one. Every order in flight is unknown from here on."""

    version: str
    settings: TradingSettings


class ClockSet(Event, frozen=True, kw_only=True):
    """Our clock was wrong and goes on from at_ms: stamps of ours that are later were made while it was ahead."""


class QuoteReceived(Event, frozen=True, kw_only=True):
    quote: Quote


class FillsReceived(Event, frozen=True, kw_only=True):
    """Executions of our account. A backfill also proves that nothing else happened in its interval."""

    fills: tuple[Fill, ...]
    covered_from_ms: int | None = None
    covered_to_ms: int | None = None


class FundingReceived(Event, frozen=True, kw_only=True):
    payments: tuple[FundingPayment, ...]


class OrdersAnswered(Event, frozen=True, kw_only=True):
    """The venue's answers to a submit, a cancel, or a status query; strangers are orders that carry no id of anybody."""

    answers: tuple[Answer, ...]
    strangers: tuple[OpenOrder, ...] = ()


class AllowanceRead(Event, frozen=True, kw_only=True):
    """The address's request budget as the venue counts it: requests used, and how many it may use in all."""

    used: int
    cap: int


class SnapshotReceived(Event, frozen=True, kw_only=True):
    """asked_ms is when it was asked for, by our clock (0: nobody noted it): a slow answer is not an old one."""

    snapshot: AccountSnapshot
    asked_ms: int = 0


class InstrumentsReceived(Event, frozen=True, kw_only=True):
    instruments: tuple[Instrument, ...]


class StreamChanged(Event, frozen=True, kw_only=True):
    """The account stream (fills) went up or down, or was deaf for a while (up again). What was missed is backfilled."""

    up: bool
    reason: str = ""


class CancelScheduled(Event, frozen=True, kw_only=True):
    """The venue's answer to a ScheduleCancel. taken is None when nobody can say whether it was."""

    scheduled_ms: int | None
    taken: bool | None
    reason: str = ""


class VenueNoticed(Event, frozen=True, kw_only=True):
    """The venue announces a special status (an upgrade, an incident) in its own words, or none any more ("")."""

    notice: str


class PreflightDone(Event, frozen=True, kw_only=True):
    """The universe frozen for the night, and what is wrong (nothing trades while problems is not empty).

    traded_usd is the account's traded volume, None when it could not be read.
    """

    session: SessionDay
    universe: tuple[Coin, ...]
    problems: tuple[str, ...] = ()
    traded_usd: Decimal | None = None


class ProFormaReady(Event, frozen=True, kw_only=True):
    session: SessionDay
    phase: Phase
    proforma: ProForma
    missing_closes: tuple[Coin, ...] = ()


class ProFormaFailed(Event, frozen=True, kw_only=True):
    session: SessionDay
    phase: Phase
    reason: str


class ClockTicked(Event, frozen=True, kw_only=True):
    """Time passed. What is due is decided from at_ms and the record, never from the tick itself."""


class KillTripped(Event, frozen=True, kw_only=True):
    reason: str
    by: str


class KillReset(Event, frozen=True, kw_only=True):
    reason: str


class ConfigChanged(Event, frozen=True, kw_only=True):
    settings: TradingSettings
    changes: dict[str, tuple[str, str]]


class StopRequested(Event, frozen=True, kw_only=True):
    reason: str


class PriceDisputed(Event, frozen=True, kw_only=True):
    """The venue's mid of a coin has been far from an index of other venues for a while; both in USD for the venue's unit."""

    coin: Coin
    venue_px: Decimal
    index_px: Decimal


class PriceAgreed(Event, frozen=True, kw_only=True):
    """The venue's mid of a coin has been near its index again for a while."""

    coin: Coin


class ManualReconcile(Event, frozen=True, kw_only=True):
    """An operator asked for positions and fills to be compared with the venue now."""


AnyEvent = (
    Started
    | ClockSet
    | QuoteReceived
    | FillsReceived
    | FundingReceived
    | OrdersAnswered
    | AllowanceRead
    | SnapshotReceived
    | InstrumentsReceived
    | StreamChanged
    | CancelScheduled
    | VenueNoticed
    | PreflightDone
    | ProFormaReady
    | ProFormaFailed
    | ClockTicked
    | KillTripped
    | KillReset
    | ConfigChanged
    | StopRequested
    | ManualReconcile
    | PriceDisputed
    | PriceAgreed
)
