"""/info: every question has an answer for a funded address, an agent's and a stranger's; nonsense has a status."""

import json
from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.venue.book import Level
from sim.venue.info import OF_ACCOUNT, OF_MARKET
from sim.venue.info_market import bucketed
from sim.venue.requests import AskRecentTrades, InfoRequest
from tests.sim.venue.desk import AGENT, ALICE, BOB, OTHER, STRANGER, Desk
from tests.sim.venue.small_market import HOUR_MS, START_MS, D

PURR = "0xc1fb593aeffbeb02f85e0308e9956a90"
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
    "predictedFundings": {},
    "perpDexLimits": {"dex": ""},
    "perpDexStatus": {"dex": ""},
    "perpsAtOpenInterestCap": {},
    "marginTable": {"id": 56},
    "maxMarketOrderNtls": {},
    "liquidatable": {},
    "vaultDetails": {"vaultAddress": BOB},
    "vaultSummaries": {},
    "validatorSummaries": {},
    "validatorL1Votes": {},
    "perpDeployAuctionStatus": {},
    "spotPairDeployAuctionStatus": {},
    "tokenDetails": {"tokenId": PURR},
}
NULL = {"perpDexLimits", "vaultDetails"}
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
    "approvedBuilders": {},
    "userDexAbstraction": {},
    "subAccounts2": {},
    "portfolio": {},
    "userTwapSliceFills": {},
    "userTwapSliceFillsByTime": {"startTime": 0},
    "twapHistory": {},
    "webData2": {},
    "referral": {},
    "legalCheck": {},
    "isVip": {},
    "userToMultiSigSigners": {},
    "preTransferCheck": {"source": BOB},
    "userVaultEquities": {},
    "leadingVaults": {},
    "delegations": {},
    "delegatorSummary": {},
    "delegatorHistory": {},
    "delegatorRewards": {},
    "spotDeployState": {},
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
    assert (desk.info(kind, **QUESTIONS[kind]) is None) == (kind in NULL)


def test_every_type_is_asked_in_these_tests_and_has_an_answer():
    types = {kind.__struct_config__.tag: kind for kind in get_args(InfoRequest)}
    assert types.keys() == {*QUESTIONS, *OF_USER}
    assert {*OF_MARKET, *OF_ACCOUNT, AskRecentTrades} == {*types.values()}


@pytest.mark.parametrize(
    "body", [{"type": "weather"}, {"type": "l2Book"}, {"type": "userFills", "user": "0x1"}, {}, [], "meta"]
)
def test_a_type_or_field_that_there_is_not_cannot_be_deserialized(desk, body):
    reply = desk.raw("/info", json.dumps(body).encode())
    text = b"Failed to deserialize the JSON body into the target type"
    assert (reply.status, reply.content_type, reply.body) == (422, "text/plain; charset=utf-8", text)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [(k, f) for k, f in (QUESTIONS | OF_USER).items() if "dex" in f]
    + [
        (k, {"user": ALICE} if k in OF_USER else {})
        for k in ("meta", "allMids", "openOrders", "clearinghouseState")
    ],
)
def test_a_dex_that_there_is_not_is_an_error_and_null(desk, kind, fields):
    reply = desk.raw("/info", json.dumps({"type": kind, **fields, "dex": "xyz"}).encode())
    assert (reply.status, reply.body) == (500, b"null")


def test_spot_is_listed_as_clients_index_it_and_has_an_empty_book(desk):
    meta, contexts = desk.info("spotMetaAndAssetCtxs")
    assert meta == desk.info("spotMeta")
    tokens = {token["index"]: token for token in meta["tokens"]}
    [pair] = meta["universe"]
    assert "/".join(tokens[n]["name"] for n in pair["tokens"]) == pair["name"] == contexts[0]["coin"]
    assert any(token["index"] != place for place, token in enumerate(meta["tokens"]))
    assert desk.info("l2Book", coin=pair["name"])["levels"] == [[], []]
    assert desk.info("recentTrades", coin=pair["name"]) == []
    assert desk.info("tokenDetails", tokenId=PURR)["name"] == "PURR"


