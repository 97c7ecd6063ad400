"""Isolated margin: a position with cash of its own (hyperliquid.md 2.4, 6.3)."""

from dataclasses import replace

import pytest

from sim.venue.account import Account, Position
from sim.venue.clearing import Execution, execute
from sim.venue.order import Order
from tests.sim.venue.desk import AGENT, ALICE, OTHER, Desk, needs_messages
from tests.sim.venue.small_market import HOUR_MS, D, SmallMarket, asset
from tests.sim.venue.test_recorded import case

DONE = {"status": "ok", "response": {"type": "default"}}
ETH = 1


def err(text):
    return {"status": "err", "response": text}


def leverage(value, coin=ETH, *, cross=False):
    return {"type": "updateLeverage", "asset": coin, "isCross": cross, "leverage": value}


def margin(usd, coin=ETH):
    return {"type": "updateIsolatedMargin", "asset": coin, "isBuy": True, "ntli": int(D(usd) * 1_000_000)}


def top_up(value, coin=ETH):
    return {"type": "topUpIsolatedOnlyMargin", "asset": coin, "leverage": value}


def isolated_desk(value=10, **options):
    desk = Desk(**options)
    assert desk.post(leverage(value)) == DONE
    return desk


def position(desk, coin="ETH", user=ALICE):
    rows = {e["position"]["coin"]: e["position"] for e in desk.state(user)["assetPositions"]}
    return rows[coin]


# --- the recorded states -------------------------------------------------------------------------------


def rebuilt(recorded, entry_usd):
    """Put a recorded isolated account into one of ours."""
    (row,) = [e["position"] for e in recorded["assetPositions"]]
    size, value = D(row["szi"]), D(row["positionValue"])
    market = SmallMarket((asset(0, row["coin"], 2, int(row["maxLeverage"])),))
    market.mids[row["coin"]] = value / abs(size)
    desk = Desk(market)
    account: Account = desk.venue._account(ALICE)
    account.cash_usd = D(recorded["crossMarginSummary"]["totalRawUsd"])
    account.leverage[0] = int(row["leverage"]["value"])
    account.isolated.add(0)
    account.positions[0] = Position(size, entry_usd, raw_usd=D(row["leverage"]["rawUsd"]))
    return desk


RECORDED = {
    "HIP-3 isolated long": "64.2010892308",
    "isolated short": "50.2724802381",
}


@needs_messages
@pytest.mark.parametrize("part", RECORDED)
def test_a_recorded_isolated_account_is_rebuilt_to_the_last_digit(part):
    recorded = case(part)
    (theirs,) = [e["position"] for e in recorded["assetPositions"]]
    side = 1 if D(theirs["szi"]) > 0 else -1
    desk = rebuilt(recorded, side * D(theirs["positionValue"]) - D(theirs["unrealizedPnl"]))
    ours = desk.state()
    for key in ("marginSummary", "crossMarginSummary", "crossMaintenanceMarginUsed"):
        assert ours[key] == recorded[key]
    (mine,) = [e["position"] for e in ours["assetPositions"]]
    assert mine["liquidationPx"] == theirs["liquidationPx"] == RECORDED[part]
    for key in ("szi", "positionValue", "unrealizedPnl", "returnOnEquity", "marginUsed", "entryPx"):
        assert mine[key].rstrip("0") == theirs[key].rstrip("0"), key
    assert mine["leverage"] == {**theirs["leverage"], "value": int(theirs["leverage"]["value"])}


@needs_messages
def test_the_recorded_withdrawable_is_what_resting_orders_leave_of_the_cross_account():
    recorded = case("HIP-3 isolated long")
    desk = rebuilt(recorded, D("10.43406"))
    assert desk.state()["withdrawable"] == "3.429999"
    account: Account = desk.venue._account(ALICE)
    order = Order(1, ALICE, 0, "flx:CRCL", True, D(70), D("0.14"), D("0.14"), "Gtc", False, 0)
    account.open_orders[1] = order
    assert abs(D(desk.state()["withdrawable"]) - D(recorded["withdrawable"])) <= D("0.000001")


