"""Life of an order: its id, what the venue's answers make of it, what an unknown outcome needs.

An order leaves the record only when the venue has said how it ended and its ledger has proved it, or when
it is proved that it never was: it can no longer land, the ledger is covered beyond that, the venue does not know its id.
What was read from a node that fell behind covers nothing, and a list of fills does not say how old it is: where fills
are missing, the position of a later snapshot, which does say, must be ours as well.

An order cannot land any more when it has expired, or when its nonce is gone. So one that the venue does not know has its
nonce burnt with a noop. If the noop is taken, the nonce was free: the order never landed, never can, and this is proof at
once. If the venue says that the nonce is used or too low, the order can still not land later (the lowest nonce a venue
takes only rises, hyperliquid.md 2.3), but it may have landed before: then absence is proof once the ledger is covered
beyond that answer. Anything else proves nothing, and the order's expiry is waited for as before.

An order that the venue has said to rest was placed, and rests past its expiry. The venue forgets the oldest of some 2,000
orders (hyperliquid.md 1.3), so one that it does not know is over a minute after it last rested, if no list shows it.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import lru_cache

from msgspec.structs import replace

from core.intents import AnyIntent, BurnNonce, FetchFills, FetchSnapshot, QueryOrders
from core.state import ZERO, LegStats, OrderRecord, Orders, OrderStatus, Session, State
from core.types import Answer, ClientOrderId, Coin, Fill, Order, Outcome, Purpose, SessionDay

MAGIC = 0x6E64
LEG_CODES = {Purpose.PROJECTED: 1, Purpose.CORRECTION: 2, Purpose.HEDGE: 3, Purpose.FLATTEN: 4}
LEGS = {code: purpose for purpose, code in LEG_CODES.items()}

ANSWER_TIMEOUT_MS = 3_000
ASK_AGAIN_MS = 2_000
EXPIRY_SLACK_MS = 2_500
"""Clock skew allowed by preflight (2 s) and the age of what the venue serves; after it, absence is proof."""
FILL_OVERLAP_MS = 60_000
DISPUTED_MS = 60_000
"""How long a position that is not ours keeps an order on record; then the whole account is compared without it."""
QUERIES_MAX = 10
"""Orders asked about within ASK_AGAIN_MS: a lost batch of 100 may not eat the venue's rate budget of 1,200 a minute."""


def client_order_id(day: SessionDay, purpose: Purpose, *, asset_id: int, counter: int) -> ClientOrderId:
    """Return the id of an order: magic, session day, leg, asset and counter, 16 bytes in hex."""
    return ClientOrderId(f"{_day_part(day)}{LEG_CODES[purpose]:02x}{asset_id:08x}{counter:012x}")


@lru_cache(maxsize=4)
def _day_part(day: SessionDay) -> str:
    return f"0x{MAGIC:04x}{date.fromisoformat(day).toordinal():06x}"


@lru_cache(maxsize=256)
def purpose_of(cloid: ClientOrderId | None) -> Purpose | None:
    """Return the leg written into one of our ids, None for anybody else's."""
    if cloid is None or len(cloid) != 34 or not cloid.startswith(f"0x{MAGIC:04x}"):
        return None
    return LEGS.get(int(cloid[12:14], 16))


def outstanding(state: State, coin: Coin) -> Decimal:
    """Return the signed quantity of coin that orders of ours may still add to the position."""
    return sum((r.outstanding_qty for r in state.orders.open.values() if r.order.coin == coin), ZERO)


def outstanding_sides(state: State, coin: Coin) -> tuple[Decimal, Decimal]:
    """Return what orders of ours may still sell (negative) and buy of coin: each alone may come to nothing."""
    qtys = [r.outstanding_qty for r in state.orders.open.values() if r.order.coin == coin]
    return sum((q for q in qtys if q < 0), ZERO), sum((q for q in qtys if q > 0), ZERO)


def open_records(state: State, *purposes: Purpose) -> tuple[OrderRecord, ...]:
    return tuple(r for r in state.orders.open.values() if r.order.purpose in purposes)


