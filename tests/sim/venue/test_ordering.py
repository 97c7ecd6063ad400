"""Order actions as a whole: the post-only window, empty batches, the dead-man's switch (hyperliquid.md 2.6, 2.7, 4.6)."""

import pytest

from sim.venue.twaps import twap_states
from tests.sim.venue.desk import ALICE, Desk
from tests.sim.venue.orders import action, history, move, open_rows, place, rest, status, trigger, wire
from tests.sim.venue.small_market import D, SmallMarket

DONE = {"status": "ok", "response": {"type": "default"}}
WINDOW = {
    "status": "err",
    "response": "Only post-only orders allowed immediately after a network upgrade",
}
DAY_MS = 86_400_000


# --- the post-only window ------------------------------------------------------------------------------------


def after_upgrade(desk, ms=60_000):
    desk.venue.only_post_only(until_ms=desk.now_ms + ms)


OTHERS = {
    "a taker": action(wire("ETH", 1, 4100, "Ioc")),
    "a Gtc order": action(wire("ETH", 1, 3990)),
    "a market order": action(wire("ETH", 1, 4100, "FrontendMarket")),
    "a trigger": action(trigger("ETH", 1, 4100, reduce=False)),
    "one among post-only orders": action(wire("ETH", 1, 3990, "Alo"), wire("ETH", 1, 3990)),
}


@pytest.mark.parametrize("document", OTHERS.values(), ids=OTHERS.keys())
def test_after_an_upgrade_all_but_post_only_orders_are_refused_with_their_envelope(document):
    desk = Desk()
    after_upgrade(desk)
    assert desk.post(document) == WINDOW
    assert open_rows(desk) == {}
    assert desk.info("userRateLimit", user=ALICE)["nRequestsUsed"] == 0
    desk.wait(60_000)
    assert desk.post(document)["status"] == "ok"


def test_after_an_upgrade_post_only_orders_rest_and_cancels_work():
    desk = Desk()
    after_upgrade(desk)
    [oid] = rest(desk, wire("ETH", 1, 3990, "Alo"))
    order = wire("ETH", 1, 3991)
    assert desk.post({"type": "modify", "oid": oid, "order": order, "a": True}) == WINDOW
    assert desk.post({"type": "modify", "oid": oid, "order": order}) == DONE
    [oid] = open_rows(desk)
    assert desk.cancel(1, oid) == "success"


def test_after_an_upgrade_nothing_trades_until_the_window_has_passed():
    desk = Desk()
    desk.order("ETH", 1, 4100)
    desk.wait(6_000)
    [stop] = rest(desk, trigger("ETH", -1, 3900))
    [bid] = rest(desk, wire("ETH", 1, 3850))
    after_upgrade(desk)
    move(desk, "ETH", 3800)
    assert (status(desk, stop), status(desk, bid)) == ("open", "open")
    desk.wait(60_000)
    assert (history(desk, stop)[1:], status(desk, bid)) == (["triggered", "filled"], "filled")


def test_after_an_upgrade_slices_of_a_twap_do_not_fill_and_are_caught_up():
    desk = Desk()
    twap = {"a": 1, "b": True, "s": "11", "r": False, "m": 5, "t": False}
    twap_id = desk.post({"type": "twapOrder", "twap": twap})["response"]["data"]["status"]["running"][
        "twapId"
    ]
    desk.wait(1_000)
    after_upgrade(desk)
    desk.wait(60_000)
    [[known, state]] = twap_states(desk.venue._state, ALICE)
    assert (known, state["executedSz"]) == (twap_id, "1.0")
    desk.wait(30_000)
    assert twap_states(desk.venue._state, ALICE)[0][1]["executedSz"] == "4.0"


# --- batches -----------------------------------------------------------------------------------------------


def test_an_empty_batch_of_any_grouping_is_answered_by_one_status():
    desk = Desk()
    for grouping in ("na", "normalTpsl", "positionTpsl"):
        assert place(desk, grouping=grouping) == [{"error": "Orders are empty."}]
    reply = desk.post({"type": "batchModify", "modifies": []})
    assert reply["response"]["data"]["statuses"] == [
        {"error": "Error placing new order during modify: Orders are empty."}
    ]


def test_two_hundred_and_one_orders_are_over_the_limit_and_two_hundred_are_not():
    desk = Desk()
    orders = [wire("ETH", "0.01", 3000 + n) for n in range(201)]
    assert desk.post(action(*orders)) == {
        "status": "err",
        "response": "Signed action over weight limit of 200.",
    }
    assert len(place(desk, *orders[:200])) == 200


def test_orders_and_triggers_may_share_a_batch_without_a_grouping():
    desk = Desk()
    statuses = place(desk, wire("ETH", 1, 4100, "Ioc"), trigger("ETH", -1, 3900))
    assert [next(iter(answer)) for answer in statuses] == ["filled", "resting"]
    assert [row["orderType"] for row in open_rows(desk).values()] == ["Stop Market"]


# --- the dead-man's switch -----------------------------------------------------------------------------------


def with_volume():
    desk = Desk(SmallMarket(size=D(100)))
    desk.venue._account(ALICE).traded_usd = D(1_000_000)
    return desk


def schedule(desk, ms):
    return desk.post({"type": "scheduleCancel", "time": desk.now_ms + ms})


def test_a_scheduled_cancel_is_at_least_five_seconds_ahead():
    desk = with_volume()
    assert schedule(desk, 4_999)["status"] == "err"
    assert schedule(desk, 5_000) == DONE


def test_a_scheduled_cancel_ends_triggers_and_children_as_well():
    desk = with_volume()
    parent, child = wire("ETH", 1, 3990), trigger("ETH", -1, 3900, cloid="0x" + "0c" * 16)
    place(desk, parent, child, grouping="normalTpsl")
    [stop] = rest(desk, trigger("ETH", 1, 4100, reduce=False))
    schedule(desk, 5_000)
    desk.wait(5_000)
    assert open_rows(desk) == {}
    assert status(desk, stop) == "scheduledCancel"
    assert status(desk, "0x" + "0c" * 16) == "canceled"


def test_after_ten_scheduled_cancels_a_day_there_are_no_more_until_the_next():
    desk = with_volume()
    desk.wait(DAY_MS - desk.now_ms % DAY_MS)
    for _ in range(10):
        assert schedule(desk, 5_000) == DONE
        desk.wait(5_000)
    assert schedule(desk, 5_000)["status"] == "err"
    assert schedule(desk, DAY_MS) == DONE


# --- flags that are part of what is signed -----------------------------------------------------------------


def test_a_fast_cancel_is_signed_with_its_flag_and_a_flag_that_is_false_must_be_left_out():
    desk = Desk()
    first, second = rest(desk, wire("ETH", 1, 3990), wire("ETH", 1, 3991))
    fast = {"type": "cancel", "cancels": [{"a": 1, "o": first}], "f": True}
    assert desk.post(fast)["response"]["data"]["statuses"] == ["success"]
    slow = {"type": "cancel", "cancels": [{"a": 1, "o": second}], "f": False}
    assert desk.post(slow)["response"].endswith("does not exist.")
    change = {"type": "modify", "oid": second, "order": wire("ETH", 1, 3992), "a": False}
    assert desk.post(change)["response"].endswith("does not exist.")
    assert list(open_rows(desk)) == [second]
