"""The websocket: acknowledgements, first frames, pushes, words of refusal, closes (hyperliquid.md 3)."""

import base64
import json
import zlib
from dataclasses import replace

import pytest

from sim.venue.wire import Close
from tests.sim.venue.desk import ALICE, BOB, MASTER, OTHER, Desk
from tests.sim.venue.small_market import HOUR_MS, START_MS, D, SmallMarket

PONG = {"channel": "pong"}


@pytest.fixture
def desk():
    return Desk()


def channels(frames):
    return [f["channel"] for f in frames]


def subscribed(desk, **subscription):
    connection = desk.connect()
    desk.subscribe(connection, **subscription)
    return connection


FIRST = {
    "allMids": ({"type": "allMids"}, ["allMids"]),
    "bbo": ({"type": "bbo", "coin": "ETH"}, ["bbo"]),
    "l2Book": ({"type": "l2Book", "coin": "ETH"}, ["l2Book"]),
    "trades": ({"type": "trades", "coin": "ETH"}, ["trades"]),
    "candle": ({"type": "candle", "coin": "ETH", "interval": "1m"}, ["candle"]),
    "activeAssetCtx": ({"type": "activeAssetCtx", "coin": "ETH"}, ["activeAssetCtx"]),
    "userFills": ({"type": "userFills", "user": ALICE}, ["userFills"]),
    "userFundings": ({"type": "userFundings", "user": ALICE}, ["userFundings"]),
    "clearinghouseState": ({"type": "clearinghouseState", "user": ALICE}, ["clearinghouseState"]),
    "openOrders": ({"type": "openOrders", "user": ALICE}, ["openOrders"]),
    "activeAssetData": ({"type": "activeAssetData", "user": ALICE, "coin": "ETH"}, ["activeAssetData"]),
    "activeSpotAssetCtx": ({"type": "activeAssetCtx", "coin": "PURR/USDC"}, ["activeSpotAssetCtx"]),
    "assetCtxs": ({"type": "assetCtxs", "dex": ""}, ["assetCtxs"]),
    "spotAssetCtxs": ({"type": "spotAssetCtxs"}, ["spotAssetCtxs"]),
    "allDexsAssetCtxs": ({"type": "allDexsAssetCtxs"}, ["allDexsAssetCtxs"]),
    "fastAssetCtxs": ({"type": "fastAssetCtxs"}, ["fastAssetCtxs"]),
    "allDexsClearinghouse": (
        {"type": "allDexsClearinghouseState", "user": ALICE},
        ["allDexsClearinghouseState"],
    ),
    "webData2": ({"type": "webData2", "user": ALICE}, ["webData2"]),
    "webData3": ({"type": "webData3", "user": ALICE}, ["webData3"]),
    "userTwapSliceFills": ({"type": "userTwapSliceFills", "user": ALICE}, ["userTwapSliceFills"]),
    "userTwapHistory": ({"type": "userTwapHistory", "user": ALICE}, ["userTwapHistory"]),
    "twapStates": ({"type": "twapStates", "user": ALICE}, ["twapStates"]),
    "userHistoricalOrders": ({"type": "userHistoricalOrders", "user": ALICE}, ["userHistoricalOrders"]),
    "orderUpdates": ({"type": "orderUpdates", "user": ALICE}, []),
    "userEvents": ({"type": "userEvents", "user": ALICE}, []),
    "notification": ({"type": "notification", "user": ALICE}, []),
}


@pytest.mark.parametrize(("subscription", "first"), FIRST.values(), ids=FIRST.keys())
def test_the_acknowledgement_comes_before_the_first_frame(desk, subscription, first):
    connection = subscribed(desk, **subscription)
    frames = desk.frames(connection)
    assert channels(frames) == ["subscriptionResponse", *first]
    assert frames[0]["data"]["method"] == "subscribe"
    assert subscription.items() <= frames[0]["data"]["subscription"].items()


def test_defaults_are_echoed(desk):
    connection = desk.connect()
    desk.subscribe(connection, type="l2Book", coin="ETH")
    desk.subscribe(connection, type="userFills", user=MASTER.address)
    acks = [f["data"]["subscription"] for f in desk.frames() if f["channel"] == "subscriptionResponse"]
    assert acks[0] == {"type": "l2Book", "coin": "ETH", "nSigFigs": None, "mantissa": None, "fast": False}
    assert acks[1] == {"type": "userFills", "user": ALICE, "aggregateByTime": False}


