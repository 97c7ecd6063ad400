"""Equity is explained to the cent: what the account is worth is what the ledger of the daemon makes of it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from core.state import Ledger, Stage, State
from core.types import Coin
from sim.checkers import Step
from sim.checks.opening import Opening
from sim.checks.sums import ZERO

if TYPE_CHECKING:
    from sim.world import World

CENT = Decimal("0.01")


class EquityIsExplained:
    """Cash from trades, fees and funding, and positions at the venue's marks, from the moment the book was opened."""

    name = "equity"

    def __init__(self) -> None:
        self._cash_usd: Decimal | None = None
        self._ledger = Ledger()
        self._opening = Opening()

    def on_step(self, step: Step) -> Iterator[str]:
        if self._opening.is_to_come(step):
            self._cash_usd = None
        if self._cash_usd is None and step.state.book.opened_ms is not None:
            self._cash_usd = _cash_usd(step.world) - _venue_made_usd(step.world, step.state)
            self._ledger = step.state.book.ledger
        return iter(())

    def at_end(self, world: "World") -> Iterator[str]:
        state = world.daemon.state
        if self._cash_usd is None or state.session is None or state.session.stage is not Stage.DONE:
            return
        yield from self._funding(world, state)
        ours = _made_usd(state.book.ledger) - _made_usd(self._ledger)
        theirs = _venue_made_usd(world, state)
        if abs(theirs - ours) >= CENT:
            yield f"trades and funding made {theirs} USD, by the ledger it was {ours}"
        moved = _cash_usd(world) - self._cash_usd - theirs
        if abs(moved) >= CENT and not _was_moved(world, state):
            yield f"the account's cash changed by {moved} USD beside all trades and funding"
        worth = sum((qty * _mark(world, coin) for coin, qty in state.book.positions.items()), ZERO)
        explained = self._cash_usd + ours + moved + worth
        if abs(world.venue.equity(world.keys.address) - explained) >= CENT:
            yield f"the account is worth {world.venue.equity(world.keys.address)} USD, by the ledger {explained}"

    def _funding(self, world: "World", state: State) -> Iterator[str]:
        opened_ms = state.book.opened_ms or 0
        theirs: dict[Coin, Decimal] = {}
        for paid in world.venue.fundings(world.keys.address):
            if opened_ms < paid.at_ms <= state.book.funding_to_ms:
                theirs[Coin(paid.coin)] = theirs.get(Coin(paid.coin), ZERO) + paid.usd
        ours, before = state.book.ledger.funding_usd, self._ledger.funding_usd
        booked = {coin: usd - before.get(coin, ZERO) for coin, usd in ours.items()}
        for coin in sorted(theirs.keys() | booked.keys()):
            if theirs.get(coin, ZERO) != booked.get(coin, ZERO):
                yield f"funding of {coin}: {booked.get(coin)} booked, the venue has {theirs.get(coin)}"


def _made_usd(ledger: Ledger) -> Decimal:
    return _sum(ledger.cash_usd) - _sum(ledger.fees_usd) + _sum(ledger.funding_usd)


def _venue_made_usd(world: "World", state: State) -> Decimal:
    """Return what trades and funding made, by the venue's own record, as far as the daemon has read it."""
    opened_ms, funded_ms = state.book.opened_ms or 0, state.book.funding_to_ms
    fills = (f for f in world.venue.fills(world.keys.address) if f.at_ms > opened_ms)
    made = sum((-f.signed_size * f.px - f.fee_usd for f in fills), ZERO)
    paid = (p for p in world.venue.fundings(world.keys.address) if opened_ms < p.at_ms <= funded_ms)
    return made + sum((p.usd for p in paid), ZERO)


def _was_moved(world: "World", state: State) -> bool:
    """Say whether the venue took what a liquidation left, or somebody moved money."""
    opened_ms = state.book.opened_ms or 0
    account = world.venue._account(world.keys.address)
    liquidated = any(fill.liquidation is not None for fill in account.fills)
    return liquidated or any(row.at_ms > opened_ms for row in account.ledger)


def _sum(by_coin: Mapping[Coin, Decimal]) -> Decimal:
    return sum(by_coin.values(), ZERO)


def _cash_usd(world: "World") -> Decimal:
    """Return the account's cash, that of isolated positions included."""
    account = world.venue._account(world.keys.address)
    own = (held.raw_usd for held in account.positions.values())
    return account.cash_usd + sum((usd for usd in own if usd is not None), ZERO)


def _mark(world: "World", coin: Coin) -> Decimal:
    state = world.venue._state
    return state.mark(state.by_name[coin].asset_id)
