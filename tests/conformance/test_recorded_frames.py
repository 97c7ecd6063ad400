"""Recorded websocket acknowledgements word for word, and recorded frames with the same keys and types both ways."""

import json

import pytest

from tests.conformance.recordings import (
    ccxt_body,
    differences,
    document,
    integers_again,
    lines,
    needs_messages,
)
from tests.conformance.stage import USER, Stage
from tests.sim.venue.small_market import D

pytestmark = needs_messages

DEFAULTS = ("nSigFigs", "mantissa", "fast")
CLOID = "0x" + "ef" * 16


@pytest.fixture
def stage():
    return Stage()


def recorded_frames():
    return integers_again(lines("ccxt_static/ws_messages.jsonl"))


def recorded_acks():
    return [row for row in recorded_frames() if row["channel"] == "subscriptionResponse"]


def frames_of(stage, **subscription):
    connection = stage.connect()
    stage.subscribe(connection, **subscription)
    return stage.frames(connection)


def test_acknowledgements_are_the_recorded_ones_to_the_byte(stage):
    connection = stage.connect()
    texts = []
    for ack in recorded_acks():
        asked = {k: v for k, v in ack["data"]["subscription"].items() if k not in DEFAULTS}
        stage.subscribe(connection, **asked)
        texts.append(next(text for _, text in stage.venue.take_frames() if "subscriptionResponse" in text))
    assert texts == [json.dumps(ack, separators=(",", ":")) for ack in recorded_acks()]
    assert len(texts) == 4


@pytest.mark.parametrize("channel", ["activeAssetCtx", "candle", "trades", "l2Book"])
def test_a_recorded_frame_has_our_skeleton(stage, channel):
    [ack] = (a for a in recorded_acks() if a["data"]["subscription"]["type"] == channel)
    stage.order("BTC", 1, 110_000)
    ours = frames_of(stage, **ack["data"]["subscription"])
    recorded = [row for row in recorded_frames() if row["channel"] == channel]
    assert recorded
    [mine] = (frame for frame in ours if frame["channel"] == channel)
    assert differences([mine], recorded) == set()


def test_all_mids_have_the_recorded_skeleton(stage):
    ours, recorded = frames_of(stage, type="allMids")[1], document("nautilus_test_data/ws_allmids.json")
    for frame in (ours, recorded):
        assert {type(px) for px in frame["data"]["mids"].values()} == {str}
        frame["data"]["mids"] = {}
    assert ours == recorded


def test_the_contexts_of_all_dexs_have_the_recorded_skeleton(stage):
    ours = frames_of(stage, type="allDexsAssetCtxs")
    assert [frame["channel"] for frame in ours] == ["subscriptionResponse", "allDexsAssetCtxs"]
    recorded = document("nautilus_test_data/ws_all_dexs_asset_ctxs.json")
    assert differences(ours[1], recorded) == set()


def test_a_book_has_the_recorded_skeleton(stage):
    recorded = document("nautilus_test_data/ws_book_data.json")
    assert differences(frames_of(stage, type="l2Book", coin="BTC")[1]["data"], recorded) == set()


def test_a_fill_of_a_liquidation_has_the_recorded_skeleton():
    """Recorded from the other side: a maker whose order the liquidated account ran into."""
    stage = Stage()
    stage.order("BTC", 40, 110_000, cloid=CLOID)
    connection = stage.connect()
    stage.subscribe(connection, type="userEvents", user=USER)
    stage.subscribe(connection, type="userFills", user=USER)
    stage.frames()
    stage.market.mids["BTC"] = D(76_000)
    stage.wait(20_000)
    frames = [f for f in stage.frames(connection) if f["channel"] == "user" and "fills" in f["data"]]
    recorded = document("nautilus_test_data/ws_user_fill_liquidation.json")
    assert frames
    assert differences(frames, [recorded]) == {("theirs", "[].data.fills[].cloid", "str")}


def test_the_fills_of_a_snapshot_have_the_skeleton_of_todays_rest_fills():
    stage = Stage().trade()
    [ours] = (f["data"] for f in frames_of(stage, type="userFills", user=USER) if f["channel"] == "userFills")
    extra = {f"[].{k}" for k in ("builderFee", "liquidation")}
    found = differences(ours["fills"], ccxt_body("userFills with builderFee"))
    assert {one for one in found if not one[1].startswith(tuple(extra))} == {("ours", "[].cloid", "str")}
    assert (ours["isSnapshot"], ours["user"]) == (True, USER)


def test_refusals_over_a_post_request_have_the_recorded_words(stage):
    """Recorded (hyperliquid.md 3.1): an action nobody may take is an action reply, not an error."""
    payload = {
        "action": {"type": "noop"},
        "nonce": stage.now_ms,
        "signature": {"r": "0x1", "s": "0x1", "v": 27},
    }
    connection = stage.connect()
    stage.say(connection, {"method": "post", "id": 22, "request": {"type": "action", "payload": payload}})
    stage.wait(1_000)
    [frame] = stage.frames(connection)
    said = frame["data"]["response"]["payload"].pop("response")
    assert frame == {
        "channel": "post",
        "data": {"id": 22, "response": {"type": "action", "payload": {"status": "err"}}},
    }
    assert said.startswith("User or API Wallet 0x")
    assert said.endswith(" does not exist.")
