from dataclasses import replace as with_fields
from decimal import Decimal
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from core.intents import SubmitOrders
from sim.checks.sound import OrdersAreSound
from tests.sim.checks.recorded import Sent, found, ordering, sent, stepwise, with_state


def one_order(step, order):
    return with_fields(step, intents=(SubmitOrders(orders=(order,)),))


def of(change, *, purpose="projected"):
    """What is found where one order of a purpose is changed."""
    step = ordering(purpose)
    bad = one_order(step, change(step.orders[0]))
    return found(OrdersAreSound, stepwise(lambda s: bad if s is step else s))


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(OrdersAreSound) == []


@pytest.mark.parametrize("purpose", ["projected", "correction", "hedge"])
def test_a_price_that_is_not_the_newest_is_found(purpose):
    assert "not fresh" in of(lambda o: replace(o, arrival_mid=o.arrival_mid * 2), purpose=purpose)[0]


def test_an_old_price_is_found():
    step = ordering("hedge")
    later = with_state(step, at_ms=step.state.at_ms + 60_000)
    assert "not fresh" in found(OrdersAreSound, stepwise(lambda s: later if s is step else s))[0]


def test_half_a_lot_is_found():
    assert "not whole lots" in of(lambda o: replace(o, qty=o.qty + Decimal("0.0000001")))[0]


def test_less_than_the_venue_takes_is_found():
    def small(order):
        return replace(order, qty=order.qty * 0 + Decimal(1).scaleb(order.qty.as_tuple().exponent))

    assert "less than the venue takes" in of(small, purpose="hedge")[0]


def test_a_limit_far_from_the_market_is_found():
    assert (
        "bp from the mid" in of(lambda o: replace(o, limit_px=o.limit_px * (3 if o.side == "buy" else 0)))[0]
    )


REFUSAL = "Order must have minimum value of $10. asset=1"


def refused(entry):
    return (Sent(entry.envelope, {"response": {"data": {"statuses": [{"error": REFUSAL}]}}}),)


def test_a_refusal_that_could_be_known_is_found_where_coins_are_what_they_were(monkeypatch):
    assert "minimum value" in found(OrdersAreSound, sent(refused))[0]
    whim = SimpleNamespace(family="data")
    monkeypatch.setattr("sim.checks.whims.KINDS", {"reset-after-effect": whim})
    assert found(OrdersAreSound, sent(refused)) == []


def test_refusals_that_were_planted_are_let_pass_and_not_one_more():
    assert found(OrdersAreSound, sent(refused), planted=10_000) == []
    all_but_one = len(found(OrdersAreSound, sent(refused))) - 1
    assert len(found(OrdersAreSound, sent(refused), planted=all_but_one)) == 1
