"""What the shell needs from a venue, and what the adapter needs from the network. Protocols only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from core.events import AnyEvent
from core.types import (
    AccountSnapshot,
    Answer,
    ClientOrderId,
    Coin,
    Fill,
    FundingPayment,
    Instrument,
    Order,
)


class VenueError(Exception):
    """Something between us and the venue went wrong; the text says what, where and how to mend it."""


class Rejected(VenueError):
    """The venue said no. Nothing was done."""


class Unknown(VenueError):
    """Nobody can say whether the venue did it: a time-out, a reset, a 5xx."""


# --- the network, as the adapter sees it ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HttpReply:
    status: int
    content_type: str
    body: bytes


class HttpTransport(Protocol):
    """One POST of JSON. Raises Unknown when no complete reply came within timeout_s."""

    async def post(self, path: str, body: bytes, *, timeout_s: float) -> HttpReply: ...
    async def close(self) -> None: ...


class Socket(Protocol):
    """One websocket connection; both calls raise ConnectionError once it is closed."""

    async def send(self, text: str) -> None: ...
    async def receive(self) -> str | bytes: ...
    async def close(self) -> None: ...


class SocketTransport(Protocol):
    async def connect(self) -> Socket: ...


class Clock(Protocol):
    """The one clock. Virtual, accelerated or the wall; seconds slept are the clock's own."""

    def now_ms(self) -> int: ...
    async def sleep(self, seconds: float) -> None: ...


class NonceStore(Protocol):
    """Keeps the highest nonce that may have been used, across restarts. save raises VenueError when it cannot."""

    def load(self) -> int: ...
    def save(self, highest_ms: int) -> None: ...


# --- the venue, as the shell sees it -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed action, ready to send: the body, and the client order ids in the order of its members.

    nonce is what it was signed with; urgent says that it does not wait for request weight. It is never sent so late
    that it could pass expires_ms on its way. refused are members that were left out because the venue could only
    refuse them (off the grid, unknown asset); send returns them with the others' answers.
    """

    body: bytes
    cloids: tuple[ClientOrderId, ...]
    nonce: int = 0
    urgent: bool = False
    expires_ms: int = 0
    refused: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle in USD; volume in base units; close_ms is the last millisecond that belongs to it."""

    coin: Coin
    open_ms: int
    close_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trades: int


@dataclass(frozen=True, slots=True)
class HourlyFunding:
    """hour_ms is the payment's stamp floored to the hour."""

    coin: Coin
    hour_ms: int
    rate: Decimal


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What a preflight must know about the account before it may trade.

    role is the account's own: user, vault, subAccount, agent (then it is not an account), or missing (no deposit);
    role_of is the master of an agent or a sub-account.
    agent_of is the address the signer may act for, as the venue says: the master of an API wallet, the signer's
    own address when it is an account's key, None when the venue knows the signer as nobody's. It must equal the
    account's address, or its master's for a sub-account or vault. agent_name and agent_until_ms are set when the
    venue lists the signer by name; it does not list an unnamed one. abstraction: default and disabled keep all
    collateral in the perpetuals account. builder_positions are coins held on other dexes than the main one ("dex:COIN").
    """

    role: str
    abstraction: str
    agent_of: str | None
    requests_used: int
    requests_cap: int
    traded_usd: Decimal
    role_of: str | None = None
    agent_name: str | None = None
    agent_until_ms: int | None = None
    builder_positions: tuple[Coin, ...] = ()


@dataclass(frozen=True, slots=True)
class VenueStatus:
    """The venue's clock in ms, about 0.2 s old, and what it says about upgrades and incidents ("" on a good day)."""

    time_ms: int
    notice: str


class Gateway(Protocol):
    """Orders out, answers back. Outcomes are values: sign, send and cancel never raise for what the venue says.

    send answers every order of sign's batch, by client order id and not by place. cancel answers CANCELLED or
    UNKNOWN, never REJECTED: a refused cancel proves nothing about the order, and no cancel tells what was filled.
    order_status answers UNKNOWN when the venue could not be asked. burn answers BURNED, SPENT or UNKNOWN for every
    order of each batch that one of the named was sent in, and UNKNOWN for one whose nonce is not known. The reads,
    set_leverage and schedule_cancel (every open order at that moment; None takes it back) raise VenueError: a snapshot
    with an unreadable position raises, for that coin would look flat.
    """

    def sign(self, orders: Sequence[Order]) -> Signed: ...
    async def send(self, signed: Signed) -> tuple[Answer, ...]: ...
    async def cancel(self, orders: Sequence[tuple[int, ClientOrderId]]) -> tuple[Answer, ...]: ...
    async def cancel_open(self) -> tuple[Answer, ...]: ...
    async def order_status(self, cloid: ClientOrderId) -> Answer: ...
    async def burn(self, cloids: Sequence[ClientOrderId]) -> tuple[Answer, ...]: ...
    async def snapshot(self) -> AccountSnapshot: ...
    async def fills(self, *, from_ms: int) -> tuple[Fill, ...]: ...
    async def fundings(self, *, from_ms: int) -> tuple[FundingPayment, ...]: ...
    async def set_leverage(self, asset_id: int, leverage: int) -> None: ...
    async def schedule_cancel(self, cancel_ms: int | None) -> None: ...
    async def facts(self) -> AccountFacts: ...
    async def close(self) -> None: ...


class Reference(Protocol):
    """Public reads."""

    async def instruments(self) -> tuple[Instrument, ...]: ...
    async def venue_time_ms(self) -> int: ...
    async def status(self) -> VenueStatus: ...
    async def day_volume_usd(self) -> dict[Coin, Decimal]: ...
    async def daily_candles(self, coin: Coin, *, from_ms: int) -> tuple[Candle, ...]: ...
    async def hourly_funding(self, coin: Coin, *, from_ms: int) -> tuple[HourlyFunding, ...]: ...


class Feed(Protocol):
    """Streams of the venue, turned into events; reconnects by itself and reports StreamChanged.

    watch asks for the best prices of coins, and for mids alone of others: those come as quotes whose bid is their
    ask, good for valuing a position and never for trading it.
    """

    async def run(self, sink: Callable[[AnyEvent], None]) -> None: ...
    def watch(self, coins: Sequence[Coin], *, mids: Sequence[Coin] = ()) -> None: ...
