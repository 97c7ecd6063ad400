"""Whatever a client says, the venue answers with what is documented, lives on, and its money adds up."""

import json

import pytest
from hyperliquid.utils.signing import sign_l1_action

from sim.venue.account_actions import CreateSubAccountAction
from sim.venue.actions import canonical_number
from sim.venue.candles import INTERVAL_MS
from sim.venue.exchange import HANDLERS
from sim.venue.market import Market
from tests.sim.venue.desk import AGENT, ALICE, BOB, JSON, MASTER, OTHER, Desk
from tests.sim.venue.hostile import Hostile
from tests.sim.venue.markets import SAMPLE
from tests.sim.venue.orders import history, move, place, rest, status, trigger, wire
from tests.sim.venue.small_market import HOUR_MS, D
from tests.sim.venue.wallet import DONE, usd_send

DOCUMENTED = {
    (200, "application/json"),
    (400, "text/plain; charset=utf-8"),
    (422, "text/plain; charset=utf-8"),
}


@pytest.mark.parametrize("seed", range(6))
def test_nothing_but_documented_answers_leaves_the_venue_and_its_money_adds_up(seed, caplog):
    hostile = Hostile(seed)
    for _ in range(150):
        hostile.say_something()
    hostile.take("wait", HOUR_MS)
    hostile.take("wait", 2 * HOUR_MS)
    for reply in hostile.replies:
        check_reply(reply)
    check_money(hostile.desk)
    for user in (ALICE, BOB, hostile.desk.sub):
        hostile.desk.state(user)
    assert not caplog.records, "an action failed within its block"


def check_reply(reply):
    if reply.status == 500:
        assert reply.body == b"null"
    else:
        assert (reply.status, reply.content_type) in DOCUMENTED, reply
    if reply.status == 200:
        json.loads(reply.body)


def check_money(desk):
    """All that is there came in, and went only by fills, fees, funding, withdrawals and bought requests."""
    state = desk.venue._state
    people, there = list(state.accounts.values()), state.backstop.cash_usd
    for account in people:
        there += account.cash_usd + account.spot_usd + account.requests_bought * D("0.0005")
        there += sum((p.raw_usd for p in account.positions.values() if p.raw_usd is not None), D(0))
        there += sum((f.signed_size * f.px + f.fee_usd for f in account.fills), D(0))
        there -= sum((row.usd for row in account.fundings), D(0))
        there += sum((left(row.delta) for row in account.ledger), D(0))
    assert there == sum((account.deposited_usd for account in people), D(0))


def left(delta):
    return D(delta["usdc"]) + D(delta["fee"]) if delta["type"] == "withdraw" else D(0)


# --- what has stopped it, or hurt somebody else --------------------------------------------------------------


def test_a_size_of_many_zeros_is_zero():
    assert [canonical_number(text) for text in ("00", "0", "0.0", "000.50", "007", "10.0", "100")] == [
        *("0", "0", "0", "0.5", "7", "10", "100"),
    ]


def test_a_trigger_order_of_astronomic_value_is_refused_when_it_fires():
    desk = Desk()
    wanted = trigger("BTC", 999_999_999_999, 101_000, px=999_999_999_999, reduce=False)
    [oid] = rest(desk, wanted)
    move(desk, "BTC", 102_000)
    assert history(desk, oid) == ["open", "triggered", "perpMarginRejected"]


@pytest.mark.parametrize("path", ["/info", "/exchange"])
def test_json_nested_too_deep_is_no_json(path):
    deep = b'{"type":"meta","action":' + 50_000 * b"[" + 50_000 * b"]" + b"}"
    assert Desk().raw(path, deep).status in (400, 422)


def test_a_frame_nested_too_deep_is_answered_with_an_error():
    desk = Desk()
    connection = desk.connect()
    text = '{"method":"subscribe","subscription":{"type":"x","a":' + 5_000 * "[" + 5_000 * "]" + "}}"
    desk.say(connection, text)
    [answer] = desk.frames()
    assert answer == {
        "channel": "error",
        "data": f"Error parsing JSON into valid websocket request: {text}",
    }


