"""A new signing key takes over between two actions, and what the old one signed is ended by the old one."""

import json

import pytest

from adapters.hyperliquid.exchange import Account
from adapters.hyperliquid.signers import Signers
from adapters.hyperliquid.signing import Network, Signer
from adapters.ports import Unknown, VenueError
from core.types import Outcome
from tests.adapters.hyperliquid.desk import KEY, MASTER, TAKEN, gateway, name, order, orders_ok, recovered
from tests.adapters.scripted import ScriptedHttp, reply, run

OLD, NEW = Signer.from_key(KEY), Signer.from_key("0x" + "22" * 32)
OTHER = "0x" + "cd" * 20
AGENT = reply({"role": "agent", "data": {"user": MASTER}})


class VenueOfTwoKeys(ScriptedHttp):
    """Says role of the new key; answers of /exchange in turn; taken is who signed them, with which nonce."""

    def __init__(self, role=AGENT, answers=()):
        super().__init__(self._answer)
        self.role, self.answers, self.taken = role, list(answers), []

    def _answer(self, path, question):
        if path == "/exchange":
            self.taken.append((recovered(json.dumps(question).encode()), question["nonce"]))
            return self.answers.pop(0)
        assert question["type"] == "userRole"
        return reply({"role": "user"}) if question["user"] == MASTER else self.role


def test_the_next_action_is_signed_by_the_new_key_and_one_signed_before_is_sent_as_it_is():
    http = VenueOfTwoKeys(answers=[orders_ok(1), orders_ok(1)])

    async def scenario():
        desk = gateway(http)
        before = desk.sign([order(1)])
        assert await desk.take_signer(NEW) == ""
        await desk.send(before)
        await desk.send(desk.sign([order(2)]))

    run(scenario())
    (first, nonce), (second, later) = http.taken
    assert (first, second) == (OLD.address, NEW.address)
    assert nonce < later


def test_a_lost_order_of_the_old_key_is_burnt_by_the_old_key_with_its_nonce():
    http = VenueOfTwoKeys(answers=[Unknown("time-out"), TAKEN])

    async def scenario():
        desk = gateway(http)
        await desk.send(desk.sign([order(1)]))
        await desk.take_signer(NEW)
        return await desk.burn([name(1)])

    assert [a.outcome for a in run(scenario())] == [Outcome.BURNED]
    sent, noop = http.taken
    assert sent == noop == (OLD.address, sent[1]), "the new key's noop would leave the old key's nonce free"


def test_a_lost_order_whose_key_the_venue_has_dropped_is_not_taken_for_dead():
    gone = reply({"status": "err", "response": f"User or API Wallet {OLD.address} does not exist."})
    http = VenueOfTwoKeys(answers=[Unknown("time-out"), gone])

    async def scenario():
        desk = gateway(http)
        await desk.send(desk.sign([order(1)]))
        await desk.take_signer(NEW)
        return await desk.burn([name(1)])

    assert [a.outcome for a in run(scenario())] == [Outcome.UNKNOWN]


@pytest.mark.parametrize(
    ("role", "whose"),
    [
        (reply({"role": "agent", "data": {"user": OTHER}}), OTHER),
        (reply({"role": "missing"}), "nobody the venue knows"),
        (reply({"role": "user"}), NEW.address),
    ],
)
def test_a_key_for_somebody_else_is_refused_by_name_and_the_old_one_signs_on(role, whose):
    http = VenueOfTwoKeys(role, [orders_ok(1)])

    async def scenario():
        desk = gateway(http)
        why = await desk.take_signer(NEW)
        await desk.send(desk.sign([order(1)]))
        return why

    why = run(scenario())
    assert f"{NEW.address} acts for {whose}, not for {MASTER}" in why
    assert http.taken[0][0] == OLD.address


def test_nobody_to_ask_changes_nothing():
    http = VenueOfTwoKeys(Unknown("time-out"), [orders_ok(1)])

    async def scenario():
        desk = gateway(http)
        with pytest.raises(VenueError):
            await desk.take_signer(NEW)
        await desk.send(desk.sign([order(1)]))

    run(scenario())
    assert http.taken[0][0] == OLD.address


def test_the_same_key_again_asks_nobody():
    http = VenueOfTwoKeys()
    assert run(gateway(http).take_signer(Signer.from_key(KEY))) == ""
    assert http.asked == []


def test_an_agent_of_the_owner_signs_for_a_sub_account():
    http = VenueOfTwoKeys(reply({"role": "agent", "data": {"user": OTHER}}))
    account = Account(MASTER, OLD, Network.TESTNET, OTHER)
    assert run(gateway(http, account=account).take_signer(NEW)) == ""


def test_every_nonce_belongs_to_who_signed_then():
    signers = Signers(OLD)
    signers.replace(NEW, from_nonce=100)
    signers.replace(OLD, from_nonce=200)
    assert [signers.of(n) for n in (1, 99, 100, 199, 200, 10**15)] == [OLD, OLD, NEW, NEW, OLD, OLD]
    with pytest.raises(ValueError, match="not above 200"):
        signers.replace(NEW, from_nonce=200)
