"""Fills booked once; positions; funding; money by coin. Nothing here guesses: a position is the sum of proved fills."""

from decimal import Decimal

from msgspec.structs import replace

from core.events import FillsReceived
from core.orders import FILL_OVERLAP_MS
from core.state import ZERO, Book, Ledger, State
from core.types import AccountSnapshot, Coin, Fill, FundingPayment


def take(state: State, event: FillsReceived) -> tuple[State, tuple[Fill, ...]]:
    """Book the fills not seen before; return them, oldest first."""
    book = state.book
    new: dict[str, Fill] = {}
    for fill in sorted(event.fills, key=lambda f: f.at_ms):
        key = fill.key
        if key not in new and key not in book.seen_fills and not _is_inside_what_we_know(book, fill):
            new[key] = fill
    if new:
        book = _booked(book, new)
    if len(new) < len(event.fills):
        ignored = book.duplicates_ignored + len(event.fills) - len(new)
        book = replace(book, duplicates_ignored=ignored)
    if event.covered_to_ms is not None:
        book = _covered(book, event)
    return replace(state, book=book), tuple(new.values())


def take_funding(state: State, payments: tuple[FundingPayment, ...]) -> State:
    """Book funding once an hour and coin; usd is positive when we received it (hyperliquid.md 1.3)."""
    book = state.book
    for payment in payments:
        if payment.key not in book.seen_funding:
            book = replace(
                book,
                seen_funding={**book.seen_funding, payment.key: payment.at_ms},
                ledger=replace(
                    book.ledger, funding_usd=_plus(book.ledger.funding_usd, payment.coin, payment.usd)
                ),
            )
    return replace(state, book=replace(book, funding_to_ms=state.at_ms))


def opened(book: Book, snapshot: AccountSnapshot) -> Book:
    """Adopt the positions of an account we have no history of: the first thing we ever know about it."""
    positions = {coin: p.qty for coin, p in snapshot.positions.items() if p.qty}
    return replace(book, positions=positions, opened_ms=snapshot.at_ms, covered_to_ms=snapshot.at_ms)


def differences(book: Book, snapshot: AccountSnapshot) -> dict[Coin, tuple[Decimal, Decimal]]:
    """Return (ours, the venue's) for every coin on which we disagree."""
    ours = book.positions
    theirs = {coin: p.qty for coin, p in snapshot.positions.items() if p.qty}
    coins = sorted(ours.keys() | theirs.keys())
    return {
        c: (ours.get(c, ZERO), theirs.get(c, ZERO)) for c in coins if ours.get(c, ZERO) != theirs.get(c, ZERO)
    }


def forget_before(book: Book, at_ms: int) -> Book:
    """Drop ids that proved coverage makes unnecessary, so that memory stays bounded."""
    return replace(
        book,
        seen_fills={key: t for key, t in book.seen_fills.items() if t >= at_ms},
        seen_funding={key: t for key, t in book.seen_funding.items() if t >= at_ms - 7_200_000},
    )


def _is_inside_what_we_know(book: Book, fill: Fill) -> bool:
    """Say whether the opening positions, or coverage proved long ago, already hold the fill."""
    if book.opened_ms is None or book.covered_to_ms is None:
        return True
    return fill.at_ms <= book.opened_ms or fill.at_ms < book.covered_to_ms - 2 * FILL_OVERLAP_MS


def _booked(book: Book, fills: dict[str, Fill]) -> Book:
    """Book fills by their keys, oldest first. What changes is copied once for all of them: it lies on the way to a hedge."""
    positions, cash = book.positions.copy(), book.ledger.cash_usd.copy()
    fees, last_ms = book.ledger.fees_usd.copy(), book.last_fill_ms
    seen = book.seen_fills.copy()
    for key, fill in fills.items():
        coin, signed = fill.coin, fill.signed_qty
        qty = positions.get(coin, ZERO) + signed
        if qty:
            positions[coin] = qty
        else:
            del positions[coin]
        cash[coin] = cash.get(coin, ZERO) - signed * fill.px
        fees[coin] = fees.get(coin, ZERO) + fill.fee_usd
        seen[key] = fill.at_ms
        last_ms = max(last_ms, fill.at_ms)
    return replace(
        book,
        positions=positions,
        seen_fills=seen,
        last_fill_ms=last_ms,
        fills_booked=book.fills_booked + len(fills),
        ledger=Ledger(cash_usd=cash, fees_usd=fees, funding_usd=book.ledger.funding_usd),
    )


def _covered(book: Book, event: FillsReceived) -> Book:
    """Extend the proved interval when the backfill began inside it; a gap proves nothing."""
    assert event.covered_to_ms is not None
    covered = book.covered_to_ms
    joins = covered is None or event.covered_from_ms is None or event.covered_from_ms <= covered
    if not joins or (covered is not None and event.covered_to_ms <= covered):
        return book
    book = replace(book, covered_to_ms=event.covered_to_ms)
    return forget_before(book, event.covered_to_ms - 3 * FILL_OVERLAP_MS)


def _plus(sums: dict[Coin, Decimal], coin: Coin, amount: Decimal) -> dict[Coin, Decimal]:
    return {**sums, coin: sums.get(coin, ZERO) + amount}