def test_money_sent_to_an_agent_does_not_take_it_away_from_its_master():
    desk, agent = Desk(), AGENT.address.lower()
    assert usd_send(desk, 1, agent, signer=OTHER)["status"] == "ok"
    desk.order("BTC", 0.01, 110_000)
    assert list(desk.venue.positions(ALICE)) == ["BTC"]
    assert desk.info("userRole", user=agent) == {"role": "agent", "data": {"user": ALICE}}
    assert usd_send(desk, 1, BOB, signer=AGENT)["status"] == "ok", "it signs for its own money itself"


def test_an_address_with_a_line_feed_is_none():
    question = json.dumps({"type": "clearinghouseState", "user": ALICE + "\n"}).encode()
    assert Desk().raw("/info", question).status == 422


def test_subscribing_again_and_again_makes_no_topic_more_frequent():
    desk = Desk()
    connection, topic = desk.connect(), {"type": "allMids"}
    for method in (*("subscribe", "unsubscribe") * 5, "subscribe"):
        desk.say(connection, {"method": method, "subscription": topic})
    desk.frames()
    desk.wait(20_000)
    assert [frame["channel"] for frame in desk.frames()] == ["allMids"] * 4


def test_a_scheduled_cancel_may_be_put_forward():
    desk = Desk()
    desk.venue._account(ALICE).traded_usd = D(1_000_000)
    [oid] = rest(desk, wire("BTC", 1, 90_000))
    for ahead_ms in (100_000, 10_000):
        desk.post({"type": "scheduleCancel", "time": desk.now_ms + ahead_ms})
    desk.wait(10_000)
    assert status(desk, oid) == "scheduledCancel"


def test_put_off_again_it_waits_for_its_last_time():
    desk = Desk()
    desk.venue._account(ALICE).traded_usd = D(1_000_000)
    [oid] = rest(desk, wire("BTC", 1, 90_000))
    for ahead_ms in (100_000, 10_000, 200_000):
        desk.post({"type": "scheduleCancel", "time": desk.now_ms + ahead_ms})
    desk.wait(199_000)
    assert status(desk, oid) == "open"
    desk.wait(1_000)
    assert status(desk, oid) == "scheduledCancel"


@pytest.mark.parametrize("interval", sorted(INTERVAL_MS))
def test_candles_of_a_far_future_are_none(interval):
    far = {"coin": "BTC", "interval": interval, "startTime": 2**62, "endTime": 2**62}
    desk = Desk(Market.from_directory(SAMPLE, seed=1), at_ms=1_753_400_000_000)
    assert desk.info("candleSnapshot", req=far) == []


def test_a_refused_bracket_leaves_no_word_of_its_children():
    desk = Desk()
    parent, child = wire("BTC", 1, 100_010, "Alo"), trigger("BTC", -1, 90_000)
    [refused] = place(desk, parent, child, grouping="normalTpsl")
    assert "error" in refused
    assert [row["status"] for row in desk.info("historicalOrders", user=ALICE)] == ["badAloPxRejected"]


def test_a_mistake_of_ours_in_one_action_is_its_own_500_and_the_others_go_on(monkeypatch, caplog):
    desk = Desk()
    monkeypatch.setattr("sim.venue.exchange.HANDLERS", HANDLERS | {CreateSubAccountAction: None})
    bodies = (signed(desk, {"type": "createSubAccount", "name": ""}), signed(desk, {"type": "noop"}))
    broken, whole = (desk.venue.submit("/exchange", JSON, body, now_ms=desk.now_ms) for body in bodies)
    desk.wait(70)
    replies = dict(desk.venue.take_replies())
    assert (replies[broken.number].status, replies[broken.number].body) == (500, b"null")
    assert json.loads(replies[whole.number].body) == DONE
    assert "CreateSubAccountAction was not carried out" in caplog.text
    assert len(desk.venue.mistakes) == 1
    desk.venue.mistakes.clear()


def signed(desk, action):
    desk.nonce += 1
    signature = sign_l1_action(MASTER, action, None, desk.nonce, None, False)
    return json.dumps({"action": action, "nonce": desk.nonce, "signature": signature}).encode()
