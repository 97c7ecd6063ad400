import asyncio
from contextlib import asynccontextmanager
from itertools import pairwise

from msgspec.structs import replace

from adapters.exchanges.dialing import Network, moved_to
from adapters.exchanges.fallback import Fallback, Terms
from adapters.exchanges.rest import CcxtRest
from adapters.exchanges.venues import VENUES
from adapters.ports import VenueError
from core.prices.presets import NIGHTDESK
from sim.exchanges import faults
from sim.exchanges.script import Await, Say, Scene, Script
from sim.exchanges.server import ScriptedVenue
from sim.exchanges.speech import Moment
from sim.exchanges.venues import SPEECHES
from tests.adapters.exchanges.tiny import (
    BTC,
    ETH,
    SOON,
    NoRest,
    Tiny,
    Told,
    clock,
    frame,
    made,
    running,
    tick,
)
from tests.adapters.scripted import NOON_MS, ScriptedClock, run, settle

TERMS = Terms(down_s=3.0, quiet_s=30.0, poll_s=2.0)
REST_PRICE = 50_000.0


class Answering:
    """A venue that answers each request at once with a price for each pair."""

    def __init__(self):
        self.asked = []
        self.failing = False

    async def ticks(self, symbols):
        self.asked.append(tuple(symbols))
        if self.failing:
            raise VenueError("down")
        return tuple(tick(symbol) for symbol in symbols)

    async def close(self):
        pass


@asynccontextmanager
async def asking(rest, terms=TERMS):
    time, told = ScriptedClock(), Told()
    fallback = Fallback(rest, (BTC, ETH), clock=time, terms=terms)
    task = asyncio.create_task(fallback.run(told.tick, lambda text: told.strange("tiny", text)))
    await settle()
    try:
        yield time, fallback, told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_nobody_is_asked_before_the_stream_has_been_down_for_a_while():
    async def scenario():
        rest = Answering()
        async with asking(rest) as (time, _, told):
            await time.advance(2.9)
            assert rest.asked == []
            await time.advance(1.2)
            assert rest.asked == [(BTC, ETH)]
            assert len(told.ticks) == 2

    run(scenario())


def test_only_what_the_stream_owes_is_asked_for_and_nothing_once_it_has_paid():
    async def scenario():
        rest = Answering()
        async with asking(rest) as (time, fallback, _):
            await time.advance(3.5)
            fallback.streamed(BTC, time.now_ms())
            await time.advance(2.0)
            assert rest.asked == [(ETH,)]
            fallback.streamed(ETH, time.now_ms())
            await time.advance(20.0)
            assert rest.asked == [(ETH,)]

    run(scenario())


def test_a_pair_that_is_silent_on_an_open_stream_is_asked_for():
    """A renamed channel is as silent as a calm market."""

    async def scenario():
        rest = Answering()
        async with asking(rest) as (time, fallback, _):
            fallback.streamed(ETH, time.now_ms() + 60_000)
            fallback.streamed(BTC, time.now_ms())
            await time.advance(29.0)
            assert rest.asked == []
            await time.advance(2.0)
            assert rest.asked == [(BTC,)]

    run(scenario())


class Moving(Answering):
    """A venue whose prices move with each request."""

    async def ticks(self, symbols):
        found = await super().ticks(symbols)
        return tuple(replace(one, price=one.price + len(self.asked)) for one in found)


def test_no_pair_that_answers_is_ever_stale_by_our_own_patience_and_a_calm_one_is_not_hammered():
    """Stale is ten seconds; five of these pairs calm at once stay below the strictest venue's 90 requests a minute."""

    async def scenario():
        rest, terms = Answering(), Terms()
        async with asking(rest, terms) as (time, fallback, told):
            fallback.streamed(ETH, time.now_ms() + 3_600_000)
            fallback.streamed(BTC, time.now_ms())
            heard = [time.now_ms()]
            for _ in range(120):
                before = len(told.ticks)
                await time.advance(0.5)
                heard += [time.now_ms()] * (len(told.ticks) - before)
            assert max(b - a for a, b in pairwise(heard)) <= 1000 * NIGHTDESK.health.stale_s - 1000
            assert 6 <= len(rest.asked) <= 10

    run(scenario())


def test_a_pair_whose_price_moves_while_its_stream_says_nothing_is_asked_for_as_if_that_were_down():
    async def scenario():
        rest = Moving()
        async with asking(rest, Terms()) as (time, fallback, _):
            fallback.streamed(ETH, time.now_ms() + 3_600_000)
            fallback.streamed(BTC, time.now_ms())
            await time.advance(20.0)
            asked = len(rest.asked)
            await time.advance(20.0)
            assert len(rest.asked) - asked == 10
            fallback.streamed(BTC, time.now_ms())
            await time.advance(5.0)
            assert len(rest.asked) - asked == 10

    run(scenario())


def test_a_stream_that_ends_again_and_again_does_not_put_its_requests_off():
    async def scenario():
        rest = Answering()
        async with asking(rest) as (time, fallback, _):
            for _ in range(6):
                fallback.lost(time.now_ms())
                await time.advance(1.0)
            assert rest.asked

    run(scenario())