def register(state: State, orders: Iterable[Order]) -> State:
    """Enter orders as in flight, before anyone may send them."""
    orders = tuple(orders)
    new = {o.cloid: OrderRecord(order=o, status=OrderStatus.IN_FLIGHT, since_ms=state.at_ms) for o in orders}
    assert len(new) == len(orders), "two orders with one id"
    assert not new.keys() & state.orders.open.keys(), "an id in use"
    recent = tuple(t for t in state.orders.recent_ms if t > state.at_ms - 60_000) + (state.at_ms,) * len(new)
    kept = Orders(
        open={**state.orders.open, **new}, counter=state.orders.counter + len(new), recent_ms=recent
    )
    for record in new.values():
        state = replace(state, session=_counted(state.session, record.order.purpose, orders=1))
    return replace(state, orders=kept)


def on_answers(state: State, answers: tuple[Answer, ...]) -> State:
    for answer in answers:
        record = state.orders.open.get(answer.cloid)
        if record is not None:
            proved = answer.outcome is not Outcome.NEVER_PLACED or _cannot_be(state, record)
            state = _with_record(state, _answered(record, answer, state.at_ms, proved=proved))
            if answer.outcome is Outcome.BURNED and not record.burnt and state.session is not None:
                state = replace(state, session=replace(state.session, burnt=state.session.burnt + 1))
            if answer.outcome is Outcome.REJECTED:
                purpose = record.order.purpose
                state = replace(state, session=_counted(state.session, purpose, rejected=1))
    return state


def on_fills(state: State, fills: Iterable[Fill]) -> State:
    """Credit fills, already booked in the book, to the orders they belong to."""
    made: dict[Purpose, _Made] = {}
    records = state.orders.open
    filled: dict[ClientOrderId, Decimal] = {}
    for fill in fills:
        purpose = purpose_of(fill.cloid)
        record = records.get(fill.cloid) if fill.cloid else None
        if purpose is not None:
            if purpose not in made:
                made[purpose] = _Made()
            made[purpose].add(fill, fill.px if record is None else record.order.arrival_mid)
        if record is not None:
            cloid = record.order.cloid
            filled[cloid] = filled.get(cloid, ZERO) + fill.qty
    for purpose, sums in made.items():
        state = replace(state, session=_counted(state.session, purpose, **sums.stats()))
    if filled:
        more = {c: replace(records[c], booked_qty=records[c].booked_qty + qty) for c, qty in filled.items()}
        state = _with_records(state, more)
    return state


class _Made:
    """What fills of one purpose add to its statistics."""

    def __init__(self) -> None:
        self._fills = 0
        self._notional = self._fees = self._slippage = ZERO

    def add(self, fill: Fill, arrival: Decimal) -> None:
        self._fills += 1
        self._notional += fill.qty * fill.px
        self._fees += fill.fee_usd
        if arrival != fill.px:
            self._slippage += (fill.px - arrival) * fill.signed_qty

    def stats(self) -> dict[str, int | Decimal]:
        return {
            "fills": self._fills,
            "notional_usd": self._notional,
            "fees_usd": self._fees,
            "slippage_usd": self._slippage,
        }


def numbered_from(state: State, now_ms: int) -> State:
    """Number no order below the time of a start: after a lost or an older state directory the venue knows later ids."""
    return replace(state, orders=replace(state.orders, counter=max(state.orders.counter, now_ms)))


def on_restart(state: State) -> State:
    """Whatever was not proved ended is unknown now: the process that would have heard is gone."""
    unknown = {
        cloid: r
        if r.status is OrderStatus.ENDED
        else replace(r, status=OrderStatus.UNKNOWN, asked_ms=0, absent=False)
        for cloid, r in state.orders.open.items()
    }
    return replace(state, orders=replace(state.orders, open=unknown))


