"""Trigger orders: when they fire, what becomes of them, and with which words they are refused."""

import pytest

from tests.sim.venue.desk import ALICE, Desk
from tests.sim.venue.orders import history, hold_open, move, open_rows, place, rest, status, trigger, wire
from tests.sim.venue.small_market import D, SmallMarket

CLOID = "0x" + "cd" * 16


@pytest.fixture
def desk():
    """Long two ETH at about 4000."""
    desk = Desk()
    desk.order("ETH", 2, 4100)
    desk.wait(6_000)
    return desk


def test_a_stand_alone_trigger_order_answers_resting_and_waits_outside_the_book(desk):
    before = desk.info("l2Book", coin="ETH")["levels"]
    [answer] = place(desk, trigger("ETH", -1, 3900, px=3890, cloid=CLOID))
    oid = answer["resting"]["oid"]
    assert answer == {"resting": {"oid": oid, "cloid": CLOID}}
    assert desk.info("l2Book", coin="ETH")["levels"] == before
    assert desk.info("openOrders", user=ALICE)[0]["limitPx"] == "3890.0"
    row = open_rows(desk)[oid]
    assert (row["isTrigger"], row["triggerPx"], row["triggerCondition"], row["tif"]) == (
        True,
        "3900.0",
        "Price below 3900",
        None,
    )
    assert row["orderType"] == "Stop Limit"


TYPES = {
    "stop that sells": ((-1, 3900, "sl"), "Stop Market", "Price below 3900"),
    "stop that buys": ((1, 4100, "sl"), "Stop Market", "Price above 4100"),
    "profit that sells": ((-1, D("4100.5"), "tp"), "Take Profit Market", "Price above 4100.5"),
    "profit that buys": ((1, 3900, "tp"), "Take Profit Market", "Price below 3900"),
}


@pytest.mark.parametrize(("asked", "kind", "condition"), TYPES.values(), ids=TYPES.keys())
def test_a_trigger_order_says_what_it_waits_for(asked, kind, condition):
    desk = Desk()
    qty, at, tpsl = asked
    [oid] = rest(desk, trigger("ETH", qty, at, tpsl, reduce=False))
    row = open_rows(desk)[oid]
    assert (row["orderType"], row["triggerCondition"]) == (kind, condition)


def test_the_recorded_stop_limit_is_written_as_ours_is():
    desk = Desk(SmallMarket(mids={"BTC": D(100_000), "ETH": D("0.5"), "SOL": D(200)}))
    [oid] = rest(desk, trigger("ETH", 40, "0.6", px="0.4", reduce=False))
    row = open_rows(desk)[oid]
    recorded = {"children": [], "cloid": None, "isPositionTpsl": False, "isTrigger": True, "limitPx": "0.4"}
    recorded |= {"orderType": "Stop Limit", "origSz": "40.0", "reduceOnly": False, "side": "B", "sz": "40.0"}
    recorded |= {"tif": None, "triggerCondition": "Price above 0.6", "triggerPx": "0.6"}
    assert {key: row[key] for key in recorded} == recorded


@pytest.mark.parametrize(
    ("qty", "at", "kind"), [(-1, 4000, "sl"), (1, 4000, "sl"), (-1, 3999, "tp"), (1, 4001, "tp")]
)
def test_a_trigger_on_the_wrong_side_of_the_mark_is_refused_and_recorded(qty, at, kind):
    desk = Desk()
    [answer] = place(desk, trigger("ETH", qty, at, kind, reduce=False, cloid=CLOID))
    assert answer == {"error": "Invalid TP/SL price. asset=1"}
    assert status(desk, CLOID) == "badTriggerPxRejected"


def test_a_trigger_off_the_price_grid_is_refused(desk):
    [answer] = place(desk, trigger("ETH", -1, D("3900.15"), px=3900))
    assert answer == {"error": "Price must be divisible by tick size. asset=1"}


def test_a_reduce_only_trigger_without_a_position_is_refused():
    [answer] = place(Desk(), trigger("ETH", -1, 3900))
    assert answer == {"error": "Reduce only order would increase position. asset=1"}


def test_the_mark_fires_a_trigger_and_the_mid_does_not(desk):
    [oid] = rest(desk, trigger("ETH", -2, 3900))
    desk.market.marks["ETH"] = D(3950)
    move(desk, "ETH", 3800)
    assert status(desk, oid) == "open"
    desk.market.marks["ETH"] = D(3900)
    desk.wait(2_999 - desk.now_ms % 3_000)
    assert status(desk, oid) == "open", "marks are renewed every three seconds"
    desk.wait(1)
    assert history(desk, oid) == ["open", "triggered", "filled"]
    assert desk.venue.positions(ALICE) == {}


