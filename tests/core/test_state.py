from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.state import OrderRecord, OrderStatus, decode, encode
from tests.core.desk import CLOSE_MS, SOL, D, desk, order
from tests.core.nights import night


def test_a_state_of_the_middle_of_a_night_survives_encoding():
    state = night().play(-930, 100).state
    assert decode(encode(state)) == state


def test_anything_else_is_refused():
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"settings": 7}')


def test_a_number_that_json_has_no_word_for_does_not_come_back_as_another():
    state = desk()
    broken = encode(state).replace(b'"outside_s":0.0', b'"outside_s":null')
    assert broken != encode(state)
    with pytest.raises(msgspec.ValidationError):
        decode(broken)


quantities = st.decimals("0", "100", places=2)


@given(status=st.sampled_from(OrderStatus), reported=quantities, booked=quantities)
def test_what_an_order_may_still_add_is_never_against_its_side_nor_more_than_its_quantity(
    status, reported, booked
):
    made = order(SOL, D(-100))
    record = OrderRecord(
        order=made, status=status, since_ms=CLOSE_MS, reported_qty=reported, booked_qty=booked
    )
    assert -100 <= record.outstanding_qty <= 0
    if status is not OrderStatus.ENDED:
        assert record.outstanding_qty == Decimal(booked) - 100