def settle(state: State) -> State:
    """Let go of ended orders whose every fill must be booked by now: ledger and position are known past their end.

    The venue's word on how much was filled can be too high (a reduce-only order that it shrank).
    """
    for record in tuple(state.orders.open.values()):
        if record.status is OrderStatus.ENDED and _is_over(state, record, record.since_ms):
            state = _with_record(state, replace(record, reported_qty=record.booked_qty))
    return state


def chase(state: State) -> tuple[State, tuple[AnyIntent, ...]]:
    """Burn what the venue does not know; ask about every order whose end is not proved and that has been silent."""
    state, burns = _burn(state)
    state, questions = _ask(state)
    return state, burns + questions


def _burn(state: State) -> tuple[State, tuple[AnyIntent, ...]]:
    """Burn once for each time that the venue said it does not know an order; what it says next decides."""
    lost = [r for r in state.orders.open.values() if _may_burn(r, state.at_ms)]
    if not lost:
        return state, ()
    for record in lost:
        state = _with_record(state, replace(record, absent=False, asked_ms=state.at_ms))
    return state, (BurnNonce(cloids=tuple(r.order.cloid for r in lost)),)


def _may_burn(record: OrderRecord, now_ms: int) -> bool:
    """Say whether burning could prove something sooner than the order's expiry does."""
    free = not record.burnt and record.spent_ms is None and record.rested_ms is None
    lives = now_ms <= record.order.expires_ms + EXPIRY_SLACK_MS
    return record.status is OrderStatus.UNKNOWN and record.absent and free and lives


def _ask(state: State) -> tuple[State, tuple[AnyIntent, ...]]:
    silent = _to_ask(state)
    if not silent:
        return state, ()
    for record in silent:
        state = _with_record(state, replace(record, asked_ms=state.at_ms))
    ending = [r for r in silent if r.status is not OrderStatus.RESTING]
    over = [r for r in ending if r.status is OrderStatus.ENDED or state.at_ms > r.dead_ms]
    unproved = tuple(r.order.cloid for r in silent if r.status is not OrderStatus.ENDED)
    intents: list[AnyIntent] = [QueryOrders(cloids=unproved)] if unproved else []
    if over:
        since_ms = min(r.order.created_ms for r in over)
        intents += [FetchFills(from_ms=min(since_ms, _overlap_start(state))), FetchSnapshot()]
    return state, tuple(intents)


def _to_ask(state: State) -> list[OrderRecord]:
    """Return the silent orders, as many as may be asked about now: hedges first, then those waiting for longest."""
    records = state.orders.open.values()
    asked = sum(1 for r in records if state.at_ms - r.asked_ms < ASK_AGAIN_MS)
    silent = sorted((r for r in records if _is_silent(r, state.at_ms)), key=_turn)
    return silent[: max(QUERIES_MAX - asked, 0)]


def _turn(record: OrderRecord) -> tuple[bool, int]:
    return record.order.purpose is not Purpose.HEDGE, record.asked_ms


def _cannot_be(state: State, record: OrderRecord) -> bool:
    """Say whether the venue's not knowing an order proves that nothing is left of it.

    One that has rested was placed: a node that does not know it is behind, or the venue has long forgotten it.
    """
    if record.rested_ms is not None:
        return _is_gone(state, record, record.rested_ms + DISPUTED_MS)
    return record.burnt or _is_gone(state, record, record.dead_ms)


def _is_gone(state: State, record: OrderRecord, at_ms: int) -> bool:
    """Say whether the order, placed by then or never, is over, and the newest list of what rests is without it."""
    snapshot = state.account.snapshot
    listed = snapshot.open_orders if snapshot is not None else ()
    return _is_over(state, record, at_ms) and all(o.cloid != record.order.cloid for o in listed)


def _is_over(state: State, record: OrderRecord, at_ms: int) -> bool:
    """Say whether the ledger is covered past an instant, for whatever the clocks differ by, and by a node of now."""
    covered, past_ms = state.book.covered_to_ms, at_ms + EXPIRY_SLACK_MS
    if covered is None or covered <= past_ms:
        return False
    disputed_ms = 0 if state.account.stale_ms else covered - past_ms
    return _is_agreed(state, record.order.coin, past_ms) or disputed_ms > DISPUTED_MS


