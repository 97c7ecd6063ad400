"""Accounts and what happened to them: cash, positions, orders, executions, funding.

The ledger is exact: cash is the sum of everything paid and received, to the sixth decimal, and a position's
entry is the cash it cost. Equity is cash plus positions at the mark, and nothing else is stored.
"""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sim.venue.order import Order, OrderRow
from sim.venue.wire import usd

ZERO = Decimal(0)
REQUESTS_FREE = 10_000
ORDERS_REMEMBERED = 2_000
LEVERAGE_DEFAULT = 20


@dataclass(slots=True)
class Position:
    """size is signed base units; entry_usd is signed as well: what it cost, or brought when short.

    raw_usd is the cash of an isolated position's own, None for a cross position, which uses the account's.
    Funding is positive when the position paid (hyperliquid.md 4.2).
    """

    size: Decimal = ZERO
    entry_usd: Decimal = ZERO
    funding_since_open: Decimal = ZERO
    funding_since_change: Decimal = ZERO
    raw_usd: Decimal | None = None

    def move(self, qty: Decimal, px: Decimal) -> Decimal:
        """Add qty (signed) at px and return the profit in USD that this closed, before fees."""
        if self.size * qty >= 0:
            self.size += qty
            self.entry_usd += qty * px
            return ZERO
        if abs(qty) > abs(self.size):
            opened = qty + self.size
            pnl = self.size * px - self.entry_usd
            self.size, self.entry_usd = opened, opened * px
            return pnl
        released = self.entry_usd if qty == -self.size else usd(self.entry_usd * -qty / self.size)
        self.size += qty
        self.entry_usd -= released
        return -qty * px - released


@dataclass(frozen=True, slots=True)
class Liquidation:
    """Whose liquidation a fill belongs to; both sides of it carry this. mode is Cross or Isolated."""

    user: str
    mark_px: Decimal
    method: str
    mode: str = "Cross"


@dataclass(frozen=True, slots=True)
class VenueFill:
    """One side of one execution. fee_usd is positive when paid; (tid, oid) is unique."""

    address: str
    asset_id: int
    coin: str
    buy: bool
    px: Decimal
    size: Decimal
    at_ms: int
    start_position: Decimal
    direction: str
    closed_pnl_usd: Decimal
    fee_usd: Decimal
    oid: int
    tid: int
    hash: str
    crossed: bool
    cloid: str | None = None
    builder_fee_usd: Decimal | None = None
    liquidation: Liquidation | None = None
    twap_id: int | None = None

    @property
    def signed_size(self) -> Decimal:
        return self.size if self.buy else -self.size


@dataclass(frozen=True, slots=True)
class FundingPaid:
    """One hour's funding of one position; usd is negative when the account paid."""

    address: str
    asset_id: int
    coin: str
    at_ms: int
    usd: Decimal
    size: Decimal
    rate: Decimal
    hash: str


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What moved an account's money other than trades and funding; delta as on the wire (hyperliquid.md 1.3)."""

    address: str
    at_ms: int
    hash: str
    delta: dict[str, Any]


@dataclass(slots=True)
class DayVolume:
    """What an account traded on one UTC day in USD, as taker and as maker."""

    cross_usd: Decimal = ZERO
    add_usd: Decimal = ZERO


@dataclass(slots=True)
class ScheduledCancel:
    at_ms: int | None = None
    day: int = 0
    triggers: int = 0
    agenda_ms: int | None = None


@dataclass(slots=True)
class Account:
    """One account. cash_usd is the cross account's totalRawUsd; isolated positions hold their own beside it.

    isolated holds the coins whose next position will be isolated; master is the owner's address of a sub-account.
    volumes are by UTC day (days since 1970); tier is (day, taker rate, maker rate), as of that day. deposited_usd never
    changes.
    """

    address: str
    deposited_usd: Decimal
    cash_usd: Decimal
    positions: dict[int, Position] = field(default_factory=dict)
    leverage: dict[int, int] = field(default_factory=dict)
    isolated: set[int] = field(default_factory=set)
    funding_all_time: dict[int, Decimal] = field(default_factory=dict)
    open_orders: dict[int, Order] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    cloids: dict[str, int] = field(default_factory=dict)
    history: deque[OrderRow] = field(default_factory=lambda: deque(maxlen=ORDERS_REMEMBERED))
    fills: list[VenueFill] = field(default_factory=list)
    fundings: list[FundingPaid] = field(default_factory=list)
    ledger: list[LedgerRow] = field(default_factory=list)
    partly_liquidated_until_ms: int = 0
    traded_usd: Decimal = ZERO
    requests_used: int = 0
    requests_bought: int = 0
    throttled_ms: int = 0
    scheduled: ScheduledCancel = field(default_factory=ScheduledCancel)
    builder_fees: dict[str, int] = field(default_factory=dict)
    spot_usd: Decimal = ZERO
    master: str | None = None
    name: str = ""
    abstraction: str = "default"
    agent_removed_ms: int = -(2**62)
    volumes: dict[int, DayVolume] = field(default_factory=dict)
    tier: tuple[int, Decimal, Decimal] | None = None
    referrer: str | None = None
    referred_usd: Decimal = ZERO

    @classmethod
    def funded(cls, address: str, usdc: Decimal) -> "Account":
        return cls(address.lower(), usd(usdc), usd(usdc))

    @property
    def requests_cap(self) -> int:
        return REQUESTS_FREE + int(self.traded_usd) + self.requests_bought

    def size(self, asset_id: int) -> Decimal:
        held = self.positions.get(asset_id)
        return ZERO if held is None else held.size

    def remember(self, order: Order) -> None:
        """Keep an order for orderStatus. Ended ones are forgotten, oldest first, beyond the venue's 2000."""
        self.orders[order.oid] = order
        if order.cloid is not None:
            self.cloids[order.cloid] = order.oid
        if len(self.orders) > ORDERS_REMEMBERED + len(self.open_orders):
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        oid = next((oid for oid in self.orders if oid not in self.open_orders), None)
        if oid is None:
            return
        cloid = self.orders.pop(oid).cloid
        if cloid is not None and self.cloids.get(cloid) == oid:
            del self.cloids[cloid]