def test_a_market_trigger_takes_up_to_ten_percent_from_the_mark_whatever_its_limit():
    desk = Desk(SmallMarket(size=D(1), depth=60))
    desk.order("ETH", 50, 4100)
    desk.wait(6_000)
    [oid] = rest(desk, trigger("ETH", -50, 3999))
    desk.market.mids["ETH"] = D(30)
    desk.market.marks["ETH"] = D("33.3")
    desk.wait(3_000)
    row = desk.info("orderStatus", user=ALICE, oid=oid)["order"]
    assert row["order"]["limitPx"] == "29.97"
    worst = min(fill.px for fill in desk.venue.fills(ALICE) if fill.oid == oid)
    assert worst == D("29.97")
    assert row["status"] == "canceled"


def test_a_limit_trigger_rests_at_its_own_price_once_it_has_fired(desk):
    [oid] = rest(desk, trigger("ETH", -2, 3900, px=3950))
    move(desk, "ETH", 3890)
    assert history(desk, oid) == ["open", "triggered", "open"]
    move(desk, "ETH", 3960, 1_000)
    assert status(desk, oid) == "filled"
    assert [fill.px for fill in desk.venue.fills(ALICE) if fill.oid == oid] == [3950]


def test_a_stop_that_opens_is_refused_when_it_fires_without_margin():
    desk = Desk(usdc=1_000)
    [oid] = rest(desk, trigger("ETH", 20, 4100, reduce=False))
    move(desk, "ETH", 4200)
    assert history(desk, oid) == ["open", "triggered", "perpMarginRejected"]


def test_a_market_trigger_over_an_empty_book_has_no_liquidity():
    desk = Desk()
    [oid] = rest(desk, trigger("ETH", 1, 4100, reduce=False))
    desk.market.depth = 0
    move(desk, "ETH", 4200)
    assert history(desk, oid) == ["open", "triggered", "marketOrderNoLiquidityRejected"]


def test_a_reduce_only_trigger_is_shrunk_to_the_position_when_it_fires(desk):
    [oid] = rest(desk, trigger("ETH", -2, 3900))
    desk.order("ETH", D("-1.5"), 3900)
    desk.wait(6_000)
    move(desk, "ETH", 3890)
    assert [fill.size for fill in desk.venue.fills(ALICE) if fill.oid == oid] == [D("0.5")]


def test_a_reduce_only_trigger_ends_with_the_position(desk):
    [oid] = rest(desk, trigger("ETH", -2, 3900))
    desk.order("ETH", -2, 3900)
    assert status(desk, oid) == "reduceOnlyCanceled"


def test_a_trigger_order_can_be_cancelled_and_then_does_not_fire(desk):
    [oid] = rest(desk, trigger("ETH", -2, 3900))
    assert desk.cancel(1, oid) == "success"
    move(desk, "ETH", 3890)
    assert history(desk, oid) == ["open", "canceled"]
    assert desk.venue.positions(ALICE) == {"ETH": D(2)}


def test_a_fired_trigger_is_seen_on_order_updates(desk):
    connection = desk.connect()
    desk.subscribe(connection, type="orderUpdates", user=ALICE)
    [oid] = rest(desk, trigger("ETH", -2, 3900))
    move(desk, "ETH", 3890)
    frames = [f for f in desk.frames(connection) if f["channel"] == "orderUpdates"]
    assert [(u["order"]["oid"], u["status"]) for f in frames for u in f["data"]] == [
        (oid, "open"),
        (oid, "triggered"),
        (oid, "filled"),
    ]


def test_from_a_thousand_open_orders_on_triggers_and_reduce_only_orders_are_refused(desk):
    hold_open(desk, 999)
    [last] = rest(desk, trigger("ETH", -1, 3900))
    desk.cancel(1, last)
    hold_open(desk, 1_000)
    text = {"error": "Too many open orders. asset=1"}
    assert place(desk, trigger("ETH", -1, 3900)) == [text]
    assert place(desk, wire("ETH", -1, 4500, reduce=True)) == [text]
    assert place(desk, wire("ETH", 1, 3000)) == [text]


def test_waiting_triggers_hold_no_margin_and_reduce_nothing():
    desk = Desk(usdc=1_000)
    rest(desk, *[trigger("ETH", 4, 4100 + n, reduce=False) for n in range(5)])
    assert desk.state()["withdrawable"] == "1000.0"


def test_a_trigger_order_is_worth_ten_dollars_unless_it_closes_the_position():
    desk = Desk()
    desk.order("SOL", 1, 210)
    desk.order("SOL", D("-0.99"), 190)
    text = {"error": "Order must have minimum value of $10. asset=2"}
    assert place(desk, trigger("SOL", "0.01", 210, reduce=False)) == [text]
    assert "resting" in place(desk, trigger("SOL", "-0.01", 190))[0]


def test_of_two_stops_over_one_position_the_older_closes_it_and_the_newer_has_nothing_left(desk):
    older, newer = rest(desk, trigger("ETH", -2, 3900), trigger("ETH", -2, 3900))
    move(desk, "ETH", 3890)
    assert history(desk, older) == ["open", "triggered", "filled"]
    assert history(desk, newer) == ["open", "triggered", "reduceOnlyCanceled"]
