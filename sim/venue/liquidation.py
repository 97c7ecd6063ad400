"""Liquidation: into the book, to the backstop vault, or against the most profitable on the other side (4.3).

The cross positions of an account are one subject of liquidation, every isolated position another. Below maintenance a
market order goes to the book, of a fifth of a position above 100,000 USD; for 30 s after such a part the next orders are
for the whole. Below two thirds of maintenance the backstop takes positions at the mark and the margin with them, so that
the account's value is zero and never less; what it has no capacity for is closed against other accounts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any

from sim.venue.account import ZERO, Account, LedgerRow, Liquidation
from sim.venue.clearing import NO_HASH, Execution, execute, force_cancel, forced_order, liquidated
from sim.venue.margin import cross_equity_usd, equity_usd, valuation
from sim.venue.order import Order
from sim.venue.placing import take
from sim.venue.reducing import trim_reduce_only
from sim.venue.state import Liquidated, Notice, VenueState
from sim.venue.wire import number, usd

PARTIAL_ABOVE_USD = 100_000
PARTIAL_SHARE = Decimal("0.2")
COOLDOWN_MS = 30_000
BACKSTOP_BELOW = Decimal(2) / 3
ANY_PRICE = Decimal("0.95")
AUTO_DELEVERAGING = "Auto-Deleveraging"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is liquidated together: all cross positions of an account, or one isolated position."""

    account: Account
    asset_id: int | None

    @property
    def mode(self) -> str:
        return "Cross" if self.asset_id is None else "Isolated"

    def positions(self) -> list[int]:
        """Return the asset ids that are still held."""
        held = self.account.positions
        if self.asset_id is not None:
            return [self.asset_id] if self.asset_id in held else []
        return [asset_id for asset_id in sorted(held) if held[asset_id].raw_usd is None]


def liquidate_where_due(state: VenueState) -> None:
    """Look at every account's margin at the marks of now, and liquidate what is below maintenance."""
    for account in list(state.accounts.values()):
        apart = [asset_id for asset_id, held in account.positions.items() if held.raw_usd is not None]
        for subject in (*(Subject(account, asset_id) for asset_id in sorted(apart)), Subject(account, None)):
            with state.mistakes.survived("liquidation of", account.address):
                if _underwater(state, subject):
                    _liquidate(state, subject)


def margin_left(state: VenueState, subject: Subject) -> tuple[Decimal, Decimal]:
    """Return (equity, maintenance margin) of a subject in USD."""
    worth = valuation(state, subject.account)
    if subject.asset_id is None:
        return cross_equity_usd(state, subject.account), worth.cross.maintenance
    held = worth.holdings[subject.asset_id]
    return held.margin, held.maintenance


def _liquidate(state: VenueState, subject: Subject) -> None:
    account = subject.account
    _announce(state, subject)
    for order in list(account.open_orders.values()):
        if subject.asset_id in (None, order.asset_id):
            force_cancel(state, order, "liquidatedCanceled")
    if not _below_backstop(state, subject):
        for asset_id in subject.positions():
            _to_market(state, subject, asset_id)
            if not _underwater(state, subject):
                return
    if subject.positions() and _below_backstop(state, subject):
        _to_backstop(state, subject)


def _underwater(state: VenueState, subject: Subject) -> bool:
    if not subject.positions():
        return False
    equity, maintenance = margin_left(state, subject)
    return equity < maintenance


def _below_backstop(state: VenueState, subject: Subject) -> bool:
    equity, maintenance = margin_left(state, subject)
    return equity < BACKSTOP_BELOW * maintenance


def _announce(state: VenueState, subject: Subject) -> None:
    """Write the liquidation into the ledger and tell the account, with its value as it was."""
    account, worth = subject.account, valuation(state, subject.account)
    equity, _ = margin_left(state, subject)
    held = subject.positions()
    notional = sum((worth.holdings[asset_id].value for asset_id in held), ZERO)
    delta: dict[str, Any] = {
        "type": "liquidation",
        "liquidatedNtlPos": number(notional),
        "accountValue": number(equity),
        "leverageType": subject.mode,
        "liquidatedPositions": [
            {"coin": state.prices.assets[asset_id].name, "szi": number(account.size(asset_id))}
            for asset_id in held
        ],
    }
    state.note_ledger(LedgerRow(account.address, state.now_ms, NO_HASH, delta))
    state.happened.append(Liquidated(account.address, state.ids.tid(), notional, equity))
    state.happened.append(Notice(account.address, "Your positions were liquidated."))


# --- into the book ---------------------------------------------------------------------------------------


