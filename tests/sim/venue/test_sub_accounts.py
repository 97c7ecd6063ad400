"""Sub-accounts: made after some volume, acted for by vaultAddress, with budget and orders of their own (2.1, 4.1)."""

from dataclasses import replace

import pytest

from tests.sim.venue.desk import AGENT, ALICE, BOB, OTHER, Desk, order_action
from tests.sim.venue.small_market import HOUR_MS, D, SmallMarket, asset
from tests.sim.venue.wallet import DONE, err, set_abstraction, with_sub_account

NOOP = {"type": "noop"}


def buy(desk, qty=1):
    return order_action(desk.market, ("ETH", qty, 4100, "Ioc", False, None))


def test_a_sub_account_needs_a_hundred_thousand_of_volume():
    desk = Desk()
    action = {"type": "createSubAccount", "name": "one"}
    text = "Cannot create sub-accounts until enough volume traded. Required: $100000. Traded: ${}."
    assert desk.post(action) == err(text.format("0.00"))
    desk.order("ETH", 1, 4100)
    assert desk.post(action) == err(text.format("4000.10"))
    desk.venue._account(ALICE).traded_usd = D(100_000)
    reply = desk.post(action)["response"]
    assert (reply["type"], len(reply["data"])) == ("createSubAccount", 42)


def test_it_is_listed_with_its_state_and_knows_its_master():
    desk = Desk()
    assert desk.info("subAccounts", user=ALICE) is None
    sub = with_sub_account(desk, 500, "the first")
    (row,) = desk.info("subAccounts", user=ALICE)
    assert (row["name"], row["subAccountUser"], row["master"]) == ("the first", sub, ALICE)
    assert row["clearinghouseState"] == desk.state(sub)
    assert row["clearinghouseState"]["withdrawable"] == "500.0"
    assert desk.info("userRole", user=sub) == {"role": "subAccount", "data": {"master": ALICE}}
    assert with_sub_account(desk) != sub
    assert desk.post({"type": "subAccountModify", "subAccountUser": sub, "name": "renamed"}) == DONE
    assert [r["name"] for r in desk.info("subAccounts", user=ALICE)] == ["renamed", "one"]


@pytest.mark.parametrize("written", [str, lambda sub: sub[2:], str.upper], ids=["0x", "bare", "upper"])
def test_master_and_agent_act_for_it_by_its_address(written):
    desk = Desk()
    sub = with_sub_account(desk, 10_000)
    address = written(sub).replace("0X", "0x")
    for signer in (AGENT, None):
        who = {} if signer is None else {"signer": signer}
        assert desk.post(buy(desk), vault=address, **who)["status"] == "ok"
    assert desk.venue.positions(sub) == {"ETH": D(2)}
    assert desk.venue.positions(ALICE) == {}
    assert {row["startPosition"] for row in desk.info("userFills", user=sub)} == {"0.0", "1.0"}


def test_nobody_else_acts_for_it():
    desk = Desk()
    sub = with_sub_account(desk, 10_000)
    assert desk.post(buy(desk), vault=sub, signer=OTHER) == err(f"Vault not registered: {sub}")


def test_the_masters_own_address_is_no_vault():
    desk = Desk()
    assert desk.post(buy(desk), vault=ALICE) == err(f"Vault not registered: {ALICE}")
    assert desk.post(buy(desk), vault=BOB[2:]) == err(f"Vault not registered: {BOB}")


def test_a_refused_vault_costs_neither_budget_nor_nonce():
    desk = Desk()
    desk.post(NOOP, vault=BOB, nonce=desk.now_ms)
    assert desk.info("userRateLimit", user=ALICE)["nRequestsUsed"] == 0
    assert desk.post(NOOP, nonce=desk.now_ms) == DONE


