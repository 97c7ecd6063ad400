import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import pytest

from adapters.exchanges.connection import Connection
from adapters.exchanges.dialing import Network, moved_to
from adapters.exchanges.fallback import Terms
from adapters.exchanges.lane import Lane
from adapters.exchanges.ports import Door, Read
from adapters.ports import VenueError
from adapters.stream import WebsocketsTransport
from sim.exchanges import faults
from sim.exchanges.script import Answer, Await, Flood, Refuse, Say, Scene, Script
from sim.exchanges.server import ScriptedVenue
from tests.adapters.exchanges.tiny import (
    BTC,
    ETH,
    SOON,
    NoRest,
    Tiny,
    Told,
    clock,
    connected,
    frame,
    made,
    prices,
    running,
    script,
    tick,
    tiny,
)
from tests.adapters.scripted import ScriptedClock, run, settle

OLD, NEW = 100.0, 200.0


def two_lives(first):
    """Return a venue whose first connection ends in some way after one price, and whose second one goes well."""
    return Script((first(prices(OLD, OLD + 1)), prices(NEW)))


def fault_of(fault):
    return two_lives(fault(1))


# --- the stream ------------------------------------------------------------------------------------------


def test_prices_come_after_the_subscription():
    async def scenario():
        async with connected(script(1.0, 2.0)) as (venue, told, connector):
            await told.until(lambda: told.prices == [1.0, 2.0])
            assert venue.conversations[0].heard == [f"subscribe {BTC}"]
            assert connector.counts.stream_ticks == 2

    run(scenario())


def test_a_venue_is_pinged_in_its_own_words():
    async def scenario():
        scene = Scene((Await("ping"), Say(frame(1.0, 0))))
        async with connected(Script((scene,)), tiny(ping_s=0.01)) as (venue, told, _):
            await told.until(lambda: told.prices == [1.0])
            greeting, ping = venue.conversations[0].heard[:2]
            assert greeting == f"subscribe {BTC}"
            assert ping.startswith("ping ")

    run(scenario())


def test_what_words_answer_is_sent():
    async def scenario():
        scene = Scene((Say("ask 42"), Await("42"), Say(frame(1.0, 0))))
        async with connected(Script((scene,))) as (venue, told, _):
            await told.until(lambda: told.prices == [1.0])
            assert venue.conversations[0].heard.count("42") == 1

    run(scenario())


def test_the_address_may_be_had_by_a_request():
    def url_of(body):
        return f"wss://made.example/{body.decode()}"

    async def scenario():
        words = tiny(url="https://tiny.example", door=Door("/token", url_of))
        answers = {"/token": Answer(b"a1")}
        async with connected(Script((prices(1.0),), answers), words) as (venue, told, _):
            await told.until(lambda: told.prices == [1.0])
            assert venue.asked == ["/token"]
            assert venue.conversations[0]._request.path_qs == "/a1"

    run(scenario())


@pytest.mark.parametrize(
    "answer", [Answer(b"", status=500), Answer(b"no url in it"), Answer(b"x", after_s=5)]
)
def test_a_request_that_gives_no_address_is_told_and_tried_again(answer):
    def url_of(body):
        raise ValueError("no URL")

    async def scenario():
        words = tiny(url="wss://tiny.example", door=Door("/token", url_of))
        terms = replace(SOON, connect_s=0.05)
        async with connected(Script((), {"/token": answer}), words, terms=terms) as (venue, told, connector):
            await told.until(lambda: connector.counts.endings > 1)
            assert len(venue.asked) == 2
            assert any("/token" in text or "where to connect" in text for text in told.texts)

    run(scenario())


# --- what ends a connection ------------------------------------------------------------------------------


def test_a_mute_venue_is_left_after_its_silence_and_connected_anew():
    async def scenario():
        async with connected(fault_of(faults.muted), tiny(silence_s=0.05)) as (venue, told, _):
            await told.until(lambda: NEW in told.prices)
            assert told.ends == ["tiny"]
            assert "no frame for 0.05 s" in told.texts
            assert len(venue.conversations) == 2

    run(scenario())


