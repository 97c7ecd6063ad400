"""Actions of the real venue that this one refuses by name; their signers are found all the same (2.2)."""

import pytest

from tests.sim.venue.desk import AGENT, ALICE, BOB, Desk
from tests.sim.venue.wallet import err, sign_and_send

TYPED = {
    "tokenDelegate": ({"validator": BOB, "wei": 10**8, "isUndelegate": False}, "Staking"),
    "convertToMultiSigUser": ({"signers": '{"authorizedUsers":[],"threshold":1}'}, "A multi-sig account"),
    "userDexAbstraction": ({"user": ALICE, "enabled": True}, "Dex abstraction"),
}


@pytest.mark.parametrize("kind", TYPED)
def test_the_master_is_told_that_it_is_not_served(kind):
    fields, word = TYPED[kind]
    assert sign_and_send(Desk(), kind, **fields) == err(f"{word} is not served by this venue.")


@pytest.mark.parametrize("kind", TYPED)
def test_an_agent_cannot_even_ask(kind):
    text = f"Must deposit before performing actions. User: {AGENT.address.lower()}"
    assert sign_and_send(Desk(), kind, signer=AGENT, **TYPED[kind][0]) == err(text)


def test_an_agent_cannot_enable_the_dexes_of_others():
    reply = Desk().post({"type": "agentEnableDexAbstraction"})
    assert reply == err("Dex abstraction is not served by this venue.")
