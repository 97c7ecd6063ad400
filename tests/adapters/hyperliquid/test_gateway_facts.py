from decimal import Decimal

import msgspec
import pytest

from adapters.hyperliquid.exchange import Account
from adapters.hyperliquid.signing import Network, Signer, action_hash
from adapters.hyperliquid.wire.actions import ScheduleCancelAction
from adapters.ports import Rejected, Unknown
from tests.adapters.hyperliquid.desk import KEY, MASTER, gateway, order
from tests.adapters.hyperliquid.recorded import needs_recordings, round_trips
from tests.adapters.scripted import NOON_MS, ScriptedHttp, reply, run

SIGNER = Signer.from_key(KEY).address


def facts_with(agent, *, own=None, agents=(), dexes=(None,), states=None):
    """Facts of an account whose signer is agent, own being the account's role."""

    def answer(path, question):
        match question["type"]:
            case "userRole":
                return reply((own or {"role": "user"}) if question["user"] == MASTER else agent)
            case "extraAgents":
                return reply(list(agents))
            case "perpDexs":
                return reply(list(dexes))
            case "clearinghouseState":
                return reply((states or {})[question["dex"]])
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


def test_facts_name_the_agent_and_when_it_expires():
    agents = [
        {"name": "bad"},
        {"name": "night", "address": SIGNER.upper().replace("X", "x"), "validUntil": 5},
    ]
    named = facts_with({"role": "agent", "data": {"user": MASTER}}, agents=agents)
    assert (named.agent_name, named.agent_until_ms) == ("night", 5)
    unnamed = facts_with({"role": "agent", "data": {"user": MASTER}})
    assert (unnamed.agent_name, unnamed.agent_until_ms) == (None, None)


def test_facts_name_the_master_of_an_agent_and_of_a_sub_account():
    other = "0x" + "cd" * 20
    assert facts_with({"role": "missing"}, own={"role": "agent", "data": {"user": other}}).role_of == other
    sub = {"role": "subAccount", "data": {"master": other.upper().replace("X", "x")}}
    assert facts_with({"role": "missing"}, own=sub).role_of == other
    assert facts_with({"role": "missing"}).role_of is None


def test_facts_look_at_every_builders_dex():
    position = {"coin": "xyz:TSLA", "szi": "1.0", "entryPx": "300.0", "positionValue": "310.0"}
    held = {"marginSummary": {"accountValue": "5.0"}, "time": 1}
    states = {
        "flx": held | {"assetPositions": []},
        "xyz": held | {"assetPositions": [{"type": "oneWay", "position": position}]},
    }
    facts = facts_with({"role": "missing"}, dexes=(None, {"name": "flx"}, {"name": "xyz"}), states=states)
    assert facts.builder_positions == ("xyz:TSLA",)


def test_an_order_on_a_builders_market_is_refused_by_name():
    [answer] = gateway(ScriptedHttp(lambda *_: None)).sign([order(coin="xyz:TSLA", asset_id=110_001)]).refused
    assert "builder's market, which is not supported" in answer.reason


@needs_recordings
def test_recorded_agents_and_dexes_are_read():
    from adapters.hyperliquid.wire.account import read_agents, read_builder_dexes

    agents = read_agents(round_trips("sdk_cassettes/test_extra_agents.yaml")[0][1])
    assert all(a.address.startswith("0x") and a.validUntil > 0 for a in agents)
    assert len(agents) > 0
    assert "flx" in read_builder_dexes(round_trips("go_hyperliquid_cassettes/PerpDexs.yaml")[0][1])


@needs_recordings
def test_recorded_roles_and_limits_are_read():
    from adapters.hyperliquid.wire.account import read_rate_limit, read_role

    assert read_role(round_trips("sdk_cassettes/test_user_role.yaml")[0][1]).role == "vault"
    assert read_rate_limit(round_trips("sdk_cassettes/test_user_rate_limit.yaml")[0][1]).nRequestsCap > 10_000


@pytest.mark.parametrize("address", ["", "0x12", MASTER.upper(), MASTER[2:], "0x" + "zz" * 20])
def test_an_account_address_that_is_none_is_refused_with_the_rule(address):
    with pytest.raises(ValueError, match="40 hex digits in lower case"):
        Account(address, Signer.from_key(KEY), Network.TESTNET)


@pytest.mark.parametrize("time_ms", [None, 1_786_536_000_000])
def test_a_scheduled_cancel_is_signed_as_the_venues_sdk_signs_it(time_ms):
    from eth_account import Account as Wallet
    from hyperliquid.utils.signing import sign_l1_action

    action = {"type": "scheduleCancel"} | ({} if time_ms is None else {"time": time_ms})
    made = Signer.from_key(KEY).sign_hash(action_hash(ScheduleCancelAction(time_ms), 5), Network.TESTNET)
    theirs = sign_l1_action(Wallet.from_key(KEY), action, None, 5, None, False)
    assert (int(made.r, 16), int(made.s, 16), made.v) == (
        int(theirs["r"], 16),
        int(theirs["s"], 16),
        theirs["v"],
    )
    assert msgspec.json.decode(msgspec.json.encode(ScheduleCancelAction(time_ms))) == action


def test_a_scheduled_cancel_is_not_sent_when_it_comes_too_late_and_its_refusal_is_told():
    asked = []

    def answer(path, question):
        asked.append(question["action"])
        return reply({"status": "err", "response": "Cannot set scheduled cancel time until enough volume"})

    desk = gateway(ScriptedHttp(answer))
    with pytest.raises(Unknown, match="too late itself"):
        run(desk.schedule_cancel(NOON_MS + 4_999))
    assert asked == []
    with pytest.raises(Rejected, match="enough volume"):
        run(desk.schedule_cancel(NOON_MS + 20_000))
    assert asked == [{"type": "scheduleCancel", "time": NOON_MS + 20_000}]


def test_a_noop_hashes_like_the_plain_dictionary():
    from adapters.hyperliquid.wire.actions import NoopAction

    assert msgspec.json.encode(NoopAction()) == b'{"type":"noop"}'
    assert action_hash(NoopAction(), 5) == action_hash({"type": "noop"}, 5)
