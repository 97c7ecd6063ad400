"""Every unknown outcome is resolved by proof: an order is let go of when it is over, and only then."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from core.events import FillsReceived, OrdersAnswered
from core.intents import RaiseAlert
from core.state import OrderRecord, OrderStatus, State
from core.types import ClientOrderId, Outcome
from sim.checkers import Step
from sim.checks.sums import ZERO
from sim.venue.account import Account

if TYPE_CHECKING:
    from sim.world import World

SLACK_MS = 2_000
"""By how much the venue's clock may differ: preflight takes no more."""
DEFINITE = (Outcome.FILLED, Outcome.CANCELLED, Outcome.REJECTED)


class UnknownsAreProved:
    """Of an order that is let go of nothing is left at the venue: neither to be booked, nor to rest, nor to come."""

    name = "unknowns"

    def __init__(self) -> None:
        self._executed: dict[str, Decimal] = {}
        self._booked: dict[str, Decimal] = {}
        self._fills: set[tuple[int, int]] = set()
        self._burnt: set[str] = set()
        self._spent_ms: dict[str, int] = {}
        self._over: set[str] = set()

    def on_step(self, step: Step) -> Iterator[str]:
        for fill in step.executed:
            cloid = fill.cloid or ""
            self._executed[cloid] = self._executed.get(cloid, ZERO) + fill.size
            if cloid in self._over:
                yield f"{cloid} was let go of, and then {fill.size} {fill.coin} of it were executed"
        self._set_back(step)
        self._learn(step)
        for intent in step.intents:
            if isinstance(intent, RaiseAlert) and intent.code == "fills.late":
                yield intent.text
        if step.state.orders.open is not step.before.orders.open:
            yield from self._moved(step)

    def at_end(self, world: "World") -> Iterator[str]:
        return iter(())

    def _set_back(self, step: Step) -> None:
        """Take what was said before the clock was set back for no later than that: coverage is told by the new one."""
        now_ms = step.state.at_ms
        if now_ms < step.before.at_ms:
            self._spent_ms = {cloid: min(at_ms, now_ms) for cloid, at_ms in self._spent_ms.items()}

    def _learn(self, step: Step) -> None:
        event = step.event
        if isinstance(event, FillsReceived):
            for fill in event.fills:
                key = fill.tid, fill.oid
                if fill.cloid is not None and key not in self._fills:
                    self._fills.add(key)
                    self._booked[fill.cloid] = self._booked.get(fill.cloid, ZERO) + fill.qty
        elif isinstance(event, OrdersAnswered):
            for answer in event.answers:
                if answer.outcome is Outcome.BURNED:
                    self._burnt.add(answer.cloid)
                elif answer.outcome is Outcome.SPENT:
                    self._spent_ms.setdefault(answer.cloid, step.state.at_ms)

    def _moved(self, step: Step) -> Iterator[str]:
        account = step.world.venue._account(step.world.keys.address)
        now = step.state.orders.open
        for cloid, record in step.before.orders.open.items():
            left = now.get(cloid)
            if left is None:
                self._over.add(cloid)
                yield from self._left(account, cloid)
            if step.begins or record.status is OrderStatus.ENDED:
                continue
            if (left is None or left.status is OrderStatus.ENDED) and not self._proved(step, record):
                yield f"{cloid} was {record.status.value} and is over, after {type(step.event).__name__}"
        self._over -= now.keys()

    def _left(self, account: Account, cloid: ClientOrderId) -> Iterator[str]:
        executed, booked = self._executed.get(cloid, ZERO), self._booked.get(cloid, ZERO)
        if executed > booked:
            yield f"{cloid} was let go of with {executed} executed and {booked} booked"
        if account.cloids.get(cloid) in account.open_orders:
            yield f"{cloid} was let go of and rests at the venue"

    def _proved(self, step: Step, record: OrderRecord) -> bool:
        cloid = record.order.cloid
        if self._booked.get(cloid, ZERO) >= record.order.qty:
            return True
        if not isinstance(step.event, OrdersAnswered):
            return False
        said = {answer.outcome for answer in step.event.answers if answer.cloid == cloid}
        if said.intersection(DEFINITE):
            return True
        return Outcome.NEVER_PLACED in said and (cloid in self._burnt or self._dead(step.state, record))

    def _dead(self, state: State, record: OrderRecord) -> bool:
        """Say whether fills are covered past the last moment at which the venue could take the order."""
        expires_ms, covered_ms = record.order.expires_ms, state.book.covered_to_ms
        dead_ms = min(expires_ms, self._spent_ms.get(record.order.cloid, expires_ms))
        return covered_ms is not None and covered_ms > dead_ms + SLACK_MS
