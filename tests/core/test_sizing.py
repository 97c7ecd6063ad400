from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.sizing import (
    ceil_lots,
    floor_lots,
    limit_price,
    nearest_lots,
    price_step,
    round_price,
    target_qty,
    to_decimal,
)
from core.types import Instrument, Side
from tests.core.desk import SOL, D, quote

prices = st.decimals("0.000123", "250000", places=6)
size_decimals = st.integers(0, 5)
quantities = st.decimals(-(10**6), 10**6, places=7)


def perp(decimals: int) -> Instrument:
    return Instrument(coin=SOL, asset_id=1, size_decimals=decimals, leverage_max=10)


def is_legal(px: Decimal, decimals: int) -> bool:
    """The venue's rule, in the words of its documentation: 5 figures and 6 - szDecimals places, integers always."""
    px = px.normalize()
    places = max(-px.as_tuple().exponent, 0)
    return places == 0 or (len(px.as_tuple().digits) <= 5 and places <= 6 - decimals)


@given(px=prices, decimals=size_decimals, side=st.sampled_from(Side))
def test_a_rounded_price_is_one_that_the_venue_takes(px, decimals, side):
    rounded = round_price(px, side, decimals)
    assume(rounded > 0)
    assert is_legal(rounded, decimals)


@given(px=prices, decimals=size_decimals)
def test_a_buy_rounds_down_and_a_sell_up_by_less_than_a_tick(px, decimals):
    step = price_step(px, decimals)
    assert 0 <= px - round_price(px, Side.BUY, decimals) < step
    assert 0 <= round_price(px, Side.SELL, decimals) - px < step


@given(px=prices, decimals=size_decimals, side=st.sampled_from(Side))
def test_a_price_on_the_grid_stays(px, decimals, side):
    on_grid = round_price(px, side, decimals)
    assume(on_grid > 0)
    assert round_price(on_grid, side, decimals) == on_grid


@pytest.mark.parametrize(
    ("px", "decimals", "legal"),
    [
        ("1234.56", 1, "1234.5"),
        ("123456.7", 0, "123456"),
        ("0.0012345", 0, "0.001234"),
        ("0.012345", 1, "0.01234"),
    ],
)
def test_the_documented_examples_of_the_grid(px, decimals, legal):
    assert round_price(Decimal(px), Side.BUY, decimals) == Decimal(legal)


@given(px=prices, decimals=size_decimals, bps=st.floats(1, 500))
def test_a_limit_price_is_never_worse_than_the_slippage_allows(px, decimals, bps):
    q = quote(SOL, px)
    buy = limit_price(q, Side.BUY, slippage_bps=bps, size_decimals=decimals)
    sell = limit_price(q, Side.SELL, slippage_bps=bps, size_decimals=decimals)
    assert buy <= q.mid * (1 + D(repr(bps / 10_000)))
    assert sell >= q.mid * (1 - D(repr(bps / 10_000)))


@given(qty=quantities, decimals=size_decimals)
def test_lots_are_rounded_as_their_names_say(qty, decimals):
    instrument = perp(decimals)
    lot = instrument.lot
    for rounded in (floor_lots(qty, instrument), ceil_lots(qty, instrument), nearest_lots(qty, instrument)):
        assert rounded % lot == 0
        assert abs(rounded - qty) < lot
    assert abs(floor_lots(qty, instrument)) <= abs(qty) <= abs(ceil_lots(qty, instrument))
    assert abs(nearest_lots(qty, instrument) - qty) <= lot / 2


@given(weight=st.floats(-1, 1), px=prices, decimals=size_decimals, equity=st.decimals(100, 10**8, places=2))
def test_a_target_is_worth_its_weight_to_half_a_lot(weight, px, decimals, equity):
    instrument = perp(decimals)
    qty = target_qty(weight, equity_usd=equity, px=px, instrument=instrument)
    assert qty % instrument.lot == 0
    assert abs(qty - D(repr(weight)) * equity / px) <= instrument.lot / 2 * D("1.000001")


@pytest.mark.parametrize("x", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_never_reaches_an_order(x):
    with pytest.raises(ValueError, match="not a finite number"):
        to_decimal(x)
    with pytest.raises(ValueError, match="not a finite number"):
        target_qty(x, equity_usd=D(1), px=D(1), instrument=perp(0))


@given(x=st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_becomes_the_decimal_that_prints_like_it(x):
    assert float(to_decimal(x)) == x
