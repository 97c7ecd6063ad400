from dataclasses import replace as with_fields

from msgspec.structs import replace

from core.intents import SubmitOrders
from sim.checks.orders_once import OrdersOnce
from sim.venue.order_actions import OrderAction
from tests.sim.checks.recorded import found, night, ordering, seen, sent, steps, stepwise, with_state


def envelopes(change):
    """Change the envelopes of orders."""

    def changed(entry):
        if not isinstance(entry.envelope.action, OrderAction):
            return (entry,)
        return tuple(with_fields(entry, envelope=e) for e in change(entry.envelope))

    return sent(changed)


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(OrdersOnce) == []


def test_an_order_sent_again_under_another_nonce_is_found():
    twice = envelopes(lambda e: (e, replace(e, nonce=e.nonce + 1)))
    assert "sent twice" in found(OrdersOnce, twice)[0]


def test_the_same_envelope_come_twice_is_the_networks_doing():
    assert found(OrdersOnce, envelopes(lambda e: (e, e))) == []


def test_an_order_that_never_expires_is_found():
    assert "expires" in found(OrdersOnce, envelopes(lambda e: (replace(e, expires_after=None),)))[0]


def test_an_order_that_nobody_decided_on_is_found():
    nothing = stepwise(lambda step: with_fields(step, intents=()))
    assert "nobody decided" in found(OrdersOnce, nothing)[0]


def test_an_order_that_is_sent_otherwise_than_decided_is_found():
    def larger(order):
        return replace(order, qty=order.qty * 2)

    def changed(step):
        intents = tuple(
            SubmitOrders(orders=tuple(map(larger, i.orders))) if isinstance(i, SubmitOrders) else i
            for i in step.intents
        )
        return with_fields(step, intents=intents)

    assert "decided was" in found(OrdersOnce, stepwise(changed))[0]


def test_a_second_order_of_a_coin_in_one_slice_is_found():
    step = ordering("projected")
    checker = OrdersOnce(night().world)
    assert list(checker.on_step(step)) == []
    rival = replace(step.orders[0], cloid="0x6e64" + 28 * "1")
    again = with_fields(step, intents=(SubmitOrders(orders=(rival,)),))
    again = with_state(again, orders=replace(step.state.orders, open=dict(step.state.orders.open)))
    assert "second order" in next(iter(checker.on_step(again)))


def test_a_slice_that_was_decided_on_and_never_kept_is_decided_on_again_beside_an_unknown_order_of_an_older_one():
    step = ordering("projected")
    (order, *_), of_an_older = step.orders, "0x6e64" + 28 * "2"
    checker = OrdersOnce(night().world)
    assert list(checker.on_step(step)) == []
    again = replace(order, cloid="0x6e64" + 28 * "1")
    record = replace(step.state.orders.open[order.cloid], order=replace(order, cloid=of_an_older))
    kept = with_state(step, orders=replace(step.state.orders, open={of_an_older: record}))
    assert list(checker.on_step(with_fields(kept, intents=(SubmitOrders(orders=(again,)),)))) == []


def test_a_slice_whose_counter_was_not_kept_either_is_decided_on_again_with_the_same_id():
    step = ordering("projected")
    checker = OrdersOnce(night().world)
    assert list(checker.on_step(step)) == []
    assert list(checker.on_step(step)) == []


def test_more_executed_than_was_ordered_is_found_at_the_end():
    checker = OrdersOnce(night().world)
    for step in steps():
        list(checker.on_step(step))
    venue = night().world.venue
    assert list(checker.at_end(seen())) == []
    fills = venue.fills(night().world.keys.address)
    doubled = type("", (), {"fills": lambda self, address: fills * 2})()
    assert "which was to be" in next(checker.at_end(seen(venue=doubled)))


def test_an_order_that_the_journal_does_not_know_is_found():
    checker = OrdersOnce(night().world)
    order = next(
        e for e in night().log if hasattr(e, "envelope") and isinstance(e.envelope.action, OrderAction)
    )
    for step in steps():
        list(checker.on_step(step))
    for observe in night().world.venue.observers[-1:]:
        observe(order.envelope, order.said)
    assert "journal knows nothing" in next(checker.journaled(set()))
