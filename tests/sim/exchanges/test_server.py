import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sim.exchanges import faults
from sim.exchanges.script import Answer, Await, Flood, Live, Refuse, Reply, Say, Scene, Script
from sim.exchanges.server import ScriptedVenue
from sim.venue.clock import VenueClock
from tests.adapters.scripted import NOON_MS, run


@asynccontextmanager
async def client(script):
    async with (
        ScriptedVenue(script, VenueClock(NOON_MS)) as venue,
        connect(f"ws://{venue.host}/any/path?x=1") as socket,
    ):
        yield socket


def scene(*steps, replies=()):
    return Script((Scene(steps, replies),))


def heard(script, count, *words):
    """Return so many frames that a client hears after it has said these words."""

    async def scenario():
        async with client(script) as socket:
            for word in words:
                await socket.send(word)
            return [await socket.recv() for _ in range(count)]

    return run(scenario())


def end_of(script):
    """Return what ends the connection of a client that listens."""

    async def scenario():
        async with client(script) as socket:
            assert await socket.recv() == "a"
            with pytest.raises(ConnectionClosed) as caught:
                await socket.recv()
        return caught.value

    return run(scenario())


def test_frames_come_in_their_order_after_what_they_wait_for():
    told = scene(Say("hello"), Await("subscribe"), Say("a"), Say(b"b"))
    assert heard(told, 3, "nothing", "please subscribe") == ["hello", "a", b"b"]


def test_nothing_comes_before_the_subscription():
    async def scenario():
        async with client(scene(Await("subscribe"), Say("a"))) as socket:
            await socket.send("nothing")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.05)
            await socket.send("subscribe")
            assert await socket.recv() == "a"

    run(scenario())


def test_a_frame_of_a_channel_goes_only_to_those_who_wanted_it():
    told = scene(Await("books"), Say("a trade", wanted="trades"), Say("a book", wanted="books"))
    assert heard(told, 1, "subscribe books") == ["a book"]


def test_replies_come_whatever_the_steps_are_at():
    told = scene(Await("never"), replies=(Reply("ping", ("pong", "and")), Reply("sub", ("ack",))))
    assert heard(told, 3, "ping", "sub") == ["pong", "and", "ack"]


def test_a_flood_is_as_many_frames_as_it_says():
    assert heard(scene(Flood("x", 500), Say("end")), 501) == ["x"] * 500 + ["end"]


def test_a_live_venue_goes_on_with_the_time_on_its_frames():
    live = Live(lambda number, now_ms: (Say(f"{number}"), Say(f"{now_ms}")), every_s=0.01)
    told = heard(scene(live), 6)
    assert told[::2] == ["0", "1", "2"]
    times = [int(text) for text in told[1::2]]
    assert NOON_MS <= times[0] < times[1] < times[2]


@pytest.mark.parametrize(
    ("fault", "code"), [(faults.closed(1, 4001), 4001), (faults.cut(1), 1006), (faults.broken(1), 1002)]
)
def test_connections_end_as_the_fault_says(fault, code):
    ended = end_of(faults.always(scene(Say("a"), Say("b")), fault))
    frame = ended.sent if code == 1002 else ended.rcvd
    assert (frame.code if frame else 1006) == code


@pytest.mark.parametrize(("fault", "answered"), [(faults.muted, True), (faults.half_open, False)])
def test_a_mute_venue_still_takes_a_farewell_and_a_half_open_one_does_not(fault, answered):
    async def scenario():
        async with ScriptedVenue(
            faults.always(scene(Say("a"), Say("b")), fault(1)), VenueClock(NOON_MS)
        ) as venue:
            socket = await connect(f"ws://{venue.host}/", close_timeout=0.1, ping_interval=None)
            assert await socket.recv() == "a"
            await asyncio.sleep(0)
            await socket.close()
            return socket.close_code == 1000

    assert run(scenario()) is answered


def test_what_is_done_to_one_frame_leaves_the_others():
    told = scene(Await("s"), Say("one"), Say("two"), Say("three"))

    def said(fault):
        return [step.text for step in faults.first(told, fault).scene(0).steps if isinstance(step, Say)]

    assert said(faults.garbled(1)) == ["one", faults.GARBAGE, "three"]
    assert said(faults.truncated(2)) == ["one", "two", "th"]
    assert said(faults.gapped(0)) == ["two", "three"]
    assert said(faults.doubled(1)) == ["one", "two", "two", "three"]
    assert said(faults.renamed("t", "T")) == ["one", "Two", "Three"]


def test_a_first_fault_is_over_on_the_second_connection():
    told = faults.first(scene(Say("one"), Say("two")), faults.garbled(0))
    assert told.scene(1) == told.scene(7) == Scene((Say("one"), Say("two")))


def test_a_handshake_may_be_refused_a_few_times():
    async def scenario():
        refused = faults.refused(scene(Say("a")), Refuse(418), times=2)
        async with ScriptedVenue(refused, VenueClock(NOON_MS)) as venue:
            for _ in range(2):
                with pytest.raises(InvalidStatus, match="418"):
                    await connect(f"ws://{venue.host}/")
            async with connect(f"ws://{venue.host}/") as socket:
                assert await socket.recv() == "a"

    run(scenario())


def test_requests_are_answered_by_the_longest_beginning_and_all_refused_when_down():
    async def scenario():
        answers = {"/a": Answer(b"1"), "/a/b?x=": Answer(b"2")}
        script = Script((Scene(()),), answers)
        async with ScriptedVenue(script, VenueClock(NOON_MS)) as venue, aiohttp.ClientSession() as session:

            async def asked(path):
                async with session.post(f"http://{venue.host}{path}") as reply:
                    return reply.status, await reply.read()

            assert [await asked(path) for path in ("/a/b", "/a/b?x=1", "/c")] == [
                (200, b"1"),
                (200, b"2"),
                (404, b"{}"),
            ]
            venue.script = faults.without_rest(script, 502)
            assert (await asked("/a"))[0] == 502
            assert venue.asked == ["/a/b", "/a/b?x=1", "/c", "/a"]

    run(scenario())
