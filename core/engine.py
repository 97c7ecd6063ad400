"""step(): what happened in, what we know and what we want done out. The table of contents of the daemon."""

from collections.abc import Callable
from typing import assert_never

from msgspec.structs import replace

from core import (
    allowance,
    book,
    dead_man,
    disputes,
    hedge,
    orders,
    rebalance,
    reconcile,
    rewound,
    risk,
    second_writer,
    venue_mode,
)
from core.events import (
    AllowanceRead,
    AnyEvent,
    CancelScheduled,
    ClockSet,
    ClockTicked,
    ConfigChanged,
    FillsReceived,
    FundingReceived,
    InstrumentsReceived,
    KillReset,
    KillTripped,
    ManualReconcile,
    OrdersAnswered,
    PreflightDone,
    PriceAgreed,
    PriceDisputed,
    ProFormaFailed,
    ProFormaReady,
    QuoteReceived,
    SnapshotReceived,
    Started,
    StopRequested,
    StreamChanged,
    VenueNoticed,
)
from core.flatten import flatten
from core.intents import AnyIntent, CancelEverything, FetchFills, FetchSnapshot, RaiseAlert, SubmitOrders
from core.state import State
from core.types import Answer, Outcome, Purpose, Tif, TradingState

Step = tuple[State, tuple[AnyIntent, ...]]


def step(state: State, event: AnyEvent) -> Step:
    """Return the next state and what should be done about the event."""
    if isinstance(event, QuoteReceived):
        quotes, mids_usd = state.quotes.copy(), state.mids_usd.copy()
        quotes[event.quote.coin] = event.quote
        mids_usd[event.quote.coin] = float(event.quote.mid)
        at_ms = max(event.at_ms, state.at_ms)
        return replace(state, quotes=quotes, mids_usd=mids_usd, at_ms=at_ms), ()
    if isinstance(event, Started | ClockSet):
        state = rewound.to(state, event.at_ms)
    state = replace(state, at_ms=max(event.at_ms, state.at_ms))
    state, intents = route(state, event)
    check(state, intents)
    return allowance.charge(state, intents), intents


def route(state: State, event: AnyEvent) -> Step:
    match event:
        case QuoteReceived() | ClockSet():
            return state, ()
        case FillsReceived():
            return _on_fills(state, event)
        case OrdersAnswered():
            return _on_answers(state, event)
        case ClockTicked():
            return _on_tick(state)
        case SnapshotReceived():
            return _then(reconcile.on_snapshot(state, event), risk.watch, rebalance.advance)
        case AllowanceRead():
            return allowance.on_read(state, event), ()
        case FundingReceived(payments=payments):
            return rebalance.advance(book.take_funding(state, payments))
        case CancelScheduled():
            return dead_man.on_answer(state, event)
        case PreflightDone():
            return rebalance.advance(rebalance.on_preflight(state, event))
        case ProFormaReady():
            return _then(rebalance.on_proforma(state, event), rebalance.advance, hedge.rehedge)
        case ProFormaFailed():
            return _then(rebalance.on_proforma_failed(state, event), rebalance.advance)
        case Started():
            return _on_started(state, event)
        case InstrumentsReceived(instruments=instruments):
            return replace(state, instruments={i.coin: i for i in instruments}), ()
        case StreamChanged():
            return reconcile.on_stream(state, event)
        case VenueNoticed():
            return venue_mode.on_notice(state, event)
        case PriceDisputed():
            return disputes.on_disputed(state, event)
        case PriceAgreed():
            return disputes.on_agreed(state, event)
        case KillTripped():
            return _on_kill(state, event)
        case KillReset():
            return _then((risk.reset(state), ()), hedge.rehedge)
        case ConfigChanged(settings=settings):
            return replace(state, settings=settings), ()
        case StopRequested():
            return replace(state, stopping=True), (CancelEverything(),)
        case ManualReconcile():
            since_ms = reconcile.overlap_start_ms(state)
            return state, (FetchFills(from_ms=since_ms), FetchSnapshot())
        case _:
            assert_never(event)