@needs_messages
def test_the_recorded_long_was_opened_with_margin_measured_at_a_mark_of_80_5():
    (row,) = [e["position"] for e in case("HIP-3 isolated long")["assetPositions"]]
    desk = Desk(SmallMarket((asset(0, "CRCL", 2, 3),), mids={"CRCL": D("80.5")}))
    desk.post(leverage(3, coin=0))
    account: Account = desk.venue._account(ALICE)
    order = Order(1, ALICE, 0, "CRCL", True, D(81), D("0.13"), D("0.13"), "Ioc", False, 0)
    order.builder_rate = D("0.00045")
    execute(desk.venue._state, order, Execution(D("80.262"), D("0.13"), True, 1, "0x"))
    assert abs(account.positions[0].raw_usd - D(row["leverage"]["rawUsd"])) <= D("0.000001")


# --- opening, adding, reducing, flipping ---------------------------------------------------------------


def test_opening_moves_notional_over_leverage_out_of_the_account_and_the_fee_stays_with_the_position():
    desk = isolated_desk()
    desk.order("ETH", 2, 4100)
    state, row = desk.state(), position(desk)
    fill = desk.info("userFills", user=ALICE)[0]
    assert (fill["px"], fill["fee"]) == ("4000.1", "3.60009")
    assert row["leverage"] == {
        "type": "isolated",
        "value": 10,
        "rawUsd": number(800 - 2 * D("4000.1") - D("3.60009")),
    }
    assert D(row["marginUsed"]) == 800 - D("0.2") - D("3.60009")
    assert state["crossMarginSummary"]["accountValue"] == "999200.0"
    assert state["crossMarginSummary"]["totalMarginUsed"] == "0.0"
    assert state["withdrawable"] == "999200.0"


def number(value):
    return format(value.normalize(), "f")


def test_profit_and_loss_stay_with_the_position():
    desk = isolated_desk()
    desk.order("ETH", 2, 4100)
    before = D(position(desk)["marginUsed"])
    desk.market.mids["ETH"] = D(4050)
    desk.wait(3_000)
    assert D(position(desk)["marginUsed"]) - before == 100
    assert desk.state()["withdrawable"] == "999200.0"


def test_a_reduction_frees_its_share_of_the_margin_and_closing_frees_it_all():
    desk = isolated_desk()
    desk.order("ETH", 2, 4100)
    before = D(position(desk)["marginUsed"])
    desk.order("ETH", -1, 3900)
    fee = D(desk.info("userFills", user=ALICE)[-1]["fee"])
    after = before - D("0.1") - fee
    assert abs(D(position(desk)["marginUsed"]) - after / 2) <= D("0.000001")
    desk.order("ETH", -1, 3900)
    state = desk.state()
    assert state["assetPositions"] == []
    assert state["marginSummary"] == state["crossMarginSummary"]
    paid = sum(D(f["fee"]) - D(f["closedPnl"]) for f in desk.info("userFills", user=ALICE))
    assert D(state["marginSummary"]["totalRawUsd"]) == 1_000_000 - paid


def test_a_flip_frees_the_old_margin_and_takes_the_new():
    desk = isolated_desk()
    desk.order("ETH", 1, 4100)
    desk.order("ETH", -3, 3900)
    row = position(desk)
    assert (row["szi"], row["marginUsed"]) == ("-2.0", number(800 - D("0.2")))
    equity = D(desk.state()["marginSummary"]["accountValue"])
    fees = sum(D(f["fee"]) for f in desk.info("userFills", user=ALICE))
    assert equity == 1_000_000 - fees - D("0.1") - D("0.3")


