"""Orders at the door: words of refusal, what executes, what rests (hyperliquid.md 2.5 to 2.7)."""

import pytest

from tests.sim.venue.desk import ALICE, BOB, OTHER, Desk
from tests.sim.venue.small_market import D, SmallMarket

CLOID = "0x" + "ab" * 16


def error(text):
    return {"error": text}


def test_a_buy_eats_the_asks_from_the_best_up():
    desk = Desk()
    status = desk.order("ETH", 12, 4100)
    assert status["filled"]["totalSz"] == "12.0"
    assert [(f.px, f.size) for f in desk.venue.fills(ALICE)] == [
        (D("4000.1"), 5),
        (D("4000.2"), 5),
        (D("4000.3"), 2),
    ]
    assert status["filled"]["avgPx"] == "4000.18"
    assert status["filled"]["oid"] > 2**32


def test_a_taker_stops_at_its_limit_and_the_rest_is_dropped():
    desk = Desk()
    status = desk.order("ETH", 12, D("4000.2"))
    assert status["filled"]["totalSz"] == "10.0"
    assert desk.info("openOrders", user=ALICE) == []
    row = desk.info("orderStatus", user=ALICE, oid=status["filled"]["oid"])
    assert (row["order"]["status"], row["order"]["order"]["sz"]) == ("canceled", "2.0")


def test_what_a_taker_ate_comes_back_over_five_seconds():
    desk = Desk()

    def best_ask():
        return desk.info("l2Book", coin="ETH")["levels"][1][0]

    desk.order("ETH", 5, 4100)
    assert best_ask() == {"px": "4000.2", "sz": "5.0", "n": 2}
    desk.wait(2_500)
    assert best_ask() == {"px": "4000.1", "sz": "2.5", "n": 2}
    desk.wait(2_500)
    assert best_ask() == {"px": "4000.1", "sz": "5.0", "n": 2}


def test_the_fee_is_four_and_a_half_basis_points_for_a_taker():
    desk = Desk()
    desk.order("ETH", 5, 4100)
    [fill] = desk.venue.fills(ALICE)
    assert fill.fee_usd == D("4000.1") * 5 * D("0.00045")


def test_a_resting_order_fills_at_its_own_price_for_the_makers_fee_when_the_ladder_comes_through():
    desk = Desk()
    status = desk.order("ETH", 2, 3990, "Gtc", cloid=CLOID)
    assert status == {"resting": {"oid": status["resting"]["oid"], "cloid": CLOID}}
    desk.wait(5_000)
    assert desk.venue.fills(ALICE) == ()
    desk.market.mids["ETH"] = D(3980)
    desk.wait(1_000)
    [fill] = desk.venue.fills(ALICE)
    assert (fill.px, fill.size, fill.crossed) == (3990, 2, False)
    assert fill.fee_usd == D(3990) * 2 * D("0.00015")
    assert desk.info("openOrders", user=ALICE) == []
    assert desk.info("orderStatus", user=ALICE, oid=CLOID)["order"]["status"] == "filled"


def test_a_resting_order_gets_no_more_than_the_ladder_has_at_its_price():
    desk = Desk()
    desk.order("ETH", 12, 3990, "Gtc")
    desk.market.mids["ETH"] = D("3989.9")
    desk.wait(1_000)
    assert desk.venue.positions(ALICE) == {"ETH": D(5)}
    [row] = desk.info("openOrders", user=ALICE)
    assert (row["sz"], row["origSz"]) == ("7.0", "12.0")


def test_a_gtc_that_fills_in_part_answers_resting():
    desk = Desk()
    status = desk.order("ETH", 7, D("4000.1"), "Gtc")
    assert "resting" in status
    assert desk.venue.positions(ALICE) == {"ETH": D(5)}
    assert desk.info("openOrders", user=ALICE)[0]["sz"] == "2.0"


def test_two_accounts_trade_with_each_other_after_the_synthetic_size_at_that_price():
    desk = Desk()
    desk.order("ETH", 3, D("4000.1"), "Gtc", signer=OTHER)
    desk.order("ETH", -3, D("4000.1"), "Gtc", signer=OTHER)
    desk = Desk()
    desk.order("ETH", -3, D("4000.1"), "Gtc", signer=OTHER)
    desk.order("ETH", 6, D("4000.1"))
    mine, theirs = desk.venue.fills(ALICE), desk.venue.fills(BOB)
    assert [f.size for f in mine] == [5, 1]
    assert [(f.size, f.crossed, f.buy) for f in theirs] == [(1, False, False)]
    assert mine[1].tid == theirs[0].tid
    assert mine[1].oid != theirs[0].oid


