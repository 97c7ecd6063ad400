"""Blocks: what is carried out when, and in which order (hyperliquid.md 2.7)."""

import json

import pytest
from hyperliquid.utils.signing import sign_l1_action
from hypothesis import given
from hypothesis import strategies as st

from sim.venue.blocks import BLOCK_MS, Ticket, block_end_ms
from sim.venue.wire import Reply
from tests.sim.venue import orders
from tests.sim.venue.desk import AGENT, ALICE, BOB, JSON, OTHER, Desk
from tests.sim.venue.orders import action, status, trigger, wire
from tests.sim.venue.small_market import D


class BlockDesk(Desk):
    """A desk whose actions wait for the end of their block. It stands a millisecond into one."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.wait(block_end_ms(self.now_ms) + 1 - self.now_ms)

    def submit(self, document, *, signer=AGENT, expires=None, nonce=None):
        self.nonce = max(self.nonce + 1, self.now_ms)
        nonce = self.nonce if nonce is None else nonce
        signature = sign_l1_action(signer, document, None, nonce, expires, False)
        envelope = {"action": document, "nonce": nonce, "signature": signature, "expiresAfter": expires}
        return self.venue.submit("/exchange", JSON, json.dumps(envelope).encode(), now_ms=self.now_ms)

    def end_block(self):
        """Go to the block's end and return the replies by ticket number, in the order they were given."""
        self.wait(block_end_ms(self.now_ms) - self.now_ms)
        return {number: json.loads(reply.body) for number, reply in self.venue.take_replies()}


def statuses(reply):
    return reply["response"]["data"]["statuses"]


def test_a_reply_is_known_at_the_end_of_the_block_and_not_before():
    desk = BlockDesk()
    ticket = desk.submit(action(wire("ETH", 1, 4100, "Ioc")))
    assert ticket == Ticket(ticket.number, block_end_ms(desk.now_ms))
    assert ticket.due_ms - desk.now_ms == BLOCK_MS - 1
    desk.wait(BLOCK_MS - 2)
    assert desk.venue.take_replies() == []
    assert desk.venue.positions(ALICE) == {}
    desk.wait(1)
    [(number, reply)] = desk.venue.take_replies()
    assert (number, reply.status) == (ticket.number, 200)
    [fill] = desk.venue.fills(ALICE)
    assert fill.at_ms == ticket.due_ms


def test_an_action_at_the_very_end_of_a_block_is_still_of_it():
    desk = BlockDesk()
    desk.wait(BLOCK_MS - 1)
    assert desk.submit({"type": "noop"}).due_ms == desk.now_ms
    assert len(desk.end_block()) == 1


def test_a_cancel_beats_the_taker_that_came_before_it():
    desk = BlockDesk()
    [oid] = orders.rest(desk, wire("ETH", -1, D("4000.1")), signer=OTHER)
    taker = desk.submit(action(wire("ETH", 6, D("4000.1"), "Ioc")))
    cancel = desk.submit({"type": "cancel", "cancels": [{"a": 1, "o": oid}]}, signer=OTHER)
    replies = desk.end_block()
    assert list(replies) == [cancel.number, taker.number]
    assert statuses(replies[cancel.number]) == ["success"]
    assert statuses(replies[taker.number])[0]["filled"]["totalSz"] == "5.0"
    assert status(desk, oid, BOB) == "canceled"


def test_without_a_block_the_taker_would_have_had_it():
    desk = BlockDesk()
    [oid] = orders.rest(desk, wire("ETH", -1, D("4000.1")), signer=OTHER)
    assert desk.order("ETH", 6, D("4000.1"))["filled"]["totalSz"] == "6.0"
    assert desk.cancel(1, oid, signer=OTHER)["error"].startswith("Order was never placed")


def test_a_post_only_order_comes_before_the_cancel_and_both_before_the_taker():
    desk = BlockDesk()
    taker = desk.submit(action(wire("ETH", 6, D("4000.1"), "Ioc")))
    cancel = desk.submit({"type": "cancel", "cancels": [{"a": 1, "o": 1}]}, signer=OTHER)
    maker = desk.submit(action(wire("ETH", -1, D("4000.1"), "Alo")), signer=OTHER)
    replies = desk.end_block()
    assert list(replies) == [maker.number, cancel.number, taker.number]
    assert statuses(replies[taker.number])[0]["filled"]["totalSz"] == "6.0"
    assert desk.venue.positions(BOB) == {"ETH": D(-1)}


MODIFY = {"type": "modify", "oid": 1, "order": wire("ETH", 1, 3990)}
FIRST = [{"type": "noop"}, action(wire("ETH", 1, 3990, "Alo")), action(trigger("ETH", 1, 4100)), MODIFY]
THIRD = [action(wire("ETH", 1, 3990)), action(wire("ETH", 1, 3990, "Alo"), wire("ETH", 1, 4100, "Ioc"))]
THIRD += [action(wire("ETH", 1, 4100, "FrontendMarket")), MODIFY | {"a": True}]


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("third", THIRD)
def test_the_classes_of_actions(first, third):
    desk = BlockDesk()
    late = desk.submit(third)
    middle = desk.submit({"type": "cancel", "cancels": [{"a": 1, "o": 1}]})
    early = desk.submit(first)
    assert list(desk.end_block()) == [early.number, middle.number, late.number]