def test_an_isolated_order_needs_its_margin_in_the_cross_account():
    desk = isolated_desk(usdc=1_000)
    desk.order("ETH", 2, 4100)
    assert desk.order("ETH", 1, 4100)["error"] == "Insufficient margin to place order. asset=1"
    assert "filled" in desk.order("ETH", -2, 3900, reduce=True)


def test_margin_measured_at_a_dearer_mark_is_asked_for_before_the_order():
    desk = isolated_desk(usdc=1_000)
    desk.market.marks["ETH"] = D(5_001)
    desk.wait(3_000)
    assert desk.order("ETH", 2, 4100)["error"] == "Insufficient margin to place order. asset=1"
    desk.market.marks["ETH"] = D(4_999)
    desk.wait(3_000)
    assert "filled" in desk.order("ETH", 2, 4100)


# --- leverage and margin mode --------------------------------------------------------------------------


def test_the_mode_cannot_be_switched_while_a_position_is_open():
    desk = isolated_desk()
    desk.order("ETH", 1, 4100)
    assert desk.post(leverage(10, cross=True)) == err("Cannot switch leverage type with open position.")
    desk.order("ETH", -1, 3900, reduce=True)
    assert desk.post(leverage(10, cross=True)) == DONE
    desk.order("ETH", 1, 4100)
    assert desk.post(leverage(10)) == err("Cannot switch leverage type with open position.")
    assert position(desk)["leverage"] == {"type": "cross", "value": 10}


@pytest.mark.parametrize("mode", ["strictIsolated", "noCross"])
def test_an_asset_without_cross_margin_is_isolated_from_the_start(mode):
    assets = (asset(0, "BTC", 5, 40), replace(asset(1, "ETH", 4, 25), margin_mode=mode))
    desk = Desk(SmallMarket(assets))
    assert desk.post(leverage(5, cross=True)) == err("Cross margin is not allowed for this asset.")
    btc, eth = desk.info("meta")["universe"]
    assert (eth["onlyIsolated"], eth["marginMode"]) == (True, mode)
    assert not {"onlyIsolated", "marginMode"} & btc.keys()
    desk.order("ETH", 1, 4100)
    assert position(desk)["leverage"]["type"] == "isolated"
    removed = desk.post(margin(-1)) if desk.post(margin(300)) == DONE else None
    assert (removed == DONE) is (mode == "noCross")


def test_lower_leverage_moves_the_margin_that_it_needs_and_higher_leaves_it_there():
    desk = isolated_desk(usdc=2_000)
    desk.order("ETH", 2, 4100)
    assert desk.post(leverage(5)) == DONE
    assert position(desk)["marginUsed"] == "1600.0"
    assert desk.post(leverage(3))["status"] == "err"
    assert position(desk)["leverage"]["value"] == 5
    assert desk.post(leverage(20)) == DONE
    assert (position(desk)["marginUsed"], position(desk)["leverage"]["value"]) == ("1600.0", 20)


@pytest.mark.parametrize("value", [0, 26])
def test_leverage_beyond_the_coins_is_invalid(value):
    assert Desk().post(leverage(value)) == err("Invalid leverage value")


# --- adding and removing margin ------------------------------------------------------------------------


def test_margin_is_added_and_removed_in_millionths_of_a_dollar():
    desk = isolated_desk()
    desk.order("ETH", 2, 4100)
    before = D(position(desk)["marginUsed"])
    assert desk.post(margin("123.456789")) == DONE
    assert D(position(desk)["marginUsed"]) == before + D("123.456789")
    assert desk.state()["withdrawable"] == number(D("999200") - D("123.456789"))
    assert desk.post(margin("-23.456789")) == DONE
    assert D(position(desk)["marginUsed"]) == before + 100


def test_margin_cannot_be_taken_below_what_opening_would_need():
    desk = isolated_desk(5)
    desk.order("ETH", 2, 4100)
    desk.post(margin(10))
    over = D(position(desk)["marginUsed"]) - 1600
    assert desk.post(margin(-over - D("0.000001")))["status"] == "err"
    assert desk.post(margin(-over)) == DONE
    assert position(desk)["marginUsed"] == "1600.0"


