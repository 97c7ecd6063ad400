import json

import pytest

from adapters.exchanges.hyperliquid import SPOT, Hyperliquid
from tests.adapters.exchanges.venue_frames import (
    HYPERLIQUID_BBO,
    HYPERLIQUID_BOOK,
    HYPERLIQUID_CONTEXT,
    NOW,
    needs_recordings,
    said,
)
from tests.adapters.hyperliquid.recorded import round_trips

TOKENS = {"BTC": "UBTC", "ETH": "UETH", "SOL": "USOL", "USDT": "USDT0"}
"""What the coins are called where they are tokens of a bridge."""


@pytest.fixture
def words():
    return Hyperliquid(("BTC/USDC", "HYPE/USDC"))


def read(words, frame):
    return words.read(json.dumps(frame), NOW)


def of(coin, frame):
    return {**frame, "data": {**frame["data"], "coin": coin}}


@needs_recordings
def test_the_pairs_are_those_of_the_venues_own_list():
    """The recording has tokens and universe as the venue numbers them (spotMeta)."""
    [(_, body)] = round_trips("go_hyperliquid_cassettes/SpotMeta.yaml")
    meta = json.loads(body)
    names = {token["index"]: token["name"] for token in meta["tokens"]}
    listed = {"/".join(names[one] for one in pair["tokens"]): pair["name"] for pair in meta["universe"]}
    for pair, coin in SPOT.items():
        base, _, quote = pair.partition("/")
        assert listed[f"{TOKENS.get(base, base)}/{quote}"] == coin, pair


def test_it_asks_for_the_spot_market_only(words):
    asked = [json.loads(frame)["subscription"] for frame in words.hello()]
    assert {one["coin"] for one in asked} == {"@142", "@107"}
    assert [one["type"] for one in asked][:3] == ["bbo", "l2Book", "activeAssetCtx"]
    assert json.loads(words.ping(NOW)) == {"method": "ping"}


def test_pairs_that_the_spot_market_does_not_have_are_not_asked_for():
    """The venue answers an unknown coin by closing the socket, and all that was asked for on it is lost."""
    asked = [
        json.loads(frame)["subscription"]["coin"] for frame in Hyperliquid(("BTC/USD", "ETH/USDC")).hello()
    ]
    assert asked == ["@151"] * 3


def test_context_and_best_prices_join_into_ticks(words):
    bbo, book = said(words, HYPERLIQUID_CONTEXT, HYPERLIQUID_BBO, HYPERLIQUID_BOOK)
    assert (bbo.symbol, bbo.bid, bbo.ask, bbo.at_ms) == ("HYPE/USDC", 92.637, 92.638, 1786613159233)
    assert bbo.price == pytest.approx(92.6375)
    assert (bbo.volume_24h, bbo.volume_24h_base) == (64552049.6973299459, 690824.1400000008)
    assert (book.bid, book.ask, book.at_ms) == (92.636, 92.639, 1786613159333)


def test_an_empty_side_leaves_no_middle_no_tick_and_no_sign_that_the_price_before_stands(words):
    one_sided = {
        **HYPERLIQUID_BBO,
        "data": {**HYPERLIQUID_BBO["data"], "bbo": [None, {"px": "92.6", "sz": "1", "n": 1}]},
    }
    delisted = {**HYPERLIQUID_BOOK, "data": {**HYPERLIQUID_BOOK["data"], "levels": [[], []]}}
    said(words, HYPERLIQUID_BBO)
    for frame in (one_sided, delisted):
        told = read(words, frame)
        assert (told.ticks, told.alive) == ((), False)
        assert told.strange


def test_answers_pongs_and_trades_are_signs_of_life(words):
    trade = {"coin": "@107", "side": "B", "px": "92.6", "sz": "1", "time": NOW, "hash": "0x", "tid": 1}
    ack = {"method": "subscribe", "subscription": {"type": "bbo", "coin": "@107"}}
    frames = [
        {"channel": "pong"},
        {"channel": "subscriptionResponse", "data": ack},
        {"channel": "trades", "data": [trade]},
        {"channel": "error", "data": "Already subscribed: {}"},
    ]
    assert said(words, *frames) == []


def test_a_refused_subscription_is_a_fault(words):
    assert "Invalid" in read(words, {"channel": "error", "data": "Invalid subscription {}"}).fault


def test_a_perpetual_of_a_recording_is_read_in_usdc(words):
    (tick,) = said(words, of("BTC", HYPERLIQUID_BBO))
    assert (tick.symbol, tick.price) == ("BTC/USDC", pytest.approx(92.6375))


def test_once_spot_is_heard_its_perpetual_is_strange(words):
    said(words, of("@142", HYPERLIQUID_BBO))
    assert read(words, of("BTC", HYPERLIQUID_BBO)).strange
    assert said(words, of("HYPE", HYPERLIQUID_BBO))[0].symbol == "HYPE/USDC"


@pytest.mark.parametrize(
    "frame", [of("@1", HYPERLIQUID_BBO), {**HYPERLIQUID_BBO, "channel": "bbo2"}, {"channel": "bbo"}]
)
def test_coins_and_channels_that_nobody_knows_are_strange(words, frame):
    assert read(words, frame).strange
