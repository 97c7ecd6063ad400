"""Every venue's own words against its scripted server, over real sockets: what comes in is what the script says."""

import json
import math
from dataclasses import replace
from types import ModuleType

import pytest

from adapters.exchanges.dialing import Network, moved_to
from adapters.exchanges.fallback import Terms
from adapters.exchanges.venues import VENUES, connector, words_in, words_of
from sim.exchanges import faults
from sim.exchanges.script import Await, Refuse, Say, Scene
from sim.exchanges.server import ScriptedVenue
from sim.exchanges.speech import SWING, Moment, say
from sim.exchanges.venues import SPEECHES, bitfinex
from tests.adapters.exchanges.here import needs_words
from tests.adapters.exchanges.tiny import Tiny, Told, clock, running
from tests.adapters.scripted import NOON_MS, run

PRICE = 50_000.0
ROUNDS = 3 * SWING + 1
LAST = PRICE - SWING
"""The price goes up, back and down, to where it was not before."""
EAGER = Terms(connect_s=5.0, down_s=0.0, quiet_s=60.0, poll_s=0.02, again_s=0.05)
CALM = Terms()

everywhere = pytest.mark.parametrize("name", [needs_words(name) for name in VENUES])


def scripted(name):
    speech = SPEECHES[name]
    return speech.pair, speech.script(Moment(speech.pair, PRICE, NOON_MS), rounds=ROUNDS)


def heard(name, script, until, terms=CALM, *, also=()):
    """Return what a venue's connector told until something holds, for its scripted pair and some others."""
    pair, _ = scripted(name)

    async def scenario():
        time, told = clock(), Told()
        async with ScriptedVenue(script, time) as venue:
            network = Network(time, place=moved_to(venue.host))
            made = connector(name, [*also, pair], told, network=network, terms=terms)
            async with running(made):
                await told.until(lambda: until(told))
            told.requests = [talk.heard for talk in venue.conversations]
        return told

    return run(scenario())


def bid_of_round(number):
    return Moment("BTC/USD", PRICE, NOON_MS).after(number).bid


def in_the_book(told):
    """Say whether the last round's book has come."""
    return any((tick.bid, tick.ask) == (LAST - 0.5, LAST + 0.5) for tick in told.ticks)


@everywhere
def test_the_prices_of_a_venue_come_through_its_own_words(name):
    pair, script = scripted(name)
    told = heard(name, script, lambda told: in_the_book(told) and told.ticks[-1].price == LAST)
    assert {(tick.source, tick.symbol) for tick in told.ticks} == {(name, pair)}
    assert all(abs(tick.price - PRICE) <= SWING + 0.5 for tick in told.ticks)
    assert {bid_of_round(number) for number in range(ROUNDS)} <= {tick.bid for tick in told.ticks}
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


@pytest.mark.parametrize(("name", "ends"), [("kraken", []), ("bitfinex", ["bitfinex"]), ("okx", ["okx"])])
def test_a_change_of_a_book_that_is_lost_on_its_way_is_seen_and_the_book_asked_for_anew(name, ends):
    """What tells of it is the venue's own checksum, or its numbers. Kraken's book is asked for on the same connection."""
    _, script = scripted(name)
    texts = [step.text for step in script.scene(0).steps if isinstance(step, Say)]
    books = [number for number, text in enumerate(texts) if is_change_of_book(name, text)]
    told = heard(name, faults.first(script, faults.gapped(books[3])), in_the_book)
    assert told.ends == ends
    asked = [frame for talk in told.requests for frame in talk if "book" in frame and "unsub" not in frame]
    assert len(asked) == 2
    assert any("checksum" in text or "after" in text or "follows" in text for text in told.texts)


def is_change_of_book(name, text):
    frame = json.loads(text)
    if name == "bitfinex":
        return isinstance(frame, list) and frame[0] == bitfinex.BOOK and frame[1] != "cs"
    return "book" in f"{frame}" and '"update"' in text


@everywhere
def test_a_venue_without_a_stream_is_asked_until_it_has_one(name):
    _, script = scripted(name)
    late = faults.refused(script, Refuse(), times=2)
    told = heard(name, late, in_the_book, EAGER)
    assert told.ticks[0].price == PRICE