def test_at_high_leverage_a_tenth_of_the_notional_must_stay():
    desk = isolated_desk(25)
    desk.order("ETH", 2, 4100)
    desk.post(margin(600))
    over = D(position(desk)["marginUsed"]) - 800
    assert over > 0
    assert desk.post(margin(-over - D("0.000001")))["status"] == "err"
    assert desk.post(margin(-over)) == DONE


def test_no_more_margin_is_added_than_is_free():
    desk = isolated_desk(usdc=1_000)
    desk.order("ETH", 2, 4100)
    assert desk.post(margin("200.000001"))["status"] == "err"
    assert desk.post(margin(200)) == DONE
    assert desk.state()["withdrawable"] == "0.0"


def test_margin_can_be_moved_for_isolated_positions_only():
    desk = Desk()
    text = err("Position does not use isolated margin.")
    assert desk.post(margin(1)) == desk.post(top_up("2")) == text
    desk.order("ETH", 1, 4100)
    assert desk.post(margin(1)) == desk.post(top_up("2")) == text


def test_margin_is_topped_up_to_a_leverage():
    desk = isolated_desk()
    desk.order("ETH", 2, 4100)
    assert desk.post(top_up("4")) == DONE
    assert position(desk)["marginUsed"] == "2000.0"
    assert desk.post(top_up("5"))["status"] == "err"
    for value in ("0", "0.000000000001", "0.99"):
        assert desk.post(top_up(value)) == err("Invalid leverage value")


def test_margin_is_topped_up_with_free_money_only():
    desk = isolated_desk(usdc=1_000)
    desk.order("ETH", 2, 4100)
    assert desk.post(top_up("4"))["status"] == "err"
    assert desk.state()["withdrawable"] == "200.0"
    assert desk.post(top_up("8.5")) == DONE


# --- funding, delisting --------------------------------------------------------------------------------


def test_funding_is_paid_out_of_the_position():
    desk = isolated_desk()
    desk.market.rates = {"ETH": D("0.0001")}
    desk.order("ETH", 2, 4100)
    before, free = position(desk), desk.state()["withdrawable"]
    desk.wait(HOUR_MS)
    after = position(desk)
    assert D(before["leverage"]["rawUsd"]) - D(after["leverage"]["rawUsd"]) == D("0.8")
    assert D(before["marginUsed"]) - D(after["marginUsed"]) == D("0.8")
    assert after["cumFunding"]["sinceOpen"] == "0.8"
    assert desk.state()["withdrawable"] == free


def test_a_delisted_isolated_position_is_settled_and_its_margin_comes_back():
    end_ms = Desk().now_ms + 60_000
    assets = (asset(0, "BTC", 5, 40), replace(asset(1, "ETH", 4, 25), delisted_from_ms=end_ms))
    desk = isolated_desk(market=SmallMarket(assets))
    desk.order("ETH", 2, 4100)
    desk.wait(60_000)
    state, fills = desk.state(), desk.info("userFills", user=ALICE)
    assert (state["assetPositions"], fills[0]["dir"]) == ([], "Settlement")
    paid = sum(D(f["fee"]) - D(f["closedPnl"]) for f in fills)
    assert D(state["withdrawable"]) == 1_000_000 - paid


def test_the_other_account_is_not_touched():
    desk = isolated_desk()
    desk.order("ETH", 1, 4100, signer=OTHER)
    assert position(desk, user=desk.venue._account(OTHER.address).address)["leverage"]["type"] == "cross"
    assert desk.order("ETH", 1, 4100, signer=AGENT)["filled"]["totalSz"] == "1.0"


def test_an_isolated_order_shows_its_leverage_before_it_is_a_position():
    desk = isolated_desk()
    data = desk.info("activeAssetData", user=ALICE, coin="ETH")
    assert data["leverage"] == {"type": "isolated", "value": 10, "rawUsd": "0.0"}
