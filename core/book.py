"""Fills booked once; positions; funding; money by coin. Nothing here guesses: a position is the sum of proved fills.

Whatever the fill is called (a liquidation, an auto-deleveraging, a settlement, a word nobody knows) it is booked by side
and size, and proved by the chain: the position that the venue had before a fill is the one it had after the fill before.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby

from msgspec.structs import replace

from core.events import FillsReceived
from core.orders import FILL_OVERLAP_MS
from core.state import ZERO, Book, Ledger, State
from core.types import HEDGE_COINS, AccountSnapshot, Coin, Fill, FundingPayment, is_perpetual


def take(state: State, event: FillsReceived) -> tuple[State, tuple[Fill, ...]]:
    """Book the fills not seen before; return them, in the order in which the venue made them.

    A fill of what is no perpetual (spot dust, outcome shares) is remembered and returned, and moves no position.
    """
    book = state.book
    new = tuple(_in_chain_order(book, _unseen(book, event.fills)))
    if new:
        book = _booked(book, new)
    if len(new) < len(event.fills):
        ignored = book.duplicates_ignored + len(event.fills) - len(new)
        book = replace(book, duplicates_ignored=ignored)
    if event.covered_to_ms is not None:
        book = _covered(book, event, _provable_to_ms(state))
    return replace(state, book=book), new


def take_funding(state: State, payments: tuple[FundingPayment, ...]) -> State:
    """Book funding once an hour and coin; usd is positive when we received it (hyperliquid.md 1.3).

    What was paid until the book was opened is in the account that it was opened with.
    """
    book = state.book
    if book.opened_ms is None:
        return state
    for payment in payments:
        if payment.at_ms > book.opened_ms and payment.key not in book.seen_funding:
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


def agreed(book: Book) -> Book:
    """Return the book after the venue's own state said the same: a chain that still breaks began somewhere else."""
    if not book.broken:
        return book
    chain = {coin: end for coin, end in book.chain.items() if coin not in book.broken}
    return replace(book, chain=chain, broken={})


def forget_before(book: Book, at_ms: int) -> Book:
    """Drop ids that proved coverage makes unnecessary, so that memory stays bounded."""
    return replace(
        book,
        seen_fills={key: t for key, t in book.seen_fills.items() if t >= at_ms},
        seen_funding={key: t for key, t in book.seen_funding.items() if t >= at_ms - 7_200_000},
    )


def _known_to_ms(book: Book) -> int | None:
    """Return the last instant that the opening positions, or coverage proved long ago, already hold; None: everything."""
    if book.opened_ms is None or book.covered_to_ms is None:
        return None
    return max(book.opened_ms, book.covered_to_ms - 2 * FILL_OVERLAP_MS - 1)


def _unseen(book: Book, fills: Sequence[Fill]) -> Sequence[Fill]:
    """Return the fills that are not booked, each once, oldest first."""
    known_ms = _known_to_ms(book)
    if known_ms is None:
        return ()
    new = {f.key: f for f in reversed(fills) if f.at_ms > known_ms}
    return sorted((f for key, f in reversed(new.items()) if key not in book.seen_fills), key=_at_ms)


def _at_ms(fill: Fill) -> int:
    return fill.at_ms


def _in_chain_order(book: Book, fills: Sequence[Fill]) -> Sequence[Fill]:
    """Put fills of one millisecond in the order of their positions: arrival proves nothing about it."""
    qty = book.positions.copy()
    for fill in fills:
        if fill.start_position != qty.get(fill.coin, ZERO):
            return tuple(_chained(book, fills))
        qty[fill.coin] = fill.end_position
    return fills


def _chained(book: Book, fills: Sequence[Fill]) -> Iterable[Fill]:
    qty = book.positions.copy()
    for _, moment in groupby(fills, key=_at_ms):
        waiting = list(moment)
        while waiting:
            fill = next((f for f in waiting if f.start_position == qty.get(f.coin, ZERO)), None)
            fill = fill or _first(waiting)
            waiting.remove(fill)
            qty[fill.coin] = fill.end_position
            yield fill