def test_ping_and_pong(desk):
    connection = desk.connect()
    desk.say(connection, {"method": "ping"})
    assert desk.frames(connection) == [PONG]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("nonsense", "Error parsing JSON into valid websocket request: nonsense"),
        ('{"method":"shout"}', 'Error parsing JSON into valid websocket request: {"method":"shout"}'),
        (
            {"method": "subscribe", "subscription": {"type": "weather"}},
            'Invalid subscription {"type":"weather"}',
        ),
        (
            {"method": "unsubscribe", "subscription": {"type": "bbo", "coin": "ETH"}},
            'Already unsubscribed: {"type":"bbo","coin":"ETH"}',
        ),
    ],
)
def test_a_fault_is_an_error_frame_and_the_socket_lives(desk, said, text):
    connection = desk.connect()
    desk.say(connection, said)
    desk.say(connection, {"method": "ping"})
    assert desk.frames(connection) == [{"channel": "error", "data": text}, PONG]


def test_the_second_subscription_to_the_same_is_refused(desk):
    connection = subscribed(desk, type="bbo", coin="ETH")
    desk.subscribe(connection, type="bbo", coin="ETH")
    assert desk.frames()[-1] == {
        "channel": "error",
        "data": 'Already subscribed: {"type":"bbo","coin":"ETH"}',
    }


@pytest.mark.parametrize(
    "subscription",
    [
        {"type": "bbo", "coin": "NOPE"},
        {"type": "bbo", "coin": "eth"},
        {"type": "l2Book", "coin": "ETH", "nSigFigs": 7},
        {"type": "l2Book", "coin": "ETH", "nSigFigs": 4, "mantissa": 2},
        {"type": "activeAssetData", "coin": "PURR/USDC", "user": ALICE},
        {"type": "clearinghouseState", "user": ALICE, "dex": "xyz"},
        {"type": "allMids", "dex": "xyz"},
    ],
)
def test_an_unknown_coin_or_aggregation_closes_the_whole_socket_without_a_word(desk, subscription):
    connection = subscribed(desk, type="allMids")
    desk.frames()
    desk.subscribe(connection, **subscription)
    assert desk.frames(connection) == [Close(1006)]
    desk.say(connection, {"method": "ping"})
    desk.wait(10_000)
    assert desk.frames(connection) == []


def test_a_connection_we_said_nothing_on_for_a_minute_is_closed(desk):
    silent, pinging = desk.connect(), desk.connect()
    for _ in range(3):
        desk.wait(25_000)
        desk.say(pinging, {"method": "ping"})
    assert desk.frames(silent) == [Close(1006)]
    desk.wait(59_999)
    assert desk.frames() == []
    desk.wait(1)
    assert desk.frames(pinging) == [Close(1006)]


# --- the market --------------------------------------------------------------------------------------------


def test_best_prices_are_sent_when_they_change_and_only_then(desk):
    connection = subscribed(desk, type="bbo", coin="ETH")
    desk.frames()
    desk.wait(10_000)
    assert desk.frames(connection) == []
    desk.market.mids["ETH"] = D(4010)
    desk.wait(1_000)
    [frame] = desk.frames(connection)
    assert frame["channel"] == "bbo"
    assert frame["data"]["bbo"] == [
        {"px": "4009.9", "sz": "5.0", "n": 2},
        {"px": "4010.1", "sz": "5.0", "n": 2},
    ]
    assert frame["data"]["time"] % 1_000 == 0


def test_a_takers_dent_and_a_resting_order_show_at_once(desk):
    connection = subscribed(desk, type="bbo", coin="ETH")
    desk.frames()
    desk.order("ETH", 5, 4100)
    desk.order("ETH", 1, D("4000.0"), "Gtc")
    dent, better = (f["data"]["bbo"] for f in desk.frames(connection))
    assert dent[1]["px"] == "4000.2"
    assert better[0] == {"px": "4000.0", "sz": "1.0", "n": 1}


def test_a_streamed_book_is_the_one_that_can_be_asked_for(desk):
    desk.order("ETH", 5, 4100)
    desk.order("ETH", 1, D("4000.0"), "Gtc")
    connection = subscribed(desk, type="l2Book", coin="ETH")
    [shown] = [f["data"] for f in desk.frames(connection) if f["channel"] == "l2Book"]
    asked = desk.info("l2Book", coin="ETH")
    assert shown == asked
    assert list(shown) == list(asked)


def test_a_coin_nobody_watches_costs_no_ladders(desk):
    made = desk.market.ladders_made
    desk.wait(600_000)
    assert desk.market.ladders_made == made
    connection = subscribed(desk, type="bbo", coin="ETH")
    desk.wait(10_000)
    made = desk.market.ladders_made
    desk.venue.disconnect(connection)
    desk.wait(600_000)
    assert desk.market.ladders_made - made <= 1