@given(st.lists(st.sampled_from(["noop", "alo", "cancel", "ioc", "gtc"]), max_size=8))
def test_within_a_class_actions_are_carried_out_as_they_came(kinds):
    desk = BlockDesk()
    documents = {
        "noop": {"type": "noop"},
        "alo": action(wire("ETH", 1, 3900, "Alo")),
        "cancel": {"type": "cancel", "cancels": [{"a": 1, "o": 1}]},
        "ioc": action(wire("ETH", "0.1", 4100, "Ioc")),
        "gtc": action(wire("ETH", 1, 3900)),
    }
    classes = {"noop": 1, "alo": 1, "cancel": 2, "ioc": 3, "gtc": 3}
    asked = [(classes[kind], desk.submit(documents[kind]).number) for kind in kinds]
    assert list(desk.end_block()) == [number for _, number in sorted(asked)]


def test_expiry_is_judged_with_the_blocks_time():
    desk = BlockDesk()
    end_ms = block_end_ms(desk.now_ms)
    late = desk.submit({"type": "noop"}, expires=end_ms - 1)
    in_time = desk.submit({"type": "noop"}, expires=end_ms)
    replies = desk.end_block()
    assert replies[late.number] == {"status": "err", "response": "Action already expired"}
    assert replies[in_time.number]["status"] == "ok"


def test_a_nonce_is_used_by_the_first_to_be_carried_out():
    desk = BlockDesk()
    taker = desk.submit(action(wire("ETH", 1, 4100, "Ioc")), nonce=desk.now_ms)
    noop = desk.submit({"type": "noop"}, nonce=desk.now_ms)
    replies = desk.end_block()
    assert replies[noop.number]["status"] == "ok"
    assert replies[taker.number]["response"] == f"Invalid nonce: duplicate nonce {desk.now_ms - BLOCK_MS + 1}"


def test_what_is_no_action_is_answered_at_once():
    desk = BlockDesk()
    for path, body, code in (("/info", b'{"type":"exchangeStatus"}', 200), ("/exchange", b"{", 400)):
        answer = desk.venue.submit(path, JSON, body, now_ms=desk.now_ms)
        assert isinstance(answer, Reply)
        assert answer.status == code


def test_a_signature_of_nobody_is_422_when_the_block_ends():
    desk = BlockDesk()
    zero = {"r": "0x0", "s": "0x0", "v": 27}
    envelope = {"action": {"type": "noop"}, "nonce": desk.now_ms, "signature": zero}
    desk.venue.submit("/exchange", JSON, json.dumps(envelope).encode(), now_ms=desk.now_ms)
    desk.wait(BLOCK_MS)
    [(_, reply)] = desk.venue.take_replies()
    assert reply.status == 422


def test_a_venue_nobody_asks_has_no_blocks():
    desk = BlockDesk()
    quiet_ms = desk.venue.next_ms()
    desk.submit({"type": "noop"})
    assert desk.venue.next_ms() == block_end_ms(desk.now_ms)
    desk.end_block()
    assert desk.venue.next_ms() == quiet_ms


def test_an_action_posted_on_a_websocket_is_of_the_same_block():
    desk = BlockDesk()
    [oid] = orders.rest(desk, wire("ETH", -1, D("4000.1")), signer=OTHER)
    taker = desk.submit(action(wire("ETH", 6, D("4000.1"), "Ioc")))
    connection = desk.connect()
    document, nonce = {"type": "cancel", "cancels": [{"a": 1, "o": oid}]}, desk.now_ms
    signature = sign_l1_action(OTHER, document, None, nonce, None, False)
    payload = {"action": document, "nonce": nonce, "signature": signature}
    desk.say(connection, {"method": "post", "id": 4, "request": {"type": "action", "payload": payload}})
    assert statuses(desk.end_block()[taker.number])[0]["filled"]["totalSz"] == "5.0"
    [frame] = desk.frames(connection)
    assert frame["data"]["id"] == 4
    assert statuses(frame["data"]["response"]["payload"]) == ["success"]


def test_a_connection_that_has_gone_gets_no_answer_and_its_action_is_carried_out():
    desk = BlockDesk()
    connection = desk.connect()
    document, nonce = action(wire("ETH", 1, 4100, "Ioc")), desk.now_ms
    signature = sign_l1_action(AGENT, document, None, nonce, None, False)
    payload = {"action": document, "nonce": nonce, "signature": signature}
    desk.say(connection, {"method": "post", "id": 4, "request": {"type": "action", "payload": payload}})
    desk.venue.disconnect(connection)
    desk.end_block()
    assert desk.frames() == []
    assert desk.venue.positions(ALICE) == {"ETH": D(1)}
