"""Slices of the book: what is missing towards the targets, as one batch of orders (S3-59 to S3-65)."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from core import allowance, reconcile, risk, twap, venue_mode
from core.calendar import timetable
from core.intents import AnyIntent, RaiseAlert, SubmitOrders
from core.notices import noted
from core.orders import client_order_id, open_records, outstanding_sides, register
from core.sizing import limit_price
from core.state import ZERO, PhaseRecord, Session, State
from core.types import HEDGE_COINS, Coin, Order, Phase, Purpose, Quote, SessionDay, Side, Tif

BATCH_MAX = 100
"""The venue refuses actions of more than 200 items; half of it leaves room for what it may count besides."""
FINAL_MS = 60_000
FINAL_LIFE_MS = 4_000
"""Expiry of an order in the final minute: one that got lost holds its quantity until it is proved dead."""
LIFE_MIN_MS = 2_000
"""An order that would expire sooner is not made: the venue charges five requests for one that comes too late."""

CLEARING_MS = 6_000
"""How long a slice waits until the resting orders of the one before it are cancelled; then it works around them."""
PRICES_WAIT_MS = 3_000
"""How long slices wait for the hedges' prices after a start or a new stream: they come within the first second."""
UNPROVED = "slices wait: the fills of the account are not proved up to now"
PROVED = "slices go on: the fills are proved again"

PURPOSE = {Phase.PROJECTED: Purpose.PROJECTED, Phase.CORRECTION: Purpose.CORRECTION}


def schedule(session: Session, record: PhaseRecord, *, seed: int) -> twap.Schedule:
    """Return the slices of a phase: from when it really began to when it must end."""
    assert record.started_ms is not None
    name = f"{session.day}/{record.phase.value}"
    return twap.Schedule(name=name, seed=seed, start_ms=record.started_ms, end_ms=record.end_ms)


def slice_book(state: State, phase: Phase) -> tuple[State, tuple[AnyIntent, ...]]:
    """Send the newest slice that is due, once. Slices missed in between are in what is missing, not in a queue.

    A coin without a fresh price has its order of the slice when the price comes, and holds up no other.
    """
    session = state.session
    assert session is not None
    record, settings = session.phase(phase), state.settings.twap
    if state.at_ms < _first_ms(state, phase) or _stop_ms(state, record) - state.at_ms < LIFE_MIN_MS:
        return state, ()
    plan = schedule(session, record, seed=state.settings.seed)
    k = plan.due(state.at_ms, settings)
    is_new = k >= record.next_slice
    coins = sorted(record.targets) if is_new else _priced_late(state, record)
    if not coins:
        return state, ()
    if not reconcile.is_proved(state):
        return _withheld(state)
    if is_withheld(session):
        state = noted(state, PROVED)
    if _awaits_hedge_prices(state):
        return state, ()
    cancels: tuple[AnyIntent, ...] = ()
    if is_new:
        resting = [r for r in open_records(state, PURPOSE[phase]) if r.order.tif is Tif.ALO]
        state, cancels = venue_mode.cancelled(state, resting)
        if resting and state.at_ms - plan.slice_ms(k, settings) < CLEARING_MS:
            return state, cancels
    record = replace(record, next_slice=k + 1) if is_new else record
    unpriced, undecided = _unpriced(state, record), _undecided(state, record, coins)
    record = replace(record, slice_ms=state.at_ms, unpriced=unpriced, undecided=undecided)
    state = replace(state, session=_session(state).with_phase(record))
    wanted = [o for c in coins if (o := _child(state, record, plan, c, k)) is not None]
    passed, refused = risk.screen(state, wanted)
    passed, rationed = allowance.ration(state, passed)
    state = _noted(state, refused, rationed)
    passed = _numbered(state, passed)
    state = register(state, passed)
    batches = [passed[i : i + BATCH_MAX] for i in range(0, len(passed), BATCH_MAX)]
    return state, (*cancels, *_told(rationed), *(SubmitOrders(orders=batch) for batch in batches))


def is_withheld(session: Session) -> bool:
    """Say whether the newest slice that was due waits for the proof of fills."""
    words = [text for _, text in session.notices if text in (UNPROVED, PROVED)]
    return bool(words) and words[-1] == UNPROVED


def _priced_late(state: State, record: PhaseRecord) -> list[Coin]:
    """Return the coins that the newest slice left out for want of a price that has come since."""
    return [c for c in sorted(record.unpriced) if risk.fresh_quote(state, c) is not None]


def _unpriced(state: State, record: PhaseRecord) -> dict[Coin, int]:
    """Return the coins with something missing and no fresh price, and since when they have none (ms)."""
    return {
        coin: record.unpriced.get(coin) or _priced_to_ms(state, coin)
        for coin in sorted(record.targets)
        if risk.fresh_quote(state, coin) is None and _missing_qty(state, record, coin)
    }


def _priced_to_ms(state: State, coin: Coin) -> int:
    """Return when the last price came; a coin that never had one has none since the daemon's start."""
    quote = state.quotes.get(coin)
    return state.started_ms if quote is None else min(quote.received_ms, quote.at_ms)


def _awaits_hedge_prices(state: State) -> bool:
    """Say whether a hedge's first price after a start, or a new stream, may still come: what is filled needs hedges."""
    came_ms = max(state.started_ms, state.account.stream_ms)
    if state.at_ms - came_ms >= PRICES_WAIT_MS:
        return False
    return any(risk.fresh_quote(state, coin) is None for coin in HEDGE_COINS)