def _is_agreed(state: State, coin: Coin, past_ms: int) -> bool:
    """Say whether the venue has shown our position in a coin as of a later instant."""
    snapshot, taken_ms = state.account.snapshot, state.account.taken_ms
    if snapshot is None or snapshot.at_ms <= past_ms or (taken_ms is not None and taken_ms <= past_ms):
        return False
    held = snapshot.positions.get(coin)
    return (held.qty if held else ZERO) == state.book.positions.get(coin, ZERO)


def _is_silent(record: OrderRecord, now_ms: int) -> bool:
    if now_ms - record.asked_ms < ASK_AGAIN_MS:
        return False
    if record.status is OrderStatus.IN_FLIGHT:
        return now_ms - record.since_ms >= ANSWER_TIMEOUT_MS
    if record.status is OrderStatus.ENDED:
        return now_ms - record.since_ms >= ASK_AGAIN_MS
    return True


def _overlap_start(state: State) -> int:
    covered = state.book.covered_to_ms
    return (state.at_ms if covered is None else covered) - FILL_OVERLAP_MS


def _answered(record: OrderRecord, answer: Answer, now_ms: int, *, proved: bool) -> OrderRecord:
    if record.status is OrderStatus.ENDED:
        return record
    match answer.outcome:
        case Outcome.FILLED | Outcome.CANCELLED | Outcome.REJECTED:
            return replace(
                record, status=OrderStatus.ENDED, since_ms=now_ms, reported_qty=answer.filled_qty, asked_ms=0
            )
        case Outcome.RESTING:
            rests = replace(record, status=OrderStatus.RESTING, rested_ms=now_ms)
            return replace(rests, since_ms=now_ms, asked_ms=now_ms)
        case Outcome.NEVER_PLACED if proved:
            return replace(record, status=OrderStatus.ENDED, since_ms=now_ms, reported_qty=record.booked_qty)
        case Outcome.UNKNOWN:
            return replace(record, status=OrderStatus.UNKNOWN)
        case Outcome.NEVER_PLACED:
            return replace(record, status=OrderStatus.UNKNOWN, absent=True)
        case Outcome.BURNED | Outcome.SPENT:
            return _without_nonce(record, answer.outcome, now_ms)


def _without_nonce(record: OrderRecord, outcome: Outcome, now_ms: int) -> OrderRecord:
    """Note what the burning proved, and have the order asked about at once. One that rests has landed, whatever is said."""
    if record.status is OrderStatus.RESTING or record.rested_ms is not None:
        return record
    if outcome is Outcome.BURNED:
        return replace(record, status=OrderStatus.UNKNOWN, burnt=True, asked_ms=0)
    spent_ms = now_ms if record.spent_ms is None else record.spent_ms
    return replace(record, status=OrderStatus.UNKNOWN, spent_ms=spent_ms, asked_ms=0)


def _with_record(state: State, record: OrderRecord) -> State:
    """Put the record back, or let it go when its end is proved."""
    return _with_records(state, {record.order.cloid: record})


def _with_records(state: State, records: dict[ClientOrderId, OrderRecord]) -> State:
    kept = {c: r for c, r in state.orders.open.items() if c not in records}
    kept.update((c, r) for c, r in records.items() if not _is_settled(r))
    return replace(state, orders=replace(state.orders, open=kept))


def _is_settled(record: OrderRecord) -> bool:
    ended = record.status is OrderStatus.ENDED and record.booked_qty >= record.reported_qty
    return ended or record.booked_qty >= record.order.qty


def _counted(session: Session | None, purpose: Purpose, **more: int | Decimal) -> Session | None:
    if session is None:
        return None
    leg = session.legs.get(purpose, LegStats())
    sums = {name: getattr(leg, name) + value for name, value in more.items()}
    return replace(session, legs={**session.legs, purpose: replace(leg, **sums)})
