"""What we know. One frozen value; each slice is written by the module it is named after."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from core.config import TradingSettings
from core.types import (
    AccountSnapshot,
    ClientOrderId,
    Coin,
    Instrument,
    Order,
    Phase,
    ProForma,
    Purpose,
    Quote,
    SessionDay,
    TradingState,
    Value,
)

ZERO = Decimal(0)


class OrderStatus(StrEnum):
    """IN_FLIGHT and UNKNOWN may still become anything; RESTING is at the venue; ENDED awaits its last fills."""

    IN_FLIGHT = "in flight"
    RESTING = "resting"
    UNKNOWN = "unknown"
    ENDED = "ended"


class OrderRecord(Value, frozen=True, kw_only=True):
    """An order until the venue's word and our fills agree on what became of it.

    reported_qty is what the venue says was executed, booked_qty what fills have proved. absent: when last asked the
    venue did not know its id. burnt: a noop took its nonce, so it never was. spent_ms: its nonce was gone by then.
    rested_ms: when the venue last said that it rests; whatever is said of its id later, it was placed.
    """

    order: Order
    status: OrderStatus
    since_ms: int
    reported_qty: Decimal = ZERO
    booked_qty: Decimal = ZERO
    asked_ms: int = 0
    absent: bool = False
    burnt: bool = False
    spent_ms: int | None = None
    rested_ms: int | None = None

    @property
    def dead_ms(self) -> int:
        """When the venue could take it for the last time: its expiry, or when its nonce was seen to be gone."""
        expires_ms = self.order.expires_ms
        return expires_ms if self.spent_ms is None else min(self.spent_ms, expires_ms)

    @property
    def outstanding_qty(self) -> Decimal:
        """Signed quantity that may still turn into a position without another decision of ours."""
        most = self.reported_qty if self.status is OrderStatus.ENDED else self.order.qty
        return max(most - self.booked_qty, ZERO) * self.order.side.sign


class Orders(Value, frozen=True, kw_only=True):
    """Orders not yet settled, and the counter that makes client order ids."""

    open: dict[ClientOrderId, OrderRecord] = {}
    counter: int = 0
    recent_ms: tuple[int, ...] = ()


class Allowance(Value, frozen=True, kw_only=True):
    """Requests of this address at the venue: its count at the last reading, and ours since (hyperliquid.md 4.1)."""

    used: int
    cap: Decimal

    @property
    def left(self) -> int:
        return int(self.cap - self.used)


class LegStats(Value, frozen=True, kw_only=True):
    """Executions of one purpose in one session; slippage is against the arrival mid, positive costs."""

    orders: int = 0
    fills: int = 0
    rejected: int = 0
    notional_usd: Decimal = ZERO
    fees_usd: Decimal = ZERO
    slippage_usd: Decimal = ZERO


class Ledger(Value, frozen=True, kw_only=True):
    """Money by coin, cumulative: cash from trading (sales less purchases), fees paid, funding received."""

    cash_usd: dict[Coin, Decimal] = {}
    fees_usd: dict[Coin, Decimal] = {}
    funding_usd: dict[Coin, Decimal] = {}


class Book(Value, frozen=True, kw_only=True):
    """Confirmed positions. covered_to_ms: every fill up to then is booked, by the venue's own ledger.

    opened_ms is when the positions were first adopted from the venue; earlier fills are inside them.
    chain holds, by coin, the time of the newest fill and the venue's position after it, by the fill's own word;
    broken those of these positions that are not ours: a fill is missing, or was booked twice.
    """

    positions: dict[Coin, Decimal] = {}
    seen_fills: dict[str, int] = {}
    seen_funding: dict[str, int] = {}
    opened_ms: int | None = None
    covered_to_ms: int | None = None
    last_fill_ms: int = 0
    fills_booked: int = 0
    duplicates_ignored: int = 0
    funding_to_ms: int = 0
    ledger: Ledger = Ledger()
    chain: dict[Coin, tuple[int, Decimal]] = {}
    broken: dict[Coin, Decimal] = {}


class HedgeState(Value, frozen=True, kw_only=True):
    """Betas in force and how well the book has been kept in its band this session."""

    betas: dict[Coin, tuple[float, float]] = {}
    last_sent_ms: int = 0
    failures: int = 0
    turnover: tuple[tuple[int, float], ...] = ()
    outside_since_ms: int | None = None
    outside_s: float = 0.0
    worst_usd: tuple[float, float] = (0.0, 0.0)
    reaction_ms: tuple[int, ...] = ()


class Stage(StrEnum):
    """Where the night is. It only moves forward; each move is journaled with the event that caused it."""

    WAITING = "waiting"
    PREFLIGHT = "preflight"
    PROJECTING = "projecting"
    PROJECTED = "projected"
    FREEZING = "freezing"
    FROZEN = "frozen"
    CORRECTING = "correcting"
    CORRECTED = "corrected"
    CLOSING = "closing"
    DONE = "done"


class PhaseRecord(Value, frozen=True, kw_only=True):
    """What one phase set out to do, and what became of it. reason is empty when it went as planned.

    slice_ms is when orders of a slice were last made; unpriced holds the coins that the newest slice left out for want of
    a fresh price, and since when they have had none (ms). undecided holds those of which it left a part, or all, to orders
    whose ends were not known yet, and since when.
    """

    phase: Phase
    attempts: int = 0
    requested_ms: int | None = None
    proforma: ProForma | None = None
    started_ms: int | None = None
    ended_ms: int | None = None
    end_ms: int = 0
    failed_ms: int = 0
    targets: dict[Coin, Decimal] = {}
    start_qty: dict[Coin, Decimal] = {}
    arrival_mids: dict[Coin, Decimal] = {}
    next_slice: int = 0
    slice_ms: int = 0
    unpriced: dict[Coin, int] = {}
    undecided: dict[Coin, int] = {}
    reason: str = ""


class Opening(Value, frozen=True, kw_only=True):
    """The account as the session found it: both phases size and cost their trades from here (E3-23)."""

    snapshot: AccountSnapshot
    ledger: Ledger


class Session(Value, frozen=True, kw_only=True):
    day: SessionDay
    close_ms: int
    stage: Stage = Stage.WAITING
    stage_ms: int = 0
    opening: Opening | None = None
    closing: AccountSnapshot | None = None
    closing_ledger: Ledger | None = None
    universe: tuple[Coin, ...] | None = None
    problems: tuple[str, ...] = ()
    preflight_asked_ms: int = 0
    projected: PhaseRecord = PhaseRecord(phase=Phase.PROJECTED)
    correction: PhaseRecord = PhaseRecord(phase=Phase.CORRECTION)
    held: dict[Coin, str] = {}
    legs: dict[Purpose, LegStats] = {}
    restarts: int = 0
    rationed: int = 0
    burnt: int = 0
    notices: tuple[tuple[int, str], ...] = ()

    def phase(self, phase: Phase) -> PhaseRecord:
        return self.projected if phase is Phase.PROJECTED else self.correction

    def with_phase(self, record: PhaseRecord) -> "Session":
        """Return the session with the record of one phase changed."""
        if record.phase is Phase.PROJECTED:
            return msgspec.structs.replace(self, projected=record)
        return msgspec.structs.replace(self, correction=record)


class Account(Value, frozen=True, kw_only=True):
    """The venue's last word on the account, how often in a row it contradicted the book, and since when in these words.

    taken_ms is when the snapshot came: whatever its stamp, it shows nothing later. stream_ms is when the account stream
    last came or went; stale_ms since when the venue shows states that are old
    (0: it does not). post_only_until_ms: until then the venue takes no order that would trade at once; notice is its
    announcement of a special status.
    """

    snapshot: AccountSnapshot | None = None
    taken_ms: int | None = None
    asked_ms: int = 0
    fills_asked_ms: int = 0
    funding_asked_ms: int = 0
    mismatches: int = 0
    mismatch: str = ""
    mismatch_ms: int = 0
    stream_up: bool = False
    stream_ms: int = 0
    stale_ms: int = 0
    post_only_until_ms: int = 0
    notice: str = ""


class DeadMan(Value, frozen=True, kw_only=True):
    """The venue's scheduled cancel: armed_ms is when it fires by the venue's word, maybe_ms what was asked for since
    and not proved; asked_ms is set while an answer is due.

    fired counts how often, by UTC day (days since 1970; two days are kept). refused is the venue's text, this session.
    """

    traded_usd: Decimal | None = None
    armed_ms: int | None = None
    maybe_ms: int | None = None
    asked_ms: int | None = None
    refused: str = ""
    fired: dict[int, int] = {}


class State(Value, frozen=True, kw_only=True):
    """mids_usd holds the mids of quotes as floats: exposure is summed over the whole book at every fill.

    disputed holds the coins whose price here an index contradicts, and both prices in words (core.disputes).
    """

    settings: TradingSettings
    at_ms: int = 0
    trading: TradingState = TradingState.ACTIVE
    halt_reason: str = ""
    instruments: dict[Coin, Instrument] = {}
    quotes: dict[Coin, Quote] = {}
    mids_usd: dict[Coin, float] = {}
    book: Book = Book()
    orders: Orders = Orders()
    hedge: HedgeState = HedgeState()
    account: Account = Account()
    allowance: Allowance | None = None
    dead_man: DeadMan = DeadMan()
    session: Session | None = None
    disputed: dict[Coin, str] = {}
    stopping: bool = False
    starts: int = 0
    started_ms: int = 0


_decoder = msgspec.json.Decoder(State)


def encode(state: State) -> bytes:
    return msgspec.json.encode(state)


def decode(data: bytes) -> State:
    """Return the state that encode() wrote; raises msgspec.ValidationError on anything else."""
    return _decoder.decode(data)
