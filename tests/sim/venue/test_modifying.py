"""Modify and batchModify: a new order id, what the flag allows, and what is left when the new order is refused (2.4)."""

import pytest

from tests.sim.venue.desk import ALICE, Desk
from tests.sim.venue.orders import move, open_rows, place, rest, status, trigger, wire
from tests.sim.venue.small_market import D

OLD, NEW = "0x" + "0a" * 16, "0x" + "0b" * 16
DONE = {"status": "ok", "response": {"type": "default"}}
PREFIX = "Error placing new order during modify: "
DEAD = "Cannot modify canceled or filled order"


def err(text):
    return {"status": "err", "response": text}


def modify(desk, key, order, **flags):
    return desk.post({"type": "modify", "oid": key, "order": order, **flags})


def modify_many(desk, *changes, **flags):
    modifies = [{"oid": key, "order": order} for key, order in changes]
    reply = desk.post({"type": "batchModify", "modifies": modifies, **flags})
    return reply["response"]["data"]["statuses"]


def resting(desk, **options):
    return rest(desk, wire("ETH", 1, 3990, **options))[0]


def test_the_new_order_has_a_client_order_id_only_if_it_is_given_one():
    desk = Desk()
    resting(desk, cloid=OLD)
    assert modify(desk, OLD, wire("ETH", 1, 3991)) == DONE
    [row] = open_rows(desk).values()
    assert (row["cloid"], row["limitPx"]) == (None, "3991.0")
    assert status(desk, OLD) == "canceled"
    [answer] = modify_many(desk, (row["oid"], wire("ETH", 1, 3992, cloid=NEW)))
    assert answer == {"resting": {"oid": answer["resting"]["oid"], "cloid": NEW}}
    assert answer["resting"]["oid"] != row["oid"]


def test_an_unknown_or_ended_order_cannot_be_modified():
    desk = Desk()
    oid = resting(desk)
    desk.cancel(1, oid)
    assert modify(desk, oid, wire("ETH", 1, 3991)) == err(DEAD)
    assert modify(desk, NEW, wire("ETH", 1, 3991)) == err(DEAD)
    assert modify_many(desk, (oid, wire("ETH", 1, 3991))) == [{"error": DEAD}]


@pytest.mark.parametrize("order", [wire("ETH", 1, 4001, "Ioc"), trigger("ETH", 1, 4100, reduce=False)])
def test_without_the_flag_only_orders_that_can_be_post_only_are_taken(order):
    desk = Desk()
    oid = resting(desk)
    refused = modify(desk, oid, order)
    assert refused["status"] == "err"
    assert refused["response"].startswith(PREFIX)
    assert list(open_rows(desk)) == [oid]
    assert modify(desk, oid, order, a=True) == DONE


def test_without_the_flag_an_order_that_would_execute_is_refused_and_the_old_one_is_gone():
    desk = Desk()
    oid = resting(desk)
    text = "Post only order would have immediately matched, bbo was 3999.9@4000.1. asset=1"
    assert modify(desk, oid, wire("ETH", 1, 4001)) == err(PREFIX + text)
    assert open_rows(desk) == {}
    assert status(desk, oid) == "canceled"
    assert desk.venue.fills(ALICE) == ()


def test_with_the_flag_a_modify_may_execute_at_once():
    desk = Desk()
    [answer] = modify_many(desk, (resting(desk), wire("ETH", 1, 4001)), a=True)
    assert answer["filled"]["totalSz"] == "1.0"
    assert open_rows(desk) == {}


def test_what_is_wrong_with_the_new_order_by_itself_leaves_the_old_one():
    desk = Desk()
    oid = resting(desk)
    text = PREFIX + "Price must be divisible by tick size. asset=1"
    assert modify(desk, oid, wire("ETH", 1, D("3990.15"))) == err(text)
    assert modify_many(desk, (oid, wire("ETH", 1, 3991)), (oid, wire("ETH", 1, D("3990.15")))) == [
        {"error": text}
    ]
    assert modify(desk, oid, wire("ETH", 1, 3991) | {"a": 99}) == err("Asset 99 does not exist.")
    assert list(open_rows(desk)) == [oid]


def test_what_the_clearinghouse_refuses_leaves_neither():
    desk = Desk()
    oid = resting(desk)
    text = PREFIX + "Insufficient margin to place order. asset=1"
    assert modify(desk, oid, wire("ETH", 6_000, 3990)) == err(text)
    assert open_rows(desk) == {}


def test_each_member_of_a_batch_stands_for_itself():
    desk = Desk()
    first, second = rest(desk, wire("ETH", 1, 3990), wire("ETH", 1, 3980))
    desk.cancel(1, first)
    dead, done = modify_many(desk, (first, wire("ETH", 1, 3991)), (second, wire("ETH", 1, 3981)))
    assert dead == {"error": DEAD}
    assert [row["limitPx"] for row in open_rows(desk).values()] == ["3981.0"]
    assert "resting" in done


def test_a_modify_frees_the_old_orders_margin_for_the_new_one():
    desk = Desk(usdc=1_000)
    oid = rest(desk, wire("ETH", 4, 3990))[0]
    assert modify(desk, oid, wire("ETH", 4, 3995)) == DONE


def test_a_parent_keeps_its_children_when_it_is_modified():
    desk = Desk()
    [answer, *_] = place(
        desk, wire("ETH", 1, 3990), trigger("ETH", -1, 3900, cloid=NEW), grouping="normalTpsl"
    )
    assert modify(desk, answer["resting"]["oid"], wire("ETH", 1, 3995)) == DONE
    [row] = open_rows(desk).values()
    assert [child["cloid"] for child in row["children"]] == [NEW]
    move(desk, "ETH", 3992)
    assert status(desk, NEW) == "open"
    move(desk, "ETH", 3890)
    assert status(desk, NEW) == "filled"


def test_a_modified_stop_is_still_its_siblings_sibling():
    desk = Desk()
    tp, sl = trigger("ETH", -1, 4200, "tp", cloid=OLD), trigger("ETH", -1, 3900, cloid=NEW)
    place(desk, wire("ETH", 1, 4100, "Ioc"), tp, sl, grouping="normalTpsl")
    assert modify(desk, NEW, trigger("ETH", -1, 3950, cloid=NEW), a=True) == DONE
    move(desk, "ETH", 3940)
    assert (status(desk, NEW), status(desk, OLD)) == ("filled", "siblingFilledCanceled")
