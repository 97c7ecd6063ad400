"""Agents: how many, how long, and never twice (hyperliquid.md 2.3)."""

import eth_account
import pytest

from tests.sim.venue.desk import AGENT, ALICE, OTHER, STRANGER, Desk
from tests.sim.venue.small_market import HOUR_MS
from tests.sim.venue.wallet import DONE, err, with_sub_account

NOOP = {"type": "noop"}
DAY_MS = 24 * HOUR_MS
NOBODY = "0x" + 40 * "0"


def address(n):
    return "0x" + f"{n:02x}" * 20


def key(n):
    return eth_account.Account.from_key("0x" + f"{n:02x}" * 32)


def gone(desk, signer):
    text = f"User or API Wallet {signer.address.lower()} does not exist."
    return desk.post(NOOP, signer=signer) == err(text)


def test_there_are_three_names_and_two_more_for_each_sub_account():
    desk = Desk()
    assert [desk.approve(address(n), f"name {n}") for n in (1, 2)] == [DONE, DONE]
    text = "Too many extra agents for cumulative volume traded. Current limit is {}"
    assert desk.approve(address(3), "name 3") == err(text.format(3))
    assert desk.approve(address(4)) == DONE
    with_sub_account(desk)
    assert [desk.approve(address(n), f"name {n}") for n in (5, 6)] == [DONE, DONE]
    assert desk.approve(address(7), "name 7") == err(text.format(5))


def test_a_name_approved_again_replaces_its_agent():
    desk = Desk()
    assert desk.approve(STRANGER.address, "agent 1") == DONE
    assert gone(desk, AGENT)
    assert desk.post(NOOP, signer=STRANGER) == DONE
    assert [a["address"] for a in desk.info("extraAgents", user=ALICE)] == [STRANGER.address.lower()]


def test_an_agent_lives_for_ninety_days():
    desk = Desk()
    (agent,) = desk.info("extraAgents", user=ALICE)
    assert agent["validUntil"] == desk.now_ms + 90 * DAY_MS


def test_the_name_may_carry_the_end():
    desk = Desk()
    end = desk.now_ms + 10 * DAY_MS
    assert desk.approve(STRANGER.address, f"short valid_until {end}") == DONE
    assert {"name": "short", "address": STRANGER.address.lower(), "validUntil": end} in desk.info(
        "extraAgents", user=ALICE
    )
    past = desk.approve(address(1), f"x valid_until {desk.now_ms}")
    assert past == err("Agent valid_until already expired.")
    assert desk.approve(address(1), f"x valid_until {desk.now_ms + 180 * DAY_MS + 1}")["status"] == "err"
    assert desk.approve(address(1), f"x valid_until {desk.now_ms + 180 * DAY_MS}") == DONE


@pytest.mark.parametrize("end", ["", "soon", "²", "9" * 5_000, "-1"])
def test_an_end_that_is_no_time_has_passed(end):
    assert Desk().approve(address(1), f"x valid_until {end}") == err("Agent valid_until already expired.")


def test_an_expired_agent_signs_on_for_minutes_and_is_gone_within_the_hour():
    desk = Desk()
    end = desk.now_ms + 60_000
    desk.approve(STRANGER.address, f"short valid_until {end}")
    desk.wait(60_000 + 15 * 60_000)
    assert desk.post(NOOP, signer=STRANGER) == DONE
    desk.wait(HOUR_MS)
    assert gone(desk, STRANGER)
    assert desk.info("userRole", user=STRANGER.address.lower()) == {"role": "missing"}


def test_a_removal_takes_effect_at_once_and_blocks_approvals_for_five_seconds():
    desk = Desk()
    assert desk.approve(NOBODY, "agent 1") == DONE
    assert gone(desk, AGENT)
    assert desk.info("extraAgents", user=ALICE) == []
    desk.wait(4_999)
    assert desk.approve(address(1)) == err("User has pending agent removal")
    desk.wait(1)
    assert desk.approve(address(1)) == DONE


def test_removing_a_name_that_nobody_has_changes_nothing():
    desk = Desk()
    assert desk.approve(NOBODY, "nobody") == DONE
    assert desk.approve(address(1)) == DONE


@pytest.mark.parametrize("name", [None, "again"])
def test_an_address_is_never_approved_twice_not_even_after_its_removal(name):
    desk = Desk()
    assert desk.approve(AGENT.address, name) == err("Extra agent already used.")
    desk.approve(NOBODY, "agent 1")
    desk.wait(5_000)
    assert desk.approve(AGENT.address, name) == err("Extra agent already used.")
    assert desk.approve(AGENT.address, name, signer=OTHER) == err("Extra agent already used.")


def test_the_nonces_of_an_agent_go_with_it():
    desk = Desk()
    desk.post(NOOP)
    assert AGENT.address.lower() in desk.venue._state.nonces
    desk.approve(NOBODY, "agent 1")
    assert AGENT.address.lower() not in desk.venue._state.nonces


def test_an_agent_acts_for_its_own_master_only():
    desk = Desk()
    desk.approve(key(9).address, signer=OTHER)
    desk.order("ETH", 1, 4100, signer=key(9))
    assert desk.venue.positions(ALICE) == {}