def test_what_a_lost_stream_brought_is_asked_for_at_every_poll_however_calm():
    async def scenario():
        rest = Answering()
        async with asking(rest) as (time, fallback, _):
            fallback.streamed(ETH, time.now_ms() + 3_600_000)
            fallback.streamed(BTC, time.now_ms())
            fallback.lost(time.now_ms())
            fallback.streamed(ETH, time.now_ms() + 3_600_000)
            await time.advance(20.5)
            assert len(rest.asked) >= 8

    run(scenario())


def test_a_stream_that_ends_is_replaced_sooner_than_one_that_is_silent():
    async def scenario():
        rest = Answering()
        async with asking(rest) as (time, fallback, _):
            for symbol in (BTC, ETH):
                fallback.streamed(symbol, time.now_ms())
            fallback.lost(time.now_ms())
            await time.advance(4.1)
            assert rest.asked == [(BTC, ETH)]

    run(scenario())


def test_a_venue_that_answers_nothing_is_asked_ever_more_rarely_and_as_before_once_it_does():
    async def scenario():
        rest = Answering()
        rest.failing = True
        async with asking(rest) as (time, _, told):
            times = []
            while len(times) < 7:
                before = len(rest.asked)
                await time.advance(2.0)
                times += [time.now_ms() - NOON_MS] * (len(rest.asked) - before)
            waits = [(after - before) // 1000 for before, after in pairwise(times)]
            assert waits == [4, 8, 16, 32, 32, 32]
            assert told.texts == ["down"] * 7
            rest.failing = False
            await time.advance(32.0)
            asked = len(rest.asked)
            await time.advance(4.0)
            assert len(rest.asked) == asked + 2

    run(scenario())


def test_an_answer_that_the_stream_has_overtaken_is_not_passed_on():
    """It would take the place of a newer price in a lane."""

    async def scenario():
        class Slow(Answering):
            async def ticks(self, symbols):
                fallback.streamed(BTC, time.now_ms())
                return await super().ticks(symbols)

        async with asking(Slow()) as (time, fallback, told):
            await time.advance(4.1)
            assert [tick.symbol for tick in told.ticks] == [ETH]

    run(scenario())


def test_a_rest_that_raises_anything_is_told_and_asked_again():
    async def scenario():
        rest = NoRest(ZeroDivisionError("a bug of ours"))
        async with asking(rest) as (time, _, told):
            await time.advance(20.0)
            assert len(rest.asked) > 1
            assert told.texts[0] == "REST: ZeroDivisionError: a bug of ours"
        assert rest.closed

    run(scenario())


def test_the_stream_goes_down_requests_take_over_and_the_stream_takes_it_back():
    """Over real sockets, ccxt included; requests are made as to Bitstamp, whatever the stream's language."""
    answers = SPEECHES["bitstamp"].answers(Moment(BTC, REST_PRICE, NOON_MS))
    back = Scene((Await("subscribe"), Say(frame(3.0, 0), after_s=0.1), Say(frame(4.0, 1), after_s=0.1)))
    first = faults.closed(2)(Scene((Say(frame(1.0, 0)), Say(frame(2.0, 1)), Say(frame(9.0, 2)))))

    async def scenario():
        time, told = clock(), Told()
        async with ScriptedVenue(Script((first, back), answers), time) as venue:
            network = Network(time, place=moved_to(venue.host))
            rest = CcxtRest("tiny", VENUES["bitstamp"], network)
            quick = Terms(connect_s=1.0, down_s=0.0, quiet_s=30.0, poll_s=0.01)
            connector = made(Tiny, told, network, rest=rest, terms=quick)
            venue.script = Script((first, faults.Refuse()), answers)
            await rest.ticks([BTC])
            async with running(connector):
                await told.until(lambda: told.prices.count(REST_PRICE) >= 2)
                assert told.order[:3] == [*told.ticks[:2], "tiny"]
                venue.script = Script((back,), answers)
                await told.until(lambda: told.prices[-1] == 4.0)
                since = told.prices[told.prices.index(3.0) :]
                assert since == [3.0, 4.0]
                asked = len(venue.asked)
                await time.sleep(5 * quick.poll_s)
                assert len(venue.asked) == asked
                assert connector.counts.rest_ticks == told.prices.count(REST_PRICE)

    run(scenario())


def test_a_venue_whose_requests_fail_too_is_told_and_waited_for():
    async def scenario():
        time, told = clock(), Told()
        script = faults.without_rest(Script((faults.Refuse(),)))
        async with ScriptedVenue(script, time) as venue:
            network = Network(time, place=moved_to(venue.host))
            rest = CcxtRest("tiny", VENUES["bitstamp"], network)
            async with running(made(Tiny, told, network, rest=rest, terms=SOON)):
                await told.text("by request")
                assert told.ticks == []
                venue.script = Script((Scene((Say(frame(1.0, 0)),)),))
                await told.until(lambda: told.prices == [1.0])

    run(scenario())
