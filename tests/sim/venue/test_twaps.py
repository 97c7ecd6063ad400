"""TWAP orders: their texts, their slices, what they catch up, and how they end."""

from itertools import pairwise

import pytest

from sim.venue.twaps import slice_fills, twap_history, twap_states
from sim.venue.wire import number
from tests.sim.venue.desk import ALICE, BOB, OTHER, Desk
from tests.sim.venue.small_market import D, SmallMarket

MINUTE_MS = 60_000
GONE = {"error": "TWAP was never placed, already canceled, or filled."}


def start(desk, qty, minutes=5, *, reduce=False, randomize=False, asset=1, signer=None):
    size = format(abs(D(qty)).normalize(), "f")
    twap = {"a": asset, "b": D(qty) > 0, "s": size, "r": reduce, "m": minutes, "t": randomize}
    options = {} if signer is None else {"signer": signer}
    reply = desk.post({"type": "twapOrder", "twap": twap}, **options)
    assert reply["response"]["type"] == "twapOrder", reply
    return reply["response"]["data"]["status"]


def running(desk, *asked, **options):
    return start(desk, *asked, **options)["running"]["twapId"]


def cancel(desk, twap_id, asset=1, **options):
    reply = desk.post({"type": "twapCancel", "a": asset, "t": twap_id}, **options)
    return reply["response"]["data"]["status"]


def history(desk, user=ALICE):
    """Return the statuses, oldest first."""
    return [row["status"] for row in reversed(twap_history(desk.venue._state, user))]


def slices(desk):
    sizes = {}
    for fill in desk.venue.fills(ALICE):
        sizes[fill.oid] = sizes.get(fill.oid, 0) + fill.size
    return list(sizes.values())


REFUSALS = {
    "too short": ((1, 1), "Invalid TWAP duration: 1 min(s)"),
    "four minutes": ((1, 4), "Invalid TWAP duration: 4 min(s)"),
    "over a day": ((100, 1_441), "Invalid TWAP duration: 1441 min(s)"),
    "too small": (("0.2", 120), "TWAP order value too small. Min is $1200, which is $10 per minute."),
    "no size": ((0, 5), "Order has zero size."),
    "off the size grid": (("1.00001", 5), "Order has invalid size."),
}


