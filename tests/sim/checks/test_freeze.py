from dataclasses import replace as with_fields

import pytest
from msgspec.structs import replace

from core.events import ClockTicked
from core.intents import CancelOrders, SubmitOrders
from core.state import OrderRecord, OrderStatus, Stage
from sim.checks.freeze import LegsKeepTheirTime
from tests.sim.checks.recorded import found, ordering, steps, with_state


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(lambda _: LegsKeepTheirTime()) == []


def test_a_slice_after_the_freeze_or_beyond_it_is_found():
    step = ordering("projected")
    session = step.state.session
    freeze_ms = session.close_ms + 1000 * step.state.settings.session.freeze_s
    for order in (
        replace(step.orders[0], created_ms=freeze_ms),
        replace(step.orders[0], expires_ms=freeze_ms + 1),
        replace(ordering("correction").orders[0], created_ms=freeze_ms),
    ):
        bad = with_fields(step, intents=(SubmitOrders(orders=(order,)),))
        assert "outside of its window" in next(LegsKeepTheirTime().on_step(bad))


def resting(seconds, stage=Stage.FREEZING):
    """A tick so long into a stage, at which an order of the projected leg rests."""
    step = next(s for s in steps() if isinstance(s.event, ClockTicked))
    some = ordering("projected")
    order, session = some.orders[0], some.state.session
    freeze_ms = session.close_ms + 1000 * some.state.settings.session.freeze_s
    record = OrderRecord(order=order, status=OrderStatus.RESTING, since_ms=order.created_ms)
    return with_state(
        step,
        session=replace(session, stage=stage, stage_ms=freeze_ms),
        at_ms=freeze_ms + 1000 * seconds,
        orders=replace(some.state.orders, open={order.cloid: record}),
    )


@pytest.mark.parametrize("stage", Stage)
def test_what_rests_uncancelled_while_its_leg_is_not_on_is_found(stage):
    assert list(LegsKeepTheirTime().on_step(resting(2, stage))) == []
    found_then = list(LegsKeepTheirTime().on_step(resting(5, stage)))
    assert [text for text in found_then if "is not cancelled" in text] == found_then
    assert bool(found_then) is (stage is not Stage.PROJECTED)


def test_what_is_being_cancelled_may_rest_a_little_longer():
    checker, step = LegsKeepTheirTime(), resting(5)
    cloid = next(iter(step.state.orders.open))
    cancel = CancelOrders(orders=(("BTC", cloid),))
    assert list(checker.on_step(with_fields(step, intents=(cancel,)))) == []
    assert list(checker.on_step(resting(8))) == []
    assert list(checker.on_step(resting(10)))
