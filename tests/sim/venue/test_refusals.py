"""Refusals that depend on limits: open orders, order value, open interest; and what is recorded of them (1.4, 2.6, 4)."""

from dataclasses import replace

import pytest

from sim.venue.refusals import coins_at_open_interest_cap
from tests.sim.venue.desk import ALICE, BOB, OTHER, Desk
from tests.sim.venue.orders import hold_open, open_rows, place, rest, status, wire
from tests.sim.venue.small_market import D, SmallMarket, asset

CLOID, AGAIN = "0x" + "ef" * 16, "0x" + "fe" * 16


def traded(desk, usd):
    desk.venue._account(ALICE).traded_usd = D(usd)


@pytest.mark.parametrize(
    ("volume_usd", "allowed"),
    [(0, 1_000), (4_999_999, 1_000), (5_000_000, 1_001), (2 * 10**10, 5_000), (10**12, 5_000)],
)
def test_open_orders_are_limited_by_volume(volume_usd, allowed):
    desk = Desk()
    traded(desk, volume_usd)
    hold_open(desk, allowed - 1)
    [last] = rest(desk, wire("ETH", 1, 3000))
    assert place(desk, wire("ETH", 1, 3000)) == [{"error": "Too many open orders. asset=1"}]
    assert "filled" in place(desk, wire("ETH", 1, 4100, "Ioc"))[0]
    desk.cancel(1, last)
    assert "resting" in place(desk, wire("ETH", 1, 3000))[0]


def test_from_a_thousand_on_volume_does_not_help_reduce_only_orders():
    desk = Desk()
    desk.order("ETH", 1, 4100)
    traded(desk, 10**12)
    hold_open(desk, 999)
    [last] = rest(desk, wire("ETH", -1, 4500, reduce=True))
    desk.cancel(1, last)
    hold_open(desk, 1_000)
    text = [{"error": "Too many open orders. asset=1"}]
    assert place(desk, wire("ETH", -1, 4500, reduce=True)) == text
    assert "resting" in place(desk, wire("ETH", -1, 4500))[0]


# --- the largest orders --------------------------------------------------------------------------------------

LARGEST_USD = {
    40: 15_000_000,
    25: 15_000_000,
    24: 5_000_000,
    20: 5_000_000,
    19: 2_000_000,
    10: 2_000_000,
    9: 500_000,
}


@pytest.mark.parametrize(("leverage", "largest_usd"), LARGEST_USD.items())
def test_the_largest_market_order_follows_the_leverage_and_a_limit_order_is_ten_times_it(
    leverage, largest_usd
):
    market = SmallMarket(
        (asset(0, "BTC", 5, 40, 56), asset(1, "ETH", 0, leverage)), mids={"BTC": D(100_000), "ETH": D(100)}
    )
    desk = Desk(market, usdc=10**12)
    text = [{"error": "Order has too large a notional value. asset=1"}]
    size = largest_usd // 100
    assert place(desk, wire("ETH", size + 1, 100, "Ioc")) == text
    assert place(desk, wire("ETH", size, 100, "Ioc")) != text
    assert place(desk, wire("ETH", 10 * size + 1, 100)) == text
    assert place(desk, wire("ETH", 10 * size, 99)) != text


# --- market orders -----------------------------------------------------------------------------------------


def test_a_market_order_over_an_empty_book_has_no_liquidity_and_is_recorded():
    desk = Desk(SmallMarket(depth=0))
    [answer] = place(desk, wire("ETH", 1, 4100, "FrontendMarket", cloid=CLOID))
    assert answer == {"error": "No liquidity available for market order. asset=1"}
    assert status(desk, CLOID) == "marketOrderNoLiquidityRejected"


def test_a_market_order_executes_like_an_ioc_and_is_shown_as_a_market_order():
    desk = Desk()
    [answer] = place(desk, wire("ETH", 7, D("4000.1"), "FrontendMarket"))
    assert answer["filled"]["totalSz"] == "5.0"
    row = desk.info("orderStatus", user=ALICE, oid=answer["filled"]["oid"])["order"]["order"]
    assert (row["orderType"], row["tif"]) == ("Market", "FrontendMarket")
    assert open_rows(desk) == {}


# --- open interest -----------------------------------------------------------------------------------------


@pytest.fixture
def capped():
    """Long one ETH, whose open interest (1000 at 4000) has then reached its cap."""
    desk = Desk()
    desk.order("ETH", 1, 4100)
    desk.venue.cap_open_interest("ETH", D(4_000_000))
    return desk


