from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.types import Side
from tests.core.desk import DOGE, INSTRUMENTS, SOL, fill, order, quote


def test_values_cannot_be_changed():
    with pytest.raises(AttributeError):
        order().qty = Decimal(1)  # type: ignore[misc]


def test_a_sold_quantity_is_negative():
    assert order(SOL, Decimal(-3)).signed_qty == -3
    assert fill(SOL, Decimal(-3)).signed_qty == -3
    assert Side.SELL.sign == -1


def test_a_lot_follows_from_the_size_decimals():
    assert INSTRUMENTS[SOL].lot == Decimal("0.01")
    assert INSTRUMENTS[DOGE].lot == 1


def test_both_sides_of_a_trade_share_a_tid_so_the_key_of_a_fill_needs_the_order_too():
    assert fill(SOL, Decimal(1), tid=7, oid=8).key != fill(SOL, Decimal(1), tid=7, oid=9).key


@given(px=st.decimals("0.000001", "1e6", places=6))
def test_the_mid_lies_between_bid_and_ask(px):
    q = quote(SOL, px)
    assert q.bid < q.mid < q.ask
    assert q.mid == px


@given(qty=st.decimals(-(10**9), 10**9, places=8), px=st.decimals("0.000001", "1e6", places=6))
def test_decimals_survive_json_to_the_last_digit(qty, px):
    made = order(SOL, qty or Decimal(1), limit_px=px)
    assert msgspec.json.decode(msgspec.json.encode(made), type=type(made)) == made
