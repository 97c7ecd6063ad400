"""Faults of a plan, as clients nobody here wrote see them over real sockets."""

import asyncio
import json
import time

import aiohttp
import pytest
import requests
import websockets
from hyperliquid.exchange import Exchange
from hyperliquid.utils.error import ClientError, ServerError

from sim.venue.fault_file import default_text
from tests.sim.venue.desk import ALICE, MASTER
from tests.sim.venue.serving import serving
from tests.sim.venue.small_market import SmallMarket
from tests.sim.venue.test_edge import plan

pytestmark = pytest.mark.xdist_group("waiting")


def sdk(server):
    """An Exchange that asks for nothing before it sends."""
    market = SmallMarket().assets
    universe = [{"name": a.name, "szDecimals": a.size_decimals} for a in market]
    return Exchange(MASTER, server.url, meta={"universe": universe}, spot_meta={"universe": [], "tokens": []})


def buy(server):
    return sdk(server).order("ETH", True, 1.0, 4100.0, {"limit": {"tif": "Ioc"}})


@pytest.mark.parametrize(("kind", "coins"), [("drop_before_effect", []), ("drop_after_effect", ["ETH"])])
def test_the_sdk_sees_a_reset_and_the_ledger_tells_whether_it_was_done(kind, coins):
    with serving(plan(kind, path="/exchange")) as server:
        with pytest.raises(requests.ConnectionError, match="reset by peer"):
            buy(server)
        assert list(server.edge.venue.positions(ALICE)) == coins


def test_a_page_after_the_effect_is_a_502_for_an_order_that_was_filled():
    with serving(plan("status", status=502, when="after", path="/exchange")) as server:
        with pytest.raises(ServerError, match="502 Bad Gateway"):
            buy(server)
        assert list(server.edge.venue.positions(ALICE)) == ["ETH"]


def test_html_with_200_is_what_the_sdk_calls_an_error_without_raising():
    with serving(plan("html", path="/exchange")) as server:
        assert buy(server)["error"].startswith("Could not parse JSON: <html>")


def ask(server, seconds=5.0):
    """Return (status, text, seconds taken) of one read on a connection of its own."""

    async def main():
        timeout = aiohttp.ClientTimeout(total=seconds)
        async with aiohttp.ClientSession(server.url, timeout=timeout) as session:
            began = time.monotonic()
            async with session.post("/info", json={"type": "exchangeStatus"}) as reply:
                return reply.status, await reply.text(), time.monotonic() - began

    return asyncio.run(main())


def test_json_ends_in_the_middle_with_a_status_and_a_length_that_look_right():
    with serving(plan("truncated", share=0.5)) as server:
        status, text, _ = ask(server)
    assert status == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(text)


@pytest.mark.parametrize("keys", [{}, {"when": "after"}])
def test_a_delay_takes_its_time_on_either_side(keys):
    with serving(plan("delay", delay_ms=300, **keys)) as server:
        assert 0.3 <= ask(server)[2] < 1.0


def test_a_hang_outlasts_the_client_or_ends_in_a_reset():
    with serving(plan("hang", seconds=30)) as server, pytest.raises(TimeoutError):
        ask(server, seconds=0.2)
    with serving(plan("hang", seconds=0.2)) as server, pytest.raises(aiohttp.ClientOSError):
        ask(server)


def test_connections_are_refused_and_then_slow_while_those_that_stand_go_on():
    with serving(plan("refuse_connections", path="/info", until=0.5)) as server:
        with pytest.raises(aiohttp.ClientOSError):
            ask(server)
        time.sleep(0.5)
        assert ask(server)[0] == 200
    with serving(plan("slow_connect", path="/info", delay_ms=300)) as server:
        session = requests.Session()
        took = []
        for _ in range(2):
            began = time.monotonic()
            session.post(f"{server.url}/info", json={"type": "exchangeStatus"}, timeout=5)
            took.append(time.monotonic() - began)
        session.close()
    assert took[0] > 0.3 > took[1]


def listened(server, seconds, *topics):
    """Return the frames of some seconds, and the code with which the venue closed, if it did."""

    async def main():
        frames = []
        async with websockets.connect(server.ws) as connection:
            for topic in topics:
                await connection.send(json.dumps({"method": "subscribe", "subscription": topic}))
            try:
                async with asyncio.timeout(seconds):
                    while True:
                        frames.append(json.loads(await connection.recv()))
            except TimeoutError:
                return frames, None
            except websockets.ConnectionClosed:
                return frames, connection.close_code

    return asyncio.run(main())


CONTEXT = {"type": "activeAssetCtx", "coin": "ETH"}


def test_frames_come_twice_and_then_the_socket_breaks_with_1006():
    with serving(plan("duplicate") + plan("close", type="activeAssetCtx", every_nth=4), speed=20.0) as server:
        frames, code = listened(server, 5.0, CONTEXT)
    channels = [f["channel"] for f in frames]
    assert channels == ["subscriptionResponse", *["activeAssetCtx"] * 6]
    assert frames[1::2] == frames[2::2]
    assert code == 1006


def test_a_silent_channel_leaves_the_socket_open():
    with serving(plan("silent_channel", type="activeAssetCtx"), speed=20.0) as server:
        frames, code = listened(server, 0.7, CONTEXT, {"type": "allMids"})
    assert {f["channel"] for f in frames} == {"subscriptionResponse", "allMids"}
    assert code is None


def test_an_upgrade_is_answered_with_a_status_or_a_reset():
    async def refused(server):
        with pytest.raises((websockets.InvalidStatus, ConnectionError, websockets.InvalidMessage)) as refusal:
            await websockets.connect(server.ws)
        return refusal.value

    with serving(plan("status", status=502, path="ws")) as server:
        assert asyncio.run(refused(server)).response.status_code == 502
    with serving(plan("refuse_connections", path="ws")) as server:
        assert not isinstance(asyncio.run(refused(server)), websockets.InvalidStatus)


def test_the_venue_serves_on_under_the_default_plan_and_its_ledger_is_what_was_done():
    with serving(default_text()) as server:
        filled = unknown = 0
        exchange = sdk(server)
        for _ in range(150):
            try:
                reply = exchange.order("ETH", True, 0.01, 4100.0, {"limit": {"tif": "Ioc"}})
                filled += "filled" in reply["response"]["data"]["statuses"][0]
            except (requests.ConnectionError, ClientError, ServerError):
                unknown += 1
        done = len(server.edge.venue.fills(ALICE))
    assert filled <= done <= filled + unknown
    assert filled > 100
