"""The recorded /exchange round trips, signed anew and answered as recorded but for the ids (hyperliquid.md 6.2)."""

import re

import pytest

from tests.conformance.recordings import cassette, needs_messages, round_trips
from tests.sim.venue.desk import AGENT, STRANGER, Desk
from tests.sim.venue.small_market import D, SmallMarket, asset

pytestmark = needs_messages

REPLAYED = (
    "Cancel_DoubleCancel",
    "Cancel_NonExistent",
    "Cancel_Success",
    "CancelByCloid_NonExistent",
    "CancelByCloid_Success",
    "Orders_Above10",
    "Orders_Below10",
)
BY_HAND = ("Orders_Cloid", "Orders_InvalidAuth")
DEPLOYS = "PerpDeploy"
"""Deploying a dex is not for a trading client, and its recordings are of low trust (MANIFEST.md)."""

ORDER_KEYS = ("a", "b", "p", "s", "r", "t", "c")
WALLET = re.compile(r"User or API Wallet 0x[0-9a-f]{40} does not exist\.")


def recorded_desk():
    """A market in which asset 173 trades near 0.25, as it did when the cassettes were recorded."""
    assets = tuple(asset(n, f"COIN{n}", 0, 5) for n in range(174))
    return Desk(SmallMarket(assets, mids={a.name: D("0.25") for a in assets}))


def canonical(action):
    """The recorder sorted the keys; put them back in the order in which they are signed."""
    if action["type"] != "order":
        return {"type": action["type"], **{k: v for k, v in action.items() if k != "type"}}
    orders = [{k: o[k] for k in ORDER_KEYS if k in o} for o in action["orders"]]
    return {"type": "order", "orders": orders, "grouping": action["grouping"]}


def without_ids(document):
    if isinstance(document, dict):
        return {k: 0 if k == "oid" else without_ids(v) for k, v in document.items()}
    return [without_ids(v) for v in document] if isinstance(document, list) else document


def statuses(reply):
    return reply["response"]["data"]["statuses"]


def test_every_recorded_round_trip_is_replayed_but_for_deployments():
    names = {trip.cassette for trip in round_trips("/exchange") if not trip.cassette.startswith(DEPLOYS)}
    assert names == {*REPLAYED, *BY_HAND}


@pytest.mark.parametrize("name", REPLAYED)
def test_a_recorded_round_trip_is_answered_as_recorded(name):
    desk, oids = recorded_desk(), {}
    for trip in cassette(name):
        action = canonical(trip.request["action"])
        for cancel in action.get("cancels", []):
            if "o" in cancel:
                cancel["o"] = oids.get(cancel["o"], cancel["o"])
        reply = desk.post(action)
        assert without_ids(reply) == without_ids(trip.response)
        for ours, theirs in zip(statuses(reply), statuses(trip.response), strict=True):
            if "resting" in ours:
                oids[theirs["resting"]["oid"]] = ours["resting"]["oid"]


def test_a_client_order_id_without_0x_recovers_a_stranger_as_recorded():
    desk = recorded_desk()
    for trip, stranger in zip(cassette("Orders_Cloid"), (True, False, False), strict=True):
        reply = desk.post(canonical(trip.request["action"]))
        if stranger:
            assert reply["status"] == trip.response["status"] == "err"
            assert all(WALLET.fullmatch(one["response"]) for one in (reply, trip.response))
            assert AGENT.address.lower() not in reply["response"]
        else:
            assert without_ids(reply) == without_ids(trip.response)


def test_a_wallet_nobody_approved_is_refused_by_name_as_recorded():
    [trip] = cassette("Orders_InvalidAuth")
    reply = recorded_desk().post(canonical(trip.request["action"]), signer=STRANGER)
    assert reply.keys() == trip.response.keys()
    assert (reply["status"], bool(WALLET.fullmatch(trip.response["response"]))) == (
        trip.response["status"],
        True,
    )
    assert reply["response"] == f"User or API Wallet {STRANGER.address.lower()} does not exist."
