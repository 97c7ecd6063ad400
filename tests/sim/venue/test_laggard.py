"""A node that is behind stands exactly where the venue stood: every answer, byte for byte."""

import json
import random
from copy import deepcopy
from functools import partial

import pytest
from hyperliquid.utils.signing import sign_l1_action

from sim.venue.blocks import BLOCK_MS, Ticket
from sim.venue.edge import Edge, Request
from sim.venue.fault_file import parse_plan
from sim.venue.fault_plan import Course, Cut, FaultPlan
from sim.venue.refusing import UNREASONED, Refusing
from sim.venue.venue import Venue
from tests.sim.venue.desk import AGENT, ALICE, JSON, Desk, order_action
from tests.sim.venue.small_market import D, SmallMarket

READS = (
    {"type": "clearinghouseState", "user": ALICE},
    {"type": "openOrders", "user": ALICE},
    {"type": "frontendOpenOrders", "user": ALICE},
    {"type": "userFillsByTime", "user": ALICE, "startTime": 0},
    {"type": "historicalOrders", "user": ALICE},
    {"type": "userRateLimit", "user": ALICE},
    {"type": "exchangeStatus"},
    {"type": "l2Book", "coin": "ETH"},
    {"type": "allMids"},
)
LAG_MS = 2_000


class EdgeDesk(Desk):
    """The desk, speaking to the venue's edge as a server does."""

    def __init__(self, plan="", **options):
        super().__init__(**options)
        planned = parse_plan(plan, place="plan")
        self.edge = Edge(self.venue, plan=FaultPlan(planned, seed=1, start_ms=self.now_ms))

    def raw(self, path, body, content_type=JSON, course=None):
        request = Request("here", path, content_type, body)
        course = course or self.edge.course(request, fresh=False, now_ms=self.now_ms)
        given = self.edge.arrive(request, course, now_ms=self.now_ms)
        if isinstance(given, Ticket):
            self.wait(given.due_ms - self.now_ms)
            given = dict(self.edge.take_replies())[given.number]
        reply = given
        if not isinstance(given, Cut):
            reply = self.edge.leave(request, course, given, now_ms=self.now_ms)
        if isinstance(reply, Cut):
            raise ConnectionResetError(reply.after_ms)
        return reply

    def send_off(self, action):
        """Post an action and wait for nothing."""
        self.nonce += 1
        signature = sign_l1_action(AGENT, action, None, self.nonce, None, False)
        document = {"action": action, "nonce": self.nonce, "signature": signature}
        request = Request("here", "/exchange", JSON, json.dumps(document).encode())
        self.edge.arrive(request, Course(), now_ms=self.now_ms)

    def put(self, coin, qty, px):
        """Place an order and wait for no reply."""
        self.send_off(order_action(self.market, (coin, D(qty), px, "Ioc", False, None)))

    def wait(self, ms):
        self.now_ms += ms
        self.edge.advance(self.now_ms)

    def connect(self):
        return self.edge.connect("here", now_ms=self.now_ms)

    def say(self, connection, document):
        text = document if isinstance(document, str) else json.dumps(document)
        self.edge.receive(connection, text, now_ms=self.now_ms)

    def frames(self, connection=None):
        got = self.edge.take_frames()
        mine = [f for c, f in got if connection is None or c == connection]
        return [json.loads(f) if isinstance(f, str) else f for f in mine]


def stale(**keys):
    return "\n".join(["[[fault]]", 'kind = "stale"', "age_s = 2", *(f"{k} = {v}" for k, v in keys.items())])


def read_all(desk, course):
    return [desk.raw("/info", json.dumps(read).encode(), course=course).body for read in READS]


@pytest.mark.parametrize("seed", range(4))
def test_what_it_answers_is_what_the_venue_answered_that_long_ago(seed):
    chance, market = random.Random(seed), SmallMarket()
    desk = EdgeDesk(stale(probability=0), market=market, seed=seed)
    listener = desk.connect()
    desk.subscribe(listener, type="bbo", coin="ETH")
    desk.subscribe(listener, type="userFills", user=ALICE)
    then: dict[int, list[bytes]] = {}
    for _ in range(120):
        desk.wait(100)
        if chance.random() < 0.3:
            qty = chance.choice([-3, -1, 1, 2])
            px = 4000 + chance.randint(-8, 8)
            desk.order("ETH", qty, px, chance.choice(["Gtc", "Ioc"]))
        then[desk.now_ms] = read_all(desk, Course())
        if desk.now_ms - LAG_MS in then:
            assert read_all(desk, Course(lag_ms=LAG_MS)) == then[desk.now_ms - LAG_MS]
    assert any(b'"oid"' in body for body in then[desk.now_ms])


def test_a_stale_read_is_old_and_the_next_one_is_not():
    desk = EdgeDesk(stale(every_nth=2))
    before_ms = desk.now_ms
    desk.wait(5_000)
    times = [desk.info("exchangeStatus")["time"] for _ in range(4)]
    assert times == [before_ms + 5_000, before_ms + 3_000] * 2


