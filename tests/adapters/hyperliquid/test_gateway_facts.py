from decimal import Decimal

import msgspec
import pytest

from adapters.hyperliquid.exchange import Account
from adapters.hyperliquid.signing import Network, Signer, action_hash
from tests.adapters.hyperliquid.desk import KEY, MASTER, gateway
from tests.adapters.hyperliquid.recorded import needs_recordings, round_trips
from tests.adapters.scripted import ScriptedHttp, reply, run


def facts_with(agent, account=None):
    def answer(path, question):
        match question["type"]:
            case "userRole":
                return reply((account or {"role": "user"}) if question["user"] == MASTER else agent)
            case "userAbstraction":
                return reply("unifiedAccount")
            case "userRateLimit":
                return reply(
                    {"cumVlm": "123.5", "nRequestsUsed": 7, "nRequestsCap": 10123, "nRequestsSurplus": 0}
                )

    return run(gateway(ScriptedHttp(answer)).facts())


def test_facts_say_for_whom_the_signer_may_act():
    facts = facts_with({"role": "agent", "data": {"user": MASTER.upper().replace("X", "x")}})
    assert (facts.role, facts.abstraction, facts.agent_of) == ("user", "unifiedAccount", MASTER)
    assert (facts.requests_used, facts.requests_cap, facts.traded_usd) == (7, 10123, Decimal("123.5"))
    assert facts_with({"role": "missing"}).agent_of is None


def test_a_key_that_is_an_account_of_its_own_acts_for_itself():
    assert facts_with({"role": "user"}).agent_of == Signer.from_key(KEY).address


def test_facts_name_the_master_of_a_sub_account():
    owner = "0x" + "CD" * 20
    facts = facts_with({"role": "user"}, {"role": "subAccount", "data": {"master": owner}})
    assert (facts.role, facts.master) == ("subAccount", owner.lower())
    assert facts_with({"role": "user"}).master is None


@needs_recordings
def test_recorded_roles_and_limits_are_read():
    from adapters.hyperliquid.wire.account import read_rate_limit, read_role

    assert read_role(round_trips("sdk_cassettes/test_user_role.yaml")[0][1]).role == "vault"
    assert read_rate_limit(round_trips("sdk_cassettes/test_user_rate_limit.yaml")[0][1]).nRequestsCap > 10_000


@pytest.mark.parametrize("address", ["", "0x12", MASTER.upper(), MASTER[2:], "0x" + "zz" * 20])
def test_an_account_address_that_is_none_is_refused_with_the_rule(address):
    with pytest.raises(ValueError, match="40 hex digits in lower case"):
        Account(address, Signer.from_key(KEY), Network.TESTNET)


def test_a_noop_hashes_like_the_plain_dictionary():
    from adapters.hyperliquid.wire.actions import NoopAction

    assert msgspec.json.encode(NoopAction()) == b'{"type":"noop"}'
    assert action_hash(NoopAction(), 5) == action_hash({"type": "noop"}, 5)
