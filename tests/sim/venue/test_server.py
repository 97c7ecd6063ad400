"""The venue on loopback, spoken to by clients nobody here wrote: the SDK, websockets, aiohttp."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import eth_account
import pytest
import websockets
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.types import Cloid

from sim.venue.clock import wall_ms
from sim.venue.command import BadOptions, VenueOptions, laid_onto
from sim.venue.shifted import ShiftedPrices, shift_onto
from tests.sim.venue.desk import ALICE, MASTER, SHARED
from tests.sim.venue.serving import eventually, serving
from tests.sim.venue.small_market import HOUR_MS, SmallMarket

DATA = SHARED / "data" / "hyperliquid_perp"
DAY_MS = 24 * HOUR_MS
CLOID = Cloid("0x" + "ef" * 16)


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


def test_the_sdk_trades_and_hears_of_its_fills(server):
    info = Info(server.url)
    fills, updates = [], []
    info.subscribe({"type": "userFills", "user": MASTER.address}, fills.append)
    info.subscribe({"type": "orderUpdates", "user": MASTER.address}, updates.append)
    eventually(lambda: fills)
    exchange = Exchange(MASTER, server.url)

    placed = exchange.order("ETH", True, 1.0, 3990.0, {"limit": {"tif": "Gtc"}}, cloid=CLOID)
    assert placed["response"]["data"]["statuses"][0]["resting"]["cloid"] == CLOID.to_raw()
    assert [o["coin"] for o in info.open_orders(MASTER.address)] == ["ETH"]
    cancelled = exchange.cancel_by_cloid("ETH", CLOID)
    assert cancelled["response"]["data"]["statuses"] == ["success"]

    bought = exchange.market_open("ETH", True, 2.0)
    assert bought["response"]["data"]["statuses"][0]["filled"]["totalSz"] == "2.0"
    eventually(lambda: len(fills) > 1)
    assert fills[0]["data"]["isSnapshot"] is True
    assert fills[1]["data"]["fills"][0]["sz"] == "2.0"
    assert exchange.update_leverage(10, "ETH")["status"] == "ok"
    state = info.user_state(MASTER.address)
    assert state["assetPositions"][0]["position"]["leverage"] == {"type": "cross", "value": 10}
    assert exchange.market_close("ETH")["response"]["data"]["statuses"][0]["filled"]["totalSz"] == "2.0"
    eventually(
        lambda: [u["status"] for f in updates for u in f["data"]] == ["open", "canceled", "filled", "filled"]
    )
    info.disconnect_websocket()


def test_an_agent_made_by_the_sdk_may_trade(server):
    reply, key = Exchange(MASTER, server.url).approve_agent("night")
    assert reply == {"status": "ok", "response": {"type": "default"}}
    agent = Exchange(eth_account.Account.from_key(key), server.url, account_address=MASTER.address)
    assert "filled" in agent.market_open("SOL", True, 1.0)["response"]["data"]["statuses"][0]
    assert "SOL" in server.edge.venue.positions(ALICE)


def test_websockets_hears_frames_without_compression_and_loses_the_socket_to_a_bad_coin(server):
    async def main():
        async with websockets.connect(server.ws) as socket:
            assert "permessage-deflate" not in socket.response.headers.get("Sec-WebSocket-Extensions", "")
            await socket.send('{"method":"ping"}')
            assert json.loads(await socket.recv()) == {"channel": "pong"}
            await socket.send('{"method":"subscribe","subscription":{"type":"bbo","coin":"NOPE"}}')
            with pytest.raises(websockets.ConnectionClosedError):
                await asyncio.wait_for(socket.recv(), 2)
            return socket.close_code

    assert asyncio.run(main()) == 1006


def test_http_statuses_are_the_venues(server):
    async def main():
        async with aiohttp.ClientSession(server.url) as session:
            async with session.get("/info") as got:
                assert (got.status, await got.text()) == (405, "")
            async with session.post("/info", data=b"{}", headers={"Content-Type": "text/plain"}) as posted:
                assert posted.status == 415
            question = {"type": "fundingHistory", "coin": "NOPE", "startTime": 0}
            async with session.post("/info", json=question) as posted:
                assert (posted.status, posted.content_type) == (500, "application/json")
                assert await posted.text() == "null"
            async with session.get("/nightdesk/clock") as got:
                clock = await got.json()
        return clock

    clock = asyncio.run(main())
    assert clock["speed"] == 1.0
    assert abs(clock["now_ms"] - wall_ms()) < 2_000


def test_the_venue_outlives_its_clients(server):
    async def main():
        socket = await websockets.connect(server.ws)
        await socket.send('{"method":"subscribe","subscription":{"type":"bbo","coin":"ETH"}}')
        await socket.recv()
        socket.transport.abort()
        async with websockets.connect(server.ws) as again:
            await again.send('{"method":"ping"}')
            return json.loads(await again.recv())

    assert asyncio.run(main()) == {"channel": "pong"}
    eventually(lambda: server.connections == 0)


# --- laid onto now -----------------------------------------------------------------------------------------


def test_the_last_full_day_is_moved_onto_today_by_whole_days():
    last_ms, now_ms = 1_000 * DAY_MS, 20_000 * DAY_MS + 5 * HOUR_MS
    shift_ms = shift_onto(last_ms, now_ms)
    assert shift_ms % DAY_MS == 0
    assert now_ms - shift_ms == 999 * DAY_MS + 5 * HOUR_MS


def test_every_stamp_moves_with_the_market():
    source, shift_ms = SmallMarket(), 10 * DAY_MS
    moved, at = ShiftedPrices(source, shift_ms), 2_000 * DAY_MS + HOUR_MS
    then = at - shift_ms
    old = source.candles(0, "1h", start_ms=then, end_ms=then, now_ms=then)[0]
    new = moved.candles(0, "1h", start_ms=at, end_ms=at, now_ms=at)[0]
    assert (new["t"], new["T"]) == (old["t"] + shift_ms, old["T"] + shift_ms)
    [paid] = moved.funding_history(0, start_ms=at, end_ms=at, now_ms=at)
    assert paid["time"] // HOUR_MS == at // HOUR_MS
    assert moved.next_tick_ms(0, at) == source.next_tick_ms(0, then) + shift_ms
    assert moved.ladder(0, at).at_ms == source.ladder(0, then).at_ms + shift_ms
    with pytest.raises(ValueError, match="whole days"):
        ShiftedPrices(source, 1)


# --- the command -------------------------------------------------------------------------------------------


def test_every_fault_of_the_options_is_named():
    options = VenueOptions(
        Path("."), port=70_000, accounts=("0x12",), agents=("a=b", "c"), start="noon", speed=float("nan"),
        ip_weight=-1, plan="no such plan.toml",
    )  # fmt: skip
    faults = options.faults()
    assert len(faults) == 8
    assert "--faults no such plan.toml: cannot be read" in " ".join(faults)
    assert "--agent 'c': must be ADDRESS=MASTER" in " ".join(faults)
    assert VenueOptions(Path("."), accounts=(ALICE,), agents=(f"{MASTER.address}={ALICE}",)).faults() == []


def test_a_start_outside_the_data_is_refused():
    market = SmallMarket()
    market.first_ms, market.last_ms = 0, DAY_MS
    with pytest.raises(BadOptions, match="1970-01-01 00:00 to 1970-01-02 00:00"):
        laid_onto(market, VenueOptions(Path("."), start="2025-01-01"), 5 * DAY_MS)


@pytest.mark.skipif(not DATA.is_dir(), reason="the data directory is not beside the repository")
def test_the_command_says_where_it_is_and_leaves_at_once_when_told():
    program = (
        "import asyncio, sys; from pathlib import Path;"
        "from sim.venue.command import VenueOptions, run_venue;"
        "asyncio.run(run_venue(VenueOptions(Path(sys.argv[1]))))"
    )
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(DATA)],
        stdout=subprocess.PIPE,
        cwd=root,
        text=True,
        env=os.environ,
    )
    try:
        said = json.loads(process.stdout.readline())
        assert said.keys() == {"url", "ws", "accounts", "key"}
        wallet = eth_account.Account.from_key(said["key"])
        assert said["accounts"] == [wallet.address.lower()]
        filled = Exchange(wallet, said["url"]).market_open("BTC", True, 0.01)
        assert "filled" in filled["response"]["data"]["statuses"][0]
        candles = Info(said["url"], skip_ws=True).candles_snapshot(
            "BTC", "1d", wall_ms() - 3 * DAY_MS, wall_ms()
        )
        assert candles[-1]["t"] == wall_ms() // DAY_MS * DAY_MS
        process.send_signal(signal.SIGTERM)
        assert process.wait(3) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