def test_a_stuck_node_answers_for_its_seconds_and_does_not_know_the_order_that_was_placed_meanwhile():
    desk = EdgeDesk(stale(seconds=3, every_nth=1))
    desk.wait(10_000)
    oid = desk.order("ETH", 1, 3900, "Gtc")["resting"]["oid"]
    assert desk.info("openOrders", user=ALICE) == []
    assert desk.info("orderStatus", user=ALICE, oid=oid) == {"status": "unknownOid"}
    desk.wait(2_000)
    assert [o["oid"] for o in desk.info("openOrders", user=ALICE)] == [oid]


def test_what_was_signed_is_verified_by_the_node_too_so_its_ids_are_the_venues():
    desk = EdgeDesk(stale(probability=0))
    action = order_action(desk.market, ("ETH", D(1), 4100, "Ioc", False, None))
    assert "filled" in desk.post(action, signer=AGENT)["response"]["data"]["statuses"][0]
    fresh = read_all(desk, Course())[3]
    desk.wait(LAG_MS)
    assert read_all(desk, Course(lag_ms=LAG_MS))[3] == fresh != b"[]"


def test_a_venue_whose_clock_was_ahead_for_a_while_and_its_node_have_the_same_fills():
    """The node stood still where the venue did, lag_ms earlier, and did what came then at another time: two ledgers."""
    skewed = '[[fault]]\nkind = "clock_skew"\nskew_ms = 20000\nfrom = 1\nuntil = 6'
    desk = EdgeDesk("\n".join([stale(probability=0), skewed]))
    desk.wait(2_000)
    desk.order("ETH", 1, 4100, "Ioc")
    desk.wait(3_500)
    desk.wait(1_500)
    for _ in range(3):
        desk.order("ETH", 1, 4100, "Ioc")
        desk.wait(700)
    desk.wait(30_000)
    fills = read_all(desk, Course())[3]
    assert fills.count(b'"tid"') >= 4
    assert read_all(desk, Course(lag_ms=LAG_MS))[3] == fills


def test_an_order_that_was_filled_before_orders_were_refused_is_filled_by_a_node_that_does_both_at_once():
    desk = EdgeDesk(stale(probability=0))
    desk.wait(10_000)
    assert "filled" in desk.order("ETH", 1, 4100, "Ioc")
    refusing = Refusing(UNREASONED, 1.0, desk.now_ms + 60_000, random.Random(1))
    desk.edge.order(lambda venue: venue.refuse_orders(deepcopy(refusing)), now_ms=desk.now_ms)
    desk.wait(30_000)
    fills = read_all(desk, Course())[3]
    assert fills.count(b'"tid"') >= 1
    assert read_all(desk, Course(lag_ms=LAG_MS))[3] == fills


@pytest.mark.parametrize("seed", range(12))
def test_a_venue_whose_clock_goes_ahead_and_back_while_doors_open_and_shut_has_the_ledger_of_its_node(seed):
    """An order at a clock that stood still waited in the venue, not in the node; a door was shut a duty later in one."""
    chance = random.Random(seed)
    windows = "".join(
        f'\n[[fault]]\nkind = "clock_skew"\nskew_ms = {chance.randint(-9_000, 9_000)}\n'
        f"from = {begins}\nuntil = {begins + chance.randint(1, 8)}"
        for begins in (2, 9, 15)
    )
    desk = EdgeDesk(stale(probability=0) + windows, seed=seed)
    for _ in range(150):
        desk.now_ms += chance.randint(1, 300)
        match chance.randrange(4):
            case 0:
                desk.info("exchangeStatus")
            case 1:
                until_ms = desk.now_ms + chance.choice([0, 400])
                desk.edge.order(partial(Venue.only_post_only, until_ms=until_ms), now_ms=desk.now_ms)
            case _:
                desk.put("ETH", chance.choice([-1, 1]), 4000 + chance.randint(-8, 8))
    desk.wait(60_000)
    ours, theirs = read_all(desk, Course()), read_all(desk, Course(lag_ms=LAG_MS))
    assert ours[3] == theirs[3]
    assert ours[3].count(b'"tid"') > 10


def test_actions_of_a_time_that_stands_where_a_block_ends_are_carried_out_in_one_order_by_both():
    """Set back by a second at a multiple of a block's 70 ms: a taker, then what would go before it in one block."""
    skewed = '[[fault]]\nkind = "clock_skew"\nskew_ms = 1000\nfrom = 0\nuntil = 5'
    desk = EdgeDesk("\n".join([stale(probability=0), skewed]))
    desk.wait(BLOCK_MS - (desk.now_ms + 1_000 + 4_900) % BLOCK_MS + 4_900)
    desk.wait(100)
    for px, tif in ((4100, "Ioc"), (3900, "Alo")):
        desk.send_off(order_action(desk.market, ("ETH", D(1), px, tif, False, None)))
    desk.wait(30_000)
    fresh = read_all(desk, Course())
    assert fresh[3].count(b'"tid"') >= 1
    assert read_all(desk, Course(lag_ms=LAG_MS))[3:5] == fresh[3:5]
