"""Orders to Hyperliquid and the account's state back, over HTTP. It fills adapters.ports.Gateway."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeVar

import structlog
from msgspec.structs import replace

from adapters.hyperliquid.budget import Priority, action_weight
from adapters.hyperliquid.exchange import Exchange
from adapters.hyperliquid.info import Info, refuse_faults
from adapters.hyperliquid.paging import read_whole
from adapters.hyperliquid.sent import Batch, Sent
from adapters.hyperliquid.signing import Signer
from adapters.hyperliquid.universe import Universe
from adapters.hyperliquid.wire.account import (
    AgentRow,
    Role,
    read_abstraction,
    read_account,
    read_agents,
    read_builder_dexes,
    read_open_orders,
    read_rate_limit,
    read_role,
)
from adapters.hyperliquid.wire.actions import (
    MEMBERS_MAX,
    LeverageAction,
    ScheduleCancelAction,
    cancel_action,
    cancel_by_cloid_action,
    off_grid,
    order_action,
)
from adapters.hyperliquid.wire.gate import Fault
from adapters.hyperliquid.wire.ledger import read_fills, read_funding_ledger
from adapters.hyperliquid.wire.market import read_instruments
from adapters.hyperliquid.wire.replies import all_with, read_cancel_reply, read_order_reply
from adapters.hyperliquid.wire.status import read_order_status
from adapters.ports import AccountFacts, Signed, Unknown, VenueError
from core.types import (
    AccountSnapshot,
    Answer,
    ClientOrderId,
    Coin,
    Fill,
    FundingPayment,
    OpenOrder,
    Order,
    Outcome,
    Purpose,
)

FILLS_PAGE = 2000
FUNDINGS_PAGE = 500
ARRIVAL_MS = 500
"""Time that an action must have left when it is sent: one that expires on its way costs five times its requests."""
URGENT = frozenset({Purpose.HEDGE, Purpose.FLATTEN})
LANDED = frozenset({Outcome.FILLED, Outcome.RESTING, Outcome.CANCELLED, Outcome.REJECTED})
"""Outcomes after which there is no nonce left to burn."""
BUILDER_ASSETS = 100_000
"""Asset ids from here on belong to builders' dexes (hyperliquid.md 4.5)."""
SCHEDULE_LEAD_MS = 5_000
"""A scheduled cancel lies at least this far ahead (hyperliquid.md 2.7)."""

T = TypeVar("T")
Rows = tuple[tuple[T, ...], tuple[Fault, ...]]

log = structlog.get_logger(__name__)


