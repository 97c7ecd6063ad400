"""The edge before the venue: limits of an address, and what a plan does to requests, frames and the venue itself."""

import json

import pytest

from sim.venue.blocks import BLOCK_MS
from sim.venue.edge import Edge
from sim.venue.limits import Limits
from sim.venue.wire import Close, Reply
from tests.sim.venue.desk import ALICE
from tests.sim.venue.small_market import SmallMarket
from tests.sim.venue.test_laggard import EdgeDesk

CLOID = "0x" + "ab" * 16


def plan(kind, **keys):
    words = [f"{k} = {v!r}".replace("'", '"') for k, v in {"kind": kind, **keys}.items()]
    return "\n".join(["[[fault]]", *words, ""])


def limited(**limits):
    desk = EdgeDesk()
    desk.edge = Edge(desk.venue, limits=Limits(**limits))
    return desk


def asked(desk, kind="meta", **fields):
    return desk.raw("/info", json.dumps({"type": kind, **fields}).encode())


def spent(desk):
    return desk.edge.limits.document(desk.now_ms)["addresses"]["here"]["weight_spent"]


# --- limits of an address ------------------------------------------------------------------------------


def test_beyond_its_weight_an_address_is_answered_429_with_null_and_nothing_is_done():
    desk = limited(weight_per_min=40)
    assert [asked(desk).status for _ in range(3)] == [200, 200, 429]
    reply = asked(desk)
    assert (reply.content_type, reply.body) == ("application/json", b"null")
    with pytest.raises(AssertionError, match="429"):
        desk.order("ETH", 1, 4100, "Ioc")
    assert desk.venue.fills(ALICE) == ()
    desk.wait(60_000)
    assert asked(desk).status == 200


def test_rows_are_charged_by_what_came():
    desk = limited(weight_per_min=1200)
    reply = asked(desk, "fundingHistory", coin="ETH", startTime=desk.now_ms - 100 * 3_600_000)
    rows = len(json.loads(reply.body))
    assert rows == 100
    assert spent(desk) == 20 + rows // 20
    refused = asked(desk, "fundingHistory", coin="NOPE", startTime=0)
    assert (refused.status, spent(desk)) == (500, 45)


def test_post_requests_cost_what_they_cost_over_http():
    over_http, over_ws = limited(), limited()
    question = {"type": "fundingHistory", "coin": "ETH", "startTime": over_http.now_ms - 100 * 3_600_000}
    over_http.raw("/info", json.dumps(question).encode())
    connection = over_ws.connect()
    over_ws.say(connection, {"method": "post", "id": 1, "request": {"type": "info", "payload": question}})
    [answer] = over_ws.frames()
    assert len(answer["data"]["response"]["payload"]["data"]) == 100
    assert spent(over_ws) == spent(over_http) == 25


def post(desk, connection, number, kind="allMids"):
    desk.say(
        connection, {"method": "post", "id": number, "request": {"type": "info", "payload": {"type": kind}}}
    )


def test_a_post_beyond_the_weight_is_answered_with_the_status_text():
    desk = limited(weight_per_min=20)
    connection = desk.connect()
    post(desk, connection, 1, "meta")
    post(desk, connection, 2, "meta")
    first, second = desk.frames()
    assert first["data"]["response"]["type"] == "info"
    response = {"type": "error", "payload": "429 Too Many Requests"}
    assert second == {"channel": "post", "data": {"id": 2, "response": response}}


def test_the_101st_post_under_way_is_refused_on_the_error_channel_by_its_id():
    desk = limited(weight_per_min=None)
    connection = desk.connect()
    for number in range(1, 102):
        post(desk, connection, number)
    frames = desk.frames()
    assert sum(f["channel"] == "post" for f in frames) == 100
    assert frames[-1] == {"channel": "error", "data": "too many pending post requests id=101"}
    desk.wait(70)
    post(desk, connection, 102)
    assert [f["channel"] for f in desk.frames()] == ["post"]


def test_the_2001st_message_of_a_minute_is_not_read():
    desk = limited()
    connections = [desk.connect(), desk.connect()]
    for i in range(2_001):
        desk.say(connections[i % 2], '{"method":"ping"}')
    frames = desk.frames()
    assert sum(f == {"channel": "pong"} for f in frames) == 2_000
    assert frames[-1] == {"channel": "error", "data": "Cannot send more than 2000 messages per minute."}


