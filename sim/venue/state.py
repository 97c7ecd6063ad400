"""Everything the venue knows, and what has happened since the streams last looked."""

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sim.venue.account import Account, FundingPaid, LedgerRow, VenueFill
from sim.venue.assets import VenueAsset
from sim.venue.margin import Valuation
from sim.venue.matching import Book
from sim.venue.mistakes import Mistakes
from sim.venue.nonces import NonceSet
from sim.venue.order import Order, OrderRow, basic_document, full_document
from sim.venue.portfolio import Portfolios
from sim.venue.price_source import PRICE_CADENCE_MS, PriceSource
from sim.venue.refusing import Refusing
from sim.venue.signature import Chain
from sim.venue.twap import Twap, TwapRow
from sim.venue.wire import number

AGENT_LIFE_MS = 90 * 86_400_000
POST_ONLY_NOTICE = "Only post-only orders are allowed after the network upgrade"


@dataclass(frozen=True, slots=True)
class Agent:
    """An approved signer: it acts for master and for nobody else. An unnamed agent has the name ''."""

    address: str
    master: str
    name: str
    valid_until_ms: int


@dataclass(frozen=True, slots=True)
class NonUserCancel:
    address: str
    coin: str
    oid: int


@dataclass(frozen=True, slots=True)
class Liquidated:
    address: str
    lid: int
    notional_usd: Decimal
    equity_usd: Decimal


@dataclass(frozen=True, slots=True)
class Notice:
    address: str
    text: str


@dataclass(frozen=True, slots=True)
class Printed:
    """A trade as everybody sees it; users are buyer and seller."""

    asset_id: int
    coin: str
    buy: bool
    px: Decimal
    size: Decimal
    at_ms: int
    tid: int
    hash: str
    users: tuple[str, str]


Happening = (
    VenueFill | FundingPaid | OrderRow | NonUserCancel | Liquidated | Notice | Printed | LedgerRow | TwapRow
)


@dataclass(slots=True)
class Backstop:
    """The vault that takes over what the book does not: how much notional it can still take, and what it was left."""

    capacity_usd: Decimal
    cash_usd: Decimal = Decimal(0)


BACKSTOP_CAPACITY_USD = Decimal(1_000_000_000_000)


