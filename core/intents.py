"""What we want done. A fact about what we want: no callbacks, no flags, complete before it is journaled."""

from decimal import Decimal

from core.types import ClientOrderId, Coin, Order, Phase, SessionDay, Value


class Intent(Value, frozen=True, kw_only=True, tag=True):
    pass


class SubmitOrders(Intent, frozen=True, kw_only=True):
    """One signed action for the whole batch."""

    orders: tuple[Order, ...]


class CancelOrders(Intent, frozen=True, kw_only=True):
    orders: tuple[tuple[Coin, ClientOrderId], ...]


class CancelEverything(Intent, frozen=True, kw_only=True):
    """Cancel every open order of the account, ours or not; part of a kill and of an orderly stop."""


class QueryOrders(Intent, frozen=True, kw_only=True):
    """Ask what became of orders whose outcome nobody has proved."""

    cloids: tuple[ClientOrderId, ...]


class BurnNonce(Intent, frozen=True, kw_only=True):
    """Use up the nonces of actions whose orders the venue does not know, so that they can never land.

    All orders of one action share its nonce: it is burnt once, and that answers for all of them.
    """

    cloids: tuple[ClientOrderId, ...]


class FetchFills(Intent, frozen=True, kw_only=True):
    """Fills from the ledger, from this moment on (inclusive)."""

    from_ms: int


class FetchFunding(Intent, frozen=True, kw_only=True):
    from_ms: int


class FetchSnapshot(Intent, frozen=True, kw_only=True):
    """The account's positions and equity, from the venue."""


class ScheduleCancel(Intent, frozen=True, kw_only=True):
    """Have the venue cancel every open order at cancel_ms, whatever becomes of us by then; None takes it back."""

    cancel_ms: int | None


class RunPreflight(Intent, frozen=True, kw_only=True):
    session: SessionDay
    held: tuple[Coin, ...]


class RunPipeline(Intent, frozen=True, kw_only=True):
    """Modules A to D for one phase.

    held is the book at the opening of the session, as weights of equity: both phases are given the same,
    so that the correction does not depend on what the projection did (E3-23).
    prices holds live mids for the projected phase; empty for the correction, which fetches official closes.
    """

    session: SessionDay
    phase: Phase
    universe: tuple[Coin, ...]
    held_qty: dict[Coin, Decimal]
    equity_usd: Decimal
    prices: dict[Coin, Decimal]
    give_up_ms: int


class TripKill(Intent, frozen=True, kw_only=True):
    """Write the latch: the engine found a reason to stop trading for good."""

    reason: str


class RaiseAlert(Intent, frozen=True, kw_only=True):
    level: str
    code: str
    text: str


class WriteReport(Intent, frozen=True, kw_only=True):
    session: SessionDay


AnyIntent = (
    SubmitOrders
    | CancelOrders
    | CancelEverything
    | QueryOrders
    | BurnNonce
    | FetchFills
    | FetchFunding
    | FetchSnapshot
    | ScheduleCancel
    | RunPreflight
    | RunPipeline
    | TripKill
    | RaiseAlert
    | WriteReport
)