def test_silence_is_not_what_pings_and_other_frames_break():
    """Frames each four seconds at a venue that is silent for five: alive after a minute."""

    async def scenario():
        time = ScriptedClock()

        class Beating(ScriptedSocket):
            async def receive(self):
                await time.sleep(4.0)
                return b"alive"

        words = tiny(silence_s=5.0)((BTC,))
        use = asyncio.create_task(Connection(words, Beating(), time, lambda read, now_ms: None).use())
        await time.advance(60.0)
        assert not use.done()
        use.cancel()
        await asyncio.gather(use, return_exceptions=True)

    run(scenario())


def test_a_route_that_is_gone_is_left_though_no_farewell_is_answered():
    async def scenario():
        async with connected(fault_of(faults.half_open), tiny(silence_s=0.05)) as (_, told, _):
            await told.until(lambda: NEW in told.prices)
            assert told.ends == ["tiny"]

    run(scenario())


def test_the_end_is_told_before_the_courtesies_of_closing():
    closing = asyncio.Event()

    class Lingering(WebsocketsTransport):
        async def connect(self):
            socket = await super().connect()
            socket.close = closing.wait
            return socket

    async def scenario():
        async with ScriptedVenue(fault_of(faults.closed), clock()) as venue:
            told, network = Told(), Network(clock(), sockets=Lingering, place=moved_to(venue.host))
            async with running(made(Tiny, told, network, terms=replace(SOON, connect_s=60.0))):
                await asyncio.wait_for(told.until(lambda: told.ends == ["tiny"]), 5)
                assert NEW not in told.prices
                closing.set()
                await told.until(lambda: NEW in told.prices)

    run(scenario())


@pytest.mark.parametrize("fault", [faults.closed, faults.cut, faults.broken])
def test_a_connection_that_breaks_is_made_again(fault):
    async def scenario():
        async with connected(fault_of(fault)) as (venue, told, _):
            await told.until(lambda: told.prices == [OLD, NEW])
            assert told.ends == ["tiny"]
            assert venue.conversations[1].heard == [f"subscribe {BTC}"]

    run(scenario())


def test_a_gap_in_the_sequence_brings_a_fresh_subscription_and_new_words():
    """The second connection counts from 0 again, which the first one's words would call a gap."""
    lives = []

    def words_of(symbols):
        lives.append(Tiny(symbols))
        return lives[-1]

    async def scenario():
        broken = faults.gapped(1)(prices(OLD, OLD + 1, OLD + 2))
        async with connected(Script((broken, prices(NEW))), words_of) as (venue, told, _):
            await told.until(lambda: NEW in told.prices)
            assert told.prices == [OLD, NEW]
            assert "gap before 2" in told.texts
            assert len(lives) == len(venue.conversations) == 2

    run(scenario())


def test_a_frame_with_a_fault_gives_no_price():
    async def scenario():
        both = Read(ticks=(tick(price=OLD),), fault="checksum")
        words = tiny(read=lambda self, frame, now_ms: both)
        async with connected(script(1.0), words) as (_, told, _):
            await told.text("checksum")
            assert told.ticks == []

    run(scenario())


@pytest.mark.parametrize("fault", [faults.garbled, faults.truncated])
def test_a_frame_nobody_can_read_is_told_and_the_stream_goes_on(fault):
    async def scenario():
        scene = Scene((Say(frame(OLD, 0)), Say('{"padding": "' + "x" * 1000 + '"}'), Say(frame(NEW, 1))))
        async with connected(Script((fault(1)(scene),))) as (venue, told, connector):
            await told.until(lambda: told.prices == [OLD, NEW])
            assert len(told.texts) == connector.counts.strange == 1
            assert len(told.texts[0]) <= 301
            assert venue.handshakes == 1

    run(scenario())


# --- what never comes about ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [503, 200, None])
def test_a_refused_handshake_is_told_and_tried_again(status):
    async def scenario():
        late = faults.refused(script(NEW), Refuse(status))
        async with connected(late, terms=replace(SOON, connect_s=0.1)) as (_, told, connector):
            await told.until(lambda: told.prices == [NEW])
            assert connector.counts.endings == 1
            assert told.ends == []

    run(scenario())