def test_its_budget_is_its_own():
    desk = Desk()
    sub = with_sub_account(desk, 10_000)
    before = desk.info("userRateLimit", user=ALICE)
    for _ in range(3):
        desk.post(NOOP, vault=sub)
    desk.post(buy(desk), vault=sub)
    limit = desk.info("userRateLimit", user=sub)
    assert (limit["nRequestsUsed"], limit["nRequestsCap"]) == (4, 14_000)
    assert desk.info("userRateLimit", user=ALICE) == before
    desk.post(buy(desk), vault=sub, expires=desk.now_ms - 1)
    assert desk.info("userRateLimit", user=sub)["nRequestsUsed"] == 9


def test_a_nonce_belongs_to_the_signer_whatever_account_it_acts_for():
    desk = Desk()
    sub = with_sub_account(desk, 10_000)
    nonce = desk.nonce + 10
    assert desk.post(NOOP, vault=sub, nonce=nonce) == DONE
    assert desk.post(NOOP, nonce=nonce) == err(f"Invalid nonce: duplicate nonce {nonce}")


def test_a_builder_that_the_master_approved_is_approved_for_it():
    desk = Desk()
    sub = with_sub_account(desk, 10_000)
    action = {**buy(desk), "builder": {"b": BOB, "f": 10}}
    assert desk.post(action, vault=sub) == err("Builder fee has not been approved.")
    desk.approve_builder("0.01%")
    assert desk.post(action, vault=sub)["status"] == "ok"
    assert desk.info("userFills", user=sub)[0]["builderFee"] == "0.40001"


def test_its_positions_are_settled_and_its_orders_cancelled_when_a_coin_is_delisted():
    end_ms = Desk().now_ms + 60_000
    assets = (asset(0, "BTC", 5, 40), replace(asset(1, "ETH", 4, 25), delisted_from_ms=end_ms))
    desk = Desk(SmallMarket(assets))
    sub = with_sub_account(desk, 10_000)
    desk.post({"type": "updateLeverage", "asset": 1, "isCross": False, "leverage": 5}, vault=sub)
    desk.post(buy(desk), vault=sub)
    desk.post(order_action(desk.market, ("ETH", 1, 3900, "Gtc", False, None)), vault=sub)
    (oid,) = [row["oid"] for row in desk.info("openOrders", user=sub)]
    desk.wait(60_000)
    assert (desk.venue.positions(sub), desk.info("openOrders", user=sub)) == ({}, [])
    assert desk.info("userFills", user=sub)[0]["dir"] == "Settlement"
    assert desk.info("orderStatus", user=sub, oid=oid)["order"]["status"] == "delistedCanceled"
    assert desk.info("userFunding", user=sub, startTime=0) == []


def test_it_pays_its_own_funding():
    desk = Desk()
    sub = with_sub_account(desk, 10_000)
    desk.market.rates = {"ETH": D("0.0001")}
    desk.post(buy(desk), vault=sub)
    desk.wait(HOUR_MS)
    (row,) = desk.info("userFunding", user=sub, startTime=0)
    assert row["delta"]["usdc"] == "-0.4"
    assert desk.info("userFunding", user=ALICE, startTime=0) == []


def test_it_has_no_sub_accounts():
    desk = Desk()
    sub = with_sub_account(desk)
    desk.venue._account(sub).traded_usd = D(100_000)
    assert desk.post({"type": "createSubAccount", "name": "x"}, vault=sub)["status"] == "err"


def test_the_account_mode_is_recorded_and_told():
    desk = Desk()
    sub = with_sub_account(desk)
    assert desk.info("userAbstraction", user=ALICE) == "default"
    assert set_abstraction(desk, ALICE, "unifiedAccount") == DONE
    assert set_abstraction(desk, sub, "portfolioMargin") == DONE
    assert set_abstraction(desk, BOB, "disabled")["status"] == "err"
    modes = [desk.info("userAbstraction", user=user) for user in (ALICE, sub, BOB)]
    assert modes == ["unifiedAccount", "portfolioMargin", "default"]
    assert desk.post({"type": "agentSetAbstraction", "abstraction": "i"}) == DONE
    assert desk.info("userAbstraction", user=ALICE) == "disabled"
