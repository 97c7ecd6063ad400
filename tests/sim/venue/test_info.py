"""/info: every question has an answer for a funded address, an agent's and a stranger's; nonsense has a status."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sim.venue.desk import AGENT, ALICE, BOB, OTHER, STRANGER, Desk
from tests.sim.venue.small_market import HOUR_MS, START_MS, D

QUESTIONS = {
    "meta": {},
    "allPerpMetas": {},
    "outcomeMeta": {},
    "spotMeta": {},
    "spotMetaAndAssetCtxs": {},
    "perpDexs": {},
    "metaAndAssetCtxs": {},
    "allMids": {},
    "l2Book": {"coin": "ETH"},
    "recentTrades": {"coin": "ETH"},
    "candleSnapshot": {"req": {"coin": "ETH", "interval": "1h", "startTime": START_MS, "endTime": START_MS}},
    "fundingHistory": {"coin": "ETH", "startTime": START_MS},
    "exchangeStatus": {},
}
OF_USER = {
    "clearinghouseState": {},
    "spotClearinghouseState": {},
    "openOrders": {},
    "frontendOpenOrders": {},
    "orderStatus": {"oid": 5},
    "historicalOrders": {},
    "userFills": {},
    "userFillsByTime": {"startTime": 0},
    "userFunding": {"startTime": 0},
    "userNonFundingLedgerUpdates": {"startTime": 0},
    "userRateLimit": {},
    "userRole": {},
    "userAbstraction": {},
    "userFees": {},
    "extraAgents": {},
    "subAccounts": {},
    "activeAssetData": {"coin": "ETH"},
    "maxBuilderFee": {"builder": BOB},
}


@pytest.fixture(scope="module")
def desk():
    desk = Desk()
    desk.order("ETH", 2, 4100)
    desk.order("ETH", 1, 3990, "Gtc")
    desk.wait(HOUR_MS)
    return desk


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_public_question_is_answered(desk, kind):
    assert desk.info(kind, **QUESTIONS[kind]) is not None


@pytest.mark.parametrize("user", [ALICE, AGENT.address, STRANGER.address])
@pytest.mark.parametrize("kind", OF_USER)
def test_a_question_about_any_address_is_answered(desk, kind, user):
    document = desk.info(kind, user=user, **OF_USER[kind])
    assert "error" not in str(document)


def test_an_agents_own_address_has_an_empty_account(desk):
    state = desk.state(AGENT.address)
    assert state["assetPositions"] == []
    assert state["marginSummary"]["accountValue"] == "0.0"
    assert desk.info("userFills", user=AGENT.address) == []


@pytest.mark.parametrize(
    ("user", "role"),
    [
        (ALICE, {"role": "user"}),
        (AGENT.address, {"role": "agent", "data": {"user": ALICE}}),
        (STRANGER.address, {"role": "missing"}),
    ],
)
def test_roles(desk, user, role):
    assert desk.info("userRole", user=user) == role


def test_addresses_are_read_in_any_case_and_written_in_lower_case(desk):
    upper = "0x" + ALICE[2:].upper()
    assert desk.info("activeAssetData", user=upper, coin="ETH")["user"] == ALICE
    assert desk.state(upper) == desk.state(ALICE)


@pytest.mark.parametrize(
    ("kind", "fields", "status"),
    [
        ("fundingHistory", {"coin": "NOPE", "startTime": 0}, 500),
        ("candleSnapshot", {"req": {"coin": "NOPE", "interval": "1h", "startTime": 0}}, 500),
        ("metaAndAssetCtxs", {"dex": "nope"}, 500),
        ("l2Book", {"coin": "NOPE"}, 200),
    ],
)
def test_an_unknown_coin_is_null_with_the_venues_status(desk, kind, fields, status):
    reply = desk.raw("/info", json.dumps({"type": kind, **fields}).encode())
    assert (reply.status, reply.content_type, reply.body) == (status, "application/json", b"null")


def test_the_universe_is_in_the_order_of_the_asset_ids(desk):
    universe = desk.info("meta")["universe"]
    assert [c["name"] for c in universe] == ["BTC", "ETH", "SOL"]
    assert universe[0] == {"szDecimals": 5, "name": "BTC", "maxLeverage": 40, "marginTableId": 56}
    meta, contexts = desk.info("metaAndAssetCtxs")
    assert len(contexts) == len(meta["universe"])


def test_fills_are_newest_first_but_within_one_time_as_they_happened():
    desk = Desk()
    desk.order("ETH", 12, 4100)
    desk.wait(1_000)
    desk.order("ETH", -2, 3900)
    rows = desk.info("userFills", user=ALICE)
    assert [row["time"] for row in rows] == sorted((row["time"] for row in rows), reverse=True)
    assert [row["startPosition"] for row in rows] == ["12.0", "0.0", "5.0", "10.0"]


def test_fills_by_time_have_inclusive_bounds():
    desk = Desk()
    times = []
    for _ in range(3):
        desk.order("ETH", 1, 4100)
        times.append(desk.now_ms)
        desk.wait(1_000)

    def between(start, end):
        return [row["time"] for row in desk.info("userFillsByTime", user=ALICE, startTime=start, endTime=end)]

    assert between(times[0], times[1]) == [times[1], times[0]]
    assert between(times[0] + 1, times[1] - 1) == []


def test_ended_orders_are_forgotten_after_two_thousand_but_open_ones_are_not():
    desk = Desk()
    kept = desk.order("ETH", 1, 3900, "Gtc")["resting"]["oid"]
    first = desk.order("ETH", 1, 3800)
    assert "error" in first
    oldest = desk.info("historicalOrders", user=ALICE)[0]["order"]["oid"]
    for _ in range(20):
        desk.orders(*[("ETH", 1, 3800, "Ioc", False, None)] * 100)
    assert desk.info("orderStatus", user=ALICE, oid=oldest) == {"status": "unknownOid"}
    assert desk.info("orderStatus", user=ALICE, oid=kept)["order"]["status"] == "open"
    assert len(desk.info("historicalOrders", user=ALICE)) == 2_000


def test_the_trade_size_that_is_still_affordable_is_affordable():
    desk = Desk(usdc=1_000)
    desk.market.size = D(100)
    data = desk.info("activeAssetData", user=BOB, coin="ETH")
    size = D(data["maxTradeSzs"][0])
    assert "error" in desk.order("ETH", size + D("0.01"), 4000, "Gtc", signer=OTHER)
    assert "resting" in desk.order("ETH", size, 4000, "Gtc", signer=OTHER)


scalars = (
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.text(max_size=8) | st.sampled_from([ALICE, "ETH"])
)
fields = st.dictionaries(
    st.sampled_from(
        ["user", "coin", "oid", "startTime", "endTime", "req", "dex", "nSigFigs", "mantissa", "builder"]
    ),
    scalars | st.dictionaries(st.sampled_from(["coin", "interval", "startTime"]), scalars),
    max_size=5,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*QUESTIONS, *OF_USER]), fields)
def test_nonsense_gets_a_status_and_never_an_exception(kind, nonsense):
    reply = FUZZED.raw("/info", json.dumps({"type": kind, **nonsense}).encode())
    assert reply.status in (200, 422, 500)


numbers = st.sampled_from(
    ["0", "1", "4000", "999999999999", "0.000000000001", "999999999999.5", "1e5", "-1", ""]
)
wires = st.fixed_dictionaries(
    {
        "a": st.integers(-1, 4),
        "b": st.booleans(),
        "p": numbers,
        "s": numbers,
        "r": st.booleans(),
        "t": st.just({"limit": {"tif": "Gtc"}}),
    }
)


@settings(max_examples=100, deadline=None)
@given(st.lists(wires, max_size=3))
def test_orders_of_any_size_get_a_reply_and_never_an_exception(orders):
    action = {"type": "order", "orders": orders, "grouping": "na"}
    body = {"action": action, "nonce": FUZZED.nonce, "signature": {"r": "0x1", "s": "0x1", "v": 27}}
    assert FUZZED.raw("/exchange", json.dumps(body).encode()).status in (200, 422)
    if all(
        w["a"] >= 0 and w["p"].replace(".", "").isdigit() and w["s"].replace(".", "").isdigit()
        for w in orders
    ):
        assert FUZZED.post(action)["status"] in ("ok", "err")


FUZZED = Desk()
