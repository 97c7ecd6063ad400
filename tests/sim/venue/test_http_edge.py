"""The table of hyperliquid.md 1.1, row by row, over a real socket; and what a websocket's edge does (3.1)."""

import asyncio
import http.client
import json
import socket
import time

import pytest
import websockets

from sim.venue.limits import Limits
from tests.sim.venue.serving import serving
from tests.sim.venue.small_market import SmallMarket

JSON = "application/json"
WRONG_SHAPE = "Failed to deserialize the JSON body into the target type"
NO_JSON = "Failed to parse the request body as JSON"
WRONG_TYPE = "Expected request with `Content-Type: application/json`"
NOBODY = "0x" + "0" * 40


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.fixture
def wire(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    yield connection
    connection.close()


def ask(wire, body, *, method="POST", path="/info", content_type=JSON, **headers):
    """Return (status, content type, body) of one request."""
    if content_type is not None:
        headers["Content-Type"] = content_type
    wire.request(method, path, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)
    reply = wire.getresponse()
    return reply.status, reply.getheader("Content-Type"), reply.read().decode()


def test_an_answer_is_200_with_json(wire):
    status, kind, body = ask(wire, {"type": "meta"})
    assert (status, kind) == (200, JSON)
    assert [c["name"] for c in json.loads(body)["universe"]] == [a.name for a in SmallMarket().assets]


SHAPES = [
    {"type": "noSuchThing"},
    {"type": "l2Book"},
    {"type": "l2Book", "coin": 5},
    {"type": "clearinghouseState", "user": "0x12"},
    {"coin": "ETH"},
    [],
    "meta",
    7,
]


@pytest.mark.parametrize("body", SHAPES, ids=json.dumps)
def test_an_unknown_type_or_a_missing_or_ill_typed_field_is_422_with_text(wire, body):
    status, kind, text = ask(wire, body)
    assert (status, kind.partition(";")[0]) == (422, "text/plain")
    assert text.startswith(WRONG_SHAPE)


@pytest.mark.parametrize("path", ["/info", "/exchange"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"{'type': 'meta'}", b'{"type":"meta"', b"nonsense", b"\xff\xfe"]
)
def test_a_body_that_is_no_json_is_400_with_text(wire, path, body):
    status, kind, text = ask(wire, body, path=path)
    assert (status, kind.partition(";")[0]) == (400, "text/plain")
    assert text.startswith(NO_JSON)


@pytest.mark.parametrize("path", ["/info", "/exchange"])
@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
def test_another_content_type_or_none_is_415_with_text(wire, path, kind):
    assert ask(wire, {"type": "meta"}, path=path, content_type=kind) == (
        415,
        "text/plain; charset=utf-8",
        WRONG_TYPE,
    )


@pytest.mark.parametrize(
    "kind", [JSON, "application/json; charset=utf-8", "application/json;charset=UTF-8", "Application/JSON"]
)
def test_json_is_accepted_with_and_without_a_charset(wire, kind):
    assert ask(wire, {"type": "meta"}, content_type=kind)[0] == 200


@pytest.mark.parametrize("path", ["/info", "/exchange"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_405_with_nothing_in_them(wire, method, path):
    assert ask(wire, b"", method=method, path=path) == (405, None, "")


@pytest.mark.parametrize("path", ["/", "/infos", "/info/", "/v1/info"])
def test_another_path_is_404(wire, path):
    status, _, body = ask(wire, {"type": "meta"}, path=path)
    assert (status, body) == (404, "")


@pytest.mark.parametrize(
    "body",
    [
        {"type": "fundingHistory", "coin": "NOPE", "startTime": 0},
        {"type": "candleSnapshot", "req": {"coin": "NOPE", "interval": "1h", "startTime": 0}},
        {"type": "metaAndAssetCtxs", "dex": "nope"},
    ],
    ids=lambda body: body["type"],
)
def test_an_unknown_coin_or_dex_is_500_with_null(wire, body):
    assert ask(wire, body) == (500, JSON, "null")


def test_an_unknown_coin_of_a_book_is_200_with_null(wire):
    assert ask(wire, {"type": "l2Book", "coin": "NOPE"}) == (200, JSON, "null")


def test_an_unknown_user_has_an_empty_account(wire):
    state = json.loads(ask(wire, {"type": "clearinghouseState", "user": NOBODY})[2])
    assert state["marginSummary"]["accountValue"] == "0.0"
    assert state["assetPositions"] == []
    assert ask(wire, {"type": "openOrders", "user": NOBODY}) == (200, JSON, "[]")


def test_beyond_the_weight_of_an_address_it_is_429_with_null_and_no_hint_when_to_come_back():
    with serving(limits=Limits(weight_per_min=40)) as server:
        wire = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        assert [ask(wire, {"type": "meta"})[0] for _ in range(2)] == [200, 200]
        assert ask(wire, {"type": "meta"}) == (429, JSON, "null")
        wire.request("POST", "/info", b'{"type":"meta"}', {"Content-Type": JSON})
        assert wire.getresponse().getheader("Retry-After") is None
        wire.close()


@pytest.mark.parametrize("status", [502, 503, 504])
def test_trouble_at_the_edge_is_an_html_page(status):
    with serving(f"[[fault]]\nkind='status'\nstatus={status}") as server:
        wire = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        answered = ask(wire, {"type": "meta"})
        wire.close()
    assert (answered[0], answered[1]) == (status, "text/html")
    assert answered[2].startswith("<html>")


# --- connections ---------------------------------------------------------------------------------------


def test_a_connection_is_kept_through_answers_and_refusals(wire):
    wire.connect()
    own = wire.sock.getsockname()
    for body in ({"type": "meta"}, b"{", {"type": "nope"}, {"type": "allMids"}):
        ask(wire, body)
        assert wire.sock is not None
        assert wire.sock.getsockname() == own


def test_answers_are_http_1_1_and_not_compressed_even_where_the_client_would_take_it(wire):
    headers = {"Content-Type": JSON, "Accept-Encoding": "gzip, deflate, br, zstd"}
    wire.request("POST", "/info", b'{"type":"meta"}', headers)
    reply = wire.getresponse()
    assert reply.version == 11
    assert reply.getheader("Content-Encoding") is None
    json.loads(reply.read())


def test_a_large_body_is_taken_and_one_beyond_the_limit_is_413(wire):
    padded = {"type": "meta", "padding": "x" * 1_000_000}
    assert ask(wire, padded)[0] == 200
    assert ask(wire, b"x" * (5 * 2**20))[0] == 413


def test_two_requests_in_one_segment_are_answered_in_order(server):
    def post(body):
        head = (
            f"POST /info HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain:
        plain.sendall(post(b'{"type":"exchangeStatus"}') + post(b'{"type":"perpDexs"}'))
        said = b""
        while b"[null]" not in said:
            said += plain.recv(65_536)
    assert said.count(b"HTTP/1.1 200 OK") == 2
    assert said.index(b"specialStatuses") < said.index(b"[null]")


# --- websockets ----------------------------------------------------------------------------------------


def spoken(server, talk):
    async def main():
        async with websockets.connect(server.ws) as connection:
            return await asyncio.wait_for(talk(connection), 10)

    return asyncio.run(main())


def test_no_compression_is_agreed_on(server):
    async def talk(connection):
        return connection.response.headers.get("Sec-WebSocket-Extensions", "")

    assert "permessage-deflate" not in spoken(server, talk)


def test_pings_of_the_protocol_are_answered(server):
    async def talk(connection):
        return await (await connection.ping())

    assert spoken(server, talk) >= 0


def test_text_is_read_and_bytes_are_not(server):
    async def talk(connection):
        await connection.send(b'{"method":"ping"}')
        await connection.send("nonsense")
        return json.loads(await connection.recv())

    wrong = "Error parsing JSON into valid websocket request: nonsense"
    assert spoken(server, talk) == {"channel": "error", "data": wrong}


def test_a_get_that_asks_for_no_upgrade_is_400(wire):
    status, _, text = ask(wire, b"", method="GET", path="/ws")
    assert status == 400
    assert "upgrade" in text


def test_a_connection_on_which_the_venue_said_nothing_for_a_minute_is_closed_with_1006():
    async def talk(connection):
        began = time.monotonic()
        with pytest.raises(websockets.ConnectionClosedError):
            await connection.recv()
        return connection.close_code, time.monotonic() - began

    with serving(speed=100.0) as server:
        code, waited_s = spoken(server, talk)
    assert code == 1006
    assert 0.5 < waited_s < 2.0


def test_an_eleventh_connection_is_refused_at_the_upgrade_with_429():
    async def main(server):
        opened = [await websockets.connect(server.ws) for _ in range(10)]
        with pytest.raises(websockets.InvalidStatus) as refusal:
            await websockets.connect(server.ws)
        for connection in opened:
            await connection.close()
        return refusal.value.response.status_code

    with serving(limits=Limits()) as server:
        assert asyncio.run(main(server)) == 429


# --- our own documents ---------------------------------------------------------------------------------


def test_clock_and_limits_and_faults_are_told():
    with serving("[[fault]]\nkind='html'\nevery_nth=2", limits=Limits()) as server:
        wire = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        for _ in range(3):
            ask(wire, {"type": "allMids"})
        clock, limits, faults = (
            json.loads(ask(wire, b"", method="GET", path=f"/nightdesk/{name}")[2])
            for name in ("clock", "limits", "faults")
        )
        wire.close()
    assert clock["ip_weight_per_min"] == limits["limits"]["weight_per_min"] == 1200
    assert limits["addresses"]["127.0.0.1"]["weight_by_type"] == {"allMids": 4}
    assert faults == [{"number": 1, "kind": "html", "struck": 1}]
