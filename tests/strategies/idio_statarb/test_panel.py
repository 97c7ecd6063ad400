import numpy as np
import pandas as pd
import pytest

from strategies.idio_statarb.panel import with_provisional_row

from .panels import random_panel

PANEL = random_panel(1, days=40)
NEXT = PANEL.days[-1] + pd.Timedelta(days=1)


def provisional(prices, funding=None, day=NEXT):
    return with_provisional_row(PANEL, day=day, prices=prices, funding=funding or {})


def test_a_provisional_row_has_prices_and_no_volume():
    panel = provisional({"A01": 7.0, "BTC": 5.0}, {"BTC": 1e-4})
    row = panel.close.loc[NEXT]
    assert (row["A01"], row["BTC"]) == (7.0, 5.0)
    assert panel.live.loc[NEXT].sum() == 2
    assert panel.volume.loc[NEXT].isna().all()
    assert panel.funding.at[NEXT, "BTC"] == 1e-4
    assert np.isnan(panel.funding.at[NEXT, "ETH"])


def test_the_days_before_are_untouched_and_the_panel_given_too():
    panel = provisional({"BTC": 5.0})
    pd.testing.assert_frame_equal(panel.until(PANEL.days[-1]).close, PANEL.close, check_freq=False)
    assert len(PANEL.days) == 40


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"prices": {"NOPE": 1.0}}, "NOPE"),
        ({"prices": {"BTC": float("nan")}}, "BTC"),
        ({"prices": {"BTC": 0.0}}, "BTC"),
        ({"prices": {"BTC": 1.0}, "funding": {"ETH": float("inf")}}, "ETH"),
        ({"prices": {"BTC": 1.0}, "day": NEXT + pd.Timedelta(days=1)}, str(NEXT.date())),
    ],
)
def test_what_is_no_price_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        provisional(**arguments)


def test_until_leaves_the_later_days_out():
    assert PANEL.until(PANEL.days[9]).days.equals(PANEL.days[:10])
