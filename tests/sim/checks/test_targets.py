from dataclasses import replace as with_fields

from msgspec.structs import replace

from core.state import OrderStatus
from core.types import Side
from sim.checks.targets import NeverOverTarget
from tests.sim.checks.recorded import found, ordering, steps, stepwise, with_state


def targets(_):
    return NeverOverTarget()


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(targets) == []


def test_an_order_beyond_the_target_is_found():
    def at_target(step):
        positions = dict(step.state.session.projected.targets) if step.state.session else {}
        return with_state(step, book=replace(step.state.book, positions=positions))

    assert "the target is" in found(targets, stepwise(at_target))[0]


def test_what_is_on_its_way_counts():
    """The same order a second time, of which nothing is known yet, would bring the position too far."""
    step = ordering("correction")
    last = max(s.state.at_ms for s in steps() if any(o.purpose == "correction" for o in s.orders))
    step = next(s for s in steps() if s.state.at_ms == last and s.orders)
    order = next(o for o in step.orders if o.purpose == "correction")
    record = step.state.orders.open[order.cloid]
    twin = replace(record, order=replace(order, cloid="0xtwin"))
    orders = replace(step.state.orders, open={**step.state.orders.open, "0xtwin": twin})
    checker = NeverOverTarget()
    assert list(checker.on_step(with_fields(step, executed=()))) == []
    found = list(NeverOverTarget().on_step(with_state(with_fields(step, executed=()), orders=orders)))
    assert "by what is on its way" in found[0]


def test_a_slice_against_an_order_that_may_come_to_nothing_is_found():
    """One of the other side, without an outcome and twice as large, makes room that is none."""
    step = ordering("correction")
    order = next(o for o in step.orders if o.purpose == "correction")
    target = step.state.session.correction.targets[order.coin]
    lost = replace(
        order, cloid="0xlost", side=Side.SELL if order.side is Side.BUY else Side.BUY, qty=2 * order.qty
    )
    record = replace(step.state.orders.open[order.cloid], order=lost, status=OrderStatus.UNKNOWN)
    orders = replace(step.state.orders, open={**step.state.orders.open, "0xlost": record})
    book = replace(step.state.book, positions={**step.state.book.positions, order.coin: target})
    there = with_state(with_fields(step, executed=()), orders=orders, book=book)
    assert f"{order.coin} may be" in next(NeverOverTarget().on_step(there))


def test_a_fill_that_leads_beyond_the_target_is_found_by_the_venues_own_position():
    def shifted(step):
        executed = tuple(
            f.__class__(**{**slots(f), "start_position": f.start_position + 1000 * f.signed_size})
            for f in step.executed
        )
        return with_fields(step, executed=executed)

    assert "which was to bring it to" in found(targets, stepwise(shifted))[0]


def test_where_somebody_else_has_traded_the_venues_position_proves_nothing():
    def foreign(step):
        executed = tuple(
            f.__class__(
                **{**slots(f), "start_position": f.start_position + 1000 * f.signed_size, "cloid": None}
            )
            for f in step.executed
        )
        return with_fields(step, executed=executed)

    assert found(targets, stepwise(foreign)) == []


def slots(fill):
    return {name: getattr(fill, name) for name in fill.__dataclass_fields__}