class Ids:
    """Increasing order and trade ids beyond 32 bits, and hashes; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"ids {seed}")
        self._oid = 2**35 + self._random.randrange(2**33)
        self._tid = 10**14 + self._random.randrange(10**13)
        self._twap_id = 10**6 + self._random.randrange(10**6)
        self._hashes = 0
        self._seed = seed

    def oid(self) -> int:
        self._oid += self._random.randint(1, 400)
        return self._oid

    def tid(self) -> int:
        self._tid += self._random.randint(1, 10**6)
        return self._tid

    def twap_id(self) -> int:
        self._twap_id += 1
        return self._twap_id

    def hash(self) -> str:
        self._hashes += 1
        return "0x" + hashlib.sha256(f"{self._seed} {self._hashes}".encode()).hexdigest()


class VenueState:
    def __init__(
        self,
        prices: PriceSource,
        chain: Chain,
        *,
        accounts: Mapping[str, Decimal],
        agents: Mapping[str, str],
        at: tuple[int, int],
    ) -> None:
        """at is (start_ms, seed)."""
        self.prices, self.chain = prices, chain
        self.now_ms, seed = at
        self.start_ms = self.now_ms
        self.post_only_until_ms = 0
        self.ids = Ids(seed)
        self.seed = seed
        self.accounts = {a.lower(): Account.funded(a, usdc) for a, usdc in accounts.items()}
        self.valuations = {address: Valuation() for address in self.accounts}
        self.agents: dict[str, Agent] = {}
        self.agents_ever: set[str] = set()
        self.nonces: dict[str, NonceSet] = {}
        for i, (agent, master) in enumerate(agents.items()):
            self.approve(agent.lower(), master.lower(), f"agent {i + 1}")
        self.backstop = Backstop(BACKSTOP_CAPACITY_USD)
        self.by_name: dict[str, VenueAsset] = {asset.name: asset for asset in prices.assets}
        self.books: dict[int, Book] = {}
        self.triggers: dict[int, Order] = {}
        self.twaps: dict[int, Twap] = {}
        self.twap_rows: dict[str, list[TwapRow]] = {}
        self.post_only_until_ms = 0
        self.open_interest_caps_usd: dict[int, Decimal] = {}
        self.refusing_orders: list[Refusing] = []
        self.refusing_batches: list[Refusing] = []
        self.happened: list[Happening] = []
        self.touched: dict[int, None] = {}
        self.mistakes = Mistakes()
        self.portfolios = Portfolios()
        for account in self.accounts.values():
            self._deposit(account)

    def approve(self, agent: str, master: str, name: str, valid_until_ms: int | None = None) -> None:
        until = self.now_ms + AGENT_LIFE_MS if valid_until_ms is None else valid_until_ms
        for replaced in [a for a in self.agents.values() if (a.master, a.name) == (master, name)]:
            self.forget_agent(replaced)
        self.agents[agent] = Agent(agent, master, name, until)
        self.agents_ever.add(agent)

    def forget_agent(self, agent: Agent) -> None:
        """Take an agent's right away. Its nonces go with it, which is why no address is ever approved again."""
        del self.agents[agent.address]
        self.nonces.pop(agent.address, None)

    def add_account(self, account: Account) -> Account:
        self.accounts[account.address] = account
        self.valuations[account.address] = Valuation()
        return account

    def account_or_new(self, address: str) -> Account:
        """Return an account that money is sent to; a new one if nobody has it yet."""
        known = self.accounts.get(address.lower())
        return self.add_account(Account.funded(address, Decimal(0))) if known is None else known

    def _deposit(self, account: Account) -> None:
        if account.deposited_usd > 0:
            delta = {"type": "deposit", "usdc": number(account.deposited_usd)}
            account.ledger.append(LedgerRow(account.address, self.now_ms, "0x" + 64 * "0", delta))

    def asset(self, asset_id: int) -> VenueAsset | None:
        assets = self.prices.assets
        return assets[asset_id] if 0 <= asset_id < len(assets) else None

    def book(self, asset_id: int) -> Book:
        """Return the book of a coin as of now."""
        book = self.books.get(asset_id)
        if book is None:
            book = self.books[asset_id] = Book(self.prices.assets[asset_id])
        if self.now_ms >= book.next_tick_ms:
            book.refresh(self.prices, self.now_ms)
        return book

    def signer_nonces(self, signer: str) -> NonceSet:
        return self.nonces.setdefault(signer, NonceSet())

    @property
    def special_statuses(self) -> str | None:
        """What exchangeStatus has to say of the venue as a whole; nothing on an ordinary day."""
        return POST_ONLY_NOTICE if self.now_ms < self.post_only_until_ms else None

    @property
    def price_ms(self) -> int:
        """When oracle and marks were last renewed."""
        return max(self.now_ms - self.now_ms % PRICE_CADENCE_MS, self.prices.first_ms)

    def mark(self, asset_id: int) -> Decimal:
        return self.prices.mark(asset_id, self.price_ms)

    @property
    def post_only(self) -> bool:
        """Say whether the window after a network upgrade is open, in which only Alo orders are taken (4.6)."""
        return self.now_ms < self.post_only_until_ms

    def note_order(self, order: Order, status: str) -> None:
        """Record that an order now has this status; the streams and historicalOrders show it."""
        order.status, order.status_ms = status, self.now_ms
        row = OrderRow(order.address, basic_document(order), full_document(order), status, self.now_ms)
        self.accounts[order.address].history.append(row)
        self.happened.append(row)

    def note_ledger(self, row: LedgerRow) -> None:
        """Record a movement of money; userNonFundingLedgerUpdates shows it."""
        self.accounts[row.address].ledger.append(row)
        self.happened.append(row)
