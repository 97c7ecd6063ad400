from dataclasses import replace as with_fields

from msgspec.structs import replace

from core.events import ClockSet, ClockTicked, OrdersAnswered
from core.intents import RaiseAlert
from core.state import OrderStatus
from core.types import Answer, Outcome
from sim.checks.unknowns import UnknownsAreProved
from tests.sim.checks.recorded import found, ordering, seen, steps, with_state


def unknowns(_):
    return UnknownsAreProved()


def letting_go(*outcomes, covered_ms=-20_000):
    """What is found when an order in flight is let go of after these words of the venue."""
    step = ordering("projected")
    order = step.orders[0]
    left = {c: r for c, r in step.state.orders.open.items() if c != order.cloid}
    book = replace(step.state.book, covered_to_ms=order.expires_ms + covered_ms)
    after = replace(step.state, orders=replace(step.state.orders, open=left), book=book)
    answers = tuple(Answer(cloid=order.cloid, outcome=outcome) for outcome in outcomes)
    event = OrdersAnswered(at_ms=step.state.at_ms, answers=answers)
    checker = UnknownsAreProved()
    over = with_fields(
        step, before=step.state, state=after, event=event, intents=(), executed=(), world=seen()
    )
    return list(checker.on_step(over))


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(unknowns) == []


def test_an_order_let_go_of_without_a_word_is_found():
    assert "is over, after" in letting_go()[0]
    assert letting_go(Outcome.UNKNOWN)
    assert letting_go(Outcome.RESTING)


def test_the_venues_word_is_proof():
    for outcome in (Outcome.REJECTED, Outcome.CANCELLED, Outcome.FILLED):
        assert letting_go(outcome) == []


def test_absence_is_proof_of_an_order_that_was_burnt_or_can_come_no_more():
    assert letting_go(Outcome.NEVER_PLACED)
    assert letting_go(Outcome.SPENT, Outcome.NEVER_PLACED)
    assert letting_go(Outcome.SPENT, Outcome.NEVER_PLACED, covered_ms=0) == []
    assert letting_go(Outcome.NEVER_PLACED, covered_ms=1_000)
    assert letting_go(Outcome.NEVER_PLACED, covered_ms=2_001) == []
    assert letting_go(Outcome.BURNED, Outcome.NEVER_PLACED) == []


def absent_after_a_clock_was_set(by_ms, *, covered_ms):
    """What is found when the nonce is seen to be gone, the clock is set by so much, and the ledger is covered then to
    covered_ms after the time to which it was set: well before the order expires.
    """
    step = ordering("projected")
    order = step.orders[0]
    set_ms = step.state.at_ms + by_ms
    assert set_ms + covered_ms < order.expires_ms
    answers = [Answer(cloid=order.cloid, outcome=o) for o in (Outcome.SPENT, Outcome.NEVER_PLACED)]
    left = {c: r for c, r in step.state.orders.open.items() if c != order.cloid}
    set_to = replace(step.state, at_ms=set_ms)
    book = replace(set_to.book, covered_to_ms=set_ms + covered_ms)
    over = replace(set_to, orders=replace(set_to.orders, open=left), book=book)
    events = (
        (step.state, step.state, OrdersAnswered(at_ms=step.state.at_ms, answers=(answers[0],))),
        (step.state, set_to, ClockSet(at_ms=set_ms)),
        (set_to, over, OrdersAnswered(at_ms=set_ms, answers=(answers[1],))),
    )
    checker = UnknownsAreProved()
    return [
        text
        for before, state, event in events
        for text in checker.on_step(
            with_fields(step, before=before, state=state, event=event, intents=(), executed=(), world=seen())
        )
    ]


def test_a_nonce_seen_to_be_gone_by_a_clock_that_was_ahead_was_gone_when_the_clock_was_set_back():
    """Past that, coverage is proof, however far ahead the clock was; up to it, it is none."""
    for by_ms in (-1, -6_000, -3_600_000):
        assert absent_after_a_clock_was_set(by_ms, covered_ms=2_001) == []
        assert "is over, after" in absent_after_a_clock_was_set(by_ms, covered_ms=2_000)[0]


def test_a_clock_that_is_set_ahead_makes_nothing_gone_earlier():
    assert absent_after_a_clock_was_set(1_000, covered_ms=1_000)
    assert absent_after_a_clock_was_set(1_000, covered_ms=1_001) == []


def test_an_order_that_is_called_ended_without_a_word_is_found():
    step = ordering("projected")
    order = step.orders[0]
    record = replace(step.state.orders.open[order.cloid], status=OrderStatus.ENDED)
    orders = replace(step.state.orders, open={**step.state.orders.open, order.cloid: record})
    tick = ClockTicked(at_ms=step.state.at_ms)
    over = with_fields(
        with_state(step, orders=orders), before=step.state, event=tick, intents=(), executed=(), world=seen()
    )
    assert "is over, after ClockTicked" in next(UnknownsAreProved().on_step(over))


def test_what_is_executed_and_not_booked_may_not_be_let_go_of():
    """The venue answers that it is rejected; a part of it had been executed."""
    filled = next(s for s in steps() if s.executed and s.executed[0].cloid)
    cloid = filled.executed[0].cloid
    record = replace(
        ordering("projected").state.orders.open[ordering("projected").orders[0].cloid],
        order=replace(ordering("projected").orders[0], cloid=cloid),
    )
    before = replace(filled.state, orders=replace(filled.state.orders, open={cloid: record}))
    after = replace(filled.state, orders=replace(filled.state.orders, open={}))
    answers = (Answer(cloid=cloid, outcome=Outcome.REJECTED),)
    event = OrdersAnswered(at_ms=filled.state.at_ms, answers=answers)
    over = with_fields(filled, before=before, state=after, event=event, intents=(), world=seen())
    checker = UnknownsAreProved()
    assert "executed and 0 booked" in next(checker.on_step(over))
    late = with_fields(over, before=after, event=ClockTicked(at_ms=after.at_ms))
    assert "was let go of, and then" in next(checker.on_step(late))


def test_late_fills_are_found_by_the_daemons_own_alert():
    step = steps()[-1]
    told = RaiseAlert(level="error", code="fills.late", text="late")
    assert list(UnknownsAreProved().on_step(with_fields(step, intents=(told,), before=step.state))) == [
        "late"
    ]
