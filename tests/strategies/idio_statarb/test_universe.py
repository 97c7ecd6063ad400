import numpy as np
import pandas as pd
import pytest

from strategies.idio_statarb.panel import with_provisional_row
from strategies.idio_statarb.parameters import Parameters
from strategies.idio_statarb.universe import REASONS, average_value_traded, universe

from .panels import panel_of

DAYS = 70


def flat_panel(volume=200_000.0, names=("AAA", "USDC", "WBTC", "BTC", "ETH"), gap=None):
    returns = np.full((DAYS, len(names)), 0.001)
    if gap is not None:
        returns[gap, 0] = np.nan
    panel = panel_of(returns, names=list(names))
    panel.volume.loc[:] = volume
    return panel


def reasons(panel, **settings):
    found = universe(panel, Parameters(**settings))
    return found.reason.map(lambda code: REASONS[code])


def test_a_name_enters_with_its_thirty_first_close():
    """S3-7, E3-5."""
    found = universe(flat_panel(), Parameters()).active["AAA"].to_numpy()
    assert found.tolist() == [False] * 30 + [True] * (DAYS - 30)


def test_a_gap_starts_the_count_again():
    words = reasons(flat_panel(gap=40))["AAA"].tolist()
    assert words[39:42] == ["", "not live", "short history"]
    assert words.count("") == 10  # days 30 to 39; the 31st close after the gap would be day 71


def test_volume_is_counted_in_base_units_at_the_typical_price():
    """E3-26, D3-6."""
    panel = flat_panel()
    typical = (panel.high + panel.low + panel.close)["AAA"] / 3
    expected = (panel.volume["AAA"] * typical).iloc[-30:].mean()
    found = average_value_traded(panel)[-1, list(panel.symbols).index("AAA")]
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("share", "word"), [(1.0, ""), (1.0001, "illiquid")])
def test_the_limit_itself_is_liquid_enough(share, word):
    """S3-6: below the limit is inactive."""
    panel = flat_panel()
    adv = average_value_traded(panel)[-1, 0]
    assert reasons(panel, min_volume_usd=float(adv * share))["AAA"].iloc[-1] == word


def test_hedges_stables_and_wrapped_coins_are_never_active():
    """E3-25."""
    last = reasons(flat_panel()).iloc[-1]
    assert last[["BTC", "ETH"]].tolist() == ["hedge asset"] * 2
    assert (last["USDC"], last["WBTC"]) == ("stable", "wrapped or pegged")


def test_a_frozen_universe_replaces_one_day_only():
    """E3-23."""
    panel = flat_panel(volume=1.0)
    asof = panel.days[-2]
    found = universe(panel, Parameters(), frozen={asof: frozenset({"AAA", "BTC"})}).active
    assert found.loc[asof].tolist() == [True, False, False, False, False]
    assert not found.drop(index=asof).to_numpy().any()


def test_a_day_that_is_not_complete_keeps_the_mean_before_it():
    """E3-23, E3-26."""
    panel = flat_panel()
    later = with_provisional_row(
        panel,
        day=panel.days[-1] + pd.Timedelta(days=1),
        prices=dict.fromkeys(panel.symbols, 500.0),
        funding={},
    )
    found = average_value_traded(later)
    np.testing.assert_array_equal(found[-1], found[-2])
    np.testing.assert_array_equal(found[:-1], average_value_traded(panel))