@pytest.mark.parametrize(
    ("subscription", "cadence_ms"),
    [
        ({"type": "l2Book", "coin": "ETH"}, 5_000),
        ({"type": "l2Book", "coin": "ETH", "fast": True}, 500),
        ({"type": "allMids"}, 5_000),
        ({"type": "activeAssetCtx", "coin": "ETH"}, 1_000),
        ({"type": "allDexsAssetCtxs"}, 13_600),
        ({"type": "webData2", "user": ALICE}, 5_000),
        ({"type": "clearinghouseState", "user": ALICE}, 3_000),
    ],
)
def test_snapshots_are_repeated_at_their_own_pace(desk, subscription, cadence_ms):
    connection = subscribed(desk, **subscription)
    desk.frames()
    desk.wait(cadence_ms * 3)
    assert len(desk.frames(connection)) == 3


def test_a_fast_book_has_five_levels_and_the_other_twenty(desk):
    slow, fast = subscribed(desk, type="l2Book", coin="ETH"), desk.connect()
    assert [len(side) for side in desk.frames(slow)[1]["data"]["levels"]] == [20, 20]
    desk.subscribe(fast, type="l2Book", coin="ETH", fast=True)
    assert [len(side) for side in desk.frames(fast)[1]["data"]["levels"]] == [5, 5]


def test_figures_gather_levels_and_add_the_spread(desk):
    book = desk.info("l2Book", coin="ETH", nSigFigs=4)
    assert book["spread"] == "0.2"
    bids, asks = book["levels"]
    assert [level["px"] for level in bids] == ["3999.0", "3998.0"]
    assert [level["px"] for level in asks] == ["4001.0", "4002.0"]
    assert sum(D(level["sz"]) for level in bids) == 100


def test_frames_of_one_coin_are_the_same_for_everyone(desk):
    one, two = (subscribed(desk, type="bbo", coin="ETH") for _ in range(2))
    desk.frames()
    desk.market.mids["ETH"] = D(4010)
    desk.wait(1_000)
    sent = desk.venue.take_frames()
    assert [c for c, _ in sent] == [one, two]
    assert sent[0][1] is sent[1][1]


def test_the_first_trades_are_old_and_a_trade_of_ours_is_seen_by_all(desk):
    connection = subscribed(desk, type="trades", coin="ETH")
    first = desk.frames(connection)[1]["data"]
    assert all(trade["time"] <= desk.now_ms for trade in first)
    desk.order("ETH", 1, 4100)
    [frame] = desk.frames(connection)
    [trade] = frame["data"]
    assert (trade["side"], trade["px"], trade["sz"], trade["users"][0]) == ("B", "4000.1", "1.0", ALICE)


# --- accounts ----------------------------------------------------------------------------------------------


def test_a_fill_arrives_on_three_channels_with_the_same_trade_id(desk):
    connection = desk.connect()
    for kind in ("userFills", "userEvents", "orderUpdates"):
        desk.subscribe(connection, type=kind, user=ALICE)
    desk.frames()
    desk.order("ETH", 1, 4100, cloid="0x" + "cd" * 16)
    by_channel = {f["channel"]: f["data"] for f in desk.frames(connection)}
    assert by_channel.keys() == {"userFills", "user", "orderUpdates"}
    fill = by_channel["userFills"]["fills"][0]
    assert by_channel["userFills"].get("isSnapshot", False) is False
    assert by_channel["user"]["fills"][0]["tid"] == fill["tid"]
    [update] = by_channel["orderUpdates"]
    assert (update["status"], update["order"]["oid"], update["order"]["sz"]) == ("filled", fill["oid"], "0.0")
    assert update["order"]["cloid"] == fill["cloid"] == "0x" + "cd" * 16


def test_the_snapshot_of_fills_says_so_and_holds_them(desk):
    desk.order("ETH", 1, 4100)
    connection = subscribed(desk, type="userFills", user=ALICE)
    data = desk.frames(connection)[1]["data"]
    assert data["isSnapshot"] is True
    assert len(data["fills"]) == 1


def test_account_snapshots_carry_what_info_says(desk):
    desk.order("ETH", 1, 4100)
    desk.order("ETH", 1, 3990, "Gtc")
    connection = subscribed(desk, type="clearinghouseState", user=ALICE)
    desk.subscribe(connection, type="openOrders", user=ALICE)
    by_channel = {f["channel"]: f["data"] for f in desk.frames(connection)}
    state = {"dex": "", "user": ALICE, "clearinghouseState": desk.state()}
    assert by_channel["clearinghouseState"] == state
    orders = {"dex": "", "user": ALICE, "orders": desk.info("frontendOpenOrders", user=ALICE)}
    assert by_channel["openOrders"] == orders


