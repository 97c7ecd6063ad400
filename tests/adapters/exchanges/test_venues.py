"""Every venue's own words against its scripted server, over real sockets: what comes in is what the script says."""

import math
from types import ModuleType

import pytest

from adapters.exchanges.dialing import Network, moved_to
from adapters.exchanges.fallback import Terms
from adapters.exchanges.rest import CcxtRest
from adapters.exchanges.venues import VENUES, connector, words_in, words_of
from sim.exchanges import faults
from sim.exchanges.script import Refuse
from sim.exchanges.server import ScriptedVenue
from sim.exchanges.speech import Moment
from sim.exchanges.venues import SPEECHES
from tests.adapters.exchanges.here import needs_words
from tests.adapters.exchanges.tiny import Tiny, Told, clock, running
from tests.adapters.scripted import NOON_MS, run

PRICE = 50_000.0
ROUNDS = 3
LAST = PRICE + ROUNDS - 1
EAGER = Terms(connect_s=5.0, down_s=0.0, quiet_s=60.0, poll_s=0.02, again_s=0.05)
CALM = Terms()

everywhere = pytest.mark.parametrize("name", [needs_words(name) for name in VENUES])


def scripted(name):
    speech = SPEECHES[name]
    return speech.pair, speech.script(Moment(speech.pair, PRICE, NOON_MS), rounds=ROUNDS)


def heard(name, script, until, terms=CALM):
    """Return what a venue's connector told until something holds."""
    pair, _ = scripted(name)

    async def scenario():
        time, told = clock(), Told()
        async with ScriptedVenue(script, time) as venue:
            network = Network(time, place=moved_to(venue.host))
            made = connector(name, [pair], told, network=network, terms=terms)
            async with running(made):
                await told.until(lambda: until(told))
        return told

    return run(scenario())


def in_the_book(told):
    """Say whether the last round's book has come."""
    return any((tick.bid, tick.ask) == (LAST - 0.5, LAST + 0.5) for tick in told.ticks)


@everywhere
def test_the_prices_of_a_venue_come_through_its_own_words(name):
    pair, script = scripted(name)
    told = heard(name, script, lambda told: in_the_book(told) and told.ticks[-1].price == LAST)
    assert {(tick.source, tick.symbol) for tick in told.ticks} == {(name, pair)}
    assert all(PRICE - 1 <= tick.price <= LAST + 1 for tick in told.ticks)
    stamps = [tick.at_ms for tick in told.ticks]
    assert stamps == sorted(stamps)
    assert told.texts == told.ends == []
    volumes = [tick.volume_24h for tick in told.ticks if tick.volume_24h is not None]
    assert all(math.isclose(volume, 1500 * PRICE, rel_tol=1e-3) for volume in volumes)


@everywhere
def test_a_venue_whose_frames_are_cut_short_goes_on_or_is_subscribed_anew(name):
    _, script = scripted(name)
    told = heard(name, faults.first(script, faults.truncated(2)), in_the_book)
    assert told.texts


@everywhere
def test_a_venue_without_a_stream_is_asked_until_it_has_one(name):
    _, script = scripted(name)
    late = faults.refused(script, Refuse(), times=2)
    told = heard(name, late, in_the_book, EAGER)
    assert told.ticks[0].price == PRICE


def test_no_venue_is_without_a_script_nor_a_script_without_a_venue():
    assert set(SPEECHES) == set(VENUES)


@everywhere
def test_every_venue_is_spoken_to_under_tls(name):
    """E4-20: the address of the stream, or of the door to it (test_kucoin has what that may answer), and of requests."""
    words, asked = words_of(name)([SPEECHES[name].pair]), []
    assert words.url.startswith("wss://" if words.door is None else "https://")
    network = Network(clock(), place=lambda url: asked.append(url) or url)
    CcxtRest(name, VENUES[name], network)._made()
    assert asked
    assert all(url.startswith("https://") for url in asked if "://" in url)


def test_a_name_nobody_knows_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="binance"):
        words_of("mtgox")


def test_a_file_says_which_words_are_its_own_or_has_only_one():
    module = ModuleType("adapters.exchanges.somewhere")
    module.Tiny = Tiny
    with pytest.raises(ValueError, match="0 classes"):
        words_in(module)
    module.Own = type("Own", (Tiny,), {"__module__": module.__name__})
    assert words_in(module) is module.Own
    module.Other = type("Other", (Tiny,), {"__module__": module.__name__})
    with pytest.raises(ValueError, match="2 classes"):
        words_in(module)
    module.WORDS = module.Other
    assert words_in(module) is module.Other