def check(state: State, intents: tuple[AnyIntent, ...]) -> None:
    """Assert what must hold after every event, in production too."""
    for intent in intents:
        if isinstance(intent, SubmitOrders):
            for order in intent.orders:
                assert order.cloid in state.orders.open, "an order must be on record before it is sent"
                assert order.qty > 0, "an order of nothing"
                assert order.limit_px > 0, "a price of nothing"
                flattens = order.purpose is Purpose.FLATTEN
                assert state.trading is not TradingState.HALTED or flattens, "an order after the kill"
    assert all(qty != 0 for qty in state.book.positions.values()), "a flat position is an absent one"


def _then(step_so_far: Step, *more: Callable[[State], Step]) -> Step:
    state, intents = step_so_far
    for decide in more:
        state, next_intents = decide(state)
        intents += next_intents
    return state, intents


def _on_fills(state: State, event: FillsReceived) -> Step:
    """Book what is new, credit the orders, then hedge what is left outside the band."""
    before = state
    state, new = book.take(state, event)
    state = allowance.earn(state, new)
    state = orders.settle(orders.on_fills(state, new))
    state = hedge.on_fills(state, new)
    return _then(
        second_writer.on_fills(state, new),
        lambda state: second_writer.on_late_fills(state, new, known=before.orders.open.keys()),
        lambda state: reconcile.on_broken_chain(before, state),
        hedge.rehedge,
        rebalance.advance,
    )


def _on_answers(state: State, event: OrdersAnswered) -> Step:
    failed = [a for a in event.answers if _is_failed_hedge(state, a)]
    state, mode = venue_mode.on_answers(state, event.answers)
    state = orders.on_answers(state, event.answers)
    if failed:
        state = hedge.note_failures(state, failed=len(failed), filled=0)
    alerts = tuple(
        RaiseAlert(level="warning", code="order.rejected", text=f"{a.cloid}: {a.reason}")
        for a in event.answers
        if a.outcome is Outcome.REJECTED
    )
    state, told = allowance.on_answers(state, event.answers)
    return _then(
        (state, mode + alerts + told),
        lambda state: second_writer.on_answers(state, event.answers),
        lambda state: second_writer.on_orders(state, event.strangers),
        orders.chase,
        risk.watch,
        hedge.rehedge,
        rebalance.advance,
    )


def _is_failed_hedge(state: State, answer: Answer) -> bool:
    """Say whether a hedge did nothing. One for which no request was left only waits for its turn (core.allowance)."""
    record = state.orders.open.get(answer.cloid)
    if record is None or record.order.purpose is not Purpose.HEDGE or answer.filled_qty or answer.throttled:
        return False
    if record.order.tif is Tif.ALO or venue_mode.is_refusal(answer):
        return False
    return answer.outcome in (Outcome.REJECTED, Outcome.CANCELLED, Outcome.FILLED)


def _on_tick(state: State) -> Step:
    return _then(
        (state, ()),
        reconcile.keep_covered,
        orders.chase,
        risk.watch,
        rebalance.advance,
        hedge.rehedge,
        venue_mode.swept,
        flatten,
        dead_man.watch,
    )


def _on_started(state: State, event: Started) -> Step:
    """Nothing that was in flight is known any more; nothing that was being computed will answer.

    Nor is it known which prices are disputed: whoever compares begins anew too, and tells what it finds.
    """
    state = replace(
        state,
        settings=event.settings,
        quotes={},
        mids_usd={},
        disputed={},
        stopping=False,
        starts=state.starts + 1,
        started_ms=event.at_ms,
        dead_man=dead_man.on_restart(state.dead_man),
        account=replace(state.account, stream_up=False, asked_ms=event.at_ms, fills_asked_ms=event.at_ms),
    )
    state = rebalance.on_restart(orders.on_restart(orders.numbered_from(state, event.at_ms)))
    known = state.book.opened_ms is not None
    reads = (FetchFills(from_ms=reconcile.overlap_start_ms(state)),) if known else ()
    return state, (*reads, FetchSnapshot())


def _on_kill(state: State, event: KillTripped) -> Step:
    state, intents = risk.halt(state, f"{event.reason} ({event.by})")
    return _then((state, intents), flatten)
