"""The envelope: signers, nonces, expiry, budgets, and the actions that are not orders (hyperliquid.md 2)."""

import json

import pytest
from hyperliquid.utils.signing import sign_l1_action

from sim.venue.signature import Chain
from tests.sim.venue.desk import AGENT, ALICE, BOB, MASTER, OTHER, STRANGER, Desk, order_action
from tests.sim.venue.small_market import HOUR_MS, D, SmallMarket

NOOP = {"type": "noop"}
DONE = {"status": "ok", "response": {"type": "default"}}


def err(text):
    return {"status": "err", "response": text}


def test_master_and_agent_both_act_for_the_master():
    desk = Desk()
    desk.order("ETH", 1, 4100, signer=MASTER)
    desk.order("ETH", 1, 4100, signer=AGENT)
    assert desk.venue.positions(ALICE) == {"ETH": D(2)}


def test_a_stranger_does_not_exist():
    text = f"User or API Wallet {STRANGER.address.lower()} does not exist."
    assert Desk().post(NOOP, signer=STRANGER) == err(text)


def test_a_signature_for_the_other_network_recovers_a_stranger():
    refused = Desk().post(NOOP, mainnet=True)["response"]
    assert refused.startswith("User or API Wallet 0x")
    assert refused.endswith(" does not exist.")
    assert AGENT.address.lower() not in refused
    assert Desk(chain=Chain.MAINNET).post(NOOP, mainnet=True) == DONE


def test_an_order_signed_with_needless_zeros_recovers_a_stranger():
    desk = Desk()
    action = order_action(desk.market, ("ETH", 1, 3990, "Gtc", False, None))
    action["orders"][0]["p"] = "3990.0"
    assert desk.post(action)["response"].endswith("does not exist.")


def test_needless_zeros_on_the_wire_do_no_harm_if_the_canonical_form_was_signed():
    desk = Desk()
    action = order_action(desk.market, ("ETH", 1, 3990, "Gtc", False, None))
    body = {"type": "noop"}
    assert desk.post(body) == DONE

    signature = sign_l1_action(AGENT, action, None, desk.nonce + 5, None, False)
    sent = json.loads(json.dumps(action))
    sent["orders"][0]["p"] = "3990.00"
    sent["orders"][0]["unknown"] = 1
    assert desk.send(sent, signature, desk.nonce + 5)["status"] == "ok"


def test_padded_and_bare_signatures_are_both_read():
    desk = Desk()
    for nonce in range(desk.nonce, desk.nonce + 40):
        signature = sign_l1_action(AGENT, NOOP, None, nonce, None, False)
        padded = {"r": "0x" + signature["r"][2:].zfill(64), "s": "0x" + signature["s"][2:].zfill(64)}
        assert desk.send(NOOP, {**padded, "v": signature["v"] - 27}, nonce) == DONE


def test_a_duplicate_nonce_is_refused_for_its_signer_only():
    desk = Desk()
    nonce = desk.nonce + 1
    assert desk.post(NOOP, nonce=nonce) == DONE
    assert desk.post(NOOP, nonce=nonce) == err(f"Invalid nonce: duplicate nonce {nonce}")
    assert desk.post(NOOP, nonce=nonce, signer=MASTER) == DONE


def test_nonces_beyond_two_days_back_and_one_ahead_are_refused():
    desk = Desk()
    assert desk.post(NOOP, nonce=desk.now_ms - 48 * HOUR_MS)["response"].startswith(
        "Invalid nonce: nonce too low"
    )
    assert desk.post(NOOP, nonce=desk.now_ms + 24 * HOUR_MS)["response"].startswith(
        "Invalid nonce: nonce too high"
    )


def test_an_expired_action_does_nothing_costs_five_and_burns_its_nonce():
    desk = Desk()
    action = order_action(desk.market, ("ETH", 1, 4100, "Ioc", False, None))
    nonce = desk.nonce + 1
    assert desk.post(action, nonce=nonce, expires=desk.now_ms - 1) == err("Action already expired")
    assert desk.venue.positions(ALICE) == {}
    assert desk.info("userRateLimit", user=ALICE)["nRequestsUsed"] == 5
    assert desk.post(NOOP, nonce=nonce) == err(f"Invalid nonce: duplicate nonce {nonce}")
    assert desk.post(action, expires=desk.now_ms)["status"] == "ok"


def test_a_vault_that_nobody_registered():
    text = f"Vault not registered: {STRANGER.address.lower()}"
    assert Desk().post(NOOP, vault=STRANGER.address.lower()) == err(text)