def test_a_self_trade_cancels_the_resting_order_and_fills_nothing_of_it():
    desk = Desk()
    desk.order("ETH", -3, D("4000.1"), "Gtc")
    desk.order("ETH", 7, D("4000.1"))
    assert [f.size for f in desk.venue.fills(ALICE)] == [5]
    assert [r["status"] for r in desk.info("historicalOrders", user=ALICE)] == [
        "canceled",
        "selfTradeCanceled",
        "open",
    ]


def test_a_reduce_only_order_with_nothing_left_is_not_filled_by_the_taker_that_is_on_its_way():
    desk = Desk()
    desk.order("ETH", 3, 4100, signer=OTHER)
    desk.order("ETH", -3, D("4000.9"), "Gtc", signer=OTHER)
    oid = desk.order("ETH", -3, D("4001.0"), "Gtc", reduce=True, signer=OTHER)["resting"]["oid"]
    desk.wait(6_000)
    assert desk.order("ETH", 56, D("4001.0"))["filled"]["totalSz"] == "53.0"
    assert desk.venue.positions(BOB) == {}
    assert desk.info("orderStatus", user=BOB, oid=oid)["order"]["status"] == "reduceOnlyCanceled"


def test_two_resting_orders_share_what_the_ladder_has():
    desk = Desk()
    desk.order("ETH", 4, 3990, "Gtc")
    desk.order("ETH", 4, 3990, "Gtc", signer=OTHER)
    desk.market.mids["ETH"] = D("3989.9")
    desk.wait(1_000)
    assert desk.venue.positions(ALICE) == {"ETH": D(4)}
    assert desk.venue.positions(BOB) == {"ETH": D(1)}


REFUSALS = {
    "below ten dollars": (("ETH", D("0.002"), 4100, "Ioc"), "Order must have minimum value of $10. asset=1"),
    "off the price grid": (("ETH", 1, D("4000.15"), "Gtc"), "Price must be divisible by tick size. asset=1"),
    "six figures": (("SOL", 1, D("200.123"), "Gtc"), "Price must be divisible by tick size. asset=2"),
    "off the size grid": (("SOL", D("0.123"), 200, "Gtc"), "Order has invalid size."),
    "no size": (("ETH", 0, 4000, "Gtc"), "Order has zero size."),
    "no price": (("ETH", 1, 0, "Gtc"), "Order has invalid price."),
    "too far above": (
        ("ETH", 1, 7801, "Ioc"),
        "Order price cannot be more than 95% away from the reference price",
    ),
    "too far below": (
        ("ETH", -1, 199, "Ioc"),
        "Order price cannot be more than 95% away from the reference price",
    ),
    "no match": (
        ("ETH", 1, 3990, "Ioc"),
        "Order could not immediately match against any resting orders. asset=1",
    ),
    "post only": (
        ("ETH", 1, 4001, "Alo"),
        "Post only order would have immediately matched, bbo was 3999.9@4000.1. asset=1",
    ),
    "no margin": (("ETH", 6_000, 4000, "Gtc"), "Insufficient margin to place order. asset=1"),
}


