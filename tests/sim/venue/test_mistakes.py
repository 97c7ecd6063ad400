"""A mistake of ours ends what it was made in, is logged and kept, and the venue goes on. Each test plants one."""

import json
from copy import deepcopy

import pytest

from sim.venue import clearing, info, liquidation, streams, triggers, twaps
from sim.venue import venue as machine
from sim.venue.requests import AskMeta
from sim.venue.wire import Close
from tests.sim.venue.desk import ALICE, BOB, OTHER, Desk
from tests.sim.venue.orders import rest, status, trigger
from tests.sim.venue.serving import serving
from tests.sim.venue.small_market import HOUR_MS, START_MS, D
from tests.sim.venue.test_streams_post import post
from tests.sim.venue.test_twaps import history as twap_history
from tests.sim.venue.test_twaps import running


class Planted(ZeroDivisionError):
    """What nobody but a test raises."""


@pytest.fixture
def desk():
    """A venue with something to do for every duty of the clock."""
    desk = Desk()
    desk.order("ETH", 2, 4100)
    desk.order("SOL", 2, 210, signer=OTHER)
    desk.wait(6_000)
    return desk


@pytest.fixture
def plant(monkeypatch):
    def planted(where, name, struck=lambda *asked: True, times=10**9):
        """Let a function raise when struck says so of its arguments, at most so many times; return its calls."""
        whole, calls, left = getattr(where, name), [], [times]

        def broken(*asked, **options):
            calls.append(asked)
            if left[0] and struck(*asked):
                left[0] -= 1
                raise Planted(name)
            return whole(*asked, **options)

        monkeypatch.setattr(where, name, broken)
        return calls

    return planted


@pytest.fixture(autouse=True)
def seen(desk, caplog):
    """Every test has planted mistakes in its desk, and nothing else went wrong there."""
    yield
    made = list(desk.venue.mistakes)
    desk.venue.mistakes.clear()
    assert made
    assert {type(mistake) for mistake in made} == {Planted}
    said = [record.message for record in caplog.get_records("call")]
    assert sum("was not carried out" in message for message in said) == len(made)


DUTIES = {
    "the matching of a tick": (machine, "match_resting"),
    "the showing of a tick": (streams.Streams, "show_best"),
    "others' trades": (streams.Streams, "_show_others"),
    "triggers": (machine, "fire_reached"),
    "liquidations": (machine, "liquidate_where_due"),
    "funding": (machine, "pay_funding"),
    "agents": (machine, "forget_expired"),
    "a slice": (machine, "execute_slice"),
    "repetitions": (streams.Streams, "_again"),
    "silence": (streams.Streams, "check_idle"),
    "what is told": (streams.Streams, "tell"),
    "brackets": (machine, "follow"),
}


@pytest.mark.parametrize(("where", "name"), DUTIES.values(), ids=DUTIES.keys())
def test_a_mistake_in_any_duty_of_the_clock_is_survived_and_the_duty_comes_again(desk, plant, where, name):
    connection = desk.connect()
    for kind in ("bbo", "trades", "activeAssetCtx"):
        desk.subscribe(connection, type=kind, coin="ETH")
    rest(desk, trigger("ETH", -1, 3000))
    running(desk, 2, 30)
    calls = plant(where, name, times=1)
    for _ in range(2):
        desk.wait(HOUR_MS)
        desk.connect()
    assert len(calls) > 1
    assert [str(mistake) for mistake in desk.venue.mistakes] == [name]
    assert desk.venue.fundings(BOB)
    assert twap_history(desk) == [{"status": "activated"}, {"status": "finished"}]


def test_funding_that_fails_for_one_position_is_paid_on_the_others_and_next_hour(desk, plant):
    desk.order("SOL", 1, 210)
    plant(clearing, "_pay", lambda state, account, asset, hour: asset.name == "ETH", times=1)
    desk.wait(START_MS + HOUR_MS - desk.now_ms)
    assert [(p.coin, p.at_ms) for p in desk.venue.fundings(ALICE)] == [("SOL", START_MS + HOUR_MS)]
    assert len(desk.venue.fundings(BOB)) == 1
    desk.wait(HOUR_MS)
    assert [p.coin for p in desk.venue.fundings(ALICE)] == ["SOL", "ETH", "SOL"]


def test_a_trigger_order_that_fails_lets_the_others_fire(desk, plant):
    broken, whole = rest(desk, trigger("ETH", -1, 3900), trigger("ETH", -1, 3890))
    plant(triggers, "_fire", lambda state, account, order, mark: order.oid == broken)
    desk.market.mids["ETH"] = D(3880)
    desk.wait(3_000)
    assert status(desk, whole) == "filled"
    assert desk.venue.positions(ALICE) == {"ETH": D(1)}


