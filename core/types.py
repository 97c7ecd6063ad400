"""The nouns: what is traded, at what price, by which order, held in what position.

Quantities, prices and cash are Decimal: they meet the venue's grid and its ledger to the last digit.
Betas, weights and risk numbers are float: they come from statistics and never reach an order unrounded.
Times are integer milliseconds since 1970 (UTC), as the venue stamps them.
"""

from decimal import Decimal
from enum import StrEnum
from typing import NewType

import msgspec

Coin = NewType("Coin", str)
ClientOrderId = NewType("ClientOrderId", str)
"""0x and 32 hex digits; see core.orders for what is written into them."""

SessionDay = NewType("SessionDay", str)
"""ISO date of the candle day that the session closes: it trades from 23:50 of that day on (D3-4)."""

HEDGE_COINS: tuple[Coin, Coin] = (Coin("BTC"), Coin("ETH"))
"""The two factors, in the order in which betas are given."""


NO_PERPETUAL = frozenset("@#+:/")
"""Letters of names that are no perpetual of the main dex: spot, outcome shares, builders' markets (hyperliquid.md 1.2)."""


def is_perpetual(coin: Coin) -> bool:
    """Say whether a coin is one whose position the account's clearinghouse state shows."""
    return NO_PERPETUAL.isdisjoint(coin)


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen value; what every noun, event and intent is made of."""


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1


class Tif(StrEnum):
    IOC = "Ioc"
    GTC = "Gtc"
    ALO = "Alo"


class Purpose(StrEnum):
    """Why an order exists; also the leg written into its client order id."""

    PROJECTED = "projected"
    CORRECTION = "correction"
    HEDGE = "hedge"
    FLATTEN = "flatten"


class Phase(StrEnum):
    PROJECTED = "projected"
    CORRECTION = "correction"


class TradingState(StrEnum):
    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class Instrument(Value, frozen=True, kw_only=True):
    """A perpetual as the venue lists it. asset_id is its place in the venue's universe."""

    coin: Coin
    asset_id: int
    size_decimals: int
    leverage_max: int
    delisted: bool = False

    @property
    def lot(self) -> Decimal:
        return Decimal(1).scaleb(-self.size_decimals)


class Quote(Value, frozen=True, kw_only=True):
    """Best bid and ask of one coin. at_ms is the venue's stamp, received_ms ours."""

    coin: Coin
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    at_ms: int
    received_ms: int

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2


class Fill(Value, frozen=True, kw_only=True):
    """One execution, as the venue's ledger has it. (tid, oid) identifies it (hyperliquid.md 1.3).

    start_position is the venue's position before it. liquidated: the venue closed our position by force.
    """

    coin: Coin
    side: Side
    qty: Decimal
    px: Decimal
    fee_usd: Decimal
    tid: int
    oid: int
    at_ms: int
    start_position: Decimal
    direction: str
    closed_pnl_usd: Decimal = Decimal(0)
    crossed: bool = True
    cloid: ClientOrderId | None = None
    liquidated: bool = False

    @property
    def key(self) -> str:
        return f"{self.tid}:{self.oid}"

    @property
    def signed_qty(self) -> Decimal:
        return self.qty if self.side is Side.BUY else -self.qty

    @property
    def end_position(self) -> Decimal:
        """The venue's position after it."""
        return self.start_position + self.signed_qty


class FundingPayment(Value, frozen=True, kw_only=True):
    """Funding of one hour on one coin; usd is negative when we paid."""

    coin: Coin
    at_ms: int
    usd: Decimal
    qty: Decimal
    rate: Decimal

    @property
    def key(self) -> str:
        return f"{self.coin}:{self.at_ms // 3_600_000}"


class Order(Value, frozen=True, kw_only=True):
    """An order we want, complete before it is journaled: nothing is decided after that."""

    cloid: ClientOrderId
    coin: Coin
    asset_id: int
    side: Side
    qty: Decimal
    limit_px: Decimal
    tif: Tif
    reduce_only: bool
    purpose: Purpose
    session: SessionDay
    created_ms: int
    expires_ms: int
    arrival_mid: Decimal

    @property
    def signed_qty(self) -> Decimal:
        return self.qty if self.side is Side.BUY else -self.qty


class Outcome(StrEnum):
    """What the venue said about an order. UNKNOWN is a value, not an error."""

    RESTING = "resting"
    FILLED = "filled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    NEVER_PLACED = "never placed"
    """The venue does not know the client order id. Proof only once the order can no longer land."""

    BURNED = "burned"
    """A noop took the order's nonce, which was free: the order never landed and never can. Proof at once."""

    SPENT = "spent"
    """The order's nonce can no longer be used: what could land has landed by now. Says nothing about which."""


class Answer(Value, frozen=True, kw_only=True):
    """The venue's word on one order. filled_qty is what it says was executed in all.

    throttled: the venue said that this address has used up its requests (hyperliquid.md 4.1).
    """

    cloid: ClientOrderId
    outcome: Outcome
    filled_qty: Decimal = Decimal(0)
    average_px: Decimal | None = None
    oid: int | None = None
    reason: str = ""
    throttled: bool = False


class VenuePosition(Value, frozen=True, kw_only=True):
    coin: Coin
    qty: Decimal
    entry_px: Decimal
    mark_px: Decimal
    funding_since_open_usd: Decimal = Decimal(0)


class OpenOrder(Value, frozen=True, kw_only=True):
    coin: Coin
    oid: int
    cloid: ClientOrderId | None
    side: Side
    remaining_qty: Decimal
    limit_px: Decimal


class AccountSnapshot(Value, frozen=True, kw_only=True):
    """The venue's clearinghouse state: the truth about positions, as of at_ms (the venue's clock)."""

    at_ms: int
    equity_usd: Decimal
    positions: dict[Coin, VenuePosition]
    open_orders: tuple[OpenOrder, ...] = ()


class ProForma(Value, frozen=True, kw_only=True):
    """What the pipeline wants, for one phase: weights of equity, betas to hedge with, and the proof of the solve.

    betas maps a coin to (beta_btc, beta_eth); closes holds the price that each weight was made with (USD).
    reasons names why a coin has the weight it has ("" when the optimiser chose it), or has none.
    """

    weights: dict[Coin, float]
    betas: dict[Coin, tuple[float, float]]
    closes: dict[Coin, Decimal]
    adv_usd: dict[Coin, float]
    reasons: dict[Coin, str]
    solver: str
    status: str
    objective: float
    gap: float
    parameters: dict[str, str | int | float]
