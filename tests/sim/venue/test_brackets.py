"""Parents and children, siblings, and the TP/SL of a position (normalTpsl, positionTpsl)."""

import pytest

from tests.sim.venue.desk import ALICE, OTHER, Desk
from tests.sim.venue.orders import action, history, move, open_rows, place, rest, status, trigger, wire
from tests.sim.venue.small_market import D

TP, SL = "0x" + "01" * 16, "0x" + "02" * 16
UNEXPECTED = {"status": "err", "response": "Unexpected number of trigger orders"}


def bracket(parent):
    return (
        parent,
        trigger("ETH", -2, 4200, "tp", cloid=TP),
        trigger("ETH", -2, 3900, "sl", cloid=SL),
    )


def enter(desk, parent):
    return place(desk, *bracket(parent), grouping="normalTpsl")


def test_children_of_a_filled_parent_wait_for_their_trigger_as_recorded():
    desk = Desk()
    statuses = enter(desk, wire("ETH", 2, 4100, "Ioc"))
    assert statuses[0]["filled"]["totalSz"] == "2.0"
    assert statuses[1:] == ["waitingForTrigger", "waitingForTrigger"]
    assert (status(desk, TP), status(desk, SL)) == ("open", "open")
    assert {row["orderType"] for row in open_rows(desk).values()} == {"Take Profit Market", "Stop Market"}


def test_children_of_a_resting_parent_wait_for_it_to_fill_and_are_listed_with_it():
    desk = Desk()
    statuses = enter(desk, wire("ETH", 2, 3990))
    assert statuses[1:] == ["waitingForFill", "waitingForFill"]
    [row] = open_rows(desk).values()
    assert [(c["triggerPx"], c["isTrigger"]) for c in row["children"]] == [("4200.0", True), ("3900.0", True)]


def test_children_do_not_fire_before_their_parent_has_filled():
    desk = Desk()
    enter(desk, wire("ETH", 2, 3990))
    move(desk, "ETH", 4300)
    assert desk.venue.fills(ALICE) == ()
    move(desk, "ETH", 3985)
    assert desk.venue.positions(ALICE) == {"ETH": D(2)}
    move(desk, "ETH", 4300)
    assert desk.venue.positions(ALICE) == {}


def test_children_become_as_large_as_what_a_partly_filled_taker_got():
    desk = Desk()
    enter(desk, wire("ETH", 2, 4100, "Ioc"))
    desk = Desk()
    desk.order("ETH", 4, D("4000.1"), signer=OTHER)
    [answer, *_] = enter(desk, wire("ETH", 2, D("4000.1"), "Ioc"))
    assert answer["filled"]["totalSz"] == "1.0"
    assert {row["sz"] for row in open_rows(desk).values()} == {"1.0"}


def test_a_cancelled_parent_takes_its_children_along():
    desk = Desk()
    oid = enter(desk, wire("ETH", 2, 3990))[0]["resting"]["oid"]
    desk.cancel(1, oid)
    assert (status(desk, TP), status(desk, SL)) == ("canceled", "canceled")
    move(desk, "ETH", 4300)
    assert desk.venue.fills(ALICE) == ()


def test_a_parent_cancelled_after_a_partial_fill_takes_its_children_along_too():
    desk = Desk()
    oid = enter(desk, wire("ETH", 7, D("4000.1")))[0]["resting"]["oid"]
    assert desk.venue.positions(ALICE) == {"ETH": D(5)}
    assert status(desk, TP) == "open"
    desk.cancel(1, oid)
    assert (status(desk, TP), status(desk, SL)) == ("canceled", "canceled")


@pytest.mark.parametrize(("px", "fills", "ends"), [(4210, TP, SL), (3890, SL, TP)])
def test_the_child_that_fills_ends_its_sibling(px, fills, ends):
    desk = Desk()
    enter(desk, wire("ETH", 2, 4100, "Ioc"))
    move(desk, "ETH", px)
    assert (status(desk, fills), status(desk, ends)) == ("filled", "siblingFilledCanceled")
    assert desk.venue.positions(ALICE) == {}


