"""hyperliquid-python-sdk on loopback: construction, market data, orders, leverage, callbacks (hyperliquid.md 5.1)."""

import threading

import eth_account
import pytest
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.error import ClientError
from hyperliquid.utils.types import Cloid

from sim.venue.clock import wall_ms
from tests.sim.venue.desk import ALICE, MASTER
from tests.sim.venue.serving import eventually, serving

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def info(server):
    return Info(server.url, skip_ws=True)


@pytest.fixture
def exchange(server):
    return Exchange(MASTER, server.url)


def members(reply):
    assert reply["status"] == "ok", reply
    return reply["response"]["data"]["statuses"]


def test_the_constructors_learn_the_universe(info, exchange):
    assert info.coin_to_asset["BTC"] == 0
    assert info.name_to_asset("SOL") == 2
    assert exchange.info.asset_to_sz_decimals[1] == 4


def test_a_constructor_with_builder_dexes_is_answered(server):
    assert Info(server.url, skip_ws=True, perp_dexs=[""]).coin_to_asset["ETH"] == 1


def test_market_data_is_of_the_market(info):
    now_ms = wall_ms()
    assert float(info.all_mids()["ETH"]) == 4_000
    book = info.l2_snapshot("ETH")
    bids, asks = book["levels"]
    assert float(bids[0]["px"]) < 4_000 < float(asks[0]["px"])
    assert [float(b["px"]) for b in bids] == sorted((float(b["px"]) for b in bids), reverse=True)
    candles = info.candles_snapshot("BTC", "1h", now_ms - 5 * HOUR_MS, now_ms)
    assert len(candles) == 6
    assert candles[0]["t"] <= now_ms - 5 * HOUR_MS <= candles[0]["T"]
    paid = info.funding_history("BTC", now_ms - 3 * HOUR_MS)
    assert [row["time"] for row in paid] == sorted(row["time"] for row in paid)
    universe, contexts = info.meta_and_asset_ctxs()
    assert [a["name"] for a in universe["universe"]] == ["BTC", "ETH", "SOL"]
    assert len(contexts) == 3
    assert info.spot_meta_and_asset_ctxs()[0]["tokens"][0]["name"] == "USDC"
    assert info.perp_dexs()[0] is None


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("user_state", dict),
        ("spot_user_state", dict),
        ("open_orders", list),
        ("frontend_open_orders", list),
        ("user_fills", list),
        ("user_fees", dict),
        ("query_referral_state", dict),
        ("query_sub_accounts", type(None)),
        ("query_user_abstraction_state", str),
        ("historical_orders", list),
        ("portfolio", list),
        ("user_twap_slice_fills", list),
        ("user_vault_equities", list),
        ("user_role", dict),
        ("user_rate_limit", dict),
        ("extra_agents", list),
        ("query_user_to_multi_sig_signers", type(None)),
        ("user_staking_summary", dict),
        ("user_staking_delegations", list),
        ("user_staking_rewards", list),
        ("delegator_history", list),
    ],
)
def test_every_question_about_an_account_is_answered_for_ours_and_for_nobodys(info, question, kind):
    for address in (ALICE, "0x" + 40 * "5"):
        assert type(getattr(info, question)(address)) is kind


def test_an_order_lives_from_the_book_to_its_cancel(info, exchange):
    [placed] = members(exchange.order("ETH", True, 1.0, 3_900.0, {"limit": {"tif": "Gtc"}}))
    oid = placed["resting"]["oid"]
    assert info.query_order_by_oid(ALICE, oid)["order"]["status"] == "open"
    assert oid in [o["oid"] for o in info.open_orders(ALICE)]
    assert members(exchange.cancel("ETH", oid)) == ["success"]
    assert "error" in members(exchange.cancel("ETH", oid))[0]
    assert info.query_order_by_oid(ALICE, oid)["order"]["status"] == "canceled"


