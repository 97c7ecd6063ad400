"""The behavioural scenarios of hyperliquid.md 6.4 that happen between a client and the clearinghouse, one test each.

Those about HTTP faults and about the websocket's channels stand in files of their own.
"""

import json

from hyperliquid.utils.signing import sign_l1_action

from tests.sim.venue.desk import AGENT, ALICE, JSON, MASTER, STRANGER, Desk
from tests.sim.venue.orders import action, history, open_rows, place, rest, status, trigger, wire
from tests.sim.venue.small_market import HOUR_MS, D

NOOP = {"type": "noop"}
DONE = {"status": "ok", "response": {"type": "default"}}
CLOID = "0x" + "1234" * 8
DEAD = {"error": "Order was never placed, already canceled, or filled. asset=1"}


def err(text):
    return {"status": "err", "response": text}


def signed(document, nonce, signer=AGENT, expires=None):
    signature = sign_l1_action(signer, document, None, nonce, expires, False)
    return {"action": document, "nonce": nonce, "signature": signature, "expiresAfter": expires}


def test_an_order_below_ten_dollars_is_refused_by_its_limit_price():
    desk = Desk()
    text = {"error": "Order must have minimum value of $10. asset=1"}
    assert place(desk, wire("ETH", "0.0025", 3999)) == [text]
    assert "resting" in place(desk, wire("ETH", "0.0026", 3999))[0]


def test_prices_have_five_figures_and_sizes_their_decimals_and_whole_numbers_always_pass():
    desk = Desk()
    tick = {"error": "Price must be divisible by tick size. asset=1"}
    assert place(desk, wire("ETH", 1, "3999.95")) == [tick]
    assert place(desk, wire("ETH", "0.00012", 3999)) == [{"error": "Order has invalid size."}]
    assert place(desk, wire("ETH", 0, 3999)) == [{"error": "Order has zero size."}]
    assert "resting" in place(desk, wire("BTC", "0.001", 99_999))[0]
    assert "resting" in place(desk, wire("ETH", "0.0126", "3999.9"))[0]


def test_a_post_only_order_that_would_match_is_told_the_best_bid_and_offer():
    desk = Desk()
    text = "Post only order would have immediately matched, bbo was 3999.9@4000.1. asset=1"
    assert place(desk, wire("ETH", 1, 4001, "Alo", cloid=CLOID)) == [{"error": text}]
    assert status(desk, CLOID) == "badAloPxRejected"


def test_an_ioc_order_that_matches_nothing_is_refused_and_one_that_matches_in_part_is_filled():
    desk = Desk()
    text = {"error": "Order could not immediately match against any resting orders. asset=1"}
    assert place(desk, wire("ETH", 1, 3999, "Ioc")) == [text]
    [answer] = place(desk, wire("ETH", 7, "4000.1", "Ioc"))
    assert (answer["filled"]["totalSz"], answer["filled"]["avgPx"]) == ("5.0", "4000.1")
    assert open_rows(desk) == {}


def test_reduce_only_is_shrunk_to_the_position_and_refused_without_one():
    desk = Desk()
    refused = {"error": "Reduce only order would increase position. asset=1"}
    assert place(desk, wire("ETH", -1, 3900, "Ioc", reduce=True)) == [refused]
    place(desk, wire("ETH", 2, 4100, "Ioc"))
    [oid] = rest(desk, wire("ETH", -5, 4200, reduce=True))
    assert [(open_rows(desk)[oid][key]) for key in ("sz", "origSz")] == ["2.0", "5.0"]
    place(desk, wire("ETH", -1, 3900, "Ioc"))
    assert open_rows(desk)[oid]["sz"] == "1.0"
    place(desk, wire("ETH", -1, 3900, "Ioc"))
    assert status(desk, oid) == "reduceOnlyCanceled"


def test_a_cancel_works_once():
    desk = Desk()
    [oid] = rest(desk, wire("ETH", 1, 3990))
    assert desk.cancel(1, oid) == "success"
    assert desk.cancel(1, oid) == DEAD
    assert history(desk, oid) == ["open", "canceled"]


def test_a_client_order_id_nobody_knows_is_not_cancelled_and_not_found():
    desk = Desk()
    reply = desk.post({"type": "cancelByCloid", "cancels": [{"asset": 1, "cloid": CLOID}]})
    assert reply["response"] == {"type": "cancel", "data": {"statuses": [DEAD]}}
    assert desk.info("orderStatus", user=ALICE, oid=CLOID) == {"status": "unknownOid"}


