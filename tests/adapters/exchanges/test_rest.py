import asyncio
import decimal
import math
from dataclasses import replace

import pytest

from adapters.exchanges.dialing import Network, as_it_is, moved_to
from adapters.exchanges.rest import CcxtRest, placed, tick_of
from adapters.exchanges.venues import VENUES, of_bitfinex, of_kraken
from adapters.ports import VenueError
from sim.exchanges.faults import without_rest
from sim.exchanges.script import Answer
from sim.exchanges.server import ScriptedVenue
from sim.exchanges.speech import BASE_VOLUME, Moment
from sim.exchanges.venues import SPEECHES
from tests.adapters.exchanges.here import needs_words
from tests.adapters.exchanges.tiny import BTC, clock
from tests.adapters.scripted import NOON_MS, run

PRICE = 50_000.0
STAMPED = {"binance", "okx", "bitstamp", "gemini", "kucoin", "hyperliquid"}
"""Venues whose answer says when it was made; ccxt passes Bybit's and Gate's on without."""


def asked(name, symbols=None, change=lambda script: script, timeout_s=2.0):
    """Return the ticks of a scripted venue's answers, and what it was asked."""

    async def scenario():
        speech = SPEECHES[name]
        script = change(speech.script(Moment(speech.pair, PRICE, NOON_MS - 5_000)))
        async with ScriptedVenue(script, clock()) as venue:
            rest = CcxtRest(
                name, VENUES[name], Network(clock(), place=moved_to(venue.host)), timeout_s=timeout_s
            )
            try:
                return await rest.ticks(symbols or [speech.pair]), venue.asked
            finally:
                await rest.close()

    return run(scenario())


@pytest.mark.parametrize("name", [needs_words(name) if name == "hyperliquid" else name for name in VENUES])
def test_each_venue_is_asked_once_and_its_price_is_a_tick_like_others(name):
    [tick], paths = asked(name)
    assert len(paths) == 1
    assert (tick.source, tick.symbol) == (name, SPEECHES[name].pair)
    assert tick.price == PRICE
    if name != "coinbase":
        assert (tick.bid, tick.ask) == (PRICE - 0.5, PRICE + 0.5)
    if name != "hyperliquid":
        assert tick.volume_24h_base == BASE_VOLUME
        assert math.isclose(tick.volume_24h, BASE_VOLUME * PRICE)
    assert NOON_MS <= tick.received_ms < NOON_MS + 20_000
    assert tick.at_ms == (NOON_MS - 5_000 if name in STAMPED else tick.received_ms)


def test_one_pair_that_is_not_answered_spoils_no_other():
    [tick], paths = asked("bitstamp", ["NONE/USD", BTC])
    assert tick.symbol == BTC
    assert len(paths) == 2


REFUSALS = {
    "binance": (
        "/api/v3/ticker/24hr?symbols=%5B%22NONE",
        Answer(b'{"code":-1121,"msg":"Invalid symbol."}', 400),
    ),
    "kraken": ("/0/public/Ticker?pair=NONE", Answer(b'{"error":["EQuery:Unknown asset pair"]}')),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_pair_for_which_a_venue_refuses_a_request_for_several_spoils_no_other(name):
    pair, (path, refusal) = SPEECHES[name].pair, REFUSALS[name]

    def refusing(script):
        return replace(script, answers={**script.answers, path: refusal})

    [tick], paths = asked(name, [pair.replace("BTC", "NONE"), pair], refusing)
    assert (tick.symbol, tick.price) == (pair, PRICE)
    assert len(paths) == 3


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_venue_that_answers_nothing_is_a_venue_error(status):
    with pytest.raises(VenueError, match="kraken by request"):
        asked("kraken", change=lambda script: without_rest(script, status))


def test_an_answer_without_a_price_is_a_venue_error():
    with pytest.raises(VenueError, match="ETH/USDT"):
        asked("binance", ["ETH/USDT"])


def test_nobody_listening_is_a_venue_error():
    async def scenario():
        rest = CcxtRest("okx", VENUES["okx"], Network(clock(), place=moved_to("127.0.0.1:1")))
        try:
            await rest.ticks(["BTC/USDT"])
        finally:
            await rest.close()

    with pytest.raises(VenueError, match="okx BTC/USDT by request"):
        run(scenario())


def test_the_way_can_be_opened_again_after_it_was_closed():
    async def scenario():
        speech = SPEECHES["gemini"]
        async with ScriptedVenue(speech.script(Moment(speech.pair, PRICE, NOON_MS)), clock()) as venue:
            rest = CcxtRest("gemini", VENUES["gemini"], Network(clock(), place=moved_to(venue.host)))
            for _ in range(2):
                assert await rest.ticks([BTC])
                await rest.close()
            assert len(asyncio.all_tasks()) == 2

    run(scenario())


def test_the_rounding_of_orders_stays_what_it_is():
    """ccxt sets the rounding of whatever decimal context it meets; ours is that of orders."""
    before = decimal.getcontext().rounding
    asked("kraken")
    assert decimal.getcontext().rounding == before


OLD_LETTERS = {
    "BTC/USD": "XXBTZUSD",
    "ETH/EUR": "XETHZEUR",
    "BTC/USDT": "XBTUSDT",
    "USDT/USD": "USDTZUSD",
    "USDC/USD": "USDCUSD",
    "SOL/USD": "SOLUSD",
    "DOGE/USD": "XDGUSD",
    "ETH/USDT": "ETHUSDT",
}


@pytest.mark.parametrize(("pair", "name"), OLD_LETTERS.items())
def test_kraken_keeps_its_old_letters_for_pairs_of_old_assets(pair, name):
    assert of_kraken(pair) == name


@pytest.mark.parametrize(
    ("pair", "name"),
    [("BTC/USD", "tBTCUSD"), ("BTC/USDT", "tBTCUST"), ("USDT/USD", "tUSTUSD"), ("AVAX/USD", "tAVAX:USD")],
)
def test_bitfinex_sets_long_names_off_by_a_colon(pair, name):
    assert of_bitfinex(pair) == name


def test_addresses_are_moved_wherever_they_stand():
    urls = {"public": "https://api.x.com/v1?a=b", "more": {"ws": "wss://x.com/ws"}, "none": None}
    moved = {"public": "http://h:1/v1?a=b", "more": {"ws": "ws://h:1/ws"}, "none": None}
    assert placed(urls, moved_to("h:1")) == moved
    assert placed(urls, as_it_is) == urls


def test_a_ticker_without_a_trade_has_the_middle_of_its_book_and_one_without_both_is_none():
    assert tick_of({"bid": 1.0, "ask": 3.0}, "x", BTC, received_ms=5).price == 2.0
    assert tick_of({"bid": 1.0}, "x", BTC, received_ms=5) is None