def test_an_order_is_found_and_cancelled_by_its_client_id(info, exchange):
    cloid = Cloid.from_int(wall_ms())
    members(exchange.order("SOL", False, 5.0, 210.0, {"limit": {"tif": "Alo"}}, cloid=cloid))
    assert info.query_order_by_cloid(ALICE, cloid)["order"]["order"]["cloid"] == cloid.to_raw()
    assert members(exchange.cancel_by_cloid("SOL", cloid)) == ["success"]


def test_a_modified_order_has_a_new_id_and_the_old_one_is_gone(info, exchange):
    [placed] = members(exchange.order("ETH", True, 1.0, 3_800.0, {"limit": {"tif": "Gtc"}}))
    old = placed["resting"]["oid"]
    assert exchange.modify_order(old, "ETH", True, 2.0, 3_810.0, {"limit": {"tif": "Gtc"}})["status"] == "ok"
    [left] = [o for o in info.open_orders(ALICE) if o["coin"] == "ETH"]
    assert left["oid"] != old
    assert (left["limitPx"], left["sz"]) == ("3810.0", "2.0")
    assert members(exchange.cancel("ETH", left["oid"])) == ["success"]


def test_a_batch_is_answered_member_by_member(exchange):
    orders = [
        {"coin": c, "is_buy": True, "sz": 1.0, "limit_px": px, "order_type": kind, "reduce_only": False}
        for c, px, kind in (
            ("ETH", 3_700.0, {"limit": {"tif": "Gtc"}}),
            ("SOL", 190.0, {"limit": {"tif": "Ioc"}}),
        )
    ]
    resting, dead = members(exchange.bulk_orders(orders))
    assert "could not immediately match" in dead["error"]
    assert members(exchange.cancel("ETH", resting["resting"]["oid"])) == ["success"]


def test_market_open_and_close_go_there_and_back(info, exchange):
    [bought] = members(exchange.market_open("BTC", True, 0.1))
    assert bought["filled"]["totalSz"] == "0.1"
    [held] = [p["position"] for p in info.user_state(ALICE)["assetPositions"]]
    assert (held["coin"], held["szi"]) == ("BTC", "0.1")
    [sold] = members(exchange.market_close("BTC"))
    assert sold["filled"]["totalSz"] == "0.1"
    assert info.user_state(ALICE)["assetPositions"] == []
    newest = info.user_fills_by_time(ALICE, wall_ms() - HOUR_MS)
    assert {"Open Long", "Close Long"} <= {f["dir"] for f in newest}


def test_leverage_is_set_and_shown(info, exchange):
    assert exchange.update_leverage(7, "ETH")["status"] == "ok"
    members(exchange.market_open("ETH", True, 1.0))
    [held] = [p["position"] for p in info.user_state(ALICE)["assetPositions"]]
    assert held["leverage"] == {"type": "cross", "value": 7}
    members(exchange.market_close("ETH"))


def test_isolated_margin_is_kept_with_its_position(info, exchange):
    assert exchange.update_leverage(5, "SOL", is_cross=False)["status"] == "ok"
    members(exchange.market_open("SOL", True, 10.0))
    assert exchange.update_isolated_margin(100.0, "SOL")["status"] == "ok"
    [held] = [p["position"] for p in info.user_state(ALICE)["assetPositions"]]
    assert held["leverage"]["type"] == "isolated"
    assert float(held["marginUsed"]) == pytest.approx(10 * 200 / 5 + 100, rel=0.02)
    members(exchange.market_close("SOL"))
    assert exchange.update_leverage(5, "SOL", is_cross=True)["status"] == "ok"


def test_a_stop_waits_for_its_trigger(info, exchange):
    members(exchange.market_open("ETH", True, 1.0))
    stop = {"trigger": {"isMarket": True, "triggerPx": 3_500.0, "tpsl": "sl"}}
    [placed] = members(exchange.order("ETH", False, 1.0, 3_400.0, stop, reduce_only=True))
    [shown] = info.frontend_open_orders(ALICE)
    assert (shown["isTrigger"], shown["orderType"], shown["triggerPx"]) == (True, "Stop Market", "3500.0")
    members(exchange.market_close("ETH"))
    eventually(
        lambda: not info.frontend_open_orders(ALICE) or exchange.cancel("ETH", placed["resting"]["oid"])
    )


