import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.state import OrderRecord, OrderStatus, decode, encode
from tests.core.desk import CLOSE_MS, SOL, D, desk, order
from tests.core.nights import FLIPPED, LONG_SHORT, night
from tests.core.test_nights import check


def test_a_state_of_the_middle_of_a_night_survives_encoding():
    state = night().play(-930, 100).state
    assert decode(encode(state)) == state


SINCE = {
    "absent", "burnt", "spent_ms", "chain", "broken", "rationed", "notices", "stream_ms", "stale_ms",
    "post_only_until_ms", "notice", "allowance", "dead_man", "liquidated", "open_orders", "disputed",
}  # fmt: skip
"""What states did not hold before orders were burnt, fills proved by their chain and requests counted."""


def as_before(value):
    if isinstance(value, dict):
        return {key: as_before(v) for key, v in value.items() if key not in SINCE}
    return [as_before(v) for v in value] if isinstance(value, list) else value


def test_a_night_goes_on_from_a_state_that_an_older_version_wrote():
    played = night(LONG_SHORT, FLIPPED, seed=5)

    def upgraded():
        played.crash()
        old = as_before(json.loads(encode(played.state)))
        assert "chain" not in old["book"]
        assert "notices" not in old["session"]
        played.state = decode(msgspec.json.encode(old))

    played.at(CLOSE_MS - 200_500, upgraded)
    check(played.play(-930, 560))
    assert played.state.session.restarts == 1


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
