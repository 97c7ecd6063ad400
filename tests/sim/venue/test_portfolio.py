"""portfolio: equity and profit hour by hour, in every period, from the account's own ledger."""

import pytest

from tests.sim.venue.desk import ALICE, STRANGER, Desk
from tests.sim.venue.small_market import HOUR_MS, D

PERIODS = ["day", "week", "month", "allTime", "perpDay", "perpWeek", "perpMonth", "perpAllTime"]
DEPOSIT = 1_000_000


def portfolio(desk, user=ALICE):
    return dict(desk.info("portfolio", user=user))


@pytest.fixture
def desk():
    desk = Desk()
    desk.order("ETH", 4, 4100)
    for n in range(6):
        desk.market.mids["ETH"] = D(4_000 + 10 * n)
        desk.wait(HOUR_MS)
    desk.order("ETH", -1, 3900)
    return desk


def test_the_periods_stand_in_the_venues_order(desk):
    rows = desk.info("portfolio", user=ALICE)
    assert [name for name, _ in rows] == PERIODS
    assert dict(rows)["day"] == dict(rows)["perpDay"]


def test_the_last_point_is_the_account_as_it_is_now(desk):
    for period in portfolio(desk).values():
        at_ms, equity = period["accountValueHistory"][-1]
        assert (at_ms, equity) == (desk.now_ms, desk.state()["marginSummary"]["accountValue"])


def test_profit_and_deposit_are_equity_at_every_point(desk):
    whole = portfolio(desk)["allTime"]
    points = zip(whole["accountValueHistory"], whole["pnlHistory"], strict=True)
    for (at_ms, equity), (same_ms, pnl) in points:
        assert at_ms == same_ms
        assert D(equity) == DEPOSIT + D(pnl)
    assert len({equity for _, equity in whole["accountValueHistory"]}) > 5


def test_volume_is_what_was_traded_in_the_period(desk):
    traded = sum(D(row["px"]) * D(row["sz"]) for row in desk.info("userFills", user=ALICE))
    assert D(portfolio(desk)["allTime"]["vlm"]) == traded
    desk.wait(30 * HOUR_MS)
    later = portfolio(desk)
    assert (D(later["day"]["vlm"]), D(later["week"]["vlm"])) == (0, traded)


def test_a_period_begins_at_nothing_and_holds_at_most_a_hundred_points(desk):
    desk.order("ETH", -3, 3900)
    desk.wait(39 * 24 * HOUR_MS)
    desk.nonce = desk.now_ms
    desk.order("ETH", 2, 4100)
    desk.wait(24 * HOUR_MS)
    for name, period in portfolio(desk).items():
        assert D(period["pnlHistory"][0][1]) == 0
        assert 2 <= len(period["pnlHistory"]) <= 100, name
        times = [at_ms for at_ms, _ in period["accountValueHistory"]]
        assert times == sorted(set(times))
    day = portfolio(desk)["day"]["accountValueHistory"]
    assert 24 * HOUR_MS <= day[-1][0] - day[0][0] <= 25 * HOUR_MS


def test_an_address_without_an_account_has_one_point_of_nothing(desk):
    period = portfolio(desk, STRANGER.address)["day"]
    assert period == {
        "accountValueHistory": [[desk.now_ms, "0.0"]],
        "pnlHistory": [[desk.now_ms, "0.0"]],
        "vlm": "0.0",
    }