def test_two_hundred_and_one_cancels_are_over_the_limit_and_cost_nothing():
    desk = Desk()
    action = {"type": "cancel", "cancels": [{"a": 1, "o": n} for n in range(201)]}
    assert desk.post(action) == err("Signed action over weight limit of 200.")
    assert desk.info("userRateLimit", user=ALICE)["nRequestsUsed"] == 0


def test_items_cost_even_when_they_fail_and_a_refused_envelope_does_not():
    desk = Desk()
    desk.cancel(1, 5)
    desk.orders(*[("ETH", D("0.001"), 4000, "Gtc", False, None)] * 3)
    desk.post(NOOP, nonce=1)
    assert desk.info("userRateLimit", user=ALICE)["nRequestsUsed"] == 4


def test_the_budget_grows_by_one_for_each_dollar_traded():
    desk = Desk()
    desk.order("ETH", 1, 4100)
    limit = desk.info("userRateLimit", user=ALICE)
    assert limit == {
        "cumVlm": "4000.1",
        "nRequestsUsed": 1,
        "nRequestsCap": 14_000,
        "nRequestsSurplus": 0,
    }


def test_beyond_the_budget_one_action_in_ten_seconds_and_cancels_still_pass():
    desk = Desk()
    for _ in range(50):
        desk.post({"type": "cancel", "cancels": [{"a": 1, "o": n} for n in range(200)]})
    assert desk.info("userRateLimit", user=ALICE)["nRequestsUsed"] == 10_000
    assert desk.post(NOOP) == DONE
    refused = desk.post(NOOP)["response"]
    assert refused == (
        "Too many cumulative requests sent (10002 > 10000) for cumulative volume traded $0.00. "
        "Place taker orders to free up 1 request per USDC traded."
    )
    assert desk.cancel(1, 5)["error"].startswith("Order was never placed")
    desk.wait(10_000)
    assert desk.post(NOOP) == DONE
    assert desk.post({"type": "reserveRequestWeight", "weight": 100}) == DONE
    assert desk.info("userRateLimit", user=ALICE)["nRequestsCap"] == 10_100
    assert desk.state()["marginSummary"]["accountValue"] == "999999.95"


def test_a_refused_envelope_does_not_take_the_ten_seconds_turn():
    desk = Desk()
    desk.venue._account(ALICE).requests_used = 10_000
    assert desk.post(leverage(0)) == err("Invalid leverage value")
    assert desk.post(NOOP) == DONE
    assert desk.post(NOOP)["response"].startswith("Too many cumulative requests sent")
    assert desk.info("userRateLimit", user=ALICE)["nRequestsUsed"] == 10_001


def test_requests_are_bought_with_free_money_only():
    desk = Desk(usdc=1_000)
    desk.order("ETH", D("4.9"), 4100)
    free = D(desk.state()["withdrawable"])
    over = {"type": "reserveRequestWeight", "weight": int(free / D("0.0005")) + 1}
    assert desk.post(over)["status"] == "err"
    assert desk.post({**over, "weight": over["weight"] - 1}) == DONE
    assert D(desk.state()["withdrawable"]) < D("0.0005")


# --- agents and builders -------------------------------------------------------------------------------


def test_an_approved_agent_may_trade_and_a_replaced_one_may_not():
    desk = Desk()
    assert desk.approve(STRANGER.address) == DONE
    assert desk.post(NOOP, signer=STRANGER) == DONE
    fresh = "0x" + "55" * 20
    assert desk.approve(fresh) == DONE
    assert desk.post(NOOP, signer=STRANGER)["response"].endswith("does not exist.")
    assert desk.info("userRole", user=fresh) == {"role": "agent", "data": {"user": ALICE}}


def test_named_agents_are_listed_and_limited_to_three():
    desk = Desk()
    for n in (2, 3):
        assert desk.approve("0x" + f"{n}" * 40, f"name {n}") == DONE
    assert [a["name"] for a in desk.info("extraAgents", user=ALICE)] == ["agent 1", "name 2", "name 3"]
    refused = desk.approve("0x" + "9" * 40, "one more")
    assert refused == err("Too many extra agents for cumulative volume traded. Current limit is 3")
    assert desk.approve(AGENT.address, "again") == err("Extra agent already used.")


