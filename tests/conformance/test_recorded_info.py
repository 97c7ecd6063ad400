"""Every recorded /info request, asked of our venue: the same status, and the same keys and JSON types both ways.

What differs is listed with its reason; a reason that no longer applies fails as well.
"""

import json
from functools import cache
from typing import NamedTuple

import pytest

from tests.conformance.recordings import (
    by_name_alone,
    ccxt_body,
    differences,
    document,
    needs_messages,
    round_trips,
)
from tests.conformance.stage import USER, Stage
from tests.sim.venue.small_market import D

pytestmark = needs_messages

OLD = "an old recording: the server sends it today"
NO_DEX = "this venue has no builder-deployed dex, so it asks for one that is unknown here"
TRIGGERS = "our stage's bracket rests only where trigger orders are served"
ISOLATED = "no coin of the stage is isolated only"
TRANSFERS = "the stage's user has moved no money: deposits alone are in its ledger"


class Allowed(NamedTuple):
    """A difference under a place of one type's answer. pending: it may have gone already, and need not be there."""

    type: str
    side: str
    place: str
    reason: str
    pending: bool = False


ALLOWED = [
    Allowed("clearinghouseState", "ours", ".assetPositions[].position.cumFunding", OLD),
    Allowed("clearinghouseState", "ours", ".assetPositions[].position.maxLeverage", OLD),
    Allowed("clearinghouseState", "ours", ".crossMaintenanceMarginUsed", OLD),
    Allowed("clearinghouseState", "ours", ".time", OLD),
    Allowed("clearinghouseState", "theirs", ".assetPositions[].position.maxTradeSzs", "gone since 2023"),
    Allowed("delegatorHistory", "theirs", "[]", "there is no staking here, so nothing in its history"),
    Allowed("frontendOpenOrders", "ours", "[].cloid", OLD),
    Allowed("frontendOpenOrders", "theirs", "[].children[]", TRIGGERS, pending=True),
    Allowed("frontendOpenOrders", "theirs", "[].tif", TRIGGERS, pending=True),
    Allowed("frontendOpenOrders", "ours", "[].children[].cloid", OLD, pending=True),
    Allowed("historicalOrders", "ours", "[].order.cloid", "the recorded user gave no client order ids"),
    Allowed(
        "historicalOrders", "ours", "[].order.children[]", "the recorded user had no bracket", pending=True
    ),
    Allowed(
        "historicalOrders", "ours", "[].order.tif", "the recorded user had no trigger order", pending=True
    ),
    Allowed("meta", "ours", ".collateralToken", OLD),
    Allowed("meta", "ours", ".marginTables", OLD),
    Allowed("meta", "ours", ".universe[].isDelisted", OLD),
    Allowed("meta", "ours", ".universe[].marginTableId", OLD),
    Allowed("meta", "theirs", ".universe[].onlyIsolated", ISOLATED),
    Allowed("meta", "theirs", ".universe[].marginMode", ISOLATED),
    Allowed("metaAndAssetCtxs", "ours", "[].collateralToken", OLD),
    Allowed("metaAndAssetCtxs", "theirs", "[].universe[].onlyIsolated", ISOLATED),
    Allowed("metaAndAssetCtxs", "theirs", "[].universe[].marginMode", ISOLATED),
    Allowed("openOrders", "ours", "[].cloid", OLD),
    Allowed("openOrders", "ours", "[].origSz", OLD),
    Allowed("openOrders", "ours", "[].reduceOnly", "the recorded user had no reduce-only order"),
    Allowed("perpDexs", "theirs", "[]", "this venue has no builder-deployed dex"),
    Allowed("spotClearinghouseState", "theirs", ".balances[]", TRANSFERS, pending=True),
    Allowed("spotMetaAndAssetCtxs", "theirs", "[][].midPx", "the one pair here has no book, so no mid"),
    Allowed("userFills", "ours", "[].cloid", "the recorded user gave no client order ids"),
    Allowed("userFills", "ours", "[].feeToken", OLD),
    Allowed("userFills", "ours", "[].tid", OLD),
    Allowed("userFills", "ours", "[].twapId", OLD),
    Allowed("userFillsByTime", "ours", "[].cloid", "the recorded user gave no client order ids"),
    Allowed("userFillsByTime", "ours", "[].feeToken", OLD),
    Allowed("userFillsByTime", "ours", "[].tid", OLD),
    Allowed("userFillsByTime", "ours", "[].twapId", OLD),
    Allowed("userFunding", "ours", "[].delta.nSamples", "null today, a count in 2023 (hyperliquid.md 1.3)"),
    Allowed("userFunding", "theirs", "[].delta.nSamples", "null today, a count in 2023 (hyperliquid.md 1.3)"),
    Allowed("userNonFundingLedgerUpdates", "theirs", "[].delta", TRANSFERS),
    Allowed("userRateLimit", "ours", ".nRequestsSurplus", OLD),
    Allowed("userVaultEquities", "theirs", "[]", "there are no vaults here"),
]


@cache
def asked(number):
    """Return the reply of a venue in which the recorded user has traded from the time that was asked about."""
    trip = INFO[number]
    start_ms = (trip.request.get("req") or trip.request).get("startTime")
    stage = Stage(trip.request.get("user", USER), **({} if start_ms is None else {"at_ms": start_ms + 1_000}))
    stage.trade()
    known = isinstance(trip.response, dict) and trip.response.get("status") == "order"
    request = trip.request | ({"oid": stage.taken} if known else {})
    return stage.raw("/info", json.dumps(request).encode())