def test_nobody_hears_of_anothers_fills(desk):
    connection = subscribed(desk, type="userFills", user=BOB)
    desk.frames()
    desk.order("ETH", 1, 4100)
    assert desk.frames(connection) == []


def test_an_ioc_that_met_nothing_is_an_update_too(desk):
    connection = subscribed(desk, type="orderUpdates", user=ALICE)
    desk.frames()
    desk.order("ETH", 1, 3900)
    [frame] = desk.frames(connection)
    assert frame["data"][0]["status"] == "iocCancelRejected"


def test_a_self_trade_is_a_cancel_not_by_the_user_and_a_reduce_only_trim_is_not(desk):
    desk.order("ETH", 2, 4100)
    resting = desk.order("ETH", -2, 4200, "Gtc", reduce=True)["resting"]["oid"]
    own = desk.order("ETH", -1, D("4000.3"), "Gtc")["resting"]["oid"]
    connection = subscribed(desk, type="userEvents", user=ALICE)
    desk.frames()
    desk.order("ETH", 14, D("4000.3"))
    desk.order("ETH", -50, 3900)
    cancels = [c for f in desk.frames(connection) for c in f["data"].get("nonUserCancel", [])]
    assert cancels == [{"coin": "ETH", "oid": own}]
    assert desk.info("orderStatus", user=ALICE, oid=resting)["order"]["status"] == "reduceOnlyCanceled"


def test_funding_is_told_at_the_hour(desk):
    desk.order("ETH", 5, 4100)
    connection = desk.connect()
    desk.subscribe(connection, type="userFundings", user=ALICE)
    desk.subscribe(connection, type="userEvents", user=ALICE)
    desk.frames()
    desk.wait(START_MS + HOUR_MS - desk.now_ms - 1)
    assert "userFundings" not in channels(f for f in desk.frames(connection) if not isinstance(f, Close))
    connection = subscribed(desk, type="userFundings", user=ALICE)
    desk.frames()
    desk.wait(1)
    [frame] = desk.frames(connection)
    [row] = frame["data"]["fundings"]
    assert (row["coin"], row["usdc"], row["szi"]) == ("ETH", "-0.25", "5.0")


def test_more_than_fifteen_users_are_not_tracked(desk):
    connection = desk.connect()
    for n in range(16):
        desk.subscribe(connection, type="userFills", user=f"0x{n:040x}")
    errors = [f["data"] for f in desk.frames(connection) if f["channel"] == "error"]
    assert errors == ["Cannot track more than 15 total users."]


def test_a_thousand_subscriptions_are_enough(desk):
    desk.market.assets = tuple(replace(desk.market.assets[0], asset_id=n, name=f"C{n}") for n in range(1_001))
    desk = Desk(SmallMarket(desk.market.assets, mids={f"C{n}": D(1) for n in range(1_001)}))
    connection = desk.connect()
    for n in range(1_001):
        desk.subscribe(connection, type="activeAssetData", coin=f"C{n}", user=ALICE)
    errors = [f["data"] for f in desk.frames(connection) if f["channel"] == "error"]
    assert errors == ["Cannot subscribe to more than 1000 channels."]


def test_unsubscribing_takes_the_same_object_and_is_acknowledged_alike(desk):
    book = {"type": "l2Book", "coin": "ETH", "nSigFigs": 5, "mantissa": 2}
    connection = subscribed(desk, **book)
    desk.frames()
    desk.say(connection, {"method": "unsubscribe", "subscription": {"type": "l2Book", "coin": "ETH"}})
    [error] = desk.frames(connection)
    assert error["data"].startswith('Already unsubscribed: {"type":"l2Book","coin":"ETH","nSigFigs":null')
    desk.say(connection, {"method": "unsubscribe", "subscription": book})
    [ack] = desk.frames(connection)
    assert ack["data"] == {"method": "unsubscribe", "subscription": book | {"fast": False}}
    desk.wait(20_000)
    assert desk.frames(connection) == []


# --- other channels ----------------------------------------------------------------------------------------


def unpacked(frame):
    return json.loads(zlib.decompress(base64.b64decode(frame["data"]), wbits=-zlib.MAX_WBITS))