prices = st.decimals("0.0001", "99999", places=4).map(lambda px: px.normalize() if px >= 1 else px)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(prices, min_size=1, max_size=30, unique=True),
    st.sampled_from([2, 3, 4, 5]),
    st.sampled_from([1, 2, 5]),
)
def test_levels_are_gathered_as_the_venues_public_book_server_gathers_them(pxs, figures, mantissa):
    """In whole hundred-millionths: bids down and asks up to mantissa times the place of the last figure."""
    for rounding, rising in ((ROUND_FLOOR, False), (ROUND_CEILING, True)):
        levels = [Level(px, D(1), 1) for px in sorted(pxs, reverse=not rising)]
        wanted = {}
        for level in levels:
            whole = int(level.px * 10**8)
            step = mantissa * 10 ** max(0, len(str(whole)) - figures)
            bucket = -(-whole // step) * step if rising else whole // step * step
            wanted[bucket] = wanted.get(bucket, 0) + 1
        ours = bucketed(levels, figures, mantissa, rounding=rounding)
        assert [(int(level.px * 10**8), level.orders) for level in ours] == list(wanted.items())
        assert sum(level.size for level in ours) == len(pxs)


def test_margin_tables_are_those_of_meta_and_a_flat_one_is_its_leverage(desk):
    meta = desk.info("meta")
    for table_id, table in meta["marginTables"]:
        assert desk.info("marginTable", id=table_id) == table
    assert desk.info("marginTable", id=3)["marginTiers"] == [{"lowerBound": "0.0", "maxLeverage": 3}]
    assert desk.raw("/info", json.dumps({"type": "marginTable", "id": 999}).encode()).status == 500


def test_predicted_funding_names_the_hour_just_settled(desk):
    rows = dict(desk.info("predictedFundings"))
    ours = dict(rows["ETH"])["HlPerp"]
    assert rows.keys() == {"BTC", "ETH", "SOL"}
    assert ours["nextFundingTime"] == desk.now_ms // HOUR_MS * HOUR_MS
    assert ours["fundingRate"] == desk.info("metaAndAssetCtxs")[1][1]["funding"]


def test_partial_fills_of_one_order_are_one_fill_when_they_are_aggregated():
    desk = Desk()
    desk.order("ETH", 12, 4100)
    desk.wait(1_000)
    desk.order("ETH", -2, 3900)
    parts, whole = (desk.info("userFills", user=ALICE, aggregateByTime=on) for on in (False, True))
    assert (len(parts), len(whole)) == (4, 2)
    bought = [row for row in parts if row["side"] == "B"]
    notional = sum(D(row["px"]) * D(row["sz"]) for row in bought)
    assert (whole[1]["sz"], whole[1]["startPosition"]) == ("12.0", "0.0")
    assert D(whole[1]["px"]) == (notional / 12).quantize(D("0.01"))
    assert D(whole[1]["fee"]) == sum(D(row["fee"]) for row in bought)
    assert whole[0] == parts[0]
    asked = {"user": ALICE, "startTime": 0, "aggregateByTime": True}
    assert desk.info("userFillsByTime", **asked) == whole


def test_the_volume_that_counts_for_a_tier_is_told_by_the_day():
    desk = Desk()
    desk.order("ETH", 2, 4100)
    days = desk.info("userFees", user=ALICE)["dailyUserVlm"]
    assert len(days) == 15
    assert [D(day["userCross"]) for day in days[:-1]] == [0] * 14
    assert D(days[-1]["userCross"]) == D("4000.1") * 2
    desk.wait(24 * HOUR_MS)
    assert D(desk.info("userFees", user=ALICE)["dailyUserVlm"][-2]["userCross"]) == D("4000.1") * 2


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