def _to_market(state: VenueState, subject: Subject, asset_id: int) -> None:
    account, mark = subject.account, state.mark(asset_id)
    order = forced_order(state, account, asset_id, "LiquidationMarket")
    order.size = order.asked_size = _portion(state, account, asset_id, order.size)
    order.px = mark * (1 + ANY_PRICE * order.sign)
    match = state.book(asset_id).match(order, state.now_ms)
    take(state, order, match, Liquidation(account.address, mark, "market", subject.mode))
    state.touched[asset_id] = None
    _end(state, account, order)


def _portion(state: VenueState, account: Account, asset_id: int, size: Decimal) -> Decimal:
    """Return how much of a position goes to the book: a fifth of a large one, the whole of it in the cooldown."""
    if size * state.mark(asset_id) <= PARTIAL_ABOVE_USD or state.now_ms < account.partly_liquidated_until_ms:
        return size
    account.partly_liquidated_until_ms = state.now_ms + COOLDOWN_MS
    return (size * PARTIAL_SHARE).quantize(_lot(state, asset_id), rounding=ROUND_UP)


def _lot(state: VenueState, asset_id: int) -> Decimal:
    return Decimal(1).scaleb(-state.prices.assets[asset_id].size_decimals)


def _end(state: VenueState, account: Account, order: Order) -> None:
    state.note_order(order, "filled" if order.size == 0 else "canceled")
    account.remember(order)


# --- to the backstop, and against others -----------------------------------------------------------------


def _to_backstop(state: VenueState, subject: Subject) -> None:
    """Hand positions over at the mark, and the margin that is left, whatever its sign."""
    account = subject.account
    cash_before = account.cash_usd
    for asset_id in subject.positions():
        covered = _covered(state, asset_id, abs(account.size(asset_id)))
        if covered > 0:
            _hand_over(state, subject, asset_id, covered)
        if account.size(asset_id) != 0:
            _deleverage_against(state, subject, asset_id)
    left = account.cash_usd if subject.asset_id is None else account.cash_usd - cash_before
    account.cash_usd -= left
    state.backstop.cash_usd += left


def _covered(state: VenueState, asset_id: int, size: Decimal) -> Decimal:
    """Return how much of a position the backstop still has capacity for, and take it off."""
    mark, backstop = state.mark(asset_id), state.backstop
    most = (backstop.capacity_usd / mark).quantize(_lot(state, asset_id), rounding=ROUND_DOWN)
    covered = max(ZERO, min(size, most))
    backstop.capacity_usd -= usd(covered * mark)
    return covered


def _hand_over(state: VenueState, subject: Subject, asset_id: int, size: Decimal) -> None:
    account, mark = subject.account, state.mark(asset_id)
    order = forced_order(state, account, asset_id, "LiquidationMarket")
    order.size = order.asked_size = size
    why = Liquidation(account.address, mark, "backstop", subject.mode)
    forced = liquidated(account.size(asset_id), why)
    execute(state, order, Execution(mark, size, True, state.ids.tid(), NO_HASH, why, forced))
    _end(state, account, order)


def _deleverage_against(state: VenueState, subject: Subject, asset_id: int) -> None:
    """Close what is left at the mark against the most profitable of the other side; strangers take the rest."""
    account = subject.account
    wanted = abs(account.size(asset_id))
    for other in _opposite(state, account, asset_id):
        size = min(wanted, abs(other.size(asset_id)))
        if size > 0:
            tid = state.ids.tid()
            for side in (account, other):
                _deleverage(state, side, (asset_id, size, tid))
            trim_reduce_only(state, other, asset_id)
            wanted -= size
    if wanted > 0:
        _deleverage(state, account, (asset_id, wanted, state.ids.tid()))


def _deleverage(state: VenueState, account: Account, part: tuple[int, Decimal, int]) -> None:
    asset_id, size, tid = part
    order: Order = forced_order(state, account, asset_id, "LiquidationMarket")
    order.size = order.asked_size = size
    trade = Execution(order.px, size, True, tid, NO_HASH, forced=AUTO_DELEVERAGING)
    execute(state, order, trade)
    _end(state, account, order)


def _opposite(state: VenueState, account: Account, asset_id: int) -> Sequence[Account]:
    """Return who holds the other side, by profit over cost times leverage, the most profitable first."""
    held = account.size(asset_id)
    others = [a for a in state.accounts.values() if a.size(asset_id) * held < 0]
    return sorted(others, key=lambda a: -_rank(state, a, asset_id))


def _rank(state: VenueState, account: Account, asset_id: int) -> Decimal:
    held, position = valuation(state, account).holdings[asset_id], account.positions[asset_id]
    profit = (held.signed - position.entry_usd) / abs(position.entry_usd)
    return profit * held.value / max(equity_usd(state, account), usd(Decimal(1)))