def test_an_agent_may_not_approve_anything():
    text = f"Must deposit before performing actions. User: {AGENT.address.lower()}"
    assert Desk().approve(STRANGER.address, signer=AGENT) == err(text)


def test_a_builder_takes_its_fee_only_once_it_is_approved():
    desk = Desk()
    action = order_action(desk.market, ("ETH", 1, 4100, "Ioc", False, None))
    action["builder"] = {"b": BOB, "f": 10}
    assert desk.post(action) == err("Builder fee has not been approved.")
    assert desk.approve_builder("0.01%") == DONE
    assert desk.info("maxBuilderFee", user=ALICE, builder=BOB) == 10
    assert "filled" in desk.post(action)["response"]["data"]["statuses"][0]
    [row] = desk.info("userFills", user=ALICE)
    assert (row["fee"], row["builderFee"]) == ("2.200055", "0.40001")


@pytest.mark.parametrize("rate", ["NaN%", "Infinity%", "-0.01%", "0.11%", "0.01", "much%"])
def test_a_builders_rate_is_a_percentage_up_to_a_tenth(rate):
    assert Desk().approve_builder(rate) == err("Invalid builder fee rate.")


# --- leverage, modify, the dead-man's switch -----------------------------------------------------------


def leverage(value, asset=1, *, cross=True):
    return {"type": "updateLeverage", "asset": asset, "isCross": cross, "leverage": value}


def test_leverage_changes_the_margin_of_what_is_held_at_once():
    desk = Desk()
    desk.order("ETH", 5, 4100)
    assert desk.state()["marginSummary"]["totalMarginUsed"] == "1000.0"
    assert desk.post(leverage(10)) == DONE
    assert desk.state()["marginSummary"]["totalMarginUsed"] == "2000.0"
    assert desk.post(leverage(26)) == err("Invalid leverage value")
    assert desk.post(leverage(0)) == err("Invalid leverage value")
    assert desk.post(leverage(5, cross=False)) == err("Cannot switch leverage type with open position.")


def test_lower_leverage_needs_the_margin_for_it():
    desk = Desk(usdc=1_100)
    desk.order("ETH", 5, 4100)
    assert desk.post(leverage(15))["status"] == "err"
    assert desk.state()["marginSummary"]["totalMarginUsed"] == "1000.0"
    assert desk.post(leverage(25)) == DONE


def modify(oid, px, *, tif="Gtc", size="1", **flags):
    order = {"a": 1, "b": True, "p": str(px), "s": size, "r": False, "t": {"limit": {"tif": tif}}}
    return {"type": "modify", "oid": oid, "order": order, **flags}


def test_a_modify_cancels_and_replaces_under_a_new_order_id():
    desk = Desk()
    oid = desk.order("ETH", 1, 3990, "Gtc")["resting"]["oid"]
    assert desk.post(modify(oid, 3991)) == DONE
    [row] = desk.info("frontendOpenOrders", user=ALICE)
    assert row["oid"] != oid
    assert (row["limitPx"], row["tif"]) == ("3991.0", "Alo")
    assert desk.info("orderStatus", user=ALICE, oid=oid)["order"]["status"] == "canceled"
    assert desk.post(modify(oid, 3992)) == err("Cannot modify canceled or filled order")


def test_a_modify_into_the_spread_needs_the_flag():
    desk = Desk()
    oid = desk.order("ETH", 1, 3990, "Gtc")["resting"]["oid"]
    refused = desk.post(modify(oid, 4001))["response"]
    assert refused.startswith("Error placing new order during modify: Post only order")
    oid = desk.order("ETH", 1, 3990, "Gtc")["resting"]["oid"]
    batch = {
        "type": "batchModify",
        "modifies": [{"oid": oid, "order": modify(oid, 4001)["order"]}],
        "a": True,
    }
    [status] = desk.post(batch)["response"]["data"]["statuses"]
    assert status["filled"]["totalSz"] == "1.0"


def test_a_scheduled_cancel_needs_a_million_of_volume():
    desk = Desk()
    action = {"type": "scheduleCancel", "time": desk.now_ms + 6_000}
    assert desk.post(action) == err(
        "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $0.00."
    )