def _missing_qty(state: State, record: PhaseRecord, coin: Coin) -> Decimal:
    """Return what is missing however the orders on their way end: none of them is traded against before its fills are.

    An order without an outcome that was taken for filled would be sold again, and bought back once it is proved dead.
    """
    gap = _gap_qty(state, record, coin)
    sold, bought = outstanding_sides(state, coin)
    return max(gap - bought, ZERO) if gap > 0 else min(gap - sold, ZERO)


def _gap_qty(state: State, record: PhaseRecord, coin: Coin) -> Decimal:
    return record.targets[coin] - state.book.positions.get(coin, ZERO)


def _undecided(state: State, record: PhaseRecord, coins: Sequence[Coin]) -> dict[Coin, int]:
    """Return the coins of which a part, or all, is left to orders on their way, and since when; only coins are looked at."""
    before = record.undecided
    left = {c for c in coins if _missing_qty(state, record, c) != _gap_qty(state, record, c)}
    return {
        coin: before.get(coin) or state.at_ms
        for coin in sorted(record.targets)
        if coin in (left if coin in coins else before)
    }


def _told(rationed: dict[Coin, str]) -> tuple[AnyIntent, ...]:
    if not rationed:
        return ()
    text = f"{len(rationed)} orders of a slice were not sent: {next(iter(rationed.values()))}"
    return (RaiseAlert(level="error", code="requests.low", text=text),)


def _withheld(state: State) -> tuple[State, tuple[AnyIntent, ...]]:
    """Say once that slices wait. The next one that may go is computed from what is missing then."""
    if is_withheld(_session(state)):
        return state, ()
    return noted(state, UNPROVED), (RaiseAlert(level="warning", code="fills.unproved", text=UNPROVED),)


def _child(state: State, record: PhaseRecord, plan: twap.Schedule, coin: Coin, k: int) -> Order | None:
    quote, instrument = risk.fresh_quote(state, coin), state.instruments.get(coin)
    if quote is None or instrument is None or instrument.delisted:
        return None
    position, target = state.book.positions.get(coin, ZERO), record.targets[coin]
    gap = twap.Gap(
        coin=coin,
        missing_qty=_missing_qty(state, record, coin),
        planned_qty=target - record.start_qty.get(coin, ZERO),
        position_qty=position,
        px=quote.mid,
        adv_usd=_adv_usd(state, coin),
    )
    qty = twap.child_qty(gap, instrument, schedule=plan, k=k, settings=state.settings.twap)
    if not qty:
        return None
    return _order(state, record, quote, qty)


def _adv_usd(state: State, coin: Coin) -> float:
    """Return what is traded in a day, as either phase knows it: a coin without its close is in the first one only."""
    session = state.session
    assert session is not None
    for record in (session.correction, session.projected):
        if record.proforma is not None and coin in record.proforma.adv_usd:
            return record.proforma.adv_usd[coin]
    return 0.0


def _order(state: State, record: PhaseRecord, quote: Quote, qty: Decimal) -> Order:
    settings, instrument = state.settings.twap, state.instruments[quote.coin]
    side = Side.BUY if qty > 0 else Side.SELL
    final = record.phase is Phase.CORRECTION and state.at_ms >= record.end_ms - FINAL_MS
    rests = venue_mode.is_post_only(state) or (venue_mode.is_careful(state) and not final)
    slippage_bps = settings.slippage_final_bps if final else settings.slippage_bps
    decimals = instrument.size_decimals
    touch = venue_mode.touch_px(quote, side, size_decimals=decimals)
    px = limit_price(quote, side, slippage_bps=slippage_bps, size_decimals=decimals)
    position = state.book.positions.get(quote.coin, ZERO)
    life_ms = int(1000 * settings.order_expiry_s)
    life_ms = min(life_ms, FINAL_LIFE_MS) if final else life_ms
    return Order(
        cloid=client_order_id(_day(state), PURPOSE[record.phase], asset_id=instrument.asset_id, counter=0),
        coin=quote.coin,
        asset_id=instrument.asset_id,
        side=side,
        qty=abs(qty),
        limit_px=touch if rests else px,
        tif=Tif.ALO if rests else Tif.IOC,
        reduce_only=position == -qty,
        purpose=PURPOSE[record.phase],
        session=_day(state),
        created_ms=state.at_ms,
        expires_ms=min(state.at_ms + life_ms, _stop_ms(state, record)),
        arrival_mid=quote.mid,
    )


def _first_ms(state: State, phase: Phase) -> int:
    """Return when a phase may begin to trade: one begun by a clock that was ahead waits once it is right."""
    assert state.session is not None
    table = timetable(state.session.close_ms, state.settings.session)
    return table.projected_ms if phase is Phase.PROJECTED else table.correction_ms


def _stop_ms(state: State, record: PhaseRecord) -> int:
    """Return when the last order of a phase must be dead: the freeze cuts the projected schedule short (E3-21)."""
    assert state.session is not None
    freeze_ms = timetable(state.session.close_ms, state.settings.session).freeze_ms
    return freeze_ms if record.phase is Phase.PROJECTED else record.end_ms


def _numbered(state: State, orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Give ids to orders that will be sent: the counter moves by what is registered, so no id comes twice."""
    return tuple(
        replace(
            order,
            cloid=client_order_id(
                order.session, order.purpose, asset_id=order.asset_id, counter=state.orders.counter + i
            ),
        )
        for i, order in enumerate(orders)
    )


def _noted(state: State, refused: dict[Coin, str], rationed: dict[Coin, str]) -> State:
    session = state.session
    if session is None or not (refused or rationed):
        return state
    session = replace(
        session, held={**session.held, **refused, **rationed}, rationed=session.rationed + len(rationed)
    )
    return replace(state, session=session)


def _day(state: State) -> SessionDay:
    return _session(state).day


def _session(state: State) -> Session:
    assert state.session is not None
    return state.session