class HyperliquidGateway:
    """One account's orders and state. Every outcome of a write is a value; reads raise VenueError."""

    def __init__(self, exchange: Exchange, info: Info, universe: Universe) -> None:
        self._exchange = exchange
        self._info = info
        self._universe = universe
        self._sent = Sent()
        self._clock = info.clock
        self._user = exchange.account.address

    # --- writes ----------------------------------------------------------------------------------------

    def sign(self, orders: Sequence[Order]) -> Signed:
        """Sign one action for the whole batch, good until the first of its orders expires.

        An order off the venue's grid is left out and answered REJECTED by send, for one such order
        would have the venue refuse the whole batch.
        """
        refused = tuple(self._refused(orders))
        names = {answer.cloid for answer in refused}
        good = [order for order in orders if order.cloid not in names] if names else list(orders)
        if not good:
            return Signed(b"", (), refused=refused)
        expires_ms = min(order.expires_ms for order in good)
        nonce = self._exchange.nonces.next()
        return Signed(
            self._exchange.sign(order_action(good), nonce=nonce, expires_ms=expires_ms),
            tuple(o.cloid for o in good),
            nonce=nonce,
            urgent=any(o.purpose in URGENT for o in good),
            expires_ms=expires_ms,
            refused=refused,
        )

    def _refused(self, orders: Sequence[Order]) -> list[Answer]:
        answers = []
        for place, order in enumerate(orders):
            why = (
                f"more than {MEMBERS_MAX} orders in one action"
                if place >= MEMBERS_MAX
                else self._off_grid(order)
            )
            if why:
                reason = f"not sent: {order.coin}: {why}"
                answers.append(Answer(cloid=order.cloid, outcome=Outcome.REJECTED, reason=reason))
        return answers

    def _off_grid(self, order: Order) -> str:
        instrument = self._universe.by_id.get(order.asset_id)
        if order.asset_id >= BUILDER_ASSETS or ":" in order.coin:
            return f"asset {order.asset_id} is on a builder's market, which is not supported"
        if instrument is None:
            return f"asset {order.asset_id} is not in meta"
        if instrument.coin != order.coin:
            return f"asset {order.asset_id} is {instrument.coin}"
        return off_grid(order.limit_px, order.qty, size_decimals=instrument.size_decimals)

    async def send(self, signed: Signed) -> tuple[Answer, ...]:
        """Send a signed batch once, never after its expiry, and return an answer for every order.

        What is not urgent leaves request weight to what is: it waits for its own, or is not sent if it would expire.
        """
        if not signed.cloids:
            return signed.refused
        if why := await self._unsendable(signed):
            return all_with(signed.cloids, Outcome.REJECTED, why) + signed.refused
        self._sent.remember(signed, now_ms=self._clock.now_ms())
        answers = await self._exchange.ask(
            signed.body, signed.cloids, read=read_order_reply, refused=Outcome.REJECTED
        )
        self._forget_proved(answers)
        return answers + signed.refused

    async def _unsendable(self, signed: Signed) -> str:
        budget, weight = self._exchange.budget, action_weight(len(signed.cloids))
        until_ms = signed.expires_ms - ARRIVAL_MS
        if not signed.urgent and not await budget.room(weight, Priority.SLICE, until_ms=until_ms):
            return "not sent: no request weight is left for it before it expires"
        if self._clock.now_ms() >= until_ms:
            return "not sent: it would expire on its way"
        return ""

    async def burn(self, cloids: Sequence[ClientOrderId]) -> tuple[Answer, ...]:
        """Use up the nonces that these orders were signed with, one noop a batch, and answer for all in the batch."""
        batches = self._sent.batches(cloids)
        burnt = await asyncio.gather(*(self._burn(batch) for batch in batches))
        answers = [answer for of_batch in burnt for answer in of_batch]
        known = {answer.cloid for answer in answers}
        forgotten = [cloid for cloid in cloids if cloid not in known]
        return (*answers, *all_with(forgotten, Outcome.UNKNOWN, "not burnt: its nonce is not known any more"))

    async def _burn(self, batch: Batch) -> tuple[Answer, ...]:
        answers = await self._exchange.burn(batch.nonce, batch.cloids)
        self._sent.forget(a.cloid for a in answers if a.outcome is not Outcome.UNKNOWN)
        log.info("nonce burnt", orders=len(answers), outcome=answers[0].outcome, reason=answers[0].reason)
        return answers

    def _forget_proved(self, answers: Sequence[Answer]) -> None:
        self._sent.forget(answer.cloid for answer in answers if answer.outcome in LANDED)

    async def cancel(self, orders: Sequence[tuple[int, ClientOrderId]]) -> tuple[Answer, ...]:
        """Cancel by client order id. CANCELLED is proof; all else is UNKNOWN with the venue's words."""
        answers: list[Answer] = []
        for batch in _batches(orders):
            body = self._exchange.sign(cancel_by_cloid_action(batch))
            names = [cloid for _, cloid in batch]
            answers += await self._exchange.ask(body, names, read=read_cancel_reply, refused=Outcome.UNKNOWN)
        return tuple(answers)

    async def cancel_open(self) -> tuple[Answer, ...]:
        """Cancel every open order of the account by order id, ours or not.

        An order without a client order id is answered under "oid:" and its order id.
        Raises VenueError when the open orders cannot be read.
        """
        found = await self._open_orders(Priority.URGENT)
        await self._know({order.coin for order in found})
        answers = [_not_cancellable(order) for order in found if order.coin not in self._universe]
        for batch in _batches([order for order in found if order.coin in self._universe]):
            body = self._exchange.sign(
                cancel_action([(self._universe.by_coin[o.coin].asset_id, o.oid) for o in batch])
            )
            names = [_name(order) for order in batch]
            got = await self._exchange.ask(body, names, read=read_cancel_reply, refused=Outcome.UNKNOWN)
            answers += [replace(answer, oid=o.oid) for answer, o in zip(got, batch, strict=True)]
        return tuple(answers)

    async def set_leverage(self, asset_id: int, leverage: int) -> None:
        """Set the cross leverage of one coin. Raises Rejected with the venue's text, or Unknown."""
        await self._exchange.do(LeverageAction(asset_id, True, leverage))

    async def schedule_cancel(self, cancel_ms: int | None) -> None:
        """Have the venue cancel everything at cancel_ms, or take that back. Raises Rejected, or Unknown.

        A moment that is too near by now is not sent: whoever asked was held up, and is not to be taken for alive.
        """
        if cancel_ms is not None and cancel_ms < self._clock.now_ms() + SCHEDULE_LEAD_MS:
            raise Unknown("not sent: the request to cancel later came too late itself")
        await self._exchange.do(ScheduleCancelAction(cancel_ms))

    # --- reads -----------------------------------------------------------------------------------------

    async def order_status(self, cloid: ClientOrderId) -> Answer:
        """Return what the venue knows of an order; UNKNOWN when it could not be asked."""
        try:
            answer = await self._info.ask(
                "orderStatus",
                lambda body: read_order_status(body, cloid),
                priority=Priority.ACCOUNT,
                user=self._user,
                oid=cloid,
            )
        except VenueError as error:
            return Answer(cloid=cloid, outcome=Outcome.UNKNOWN, reason=str(error))
        self._forget_proved((answer,))
        return answer

    async def snapshot(self) -> AccountSnapshot:
        """Return positions, equity and open orders. Raises rather than show a coin flat that may not be."""
        account, orders = await asyncio.gather(self._account(), self._open_orders(Priority.ACCOUNT))
        return replace(account, open_orders=orders)

    async def _account(self) -> AccountSnapshot:
        snapshot, faults = await self._ask_account("clearinghouseState", read_account)
        refuse_faults("the account's state", faults)
        if snapshot is None:
            raise Unknown("the account's state could not be read")
        return snapshot

    async def _open_orders(self, priority: Priority) -> tuple[OpenOrder, ...]:
        orders, faults = await self._info.ask(
            "frontendOpenOrders", read_open_orders, priority=priority, user=self._user
        )
        refuse_faults("the list of open orders", faults)
        return orders

    async def fills(self, *, from_ms: int) -> tuple[Fill, ...]:
        """Return all fills from that moment on, oldest first, each once. The venue keeps the last 10,000."""

        async def page(start_ms: int, end_ms: int | None) -> tuple[tuple[Fill, ...], int]:
            return await self._ledger_page("userFillsByTime", read_fills, start_ms, end_ms)

        return await read_whole(
            page, from_ms=from_ms, page_rows=FILLS_PAGE, stamp=lambda f: f.at_ms, key=lambda f: f.key
        )

    async def fundings(self, *, from_ms: int) -> tuple[FundingPayment, ...]:
        """Return all funding payments from that moment on, oldest first, each once."""

        async def page(start_ms: int, end_ms: int | None) -> tuple[tuple[FundingPayment, ...], int]:
            return await self._ledger_page("userFunding", read_funding_ledger, start_ms, end_ms)

        return await read_whole(
            page, from_ms=from_ms, page_rows=FUNDINGS_PAGE, stamp=lambda p: p.at_ms, key=lambda p: p.key
        )

    async def facts(self) -> AccountFacts:
        """Return what a preflight must know: the account's role and mode, and for whom the signer may act."""
        role = await self._role(self._user)
        limit = await self._ask_account("userRateLimit", read_rate_limit)
        acts_for = await self._acts_for(role, self._exchange.signers.current.address)
        agent = await self._named_agent(acts_for)
        return AccountFacts(
            role=role.role,
            role_of=role.master,
            abstraction=await self._ask_account("userAbstraction", read_abstraction),
            agent_of=acts_for,
            agent_name=agent.name if agent else None,
            agent_until_ms=agent.validUntil if agent else None,
            builder_positions=await self._builder_positions(),
            requests_used=limit.nRequestsUsed,
            requests_cap=limit.nRequestsCap,
            traded_usd=limit.cumVlm,
        )

    async def take_signer(self, signer: Signer) -> str:
        """Sign with this key from the next action on, if the venue says that it acts for the account.

        Return "" or why it is refused, and then the key before it goes on. Raises VenueError when nobody can say.
        """
        before = self._exchange.signers.current.address
        if signer.address == before:
            return ""
        owner = self._exchange.account.master or self._user
        acts_for = await self._acts_for(await self._role(self._user), signer.address)
        if acts_for != owner:
            whose = acts_for or "nobody the venue knows"
            return f"the new signing key {signer.address} acts for {whose}, not for {owner}"
        self._exchange.replace_signer(signer)
        log.info("signing key replaced", signer=signer.address, before=before)
        return ""

    async def _named_agent(self, master: str | None) -> AgentRow | None:
        """Return the venue's entry for the signer; an unnamed agent has none, and neither has a master."""
        signer = self._exchange.signers.current.address
        if master is None or master == signer:
            return None
        agents = await self._info.ask("extraAgents", read_agents, priority=Priority.ACCOUNT, user=master)
        return next((agent for agent in agents if agent.address.lower() == signer), None)

    async def _builder_positions(self) -> tuple[Coin, ...]:
        """Return what is held on each builder's dex; clearinghouseState without a dex shows the main one only."""
        dexes = await self._info.ask("perpDexs", read_builder_dexes, priority=Priority.ACCOUNT)
        held: list[Coin] = []
        for dex in dexes:
            snapshot, faults = await self._info.ask(
                "clearinghouseState", read_account, priority=Priority.ACCOUNT, user=self._user, dex=dex
            )
            refuse_faults(f"the account's state on the dex {dex}", faults)
            held += snapshot.positions if snapshot else ()
        return tuple(held)

    async def _acts_for(self, role: Role, signer: str) -> str | None:
        if signer == self._user:
            return None if role.role == "missing" else signer
        signers = await self._role(signer)
        return signer if signers.role == "user" else signers.master

    async def _role(self, address: str) -> Role:
        return await self._info.ask("userRole", read_role, priority=Priority.ACCOUNT, user=address)

    async def close(self) -> None:
        await self._info.http.close()

    # --- how -------------------------------------------------------------------------------------------

    async def _ask_account(self, kind: str, read: Callable[[bytes], T]) -> T:
        return await self._info.ask(kind, read, priority=Priority.ACCOUNT, user=self._user)

    async def _ledger_page(
        self, kind: str, read: Callable[[bytes], Rows[T]], start_ms: int, end_ms: int | None
    ) -> tuple[tuple[T, ...], int]:
        """An unreadable row is logged and left out: the others must be booked, and positions show what is missing."""
        bounds = {"startTime": start_ms} if end_ms is None else {"startTime": start_ms, "endTime": end_ms}
        rows, faults = await self._info.ask(kind, read, priority=Priority.ACCOUNT, user=self._user, **bounds)
        for fault in faults:
            log.error("a row of the ledger could not be read", ledger=kind, fault=str(fault))
        self._info.charge_rows(kind, len(rows) + len(faults))
        return rows, len(rows) + len(faults)

    async def _know(self, coins: Collection[Coin]) -> None:
        """Read the universe if it lacks a name: a cancel needs the asset id."""
        if all(coin in self._universe for coin in coins):
            return
        listed, _ = await self._info.ask("meta", read_instruments, priority=Priority.URGENT)
        self._universe.replace(listed)


def _name(order: OpenOrder) -> ClientOrderId:
    return order.cloid or ClientOrderId(f"oid:{order.oid}")


def _not_cancellable(order: OpenOrder) -> Answer:
    reason = f"not cancelled: {order.coin} is not a perpetual of the main dex; cancel it by hand"
    return Answer(cloid=_name(order), outcome=Outcome.UNKNOWN, oid=order.oid, reason=reason)


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + MEMBERS_MAX] for start in range(0, len(items), MEMBERS_MAX))