TEXT = "Order would increase open interest while open interest is capped. asset=1"
CAPPED = {
    "increase": ((1, 4100, "Ioc"), TEXT, "positionIncreaseAtOpenInterestCapRejected"),
    "turn round": ((-2, 3900, "Ioc"), TEXT, "positionFlipAtOpenInterestCapRejected"),
    "far from the mark": (
        (-1, 4050, "Gtc"),
        "Order price is too aggressive when open interest is at cap. asset=1",
        "tooAggressiveAtOpenInterestCapRejected",
    ),
}


@pytest.mark.parametrize(("asked", "text", "recorded"), CAPPED.values(), ids=CAPPED.keys())
def test_at_the_cap_of_open_interest_nothing_may_add_to_it(capped, asked, text, recorded):
    qty, px, tif = asked
    assert place(capped, wire("ETH", qty, px, tif, cloid=CLOID)) == [{"error": text}]
    assert status(capped, CLOID) == recorded


def test_at_the_cap_a_position_may_be_closed_and_other_coins_trade_on(capped):
    assert coins_at_open_interest_cap(capped.venue._state) == ["ETH"]
    assert "filled" in place(capped, wire("ETH", -1, 3900, "Ioc"))[0]
    assert "filled" in place(capped, wire("SOL", 1, 210, "Ioc"))[0]


def test_below_its_cap_and_without_one_a_coin_trades(capped):
    capped.venue.cap_open_interest("ETH", D(4_000_001))
    assert coins_at_open_interest_cap(capped.venue._state) == []
    assert "filled" in place(capped, wire("ETH", 1, 4100, "Ioc"))[0]
    capped.venue.cap_open_interest("ETH", D(1))
    capped.venue.cap_open_interest("ETH", None)
    assert "filled" in place(capped, wire("ETH", 1, 4100, "Ioc"))[0]


# --- what is recorded ----------------------------------------------------------------------------------------

RECORDED = {
    "post only": (wire("ETH", 1, 4001, "Alo", cloid=CLOID), "badAloPxRejected"),
    "no match": (wire("ETH", 1, 3990, "Ioc", cloid=CLOID), "iocCancelRejected"),
    "no margin": (wire("ETH", 6_000, 4000, cloid=CLOID), "perpMarginRejected"),
    "below ten dollars": (wire("ETH", "0.001", 4000, cloid=CLOID), "unknownOid"),
    "off the grid": (wire("ETH", 1, D("4000.15"), cloid=CLOID), "unknownOid"),
    "nothing to reduce": (wire("ETH", 1, 4000, reduce=True, cloid=CLOID), "reduceOnlyRejected"),
    "too far": (wire("ETH", 1, 8000, cloid=CLOID), "unknownOid"),
}


@pytest.mark.parametrize(("order", "recorded"), RECORDED.values(), ids=RECORDED.keys())
def test_only_what_reached_the_clearinghouse_leaves_an_order_behind(order, recorded):
    desk = Desk()
    [answer] = place(desk, order)
    assert "error" in answer
    assert status(desk, CLOID) == recorded


# --- client order ids, delisting -------------------------------------------------------------------------------


def test_a_client_order_id_may_be_used_again_and_names_the_newest_order():
    desk = Desk()
    first, second = rest(desk, wire("ETH", 1, 3990, cloid=CLOID), wire("ETH", 1, 3980, cloid=CLOID))
    assert desk.info("orderStatus", user=ALICE, oid=CLOID)["order"]["order"]["oid"] == second
    assert set(open_rows(desk)) == {first, second}
    [theirs] = rest(desk, wire("ETH", 1, 3970, cloid=CLOID), signer=OTHER)
    assert desk.info("orderStatus", user=BOB, oid=CLOID)["order"]["order"]["oid"] == theirs
    assert status(desk, AGAIN) == "unknownOid"


def test_a_delisted_coin_takes_no_orders_of_any_kind():
    market = SmallMarket()
    desk = Desk(market)
    gone = replace(market.assets[1], delisted_from_ms=desk.now_ms)
    market.assets = (market.assets[0], gone, market.assets[2])
    text = "Trading is halted for a delisted asset. asset=1"
    assert place(desk, wire("ETH", 1, 3990)) == [{"error": text}]
    twap = {"a": 1, "b": True, "s": "1", "r": False, "m": 5, "t": False}
    reply = desk.post({"type": "twapOrder", "twap": twap})
    assert reply["response"]["data"]["status"] == {"error": text}