def test_a_venue_that_speaks_no_tls_is_told_and_tried_again():
    async def scenario():
        async with ScriptedVenue(script(1.0), clock()) as venue:
            told = Told()
            network = Network(clock(), place=lambda url: f"wss://{venue.host}")
            async with running(made(Tiny, told, network)):
                await told.until(lambda: sum("SSL" in text for text in told.texts) > 1)
            assert venue.conversations == []

    run(scenario())


@pytest.mark.parametrize(
    "url", ["", "https://tiny.example", "wss://", "ws://a b:c", "ws://127.0.0.1:1", "ws://\x00"]
)
def test_a_bad_address_is_told_and_tried_again(url):
    async def scenario():
        told = Told()
        async with running(made(tiny(url=url), told, Network(clock()))):
            await told.until(lambda: len(told.texts) > 1)
            assert told.ticks == told.ends == []

    run(scenario())


def broken(*args):
    raise ZeroDivisionError("a bug of ours")


@pytest.mark.parametrize("method", ["__init__", "hello", "ping", "read"])
def test_words_that_raise_are_told_and_made_anew(method):
    async def scenario():
        words = tiny(ping_s=0.01, **{method: broken})
        async with connected(script(1.0), words) as (_, told, _):
            await told.until(lambda: sum("a bug of ours" in text for text in told.texts) > 1)
            assert told.prices == [] or method == "ping"

    run(scenario())


def test_a_sink_that_raises_is_our_fault_and_loud():
    class Faulty(Told):
        def tick(self, tick):
            raise ZeroDivisionError

    async def scenario():
        async with ScriptedVenue(script(1.0), clock()) as venue:
            connector = made(Tiny, Faulty(), Network(clock(), place=moved_to(venue.host)))
            with pytest.raises(BaseExceptionGroup) as caught:
                await connector.run()
            assert caught.group_contains(ZeroDivisionError)
            assert connector.counts.endings == 0

    run(scenario())


# --- what is passed on -----------------------------------------------------------------------------------


def test_a_heartbeat_counts_only_on_a_stream_that_has_brought_prices():
    async def scenario():
        first = Scene((Say("alive"), Say(frame(OLD, 0)), Say("alive"), faults.Close()))
        second = Scene((Say("alive"), Say(frame(NEW, 0))))
        async with connected(Script((first, second))) as (_, told, _):
            await told.until(lambda: NEW in told.prices)
            assert len(told.heartbeats) == 1
            assert [type(item) for item in told.order[:3]] == [type(tick()), tuple, str]

    run(scenario())


def test_a_price_that_nobody_asked_for_is_not_passed_on():
    async def scenario():
        others = tiny(
            read=lambda self, frame, now_ms: Read(ticks=(tick(source="other"), tick(ETH), tick(BTC, 7.0)))
        )
        async with connected(script(1.0), others) as (_, told, _):
            await told.until(lambda: told.prices == [7.0])
            assert len(told.texts) == 2

    run(scenario())


def test_a_flood_leaves_the_newest_price_and_a_count():
    """The consumer looks once, after two thousand frames: it finds one price of each symbol."""
    times = 2000

    async def scenario():
        flood = Flood(frame(OLD, 0).replace(', "n": 0', ""), times)
        scene = Scene((flood, Say(frame(1.0, 0, ETH)), Say(frame(NEW, 1))))
        async with ScriptedVenue(Script((scene,)), clock()) as venue:
            lane, told = Lane(), Told()
            way = Network(clock(), place=moved_to(venue.host))
            connector = made(Tiny, lane, way, symbols=(BTC, ETH), terms=Terms())
            async with running(connector):
                while connector.counts.stream_ticks < times + 2:
                    await lane.filled()
                    await asyncio.sleep(0)
                    assert len(lane) <= 2
            lane.deliver(told)
            assert told.prices == [1.0, NEW]
            assert lane.dropped["tiny"] == times

    run(scenario())


@asynccontextmanager
async def venues(*scripts):
    """Yield the ways to as many venues."""
    async with AsyncExitStack() as open_ones:
        found = [await open_ones.enter_async_context(ScriptedVenue(script, clock())) for script in scripts]
        yield [Network(clock(), place=moved_to(venue.host)) for venue in found]


# --- one among others ------------------------------------------------------------------------------------