def test_the_dead_mans_switch_needs_volume_first(exchange):
    reply = exchange.schedule_cancel(wall_ms() + 60_000)
    assert reply["status"] == "err"
    assert "Required: $1000000" in reply["response"]


def test_an_expired_action_is_refused_by_name(exchange):
    exchange.set_expires_after(wall_ms() - 1_000)
    reply = exchange.order("ETH", True, 1.0, 3_900.0, {"limit": {"tif": "Gtc"}})
    assert reply == {"status": "err", "response": "Action already expired"}


def test_a_stranger_is_told_who_it_is(server):
    stranger = eth_account.Account.create()
    reply = Exchange(stranger, server.url).order("ETH", True, 1.0, 3_900.0, {"limit": {"tif": "Gtc"}})
    assert reply["status"] == "err"
    assert reply["response"] == f"User or API Wallet {stranger.address.lower()} does not exist."


def test_an_unknown_question_is_a_client_error(info):
    with pytest.raises(ClientError) as refused:
        info.post("/info", {"type": "nonsense"})
    assert refused.value.status_code == 422


def test_money_moves_between_the_accounts_own_purses(info, exchange):
    before = float(info.user_state(ALICE)["marginSummary"]["accountValue"])
    assert exchange.usd_class_transfer(250.0, to_perp=False)["status"] == "ok"
    assert float(info.user_state(ALICE)["marginSummary"]["accountValue"]) == pytest.approx(
        before - 250, abs=1
    )
    [usdc] = [b for b in info.spot_user_state(ALICE)["balances"] if b["coin"] == "USDC"]
    assert usdc["total"] == "250.0"
    kinds = {row["delta"]["type"] for row in info.user_non_funding_ledger_updates(ALICE, 0)}
    assert {"deposit", "accountClassTransfer"} <= kinds
    assert exchange.usd_class_transfer(250.0, to_perp=True)["status"] == "ok"


def test_callbacks_hear_what_happens(server):
    info, heard, arrived = Info(server.url), {}, threading.Event()

    def note(message):
        heard.setdefault(message["channel"], []).append(message["data"])
        arrived.set()

    subscriptions = [
        {"type": "allMids"},
        {"type": "bbo", "coin": "ETH"},
        {"type": "l2Book", "coin": "ETH"},
        {"type": "trades", "coin": "ETH"},
        {"type": "candle", "coin": "ETH", "interval": "1m"},
        {"type": "activeAssetCtx", "coin": "ETH"},
        {"type": "activeAssetData", "user": ALICE, "coin": "ETH"},
        {"type": "userFills", "user": ALICE},
        {"type": "orderUpdates", "user": ALICE},
        {"type": "userEvents", "user": ALICE},
        {"type": "userFundings", "user": ALICE},
        {"type": "userNonFundingLedgerUpdates", "user": ALICE},
        {"type": "webData2", "user": ALICE},
    ]
    try:
        for subscription in subscriptions:
            info.subscribe(subscription, note)
        silent_at_first = {"orderUpdates", "user"}
        names = {"user" if s["type"] == "userEvents" else s["type"] for s in subscriptions}
        eventually(lambda: names - silent_at_first <= heard.keys())
        exchange = Exchange(MASTER, server.url)
        members(exchange.market_open("ETH", True, 0.5))
        members(exchange.market_close("ETH"))
        eventually(lambda: names <= heard.keys())
        fills = heard["userFills"]
        eventually(lambda: sum(len(f["fills"]) for f in fills[1:]) >= 2)
        assert fills[0]["isSnapshot"] is True
        assert not any(f.get("isSnapshot") for f in fills[1:])
    finally:
        info.disconnect_websocket()