def test_a_scheduled_cancel_ends_every_order_at_its_time():
    desk = Desk(SmallMarket(size=D(100)))
    for sign in (1, -1) * 2:
        desk.order("ETH", 100 * sign, 4000 + sign * 100)
    oid = desk.order("ETH", 1, 3900, "Gtc")["resting"]["oid"]
    assert desk.post({"type": "scheduleCancel", "time": desk.now_ms + 4_000})["status"] == "err"
    assert desk.post({"type": "scheduleCancel", "time": desk.now_ms + 6_000}) == DONE
    desk.wait(5_999)
    assert len(desk.info("openOrders", user=ALICE)) == 1
    desk.wait(1)
    assert desk.info("openOrders", user=ALICE) == []
    assert desk.info("orderStatus", user=ALICE, oid=oid)["order"]["status"] == "scheduledCancel"


def test_a_scheduled_cancel_can_be_taken_back():
    desk = Desk(SmallMarket(size=D(100)))
    for sign in (1, -1) * 2:
        desk.order("ETH", 100 * sign, 4000 + sign * 100)
    desk.order("ETH", 1, 3900, "Gtc")
    desk.post({"type": "scheduleCancel", "time": desk.now_ms + 6_000})
    assert desk.post({"type": "scheduleCancel"}) == DONE
    desk.wait(10_000)
    assert len(desk.info("openOrders", user=ALICE)) == 1


def test_a_referrer_is_taken_note_of():
    assert Desk().post({"type": "setReferrer", "code": "CCXT1"}) == DONE


# --- HTTP ----------------------------------------------------------------------------------------------

BAD = {
    "not JSON": (b"{", 400, "Failed to parse the request body as JSON"),
    "unknown type": (b'{"type":"nonsense"}', 422, "Failed to deserialize the JSON body into the target type"),
    "missing member": (b'{"type":"l2Book"}', 422, "Failed to deserialize the JSON body into the target type"),
    "ill-typed member": (b'{"type":"meta","dex":1}', 422, "Failed to deserialize the JSON body"),
    "no such user": (b'{"type":"openOrders","user":"0x12"}', 422, "Failed to deserialize the JSON body"),
}


@pytest.mark.parametrize(("body", "status", "text"), BAD.values(), ids=BAD.keys())
def test_a_bad_info_request_gets_its_status(body, status, text):
    reply = Desk().raw("/info", body)
    assert (reply.status, reply.content_type.startswith("text/plain")) == (status, True)
    assert reply.body.decode().startswith(text)


def test_a_bad_exchange_body_is_422_or_400():
    desk = Desk()
    assert desk.raw("/exchange", b'{"action":{"type":"order"}}').status == 422
    assert desk.raw("/exchange", b"nothing").status == 400


HOSTILE = {
    "an order id": {"type": "cancel", "cancels": [{"a": 1, "o": 2**64}]},
    "leverage": {"type": "updateLeverage", "asset": 1, "isCross": True, "leverage": -(2**70)},
    "a TWAP": {"type": "twapCancel", "a": 2**64, "t": 1},
}


@pytest.mark.parametrize("action", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_number_beyond_64_bits_is_422(action):
    envelope = {"action": action, "nonce": 1, "signature": {"r": "0x1", "s": "0x1", "v": 27}}
    assert Desk().raw("/exchange", json.dumps(envelope).encode()).status == 422


@pytest.mark.parametrize("chain_id", ["0x" + "f" * 65, "-0x1", "testnet"])
def test_a_chain_that_cannot_be_is_422(chain_id):
    desk = Desk()
    action = {"type": "approveAgent", "agentAddress": BOB, "agentName": "", "nonce": desk.nonce}
    action |= {"hyperliquidChain": "Testnet", "signatureChainId": chain_id}
    envelope = {"action": action, "nonce": desk.nonce, "signature": {"r": "0x1", "s": "0x1", "v": 27}}
    assert desk.raw("/exchange", json.dumps(envelope).encode()).status == 422


@pytest.mark.parametrize("rate", ["NaN%", "Infinity%", "x%", "0.01"])
def test_a_builder_fee_that_is_no_rate_is_refused(rate):
    assert Desk().approve_builder(rate) == err("Invalid builder fee rate.")


def test_the_content_type_must_be_json_with_or_without_a_charset():
    desk = Desk()
    body = b'{"type":"exchangeStatus"}'
    assert desk.raw("/info", body, "text/plain").status == 415
    assert desk.raw("/info", body, None).status == 415
    assert desk.raw("/info", body, "application/json; charset=utf-8").status == 200


def test_no_action_moves_the_other_account():
    desk = Desk()
    desk.order("ETH", 1, 4100, signer=OTHER)
    assert desk.venue.positions(ALICE) == {}
    assert desk.venue.positions(BOB) == {"ETH": D(1)}