def test_connectors_that_die_in_every_way_never_delay_another():
    """The healthy venue says twenty prices at 10 ms each, another one leaves a handshake open for half a minute."""
    healthy = Script((Scene(tuple(Say(frame(float(number), number), after_s=0.01) for number in range(20))),))
    mute = Script((Refuse(None),))

    async def scenario():
        time = clock()
        async with venues(healthy, script(1.0), mute) as (well, ill, hung):
            told, noise = Told(), Told()
            patient = replace(SOON, connect_s=30.0)
            dying = [
                made(tiny(read=broken), noise, ill),
                made(tiny(hello=broken), noise, ill, rest=NoRest(ZeroDivisionError("a bug of ours"))),
                made(tiny(url="nonsense"), noise, Network(time)),
                made(tiny(silence_s=0.01), noise, ill),
            ]
            async with running(
                *dying, made(Tiny, noise, hung, terms=patient), made(Tiny, told, well, terms=Terms())
            ):
                await told.until(lambda: len(told.ticks) == 20)
                assert all(connector.counts.endings > 1 for connector in dying)
            times = [tick.received_ms for tick in told.ticks]
            assert max(after - before for before, after in pairwise(times)) < 1000
            assert told.ends == told.texts == []

    run(scenario())


def test_cancellation_leaves_no_task_and_no_connection():
    async def scenario():
        rest, before = NoRest(), len(asyncio.all_tasks())
        async with ScriptedVenue(script(1.0), clock()) as venue:
            told = Told()
            connector = made(Tiny, told, Network(clock(), place=moved_to(venue.host)), rest=rest)
            serving = asyncio.all_tasks()
            async with running(connector):
                await told.until(lambda: told.prices == [1.0])
            assert rest.closed
            left = [t for t in asyncio.all_tasks() - serving if "Connect" in repr(t) or "adapters" in repr(t)]
            assert left == []
        assert len(asyncio.all_tasks()) == before

    run(scenario())


@pytest.mark.parametrize("scene", [Refuse(None), Scene(())])
def test_cancellation_in_the_midst_of_a_handshake_or_a_silence_is_clean(scene):
    async def scenario():
        time = clock()
        async with ScriptedVenue(Script((scene,)), time) as venue:
            slow = Terms(connect_s=60, down_s=60, poll_s=60)
            connector = made(Tiny, Told(), Network(time, place=moved_to(venue.host)), terms=slow)
            before = asyncio.all_tasks()
            async with running(connector):
                while not venue.handshakes:
                    await asyncio.sleep(0.001)
            await asyncio.sleep(0.01)
            ours = [task for task in asyncio.all_tasks() - before if "connect" in repr(task.get_coro())]
            assert ours == []

    run(scenario())


def test_cancellation_in_the_moment_in_which_the_connection_ends_is_not_forgotten():
    async def scenario():
        socket = ScriptedSocket()
        use = asyncio.create_task(Connection(Tiny((BTC,)), socket, clock(), lambda read, now_ms: None).use())
        while "subscribe" not in f"{socket.texts}":
            await asyncio.sleep(0)
        socket.ending.set_exception(ConnectionError("1006"))
        use.cancel()
        with pytest.raises(asyncio.CancelledError):
            await use

    run(scenario())


class ScriptedSocket:
    """Brings nothing until it ends."""

    def __init__(self):
        self.texts = []
        self.ending = asyncio.get_running_loop().create_future()

    async def send(self, text):
        self.texts.append(text)

    async def receive(self):
        return await self.ending

    async def close(self):
        pass


def test_silence_that_is_found_late_is_our_own_sleep_and_forgiven_once():
    """The clock jumps ten seconds in one sleep of a venue that is silent for five: it is given five more."""

    async def scenario():
        time, socket = ScriptedClock(), ScriptedSocket()
        words = tiny(silence_s=5.0)((BTC,))
        use = asyncio.create_task(Connection(words, socket, time, lambda read, now_ms: None).use())
        await settle()
        time.ms += 10_000
        await time.advance(0.0)
        assert not use.done()
        await time.advance(5.0)
        with pytest.raises(VenueError, match=r"no frame for 5\.0 s"):
            await use

    run(scenario())