def test_a_nonce_is_refused_when_it_is_used_too_old_or_too_new():
    desk = Desk()
    nonce = desk.nonce + 1
    assert desk.post(NOOP, nonce=nonce) == DONE
    assert desk.post(NOOP, nonce=nonce) == err(f"Invalid nonce: duplicate nonce {nonce}")
    low, high = desk.now_ms - 48 * HOUR_MS, desk.now_ms + 24 * HOUR_MS
    assert desk.post(NOOP, nonce=low) == err(f"Invalid nonce: nonce too low {low} < {low}")
    assert desk.post(NOOP, nonce=high) == err(f"Invalid nonce: nonce too high {high} > {high}")
    for n in range(1, 101):
        assert desk.post(NOOP, nonce=nonce + n) == DONE
    refused = err(f"Invalid nonce: nonce too low {nonce - 1} < {nonce + 1}")
    assert desk.post(NOOP, nonce=nonce - 1) == refused, "below the hundred highest"


def test_an_expired_action_does_nothing_and_costs_five_times():
    desk = Desk()
    document = action(wire("ETH", 1, 4100, "Ioc", cloid=CLOID))
    assert desk.post(document, expires=desk.now_ms - 1) == err("Action already expired")
    assert desk.info("userRateLimit", user=ALICE)["nRequestsUsed"] == 5
    assert desk.info("orderStatus", user=ALICE, oid=CLOID) == {"status": "unknownOid"}


def test_an_agent_trades_for_its_master_and_asking_for_the_agent_shows_nothing():
    desk = Desk()
    place(desk, wire("ETH", 1, 4100, "Ioc"), signer=AGENT)
    place(desk, wire("ETH", 1, 4100, "Ioc"), signer=MASTER)
    assert desk.venue.positions(ALICE) == {"ETH": D(2)}
    assert desk.state(AGENT.address)["assetPositions"] == []
    assert desk.info("userRole", user=AGENT.address) == {"role": "agent", "data": {"user": ALICE}}
    text = f"Must deposit before performing actions. User: {AGENT.address.lower()}"
    assert desk.approve("0x" + "77" * 20, signer=AGENT) == err(text)


def test_a_wallet_nobody_knows_does_not_exist():
    text = f"User or API Wallet {STRANGER.address.lower()} does not exist."
    assert Desk().post(NOOP, signer=STRANGER) == err(text)


def test_two_hundred_and_one_cancels_are_refused_together_and_cost_nothing():
    desk = Desk()
    [oid] = rest(desk, wire("ETH", 1, 3990))
    cancels = [{"a": 1, "o": oid}, *({"a": 1, "o": n} for n in range(200))]
    text = "Signed action over weight limit of 200."
    assert desk.post({"type": "cancel", "cancels": cancels}) == err(text)
    assert list(open_rows(desk)) == [oid]
    assert desk.info("userRateLimit", user=ALICE)["nRequestsUsed"] == 1


def test_one_invalid_member_answers_for_the_whole_batch_with_one_status():
    desk = Desk()
    good = wire("ETH", 1, 3990)
    assert place(desk, good, wire("ETH", 1, "3990.15"), good) == [
        {"error": "Price must be divisible by tick size. asset=1"}
    ]
    assert desk.post(action(good, good | {"a": 999}))["status"] == "err"
    assert open_rows(desk) == {}
    small = {"error": "Order must have minimum value of $10. asset=1"}
    statuses = place(desk, wire("ETH", "0.001", 3990), good)
    assert (statuses[0], list(statuses[1])) == (small, ["resting"]), (
        "what is no shape of one member is its own"
    )


def test_a_modify_cancels_and_replaces_under_a_new_order_id():
    desk = Desk()
    [oid] = rest(desk, wire("ETH", 1, 3990, cloid=CLOID))
    change = {"type": "batchModify", "modifies": [{"oid": CLOID, "order": wire("ETH", 1, 3991, cloid=CLOID)}]}
    [answer] = desk.post(change)["response"]["data"]["statuses"]
    new = answer["resting"]["oid"]
    assert new != oid
    assert (history(desk, oid), history(desk, new)) == (["open", "canceled"], ["open"])
    assert desk.info("orderStatus", user=ALICE, oid=CLOID)["order"]["order"]["oid"] == new
    single = {"type": "modify", "oid": oid, "order": wire("ETH", 1, 3992)}
    assert desk.post(single) == err("Cannot modify canceled or filled order")