def test_one_child_may_be_cancelled_while_the_parent_rests():
    desk = Desk()
    enter(desk, wire("ETH", 2, 3990))
    cancel = {"type": "cancelByCloid", "cancels": [{"asset": 1, "cloid": SL}]}
    assert desk.post(cancel)["response"]["data"]["statuses"] == ["success"]
    move(desk, "ETH", 3980)
    assert [row["orderType"] for row in open_rows(desk).values()] == ["Take Profit Market"]
    assert status(desk, SL) == "canceled"


def test_a_refused_parent_answers_for_its_children():
    desk = Desk()
    statuses = enter(desk, wire("ETH", 2, 3990, "Ioc"))
    assert statuses == [{"error": "Order could not immediately match against any resting orders. asset=1"}]
    assert status(desk, TP) == "unknownOid"
    assert open_rows(desk) == {}


def test_a_child_on_the_wrong_side_of_the_entry_refuses_all_of_them():
    desk = Desk()
    wrong = trigger("ETH", -2, 3995, "sl")
    assert place(desk, wire("ETH", 2, 3990), wrong, grouping="normalTpsl") == [
        {"error": "Invalid TP/SL price. asset=1"}
    ]
    assert open_rows(desk) == {}


def test_a_taker_with_a_generous_limit_may_take_its_profit_below_that_limit():
    desk = Desk()
    statuses = place(desk, wire("ETH", 2, 4200, "Ioc"), trigger("ETH", -2, 4050, "tp"), grouping="normalTpsl")
    assert statuses[1:] == ["waitingForTrigger"]


def test_the_number_of_triggers_in_a_grouping_is_checked():
    desk = Desk()
    parent, tp, sl = bracket(wire("ETH", 2, 3990))
    assert desk.post(action(parent, grouping="normalTpsl")) == UNEXPECTED
    assert desk.post(action(parent, tp, sl, sl, grouping="normalTpsl")) == UNEXPECTED
    assert desk.post(action(parent, parent, grouping="normalTpsl")) == UNEXPECTED
    assert desk.post(action(tp, sl, grouping="normalTpsl")) == UNEXPECTED
    assert desk.post(action(parent, grouping="positionTpsl")) == UNEXPECTED
    assert desk.post(action(sl, sl, tp, grouping="positionTpsl")) == UNEXPECTED
    assert open_rows(desk) == {}


# --- of a position -------------------------------------------------------------------------------------------


def protected():
    desk = Desk()
    desk.order("ETH", 2, 4100)
    desk.wait(6_000)
    oids = rest(
        desk, trigger("ETH", "-0", 4200, "tp"), trigger("ETH", "-0", 3900, "sl"), grouping="positionTpsl"
    )
    return desk, oids


def test_the_stop_of_a_position_closes_what_is_held_when_it_fires():
    desk, (tp, sl) = protected()
    rows = open_rows(desk)
    assert {(r["isPositionTpsl"], r["reduceOnly"], r["sz"]) for r in rows.values()} == {(True, True, "0.0")}
    desk.order("ETH", 1, 4100)
    desk.wait(6_000)
    move(desk, "ETH", 3890)
    assert [fill.size for fill in desk.venue.fills(ALICE) if fill.oid == sl] == [3]
    assert (status(desk, sl), status(desk, tp)) == ("filled", "siblingFilledCanceled")


def test_the_orders_of_a_position_end_when_it_is_closed_otherwise():
    desk, oids = protected()
    desk.order("ETH", -2, 3900)
    assert {status(desk, oid) for oid in oids} == {"reduceOnlyCanceled"}


def test_the_orders_of_a_position_end_when_it_is_turned_round():
    desk, oids = protected()
    desk.order("ETH", -3, 3900)
    assert {history(desk, oid)[-1] for oid in oids} == {"reduceOnlyCanceled"}


def test_the_orders_of_a_position_need_a_position():
    [answer] = place(Desk(), trigger("ETH", "-0", 3900, "sl"), grouping="positionTpsl")
    assert answer == {"error": "Reduce only order would increase position. asset=1"}


def test_the_orders_of_a_position_only_reduce_whatever_the_client_says():
    desk = Desk()
    desk.order("ETH", 2, 4100)
    stop = trigger("ETH", -2, 3900, reduce=False)
    [oid] = rest(desk, stop, grouping="positionTpsl")
    assert open_rows(desk)[oid]["reduceOnly"] is True
    assert "error" in place(desk, trigger("ETH", 2, 4100, reduce=False), grouping="positionTpsl")[0]
