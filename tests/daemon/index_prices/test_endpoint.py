"""The endpoint over real sockets: what is answered, and that a slow consumer costs nobody else anything."""

import asyncio
import json
import math
import socket
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import aiohttp
import pytest

from core.prices.types import State
from daemon.index_prices import endpoint as endpoints
from daemon.index_prices.documents import ALLOWED, proof, told
from daemon.index_prices.endpoint import About, Endpoint, encoded
from daemon.index_prices.mailbox import Mailbox
from tests.daemon.index_prices.market import got
from tests.daemon.index_prices.values import fed, settled, value

PAGE = Path(__file__).resolve().parents[3] / "docs" / "index_price.md"


@asynccontextmanager
async def served(*values, leads=True, healthy=True, level=None):
    about = About(
        leads=lambda: leads,
        health=lambda: {"healthy": healthy},
        metrics=lambda: b"a 1\n",
        level=lambda: level,
    )
    made = Endpoint(about)
    await made.open("127.0.0.1", 0)
    made.publish(values)
    made.url = f"http://127.0.0.1:{made.port}"
    try:
        yield made
    finally:
        await made.close()


def asked(path, *values, method="GET", **options):
    """Return status, headers and document of one request."""

    async def scenario():
        async with (
            served(*values, **options) as made,
            aiohttp.ClientSession() as session,
            session.request(method, f"{made.url}{path}") as reply,
        ):
            return reply.status, reply.headers, await reply.json()

    return asyncio.run(scenario())


def test_every_symbol_is_told_without_and_one_with_its_proof():
    btc, eth = value(inputs=(fed(),)), value(symbol="ETH/USD", sequence=7, token=3)
    _, _, document = asked("/v1/index", btc, eth)
    assert [(one["symbol"], one["sequence"], one["token"]) for one in document["values"]] == [
        ("BTC/USD", 1, 1),
        ("ETH/USD", 7, 3),
    ]
    assert all("inputs" not in one for one in document["values"])
    _, _, one = asked("/v1/index/btc-usd", btc, eth)
    assert one["inputs"][0]["source"] == "kraken"
    assert one["weights"] == {"kraken": 1.0}


def test_what_json_has_no_number_for_is_null():
    odd = value(price=math.nan, spread=math.inf, inputs=(fed(price=math.nan, weight=-math.inf),))
    text = json.dumps(proof(odd), allow_nan=False)
    assert json.loads(encoded(proof(odd))) == json.loads(text)
    document = json.loads(text)
    assert document["price"] is document["spread"] is document["inputs"][0]["weight"] is None


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v2/index", 404, "there is no /v2/index; there are GET /v1/index"),
        ("GET", "/", 404, "there is no /"),
        ("GET", "/v1/index/DOGE-USD", 404, "no index DOGE-USD; published are BTC-USD"),
        ("POST", "/v1/index", 405, "POST is not allowed on /v1/index"),
        ("DELETE", "/v1/index/BTC-USD", 405, "DELETE is not allowed"),
        ("GET", "/v1/stream", 426, "is a websocket"),
    ],
)
def test_a_wrong_request_gets_one_clear_message(method, path, status, words):
    answered, _, document = asked(path, value(), method=method)
    assert answered == status
    assert list(document) == ["error"]
    assert words in document["error"]


def test_an_instance_that_does_not_publish_says_so_and_tells_no_old_value():
    status, _, document = asked("/v1/index/BTC-USD", value(), leads=False)
    assert status == 503
    assert "lease" in document["error"]


def test_health_is_503_where_the_instance_is_not_well():
    assert asked("/v1/health")[0] == 200
    assert asked("/v1/health", healthy=False)[0] == 503


def test_only_this_machine_is_listened_to():
    async def scenario():
        async with served() as made:
            return made._runner.addresses

    assert [host for host, _ in asyncio.run(scenario())] == ["127.0.0.1"]