def test_an_entry_with_take_profit_and_stop_answers_as_recorded():
    desk = Desk()
    children = trigger("ETH", -1, 4200, "tp"), trigger("ETH", -1, 3900)
    statuses = place(desk, wire("ETH", 1, 4100, "Ioc"), *children, grouping="normalTpsl")
    assert (list(statuses[0]), statuses[1:]) == (["filled"], ["waitingForTrigger", "waitingForTrigger"])
    statuses = place(desk, wire("ETH", 1, 3990), *children, grouping="normalTpsl")
    assert (list(statuses[0]), statuses[1:]) == (["resting"], ["waitingForFill", "waitingForFill"])


def test_an_address_over_its_budget_is_told_so_with_http_200_and_may_still_act_every_ten_seconds():
    desk = Desk()
    for _ in range(50):
        desk.post({"type": "cancel", "cancels": [{"a": 1, "o": n} for n in range(200)]})
    assert desk.post(NOOP) == DONE
    body = json.dumps(signed(NOOP, desk.nonce + 500)).encode()
    reply = desk.raw("/exchange", body)
    assert reply.status == 200
    assert json.loads(reply.body) == err(
        "Too many cumulative requests sent (10002 > 10000) for cumulative volume traded $0.00. "
        "Place taker orders to free up 1 request per USDC traded."
    )
    desk.wait(10_000)
    assert desk.post(NOOP) == DONE


def test_fills_may_come_before_the_reply_to_the_order_that_made_them():
    desk = Desk()
    connection = desk.connect()
    desk.subscribe(connection, type="userFills", user=ALICE)
    desk.frames()
    payload = signed(action(wire("ETH", 1, 4100, "Ioc")), desk.now_ms)
    desk.say(connection, {"method": "post", "id": 1, "request": {"type": "action", "payload": payload}})
    desk.wait(70)
    assert [frame["channel"] for frame in desk.frames(connection)] == ["userFills", "post"]


def test_an_action_whose_reply_was_lost_is_found_by_its_client_order_id_or_never_appears():
    desk = Desk()
    lost = signed(action(wire("ETH", 1, 4100, "Ioc", cloid=CLOID)), desk.now_ms, expires=desk.now_ms + 1_000)
    ticket = desk.venue.submit("/exchange", JSON, json.dumps(lost).encode(), now_ms=desk.now_ms)
    desk.wait(70)
    assert [number for number, _ in desk.venue.take_replies()] == [ticket.number]
    assert status(desk, CLOID) == "filled"
    late = "0x" + "77" * 16
    never = signed(action(wire("ETH", 1, 4100, "Ioc", cloid=late)), desk.now_ms, expires=desk.now_ms + 1_000)
    desk.wait(1_071)
    desk.venue.submit("/exchange", JSON, json.dumps(never).encode(), now_ms=desk.now_ms)
    desk.wait(70)
    assert status(desk, late) == "unknownOid"
    assert desk.venue.positions(ALICE) == {"ETH": D(1)}


def test_after_an_upgrade_only_post_only_orders_and_cancels_are_taken():
    desk = Desk()
    desk.venue.only_post_only(until_ms=desk.now_ms + 60_000)
    text = "Only post-only orders allowed immediately after a network upgrade"
    assert desk.post(action(wire("ETH", 1, 4100, "Ioc"))) == err(text)
    [oid] = rest(desk, wire("ETH", 1, 3990, "Alo"))
    assert desk.cancel(1, oid) == "success"
    desk.wait(60_000)
    assert "filled" in place(desk, wire("ETH", 1, 4100, "Ioc"))[0]


def test_a_client_whose_clock_is_wrong_is_refused_by_the_venues():
    desk = Desk()
    document = action(wire("ETH", 1, 4100, "Ioc"))
    slow_ms, fast_ms = desk.now_ms - 10_000, desk.now_ms + 25 * HOUR_MS
    assert desk.post(document, nonce=slow_ms, expires=slow_ms + 5_000) == err("Action already expired")
    assert desk.post(document, nonce=fast_ms)["response"].startswith("Invalid nonce: nonce too high")
    assert desk.post(document, nonce=slow_ms + 1)["status"] == "ok", (
        "without an expiry ten seconds do no harm"
    )
    assert desk.venue.positions(ALICE) == {"ETH": D(1)}