def refuses_unknown(name):
    """Return what the venue says to a request with the pair XYZ/USDT or XYZ/USD in it."""
    return {
        "coinbase": {"type": "error", "message": "Failed to subscribe", "reason": "XYZ-USD is not a valid product"},
        "kraken": {"error": "Currency pair not supported XYZ/USD", "method": "subscribe", "success": False,
                   "symbol": "XYZ/USD"},
        "okx": {"event": "error", "code": "60018", "connId": "a4d3ae55",
                "msg": "channel:tickers,instId:XYZ-USDT doesn't exist"},
        "bybit": {"success": False, "ret_msg": "Invalid symbol :[orderbook.1.XYZUSDT]", "op": "subscribe"},
        "bitstamp": {"event": "bts:error", "channel": "order_book_xyzusd", "data": {"code": 4001}},
        "gemini": {"id": "xyzusd", "status": 400, "error": {"code": -1121, "msg": "Invalid symbol"}},
        "bitfinex": {"event": "error", "msg": "symbol: invalid", "code": 10300, "channel": "ticker",
                     "symbol": "tXYZUSD", "pair": "XYZUSD"},
        "gate": {"channel": "spot.tickers", "event": "subscribe", "payload": ["XYZ_USDT", "BTC_USDT"],
                 "error": {"code": 2, "message": "unknown currency pair: XYZ_USDT"}},
        "kucoin": {"id": "1", "type": "error", "code": 404, "data": "topic /market/ticker:XYZ-USDT is not found"},
    }[name]  # fmt: skip


@pytest.mark.parametrize("name", [n for n in VENUES if n not in ("binance", "hyperliquid")])
def test_a_pair_that_the_venue_does_not_know_is_left_out_and_the_other_goes_on(name):
    """Of Binance and Hyperliquid see below."""
    pair, script = scripted(name)
    unknown = pair.replace("BTC", "XYZ")
    spelled = "xyz" if name in ("bitstamp", "gemini") else "XYZ"
    greeting = tuple(Say(text) for text in SPEECHES[name].greeting)
    refusing = Scene((*greeting, Await(spelled), say(refuses_unknown(name))))
    told = heard(name, replace(script, scenes=(refusing, *script.scenes)), in_the_book, also=[unknown])
    assert any(f"{unknown} is left out of the stream" in text for text in told.texts)
    first, second, *_ = ("".join(requests).upper() for requests in told.requests)
    assert ("XYZ" in first, "XYZ" in second) == (True, False)
    assert {tick.symbol for tick in told.ticks} == {pair}


@pytest.mark.parametrize("name", ["binance", "hyperliquid"])
def test_a_pair_of_which_the_stream_says_nothing_is_told_of_by_request_and_the_other_goes_on(name):
    """Binance takes any name and is silent about it; Hyperliquid is never asked for what is not in its list."""
    pair, script = scripted(name)
    unknown = pair.replace("BTC", "XYZ")

    def told_of(told):
        return in_the_book(told) and any(unknown in text and "by request" in text for text in told.texts)

    told = heard(name, script, told_of, EAGER, also=[unknown])
    assert {tick.symbol for tick in told.ticks} == {pair}
    assert told.ends == []


RENAMED = {
    "binance": (("24hrTicker", "dayTicker"), ('"b":', '"bid":')),
    "coinbase": (('"ticker"', '"ticker_batch"'),),
    "kraken": (('"channel":"ticker"', '"channel":"bbo"'), ('"channel":"book"', '"channel":"level2"')),
    "okx": (('"tickers"', '"ticker"'), ('"books"', '"book"')),
    "bybit": (("tickers.", "ticker."), ("orderbook.1", "bbo")),
    "bitstamp": (("order_book_", "book_"), ("live_trades_", "trades_")),
    "gemini": (('"b":', '"bid":'), ('"p":', '"price":')),
    "bitfinex": (('"channel":"ticker"', '"channel":"day"'), ('"channel":"book"', '"channel":"books"')),
    "gate": (("spot.tickers", "spot.ticker"), ("spot.book_ticker", "spot.bbo")),
    "kucoin": (("/market/ticker:", "/spot/ticker:"), ("/market/snapshot:", "/spot/snapshot:")),
    "hyperliquid": (('"channel":"bbo"', '"channel":"best"'), ('"channel":"l2Book"', '"channel":"book"')),
}
"""Channels, and fields where a frame does not name its channel."""


@everywhere
def test_a_venue_that_renames_its_channels_is_told_of_and_says_no_price(name):
    _, script = scripted(name)
    for old, new in RENAMED[name]:
        script = faults.always(script, faults.renamed(old, new))
    told = heard(name, script, lambda told: len(told.texts) >= ROUNDS)
    assert told.ticks == []
    assert any(new in text for _, new in RENAMED[name] for text in told.texts)
    assert told.ends == []


def test_no_venue_is_without_a_script_nor_a_script_without_a_venue():
    assert set(SPEECHES) == set(VENUES)


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
