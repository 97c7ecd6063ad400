import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.idio_statarb.costs import cost_vector, participation
from strategies.idio_statarb.parameters import Parameters


def cost(vol=0.05, adv=2e7, hedge=1.2, equity=1e6, **settings):
    arrays = (np.array([vol]), np.array([adv]), np.array([hedge]))
    return cost_vector(*arrays, parameters=Parameters(**settings), equity_usd=equity)[0]


def test_the_cost_of_a_unit_is_fee_spread_impact_and_hedge_over_the_holding_period():
    """D3-10, E3-15: $100,000 of $20m a day is a participation of half a per cent."""
    expected = (4.5e-4 + 2e-4 + 0.5 * 0.05 * np.sqrt(0.005) + 1.2 * 5.5e-4) / 5
    assert cost() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("adv", "expected"), [(1e3, 1e-2), (1e12, 1e-5), (np.nan, 1e-2), (0.0, 1e-2), (2e7, 5e-3)]
)
def test_participation_stays_within_its_bounds(adv, expected):
    assert participation(np.array([adv]), Parameters(), 1e6)[0] == pytest.approx(expected)


@given(st.floats(1e-4, 0.5), st.floats(1e4, 1e10), st.floats(0, 5))
def test_cost_is_positive_and_rises_with_volatility_and_beta(vol, adv, hedge):
    assert 0 < cost(vol, adv, hedge) < cost(2 * vol, adv, hedge) + 1e-15
    assert cost(vol, adv, hedge) < cost(vol, adv, hedge + 1)