def test_a_liquidation_that_fails_saves_nobody_else(plant, desk):
    desk.venue._state.accounts[ALICE].cash_usd -= 990_000
    desk.venue._state.accounts[BOB].cash_usd -= 990_000
    desk.order("ETH", 18, 4100)
    desk.order("ETH", 18, 4100, signer=OTHER)
    plant(liquidation, "_liquidate", lambda state, subject: subject.account.address == ALICE)
    desk.market.mids["ETH"] = D(3200)
    desk.wait(3_000)
    assert "ETH" in desk.venue.positions(ALICE)
    assert "ETH" not in desk.venue.positions(BOB)


def test_a_twap_catches_up_the_slices_that_failed_and_ends_though_its_last_one_did(desk, plant):
    before = desk.venue.positions(ALICE)["ETH"]
    struck = (2, 3, 11)
    plant(twaps, "_slice", lambda state, twap, size: twap.slices in struck)
    running(desk, 2)
    desk.wait(6 * 60_000)
    assert len(desk.venue.mistakes) == len(struck)
    assert desk.venue.positions(ALICE)["ETH"] == before + 2
    assert twap_history(desk) == [{"status": "activated"}, {"status": "finished"}]


def test_a_twap_whose_every_slice_fails_does_not_stop_the_clock(desk, plant):
    plant(twaps, "_slice_size")
    running(desk, 2)
    desk.wait(HOUR_MS)
    assert desk.venue.fundings(BOB)


def test_a_reply_that_cannot_be_written_is_a_500_and_the_others_of_the_block_are_answered(desk, plant):
    plant(machine.Venue, "_answer", times=1)
    first, second = desk.connect(), desk.connect()
    for connection in (first, second):
        desk.say(
            connection, {"method": "post", "id": 1, "request": {"type": "action", "payload": noop(desk)}}
        )
    desk.wait(1_000)
    heard = desk.venue.take_frames()
    answers = {number: json.loads(frame)["data"]["response"] for number, frame in heard}
    assert answers[first] == {"type": "error", "payload": "500 Internal Server Error"}
    assert answers[second]["payload"]["status"] == "err"


def noop(desk):
    desk.nonce += 1
    signature = {"r": "0x1", "s": "0x1", "v": 27}
    return {"action": {"type": "noop"}, "nonce": desk.nonce, "signature": signature}


def test_a_mistake_in_an_answer_is_500_and_null_and_the_next_question_is_answered(desk, monkeypatch):
    monkeypatch.setattr(info, "OF_MARKET", dict(info.OF_MARKET) | {AskMeta: raising})
    reply = desk.raw("/info", b'{"type":"meta"}')
    assert (reply.status, reply.content_type, reply.body) == (500, "application/json", b"null")
    assert desk.info("allMids")
    connection = desk.connect()
    response = post(desk, connection, "info", {"type": "meta"})
    assert response == {"type": "error", "payload": "500 Internal Server Error"}
    assert post(desk, connection, "info", {"type": "allMids"})["type"] == "info"


def test_a_mistake_in_a_clients_frame_breaks_its_connection_and_no_other(desk, plant):
    plant(streams.Streams, "_join", times=1)
    broken, whole = desk.connect(), desk.connect()
    for connection in (broken, whole):
        desk.subscribe(connection, type="bbo", coin="ETH")
    sent = desk.venue.take_frames()
    assert [frame for number, frame in sent if number == broken][1:] == [Close(1006)]
    assert len([frame for number, frame in sent if number == whole]) == 2


def raising(*asked):
    raise Planted("an answer")


def test_a_served_venue_says_what_it_survived(desk, monkeypatch):
    import http.client

    with serving() as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)

        def asked(method, path, body=None):
            connection.request(method, path, body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())

        assert asked("GET", "/nightdesk/mistakes") == (200, [])
        monkeypatch.setattr(info, "OF_MARKET", dict(info.OF_MARKET) | {AskMeta: raising})
        assert asked("POST", "/info", b'{"type":"meta"}') == (500, None)
        assert asked("GET", "/nightdesk/mistakes") == (200, ["Planted('an answer')"])
        desk.venue.mistakes.extend(server.edge.venue.mistakes)
        server.edge.venue.mistakes.clear()


def test_a_copy_of_a_venue_keeps_its_own(desk, monkeypatch):
    """A node that is behind (sim/venue/laggard.py) is such a copy."""
    copy = deepcopy(desk.venue, {id(desk.market): desk.market})
    monkeypatch.setattr(info, "OF_MARKET", dict(info.OF_MARKET) | {AskMeta: raising})
    desk.raw("/info", b'{"type":"meta"}')
    assert not copy.mistakes
