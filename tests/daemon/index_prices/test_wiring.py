"""A whole instance over real sockets: venues, calculation, lease, endpoint, metrics, holds."""

import asyncio
import math
from dataclasses import replace

import aiohttp
import pytest

from core.prices.fence import Fence
from core.prices.types import Cause, State
from daemon.index_prices.holds import Holds
from daemon.options import BadUse
from sim.exchanges.speech import SWING
from tests.daemon.index_prices.market import (
    SETTINGS,
    SOURCES,
    got,
    market,
    ok,
    publishing,
)
from tests.daemon.index_prices.values import PRICE

pytestmark = pytest.mark.xdist_group("waiting")

WITHIN_S = 20


def played(work):
    return asyncio.run(asyncio.wait_for(work, WITHIN_S))


async def metrics_of(url):
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as reply:
        assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = (await reply.text()).splitlines()
    return {name: float(number) for name, _, number in (x.rpartition(" ") for x in lines if x[:1] != "#")}


def test_four_venues_become_one_price_with_its_proof(tmp_path):
    async def scenario():
        async with market() as made, publishing(made, tmp_path) as desk:
            value = await desk.until(ok)
            status, document = await got(f"{desk.url}/v1/index/BTC-USD")
            _, everything = await got(f"{desk.url}/v1/index")
            _, health = await got(f"{desk.url}/v1/health")
            await asyncio.sleep(0.3)
            return value, status, document, everything, health, await metrics_of(desk.url), desk.values

    value, status, document, everything, health, metrics, values = played(scenario())
    assert abs(value.price - PRICE) <= SWING + 1
    assert (status, document["state"], document["token"]) == (200, "OK", value.token)
    assert {one["source"] for one in document["inputs"]} == set(SOURCES) == set(document["weights"])
    assert math.isclose(sum(one["weight"] for one in document["inputs"]), 1)
    assert all(may for name, may in document["allowed"].items() if name != "flagged")
    assert [one["symbol"] for one in everything["values"]] == ["BTC/USD"]
    assert (health["leads"], health["healthy"], set(health["venues"])) == (True, True, set(SOURCES))
    assert metrics['nightdesk_index_active_feeds{symbol="BTC/USD"}'] == len(SOURCES)
    assert metrics["nightdesk_index_leader"] == 1
    assert metrics["nightdesk_index_calculations_per_second"] > 1
    assert 0 <= metrics['nightdesk_index_feed_latency_seconds{pair="BTC/USD",source="kraken"}'] < 5
    fence = Fence()
    assert [fence.take(v.token, v.sequence) for v in values] == [None] * len(values)


def test_a_venue_that_goes_away_is_left_out_and_comes_back(tmp_path):
    async def scenario():
        async with market() as made, publishing(made, tmp_path) as desk:
            await desk.until(ok)
            await made.fall("gemini")
            without = await desk.until(lambda v: v.active_feeds == len(SOURCES) - 1 and v.price)
            began = len(desk.values)
            await made.rise("gemini")
            await desk.until(lambda v: v.at_ms > without.at_ms and ok(v))
            return without, desk.values[began:]

    without, after = played(scenario())
    assert without.state is State.OK
    assert [str(one.reason) for one in without.inputs if one.source == "gemini"] == ["disconnected"]
    assert all(value.state is State.OK for value in after)


def test_an_index_held_by_a_person_says_its_last_price_until_it_is_released(tmp_path):
    async def scenario():
        async with market() as made, publishing(made, tmp_path) as desk:
            await desk.until(ok)
            holds = Holds(tmp_path)
            holds.hold("BTC/USD", "a venue is being sued", at_ms=1)
            held = await desk.until(lambda v: v.cause is Cause.MANUAL)
            _, document = await got(f"{desk.url}/v1/index/BTC-USD")
            _, health = await got(f"{desk.url}/v1/health")
            holds.release("BTC/USD", "settled", at_ms=2)
            await desk.until(lambda v: v.at_ms > held.at_ms and v.cause is Cause.NONE)
            return held, document, health, holds.history("BTC/USD")

    held, document, health, history = played(scenario())
    assert held.state is State.HALTED
    assert abs(held.price - PRICE) <= SWING + 1
    assert not document["allowed"]["liquidations"]
    assert health["held"] == {"BTC/USD": "a venue is being sued"}
    assert [(one["action"], one["reason"]) for one in history] == [
        ("trip", "a venue is being sued"),
        ("reset", "settled"),
    ]


def test_a_hold_that_cannot_be_read_holds(tmp_path):
    Holds(tmp_path).hold("BTC/USD", "x", at_ms=1)
    (tmp_path / "holds" / "BTC-USD").write_text("{")
    assert Holds(tmp_path).read(["BTC/USD", "ETH/USD"])["BTC/USD"]
    assert Holds(tmp_path).read(["ETH/USD"]) == {"ETH/USD": None}


def test_of_two_instances_one_publishes_and_the_other_follows_warm(tmp_path):
    """The second has calculated all the time: its first value is OK, with a higher token, within a lease."""
    settings = replace(SETTINGS, lease_file=str(tmp_path / "shared.sqlite"))

    async def scenario():
        async with market() as made:
            async with publishing(made, tmp_path, settings) as first:
                await first.until(ok)
                async with publishing(made, tmp_path, settings) as second:
                    while len(second.instance.health()["indices"]) == 0 or not is_ok(second):
                        await asyncio.sleep(0.02)
                    refused = await got(f"{second.url}/v1/index/BTC-USD")
                    health = await got(f"{second.url}/v1/health")
                    assert second.values == []
                    first.task_ends = made.clock.now_ms()
                    first.instance._made.election.resign()
                    follows = await second.until(lambda v: v.symbol == "BTC/USD")
                    silent = await got(f"{first.url}/v1/index")
            return first, refused, health, follows, silent

    def is_ok(desk):
        return desk.instance.health()["indices"]["BTC/USD"]["state"] == "OK"

    first, refused, health, follows, silent = played(scenario())
    assert refused[0] == silent[0] == 503
    assert "does not hold the lease" in refused[1]["error"]
    assert health[0] == 200
    assert not health[1]["leads"]
    assert follows.state is State.OK
    assert follows.token > max(value.token for value in first.values)
    assert (follows.at_ms - first.task_ends) / 1000 < 2.0


def test_a_port_that_is_taken_is_said_and_nothing_is_left_running(tmp_path):
    async def scenario():
        async with market() as made, publishing(made, tmp_path) as first:
            port = int(first.url.rpartition(":")[2])
            with pytest.raises(BadUse, match=f"port {port}: cannot listen"):
                async with (
                    asyncio.timeout(5),
                    publishing(made, tmp_path, replace(SETTINGS, port=port)) as second,
                ):
                    await second.until(ok)

    played(scenario())