def test_fast_contexts_are_whole_at_first_and_then_only_what_changed(desk):
    connection = subscribed(desk, type="fastAssetCtxs")
    first = unpacked(desk.frames(connection)[1])
    assert first["ETH"] == {"markPx": "4000.0", "midPx": "4000.0"}
    assert first.keys() == {"BTC", "ETH", "SOL"}
    desk.market.marks["ETH"] = D(4000)
    desk.market.mids["ETH"] = D(4010)
    desk.wait(1_000)
    [frame] = desk.frames(connection)
    assert unpacked(frame) == {"ETH": {"midPx": "4010.0"}}
    desk.wait(5_000)
    assert desk.frames(connection) == []
    late = subscribed(desk, type="fastAssetCtxs")
    assert unpacked(desk.frames(late)[1]).keys() == first.keys()


def test_partial_fills_of_one_order_come_as_one_where_they_are_aggregated(desk):
    connection = desk.connect()
    desk.subscribe(connection, type="userFills", user=ALICE)
    desk.subscribe(connection, type="userFills", user=ALICE, aggregateByTime=True)
    desk.subscribe(connection, type="userEvents", user=ALICE)
    desk.frames()
    desk.order("ETH", 12, 4100)
    plain, gathered, events = (f["data"]["fills"] for f in desk.frames(connection))
    assert [row["sz"] for row in plain] == ["5.0", "5.0", "2.0"]
    assert [row["sz"] for row in gathered] == ["12.0"]
    assert events == plain
    again = subscribed(desk, type="userFills", user=ALICE, aggregateByTime=True)
    assert desk.frames(again)[1]["data"]["fills"] == gathered


def test_updates_of_one_block_come_in_one_frame(desk):
    connection = subscribed(desk, type="orderUpdates", user=ALICE)
    desk.subscribe(connection, type="userHistoricalOrders", user=ALICE)
    desk.frames()
    desk.orders(*[("ETH", 1, 3_900 - n, "Gtc", False, None) for n in range(3)])
    updates, history = (f["data"] for f in desk.frames(connection))
    assert [row["status"] for row in updates] == ["open"] * 3
    assert [row["order"]["oid"] for row in history["orderHistory"]] == [
        row["order"]["oid"] for row in updates
    ]
    assert "isSnapshot" not in history


def test_a_web_page_is_told_what_info_says(desk):
    desk.order("ETH", 1, 4100)
    desk.order("ETH", 1, 3990, "Gtc")
    desk.approve(OTHER.address[:-4] + "beef")
    connection = subscribed(desk, type="webData2", user=ALICE)
    page = desk.frames(connection)[1]["data"]
    assert page == desk.info("webData2", user=ALICE)
    assert page["clearinghouseState"] == desk.state()
    assert page["openOrders"] == desk.info("frontendOpenOrders", user=ALICE)
    assert [page["meta"], page["assetCtxs"]] == desk.info("metaAndAssetCtxs")
    assert page["agentAddress"].endswith("beef")
    desk.subscribe(connection, type="webData3", user=ALICE)
    state = desk.frames(connection)[-1]["data"]["userState"]
    assert {
        k: page[k] for k in ("user", "agentAddress", "agentValidUntil", "cumLedger", "serverTime")
    }.items() <= (state.items())


@pytest.mark.parametrize("kind", ["bbo", "trades", "l2Book"])
def test_a_coin_without_a_book_is_accepted_and_says_nothing(kind):
    gone = replace(SmallMarket().assets[2], delisted_from_ms=1)
    desk = Desk(SmallMarket((*SmallMarket().assets[:2], gone)))
    for coin in ("SOL", "PURR/USDC"):
        connection = subscribed(desk, type=kind, coin=coin)
        frames = desk.frames(connection)
        assert frames[0]["channel"] == "subscriptionResponse"
        desk.wait(30_000)
        shown = [f["data"] for f in [*frames[1:], *desk.frames(connection)]]
        assert all(
            f.get("levels", [[], []]) == [[], []] for f in shown if isinstance(f, dict) and kind == "l2Book"
        )
        assert all(f["bbo"] == [None, None] for f in shown if kind == "bbo")
        assert all(f == [] for f in shown if kind == "trades")


def test_the_same_calls_give_the_same_bytes():
    def night():
        desk = Desk(SmallMarket(), seed=5)
        connection = desk.connect()
        for topic in ({"type": "trades", "coin": "ETH"}, {"type": "userFills", "user": ALICE}):
            desk.subscribe(connection, **topic)
        for sign in (1, -1, 1):
            desk.order("ETH", sign, 4000 + 100 * sign)
            desk.order("SOL", sign, 199, "Gtc", signer=OTHER)
            desk.wait(7_000)
        return json.dumps(desk.frames())

    assert night() == night()