@pytest.mark.parametrize(("asked", "text"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_has_the_venues_words(asked, text):
    desk = Desk()
    assert desk.order(*asked) == error(text)
    assert desk.venue.positions(ALICE) == {}
    assert desk.info("openOrders", user=ALICE) == []


def test_a_whole_number_is_a_legal_price_whatever_its_length():
    desk = Desk(SmallMarket(mids={"BTC": D(1_234_567), "ETH": D(4000), "SOL": D(200)}))
    assert "resting" in desk.order("BTC", D("0.001"), 1_234_321, "Gtc")


def test_one_bad_member_answers_for_the_whole_batch():
    desk = Desk()
    good, bad = ("ETH", 1, 3990, "Gtc", False, None), ("ETH", 1, D("4000.15"), "Gtc", False, None)
    assert desk.orders(good, bad) == [error("Price must be divisible by tick size. asset=1")]
    assert desk.info("openOrders", user=ALICE) == []


def test_an_item_error_answers_for_its_item_only():
    desk = Desk()
    good, small = ("ETH", 1, 3990, "Gtc", False, None), ("ETH", D("0.001"), 3990, "Gtc", False, None)
    statuses = desk.orders(small, good)
    assert statuses[0] == error("Order must have minimum value of $10. asset=1")
    assert "resting" in statuses[1]


def test_an_empty_batch_and_an_unknown_asset():
    desk = Desk()
    assert desk.orders() == [error("Orders are empty.")]
    order = {"a": 99, "b": True, "p": "1", "s": "10", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    reply = desk.post({"type": "order", "orders": [order], "grouping": "na"})
    assert reply == {"status": "err", "response": "Asset 99 does not exist."}


# --- reduce only ---------------------------------------------------------------------------------------


def test_reduce_only_without_a_position_is_refused():
    text = "Reduce only order would increase position. asset=1"
    assert Desk().order("ETH", -1, 3900, reduce=True) == error(text)


def test_reduce_only_is_shrunk_to_what_is_held():
    desk = Desk()
    desk.order("ETH", 2, 4100)
    status = desk.order("ETH", -5, 3900, reduce=True)
    assert status["filled"]["totalSz"] == "2.0"
    assert desk.venue.positions(ALICE) == {}
    row = desk.info("orderStatus", user=ALICE, oid=status["filled"]["oid"])["order"]["order"]
    assert (row["sz"], row["origSz"]) == ("0.0", "5.0")


def test_a_resting_reduce_only_order_shrinks_with_the_position_and_then_ends():
    desk = Desk()
    desk.order("ETH", 3, 4100)
    oid = desk.order("ETH", -3, 4200, "Gtc", reduce=True)["resting"]["oid"]
    desk.order("ETH", -1, 3900)
    assert desk.info("openOrders", user=ALICE)[0]["sz"] == "2.0"
    desk.order("ETH", -2, 3900)
    assert desk.info("orderStatus", user=ALICE, oid=oid)["order"]["status"] == "reduceOnlyCanceled"


def test_a_newer_reduce_only_order_cancels_older_ones_beyond_the_position():
    desk = Desk()
    desk.order("ETH", 3, 4100)
    old = desk.order("ETH", -2, 4200, "Gtc", reduce=True)["resting"]["oid"]
    new = desk.order("ETH", -2, 4210, "Gtc", reduce=True)["resting"]["oid"]
    assert [r["oid"] for r in desk.info("openOrders", user=ALICE)] == [new]
    assert desk.info("orderStatus", user=ALICE, oid=old)["order"]["status"] == "reduceOnlyCanceled"


def test_the_minimum_value_does_not_keep_a_position_from_being_closed_exactly():
    desk = Desk()
    desk.order("SOL", 1, 210)
    desk.order("SOL", D("-0.99"), 190)
    assert desk.venue.positions(ALICE) == {"SOL": D("0.01")}
    assert "error" in desk.order("SOL", D("-0.01"), 190)
    assert "filled" in desk.order("SOL", D("-0.01"), 190, reduce=True)


# --- cancels -------------------------------------------------------------------------------------------


def test_a_cancel_works_once():
    desk = Desk()
    oid = desk.order("ETH", 1, 3990, "Gtc")["resting"]["oid"]
    assert desk.cancel(1, oid) == "success"
    assert desk.cancel(1, oid) == error("Order was never placed, already canceled, or filled. asset=1")
    assert desk.info("openOrders", user=ALICE) == []


def test_a_cancel_by_client_order_id_finds_its_order():
    desk = Desk()
    desk.order("ETH", 1, 3990, "Gtc", cloid=CLOID)
    action = {"type": "cancelByCloid", "cancels": [{"asset": 1, "cloid": CLOID}]}
    assert desk.post(action)["response"] == {"type": "cancel", "data": {"statuses": ["success"]}}
    [status] = desk.post(action)["response"]["data"]["statuses"]
    assert status == error("Order was never placed, already canceled, or filled. asset=1")


def test_a_cancel_must_name_the_orders_own_asset():
    desk = Desk()
    oid = desk.order("ETH", 1, 3990, "Gtc")["resting"]["oid"]
    assert desk.cancel(2, oid) == error("Order was never placed, already canceled, or filled. asset=2")
    assert desk.cancel(1, oid) == "success"


def test_an_order_that_closes_needs_no_margin_and_one_that_flips_only_for_the_rest():
    desk = Desk(usdc=1_100)
    desk.order("ETH", 5, 4100)
    assert "error" in desk.order("ETH", D("1"), 4100)
    closing = desk.order("ETH", -5, 4100, "Gtc")["resting"]["oid"]
    assert "error" in desk.order("ETH", -6, 4200, "Gtc")
    desk.wait(6_000)
    assert "error" in desk.order("ETH", -9, 3995)
    desk.cancel(1, closing)
    assert desk.order("ETH", -9, 3995)["filled"]["totalSz"] == "9.0"


def test_nobody_cancels_anothers_order():
    desk = Desk()
    oid = desk.order("ETH", 1, 3990, "Gtc")["resting"]["oid"]
    assert "error" in desk.cancel(1, oid, signer=OTHER)


def test_a_client_order_id_used_again_names_the_newest_order():
    desk = Desk()
    first = desk.order("ETH", 1, 3990, "Gtc", cloid=CLOID)["resting"]["oid"]
    desk.cancel(1, first)
    second = desk.order("ETH", 1, 3990, "Gtc", cloid=CLOID)["resting"]["oid"]
    assert desk.info("orderStatus", user=ALICE, oid=CLOID)["order"]["order"]["oid"] == second