def _first(fills: Sequence[Fill]) -> Fill:
    """Return the first fill that none of the others can come before."""
    ends = {(f.coin, f.end_position) for f in fills}
    return next((f for f in fills if (f.coin, f.start_position) not in ends), fills[0])


def _booked(book: Book, fills: Sequence[Fill]) -> Book:
    """Book fills in their order. What changes is copied once for all of them: it lies on the way to a hedge."""
    seen = {**book.seen_fills, **{fill.key: fill.at_ms for fill in fills}}
    perpetual = [fill for fill in fills if is_perpetual(fill.coin)]
    if not perpetual:
        return replace(book, seen_fills=seen)
    cash, fees = book.ledger.cash_usd.copy(), book.ledger.fees_usd.copy()
    for fill in perpetual:
        cash[fill.coin] = cash.get(fill.coin, ZERO) - fill.signed_qty * fill.px
        fees[fill.coin] = fees.get(fill.coin, ZERO) + fill.fee_usd
    return replace(
        _moved(book, perpetual),
        seen_fills=seen,
        last_fill_ms=max(book.last_fill_ms, *(fill.at_ms for fill in perpetual)),
        fills_booked=book.fills_booked + len(perpetual),
        ledger=Ledger(cash_usd=cash, fees_usd=fees, funding_usd=book.ledger.funding_usd),
    )


def _moved(book: Book, fills: Sequence[Fill]) -> Book:
    """Move positions, and hold each against the one that the venue had after the newest fill of the coin."""
    positions, chain, broken = book.positions.copy(), book.chain.copy(), book.broken.copy()
    for fill in fills:
        coin = fill.coin
        qty = positions.get(coin, ZERO) + fill.signed_qty
        at_ms, end = chain.get(coin, (0, ZERO))
        if fill.at_ms > at_ms or (fill.at_ms == at_ms and fill.start_position == end):
            at_ms, end = fill.at_ms, fill.end_position
        positions[coin], chain[coin] = qty, (at_ms, end)
        if not qty:
            del positions[coin]
        broken.pop(coin, None)
        if end != qty:
            broken[coin] = end
    return replace(book, positions=positions, chain=chain, broken=broken)


def venue_ms(state: State) -> int | None:
    """Return the newest time of the venue's that we know (account, prices of BTC and ETH, the last fill); None: none."""
    known_ms = [q.at_ms for coin in HEDGE_COINS if (q := state.quotes.get(coin)) is not None]
    if state.account.snapshot is not None:
        known_ms.append(state.account.snapshot.at_ms)
    return max(*known_ms, state.book.last_fill_ms) if known_ms else None


def _provable_to_ms(state: State) -> int | None:
    """Return how far a read may prove anything, by the newest time of the venue's that we know; None: we know none.

    The read claims coverage by our own clock. Where that is wrong by more than what every next read covers again,
    fills of the future would count as known (docs/decisions/0010-whose-time.md).
    """
    known_ms = venue_ms(state)
    return None if known_ms is None else known_ms + FILL_OVERLAP_MS


def _covered(book: Book, event: FillsReceived, provable_to_ms: int | None) -> Book:
    """Extend the proved interval when the backfill began inside it; a gap proves nothing."""
    assert event.covered_to_ms is not None
    to_ms = event.covered_to_ms if provable_to_ms is None else min(event.covered_to_ms, provable_to_ms)
    covered = book.covered_to_ms
    joins = covered is None or event.covered_from_ms is None or event.covered_from_ms <= covered
    if not joins or (covered is not None and to_ms <= covered):
        return book
    return forget_before(replace(book, covered_to_ms=to_ms), to_ms - 3 * FILL_OVERLAP_MS)


def _plus(sums: dict[Coin, Decimal], coin: Coin, amount: Decimal) -> dict[Coin, Decimal]:
    return {**sums, coin: sums.get(coin, ZERO) + amount}
