import json

import pytest

from adapters.exchanges.kucoin import Kucoin, url_of
from tests.adapters.exchanges.venue_frames import (
    KUCOIN_DOOR,
    KUCOIN_SNAPSHOT,
    KUCOIN_TICKER,
    NOW,
    kucoin_snapshot,
    said,
)

TICKER_MS = KUCOIN_TICKER["data"]["time"]


@pytest.fixture
def words():
    return Kucoin(("BTC/USDT", "ETH/USDT"))


def read(words, frame):
    return words.read(json.dumps(frame), NOW)


def test_the_door_tells_where_to_connect():
    url = url_of(json.dumps(KUCOIN_DOOR).encode())
    assert url == "wss://ws-api-spot.kucoin.com/?token=2neAiu%3D%3D.H7utp2%3D%3D&connectId=nightdesk"
    assert Kucoin.door.url_of is url_of


def open_at(endpoint):
    return json.dumps({"data": {"token": "t", "instanceServers": [{"endpoint": endpoint}]}}).encode()


REFUSED = (b"", b"\xff", b"null", b"[" * 100_000, b'{"data":{"token":"t","instanceServers":[]}}')


@pytest.mark.parametrize(
    "reply", [*REFUSED, open_at("ws://elsewhere.example"), open_at("http://x"), open_at(None)]
)
def test_a_reply_without_a_safe_address_is_refused(reply):
    with pytest.raises(ValueError, match="bullet-public"):
        url_of(reply)


def test_it_subscribes_once_it_is_welcome(words):
    assert words.hello() == ()
    welcome = read(words, {"id": "hQvf8jkno", "type": "welcome"})
    asked = [json.loads(frame) for frame in welcome.replies]
    assert [one["topic"] for one in asked] == [
        "/market/ticker:BTC-USDT",
        "/market/snapshot:BTC-USDT",
        "/market/ticker:ETH-USDT",
        "/market/snapshot:ETH-USDT",
    ]
    assert len({one["id"] for one in asked}) == 4
    assert welcome.alive


def test_pings_have_ids_and_pongs_are_signs_of_life(words):
    assert json.loads(words.ping(NOW)) == {"id": str(NOW), "type": "ping"}
    assert read(words, {"id": str(NOW), "type": "pong"}).alive
    assert read(words, {"id": "1", "type": "ack"}).alive


def test_ticker_and_snapshot_join_into_ticks(words):
    snapshot, ticker = said(words, KUCOIN_SNAPSHOT, KUCOIN_TICKER)
    assert (snapshot.symbol, snapshot.price, snapshot.bid, snapshot.ask) == (
        "BTC/USDT",
        64018.7,
        64018.6,
        64018.7,
    )
    assert (snapshot.volume_24h, snapshot.volume_24h_base) == (125097404.47479571, 1959.8542395)
    assert (ticker.price, ticker.bid, ticker.ask, ticker.at_ms) == (64021.65, 64021.6, 64021.7, TICKER_MS)
    assert ticker.volume_24h == snapshot.volume_24h


def test_an_older_snapshot_gives_its_volumes_and_not_its_prices(words):
    (tick,) = said(words, KUCOIN_TICKER, kucoin_snapshot(TICKER_MS - 1))
    assert tick.price == 64021.65
    *_, tick = said(words, {**KUCOIN_TICKER, "data": {**KUCOIN_TICKER["data"], "sequence": "35487585647"}})
    assert (tick.price, tick.volume_24h) == (64021.65, 125097404.47479571)


def test_a_sequence_that_falls_is_a_fault_on_its_own_topic_only(words):
    said(words, KUCOIN_TICKER, kucoin_snapshot(TICKER_MS + 1, "35487584851"))
    assert "older" in read(words, kucoin_snapshot(TICKER_MS + 2, "35487584850")).fault
    older = {**KUCOIN_TICKER, "data": {**KUCOIN_TICKER["data"], "sequence": "35487585645"}}
    assert "older" in read(words, older).fault


def test_a_refused_subscription_is_a_fault(words):
    assert (
        "404" in read(words, {"id": "1", "type": "error", "code": 404, "data": "topic x is not found"}).fault
    )


@pytest.mark.parametrize("topic", ["/market/level9:BTC-USDT", "/market/ticker:BTC", "/market/ticker", ""])
def test_an_unknown_topic_is_strange(words, topic):
    assert read(words, {**KUCOIN_TICKER, "topic": topic}).strange