def test_what_a_state_allows_is_what_the_page_says():
    rows = [line.split("|")[1:-1] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    states = {
        row[0].strip(): [cell.strip() for cell in row[3:]]
        for row in rows
        if len(row) == 6 and row[0].strip() in set(State)
    }
    for state, allowed in ALLOWED.items():
        funding, profit, liquidations = states[state]
        assert allowed.funding is funding.startswith("goes on")
        assert allowed.marking is profit.startswith("marked")
        assert allowed.flagged is profit.endswith("flagged")
        assert allowed.liquidations is allowed.new_risk is (liquidations == "allowed")
        assert allowed.reducing is (liquidations == "allowed" or "reducing" in liquidations)
        assert told(value(state=state))["allowed"] == asdict(allowed)


# --- the stream ------------------------------------------------------------------------------------------


async def received(consumer):
    return json.loads((await consumer.receive(timeout=10)).data)


def test_a_consumer_gets_the_newest_values_and_then_each_as_it_is_published():
    async def scenario():
        async with served(value()) as made, aiohttp.ClientSession() as session:
            async with session.ws_connect(f"{made.url}/v1/stream") as consumer:
                first = await received(consumer)
                for sequence in (2, 3):
                    made.publish([value(sequence=sequence, inputs=(fed(),))])
                    found = await received(consumer)
            return first, found

    first, found = asyncio.run(scenario())
    assert (first["sequence"], found["sequence"]) == (1, 3)
    assert found["inputs"][0]["source"] == "kraken"
    assert found["allowed"]["new_risk"]


def test_a_consumer_may_choose_symbols():
    async def scenario():
        async with (
            served(value(), value(symbol="ETH/USD")) as made,
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{made.url}/v1/stream?symbols=eth-usd") as consumer,
        ):
            return await received(consumer)

    assert asyncio.run(scenario())["symbol"] == "ETH/USD"


def test_settlements_are_told_to_consumers_who_ask_for_them_and_kept_for_who_asks_later():
    first, second = settled(), settled(symbol="ETH/USD", twap=None, unsettled="no_price")

    async def scenario():
        async with served() as made, aiohttp.ClientSession() as session:
            async with (
                session.ws_connect(f"{made.url}/v1/stream?settlements") as asks,
                session.ws_connect(f"{made.url}/v1/stream?settlements&symbols=ETH-USD") as chooses,
                session.ws_connect(f"{made.url}/v1/stream") as another,
            ):
                async with asyncio.timeout(5):
                    while made.consumers < 3:
                        await asyncio.sleep(0.01)
                for one in (first, second):
                    made.settled(one)
                made.publish([value(symbol="ETH/USD")])
                streams = [[await received(asks) for _ in range(3)], [await received(chooses)]]
                streams.append([await received(another)])
            kept = await got(f"{made.url}/v1/settlements")
            return streams, kept, await got(f"{made.url}/v1/settlements?symbol=btc-usd")

    (asked_for, chosen, other), kept, of_one = asyncio.run(scenario())
    assert [list(one) == ["settlement"] for one in asked_for] == [True, True, False]
    assert asked_for[0]["settlement"]["twap"] == 100.0
    assert (chosen[0]["settlement"]["symbol"], other[0]["symbol"]) == ("ETH/USD", "ETH/USD")
    assert kept[0] == 200
    assert [one["symbol"] for one in kept[1]["settlements"]] == ["ETH/USD", "BTC/USD"]
    assert (kept[1]["settlements"][0]["twap"], kept[1]["settlements"][0]["unsettled"]) == (None, "no_price")
    assert of_one[1]["settlements"] == [asked_for[0]["settlement"]]


@asynccontextmanager
async def deaf(made):
    """A consumer that shakes hands and then reads nothing, with a small window."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", made.port))
    words = "GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    words += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    await loop.sock_sendall(raw, words.encode())
    async with asyncio.timeout(5):
        while not made.consumers:
            await asyncio.sleep(0.01)
    try:
        yield raw
    finally:
        raw.close()


BIG = tuple(fed(source=f"venue{n}" + "x" * 1000) for n in range(30))


def test_a_slow_consumer_has_one_value_waiting_and_slows_nobody(monkeypatch):
    monkeypatch.setattr(endpoints, "STUCK_S", 0.3)

    async def scenario():
        async with served() as made, deaf(made), aiohttp.ClientSession() as session:
            async with session.ws_connect(f"{made.url}/v1/stream") as quick:
                async with asyncio.timeout(5):
                    while made.consumers < 2:
                        await asyncio.sleep(0.01)
                found = []
                for sequence in range(1, 201):
                    made.publish([value(sequence=sequence, inputs=BIG)])
                    found.append((await received(quick))["sequence"])
                    assert all(len(box) <= 1 for box in made._mailboxes)
                async with asyncio.timeout(10):
                    while made.consumers > 1:
                        await asyncio.sleep(0.01)
            return found, made.overtaken

    found, overtaken = asyncio.run(scenario())
    assert found == list(range(1, 201))
    assert overtaken > 0


def test_more_consumers_than_there_is_room_for_are_refused(monkeypatch):
    monkeypatch.setattr(endpoints, "CONSUMERS_MAX", 1)

    async def scenario():
        async with (
            served() as made,
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{made.url}/v1/stream"),
        ):
            return await got(f"{made.url}/v1/stream")

    assert asyncio.run(scenario())[0] == 503


def test_consumers_are_told_when_the_instance_leaves():
    async def scenario():
        async with aiohttp.ClientSession() as session:
            async with served() as made:
                consumer = await session.ws_connect(f"{made.url}/v1/stream")
                async with asyncio.timeout(5):
                    while not made.consumers:
                        await asyncio.sleep(0.01)
            message = await consumer.receive(timeout=5)
            return message.type, message.data

    kind, code = asyncio.run(scenario())
    assert (kind, code) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)


def test_a_mailbox_keeps_the_newest_of_each_symbol():
    async def scenario():
        box = Mailbox(())
        for number in range(1000):
            box.put("BTC/USD", b"%d" % number)
            box.put("ETH/USD", b"e%d" % number)
        return len(box), await box.take(), len(box), box.overtaken

    assert asyncio.run(scenario()) == (2, [b"999", b"e999"], 0, 1998)