def test_an_eleventh_connection_is_refused_until_one_is_gone_whoever_closed_it():
    desk = limited()
    connections = [desk.connect() for _ in range(10)]
    assert desk.connect() is None
    desk.subscribe(connections[0], type="bbo", coin="NOPE")
    assert desk.frames(connections[0]) == [Close(1006)]
    assert desk.connect() is not None
    desk.edge.disconnect(connections[1])
    assert desk.connect() is not None
    assert desk.connect() is None


# --- requests of a plan --------------------------------------------------------------------------------


def test_dropped_before_effect_nothing_was_done_and_after_it_everything():
    for kind, orders in (("drop_before_effect", 0), ("drop_after_effect", 1)):
        desk = EdgeDesk(plan(kind, path="/exchange"))
        with pytest.raises(ConnectionResetError):
            desk.order("ETH", 1, 3900, "Gtc")
        assert len(desk.info("openOrders", user=ALICE)) == orders


def test_a_hang_is_a_reset_that_takes_its_time():
    desk = EdgeDesk(plan("hang", path="/exchange", seconds=7, when="after"))
    body = b'{"action":{"type":"noop"}}'
    with pytest.raises(ConnectionResetError, match="7000"):
        desk.raw("/exchange", body)


def test_an_answer_may_be_cut_short_or_be_another_page():
    whole = asked(EdgeDesk()).body
    assert asked(EdgeDesk(plan("truncated", share=0.25))).body == whole[: len(whole) // 4]
    page = asked(EdgeDesk(plan("status", status=502, when="after")))
    assert (page.status, page.content_type) == (502, "text/html")
    assert asked(EdgeDesk(plan("html"))).status == 200


def test_a_young_order_is_unknown_for_a_while():
    desk = EdgeDesk(plan("unknown_order", young_ms=300))
    oid = desk.order("ETH", 1, 3900, "Gtc", cloid=CLOID)["resting"]["oid"]
    for key in (oid, CLOID):
        assert desk.info("orderStatus", user=ALICE, oid=key) == {"status": "unknownOid"}
    assert len(desk.info("openOrders", user=ALICE)) == 1
    desk.wait(300)
    assert desk.info("orderStatus", user=ALICE, oid=oid)["order"]["order"]["oid"] == oid


# --- frames of a plan ----------------------------------------------------------------------------------


def watched(text, *topics):
    """Return a desk whose market moves every second, with one connection that listens to these channels."""
    desk = EdgeDesk(text, market=SmallMarket())
    connection = desk.connect()
    for topic in topics:
        desk.subscribe(connection, **topic)
    return desk, connection


BBO, MIDS = {"type": "bbo", "coin": "ETH"}, {"type": "allMids"}


def moved(desk, seconds):
    """Let the market move a dollar a second; return the frames with the times when they came."""
    got = []
    for step in range(10 * seconds):
        if step % 10 == 0:
            desk.market.mids["ETH"] += 1
        desk.wait(100)
        got += [(desk.now_ms, frame) for frame in desk.frames()]
    return got


def test_frames_come_twice():
    desk, _ = watched(plan("duplicate", type="bbo"), BBO)
    frames = [f for _, f in moved(desk, 5) if f["channel"] == "bbo"]
    assert len(frames) >= 8
    assert frames[::2] == frames[1::2]


def test_channels_overtake_one_another_but_a_channel_keeps_its_order():
    desk, _ = watched(
        plan("reorder", type="allMids", hold_ms=4_000) + plan("reorder", hold_ms=500), BBO, MIDS
    )
    frames = [f for _, f in moved(desk, 60)]
    mids = [float(f["data"]["mids"]["ETH"]) for f in frames if f["channel"] == "allMids"]
    bbos = [f["data"]["time"] for f in frames if f["channel"] == "bbo"]
    assert mids == sorted(mids)
    assert bbos == sorted(bbos)
    assert len(bbos) > 50
    seen = 0.0
    late = 0
    for f in frames:
        if f["channel"] == "bbo":
            seen = max(seen, float(f["data"]["bbo"][0]["px"]))
        elif f["channel"] == "allMids":
            late += float(f["data"]["mids"]["ETH"]) < seen
    assert late > 0, "no frame of allMids was overtaken"


def test_a_delayed_frame_holds_up_its_whole_connection():
    desk, _ = watched(plan("delay", path="ws", delay_ms=3_000, every_nth=10), BBO, MIDS)
    frames = [(at, f["data"]["time"]) for at, f in moved(desk, 60) if f["channel"] == "bbo"]
    assert [sent for _, sent in frames] == sorted(sent for _, sent in frames)
    assert max(at - sent for at, sent in frames) >= 2_900


def test_a_silent_channel_has_live_pongs_and_live_neighbours():
    desk, connection = watched(
        plan("silent_channel", type="bbo", **{"from": 5, "until": 15}, seconds=10), BBO, MIDS
    )
    start_ms, got = desk.now_ms, []
    for _ in range(25):
        desk.say(connection, '{"method":"ping"}')
        got += moved(desk, 1)
    silent = [f["channel"] for at, f in got if start_ms + 5_000 <= at < start_ms + 15_000]
    assert silent.count("pong") == 10
    assert "allMids" in silent
    assert "bbo" not in silent
    assert sum(f["channel"] == "bbo" for _, f in got) > 10


def test_a_socket_breaks_and_its_address_may_connect_again():
    desk, connection = watched(plan("close", type="bbo", **{"from": 5}, every_nth=1), BBO)
    got = [f for _, f in moved(desk, 10)]
    assert got[-1] == Close(1006)
    assert got.count(Close(1006)) == 1
    desk.say(connection, '{"method":"ping"}')
    assert desk.frames() == []
    assert desk.edge.limits.document(desk.now_ms)["addresses"]["here"]["connections"] == 0


@pytest.mark.parametrize(("kind", "used"), [("drop_before_effect", 0), ("drop_after_effect", 1)])
def test_a_message_is_lost_with_its_connection_or_taken_and_then_it_breaks(kind, used):
    desk = EdgeDesk(plan(kind, path="ws", type="post"))
    connection, bodies = desk.connect(), []
    desk.raw = lambda path, body: bodies.append(body) or Reply(200, "", b"{}")
    desk.post({"type": "noop"})
    del desk.raw
    payload = json.loads(bodies[0])
    desk.say(connection, {"method": "post", "id": 1, "request": {"type": "action", "payload": payload}})
    assert desk.frames()[-1] == Close(1006)
    desk.wait(BLOCK_MS)
    assert desk.info("userRateLimit", user=ALICE)["nRequestsUsed"] == used


# --- the venue itself ----------------------------------------------------------------------------------


def test_a_post_only_window_shows_in_exchange_status_and_ends():
    desk = EdgeDesk(plan("post_only", **{"from": 10, "until": 20}))
    told = []
    for _ in range(3):
        told.append(desk.info("exchangeStatus")["specialStatuses"] is not None)
        desk.wait(10_000)
    assert told == [False, True, False]


def test_an_exhausted_budget_answers_with_the_venues_text_and_200():
    desk = EdgeDesk(plan("budget_exhausted", left=1))
    assert desk.order("ETH", 1, 3900, "Gtc")["resting"]
    limit = desk.info("userRateLimit", user=ALICE)
    assert limit["nRequestsUsed"] == limit["nRequestsCap"]
    desk.post({"type": "noop"})
    refused = desk.post({"type": "noop"})
    assert refused["status"] == "err"
    assert refused["response"].startswith("Too many cumulative requests sent")


def test_a_skewed_clock_is_in_every_stamp():
    desk = EdgeDesk(plan("clock_skew", skew_ms=-1_500, **{"from": 5}))
    desk.wait(10_000)
    assert desk.info("exchangeStatus")["time"] == desk.now_ms - 1_500
    assert desk.info("l2Book", coin="ETH")["time"] == desk.now_ms - 1_500
    assert desk.state()["time"] == desk.now_ms - 1_500


def test_the_edge_is_awake_when_a_held_frame_is_due():
    desk, _ = watched(plan("reorder", hold_ms=400), BBO)
    moved(desk, 1)
    before = [desk.edge.next_ms()]
    while desk.edge.next_ms() > desk.now_ms and len(before) < 100:
        desk.now_ms = desk.edge.next_ms()
        desk.edge.advance(desk.now_ms)
        desk.frames()
        before.append(desk.edge.next_ms())
    assert before == sorted(before)
    assert len(before) == 100