@pytest.mark.parametrize(("asked", "text"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_twap_is_refused_in_the_venues_words(asked, text):
    desk = Desk()
    assert start(desk, *asked) == {"error": text}
    assert history(desk) == []


def test_a_reduce_only_twap_needs_something_to_reduce():
    desk = Desk()
    text = {"error": "Reduce-only TWAP order would increase position."}
    assert start(desk, -1, reduce=True) == text
    desk.order("ETH", 1, 4100)
    assert start(desk, 1, reduce=True) == text
    assert "running" in start(desk, -1, reduce=True)


def test_the_least_and_the_most_are_accepted():
    desk = Desk()
    assert "running" in start(desk, "0.0125", 5)
    assert "running" in start(desk, 4, 1_440)


def test_a_twap_of_five_minutes_has_eleven_even_slices_half_a_minute_apart():
    desk = Desk()
    running(desk, 11)
    desk.wait(5 * MINUTE_MS)
    assert slices(desk) == [1] * 11
    times = [fill.at_ms for fill in desk.venue.fills(ALICE)]
    assert {b - a for a, b in pairwise(times)} == {30_000}
    assert history(desk) == [{"status": "activated"}, {"status": "finished"}]
    assert twap_states(desk.venue._state, ALICE) == []


def test_slices_are_rounded_down_to_lots_and_sum_to_the_whole():
    desk = Desk()
    running(desk, "1.0001", 7)
    desk.wait(7 * MINUTE_MS)
    assert sum(slices(desk)) == D("1.0001")


def test_slice_fills_carry_the_twaps_id_and_no_hash():
    desk = Desk()
    twap_id = running(desk, 11)
    desk.order("ETH", 1, 4100)
    desk.wait(1_000)
    [fill] = slice_fills(desk.venue._account(ALICE))
    assert (fill.twap_id, fill.hash) == (twap_id, "0x" + 64 * "0")
    rows = {row["oid"]: row["twapId"] for row in desk.info("userFills", user=ALICE)}
    assert sorted(rows.values(), key=str) == [twap_id, None]
    order = desk.info("orderStatus", user=ALICE, oid=fill.oid)["order"]
    assert (order["order"]["orderType"], order["status"]) == ("Twap Slice", "filled")


def test_what_did_not_fill_is_caught_up_at_most_three_slices_at_a_time():
    desk = Desk(SmallMarket(depth=0))
    running(desk, 21, 10)
    desk.wait(5 * MINUTE_MS)
    assert slices(desk) == []
    desk.market.depth = 20
    desk.wait(5 * MINUTE_MS)
    assert slices(desk) == [3, 3, 3, 3, 3, 2, 1, 1, 1, 1]
    assert history(desk)[-1] == {"status": "finished"}


def test_a_slice_takes_no_more_than_three_percent_from_the_mark():
    desk = Desk()
    desk.market.marks["ETH"] = D(3880)
    running(desk, 11)
    desk.wait(1_000)
    assert slices(desk) == []
    desk.market.marks["ETH"] = D(3890)
    desk.wait(30_000)
    assert slices(desk) == [2]
    [limit] = {row["order"]["limitPx"] for row in desk.info("historicalOrders", user=ALICE)[:1]}
    assert D(limit) <= D(3890) * D("1.03")


def test_randomized_slices_differ_and_are_the_same_again_for_the_same_seed():
    sizes = []
    for seed in (1, 1, 2):
        desk = Desk(seed=seed)
        running(desk, 11, randomize=True)
        desk.wait(5 * MINUTE_MS)
        sizes.append(slices(desk))
    assert sizes[0] == sizes[1] != sizes[2]
    assert len(set(sizes[0])) > 1
    assert sum(sizes[0]) == 11


def test_a_cancelled_twap_places_no_more_slices():
    desk = Desk()
    twap_id = running(desk, 11)
    desk.wait(MINUTE_MS)
    assert cancel(desk, twap_id, asset=2) == GONE
    assert cancel(desk, twap_id, signer=OTHER) == GONE
    assert cancel(desk, twap_id) == "success"
    assert cancel(desk, twap_id) == GONE
    desk.wait(5 * MINUTE_MS)
    assert slices(desk) == [1, 1, 1]
    [row, _] = twap_history(desk.venue._state, ALICE)
    assert row["status"] == {"status": "terminated"}
    assert (row["state"]["executedSz"], row["state"]["sz"], row["twapId"]) == ("3.0", "11.0", twap_id)


def test_twap_states_tell_what_has_been_executed():
    desk = Desk()
    twap_id = running(desk, -11)
    placed_ms = desk.now_ms
    desk.wait(MINUTE_MS)
    spent = sum(fill.px * fill.size for fill in desk.venue.fills(ALICE))
    expected = {"coin": "ETH", "user": ALICE, "side": "A", "sz": "11.0", "executedSz": "3.0", "minutes": 5}
    expected |= {
        "executedNtl": number(spent),
        "reduceOnly": False,
        "randomize": False,
        "timestamp": placed_ms,
    }
    assert twap_states(desk.venue._state, ALICE) == [[twap_id, expected]]
    assert twap_states(desk.venue._state, BOB) == []


def test_a_twap_without_margin_ends_in_an_error():
    desk = Desk(usdc=250)
    running(desk, 11)
    desk.wait(5 * MINUTE_MS)
    assert slices(desk) == [1]
    assert history(desk)[-1] == {
        "status": "error",
        "description": "Insufficient margin to place order. asset=1",
    }


def test_a_reduce_only_twap_ends_when_the_position_is_gone():
    desk = Desk()
    desk.order("ETH", 2, 4100)
    running(desk, -11, reduce=True)
    desk.wait(5 * MINUTE_MS)
    assert desk.venue.positions(ALICE) == {}
    assert history(desk)[-1]["status"] == "error"


def test_a_liquidation_terminates_twaps():
    desk = Desk(usdc=1_000)
    desk.order("ETH", 4, 4100)
    running(desk, "0.11")
    desk.market.mids["ETH"] = D(3700)
    desk.wait(3_000)
    assert history(desk)[-1] == {"status": "terminated"}
