"""Post requests: info and actions over the websocket (hyperliquid.md 3)."""

import pytest
from hyperliquid.utils.signing import sign_l1_action

from sim.venue.blocks import BLOCK_MS
from tests.sim.venue.desk import AGENT, Desk, order_action


@pytest.fixture
def desk():
    return Desk()


def post(desk, connection, kind, payload):
    desk.say(connection, {"method": "post", "id": 7, "request": {"type": kind, "payload": payload}})
    if kind == "action":
        assert desk.frames(connection) == [], "an action is answered when its block ends"
        desk.wait(BLOCK_MS)
    [frame] = [f for f in desk.frames(connection) if f["channel"] == "post"]
    assert frame["data"]["id"] == 7
    return frame["data"]["response"]


def test_a_post_request_answers_info(desk):
    response = post(desk, desk.connect(), "info", {"type": "exchangeStatus"})
    status = {"time": desk.now_ms, "specialStatuses": None}
    assert response == {"type": "info", "payload": {"type": "exchangeStatus", "data": status}}


def test_a_post_request_places_an_order(desk):
    action = order_action(desk.market, ("ETH", 1, 4100, "Ioc", False, None))
    signature = sign_l1_action(AGENT, action, None, desk.nonce, None, False)
    payload = {"action": action, "nonce": desk.nonce, "signature": signature}
    connection = desk.connect()
    response = post(desk, connection, "action", payload)
    assert response["payload"]["response"]["data"]["statuses"][0]["filled"]["totalSz"] == "1.0"
    refused = post(desk, connection, "action", {**payload, "nonce": desk.nonce + 1})
    assert refused["type"] == "action"
    assert refused["payload"]["status"] == "err"


def test_a_post_request_of_a_wrong_shape_is_an_error(desk):
    response = post(desk, desk.connect(), "info", {"type": "weather"})
    assert response == {"type": "error", "payload": "422 Unprocessable Entity"}