def difference(number):
    trip = INFO[number]
    ours, theirs = json.loads(asked(number).body), trip.response
    if trip.request["type"] == "allMids":
        ours, theirs = by_name_alone(ours), by_name_alone(theirs)
    return differences(ours, theirs)


def excuses(trip, one):
    side, place, _ = one
    return [
        allowed
        for allowed in ALLOWED
        if (allowed.type, allowed.side) == (trip.request["type"], side) and place.startswith(allowed.place)
    ]


INFO = round_trips("/info")
OF_MAIN_DEX = [n for n, trip in enumerate(INFO) if not trip.request.get("dex")]
OF_OTHER_DEXS = [n for n, trip in enumerate(INFO) if trip.request.get("dex")]


def test_there_are_seventy_five_recorded_requests_of_thirty_types():
    assert len(INFO) == len(OF_MAIN_DEX) + len(OF_OTHER_DEXS) == 75
    assert len(OF_OTHER_DEXS) == 5
    assert len({trip.request["type"] for trip in INFO}) == 30


@pytest.mark.parametrize("number", OF_MAIN_DEX, ids=lambda n: str(INFO[n]))
def test_a_recorded_request_is_answered_with_the_recorded_skeleton(number):
    trip = INFO[number]
    assert asked(number).status == trip.status
    assert {one for one in difference(number) if not excuses(trip, one)} == set()


@pytest.mark.parametrize("number", OF_OTHER_DEXS, ids=lambda n: str(INFO[n]))
def test_a_dex_that_is_not_here_is_an_error_and_null(number):
    """The one kind of recorded request whose status differs: this venue has no builder-deployed dex."""
    reply = asked(number)
    assert (reply.status, reply.content_type, reply.body) == (500, "application/json", b"null")


def test_no_excuse_is_stale():
    used = {
        allowed
        for number in OF_MAIN_DEX
        for one in difference(number)
        for allowed in excuses(INFO[number], one)
    }
    assert [allowed for allowed in ALLOWED if allowed not in used and not allowed.pending] == []


# --- bodies that stand alone ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stage():
    return Stage().trade()


BOOK = "an old recording: levels without a count"
ALONE = [
    ("nautilus_test_data/http_l2_book_btc.json", ("l2Book", {"coin": "BTC"}), {".levels[][].n"}),
    ("nautilus_test_data/http_recent_trades_btc.json", ("recentTrades", {"coin": "BTC"}), set()),
]


@pytest.mark.parametrize(("name", "question", "extra"), ALONE, ids=[row[0] for row in ALONE])
def test_a_body_recorded_alone_has_our_skeleton(stage, name, question, extra):
    kind, fields = question
    stage.order("BTC", 1, 110_000)
    found = differences(stage.info(kind, **fields), document(name))
    assert {one for one in found if one[1] not in extra} == set()


def test_a_context_of_today_has_our_skeleton(stage):
    [[dex, recorded], *_] = document("nautilus_test_data/ws_all_dexs_asset_ctxs.json")["data"]["ctxs"]
    _, ours = stage.info("metaAndAssetCtxs")
    assert (dex, differences(ours, recorded)) == ("", set())


@pytest.mark.parametrize(
    ("part", "ours"),
    [
        ("orderStatus IOC filled", lambda stage: stage.info("historicalOrders", user=USER)[-1:]),
        (
            "orderStatus post-only open",
            lambda stage: stage.info("orderStatus", user=USER, oid=stage.cancelled),
        ),
        (
            "orderStatus canceled spot",
            lambda stage: stage.info("orderStatus", user=USER, oid=stage.cancelled),
        ),
        ("candleSnapshot BTC 1m", lambda stage: candles(stage)),
    ],
)
def test_a_body_of_another_clients_fixtures_has_our_skeleton(stage, part, ours):
    assert differences(ours(stage), numbers_again(ccxt_body(part))) == set()


def candles(stage):
    request = {"coin": "BTC", "interval": "1m", "startTime": stage.now_ms - 120_000}
    return stage.info("candleSnapshot", req=request)


def numbers_again(body):
    """Candle members that ccxt's recorder wrote as strings; a row's own keys are one letter."""
    if isinstance(body, list) and body and "T" in body[0]:
        return [{k: int(v) if k in "tTn" else v for k, v in row.items()} for row in body]
    return body


SAME = ("sz", "origSz", "tif", "orderType", "triggerCondition", "triggerPx", "cloid", "side", "isTrigger")


def test_a_market_order_that_filled_reads_as_recorded():
    recorded = next(trip.response for trip in INFO if "order" in trip.response and trip.request.get("oid"))
    stage = Stage()
    oid = stage.order("ETH", D(recorded["order"]["order"]["origSz"]) * 100, 4_400, "FrontendMarket")
    ours = stage.info("orderStatus", user=USER, oid=oid["filled"]["oid"])
    assert ours["order"]["order"]["origSz"] == "0.25"
    recorded["order"]["order"]["origSz"] = "0.25"
    assert [ours["order"]["order"][k] for k in SAME] == [recorded["order"]["order"][k] for k in SAME]
    assert (ours["status"], ours["order"]["status"]) == (recorded["status"], recorded["order"]["status"])


def test_an_order_that_met_the_book_at_once_reads_as_recorded():
    [recorded] = ccxt_body("orderStatus IOC filled")
    stage = Stage()
    stage.order("SOL", D("0.1"), 210)
    [ours] = stage.info("historicalOrders", user=USER)[:1]
    assert [ours["order"][k] for k in SAME] == [recorded["order"][k] for k in SAME]
    assert ours["status"] == recorded["status"] == "filled"
