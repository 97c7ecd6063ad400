"""Our formulas against recorded numbers: fees, liquidation prices, a whole account (hyperliquid.md 6.3).

Shapes and round trips are in tests/conformance.
"""

import json

import pytest

from sim.venue.account import Account, Position
from sim.venue.clearing import Execution, fees_of
from sim.venue.fees import rates_of
from sim.venue.margin import Holding, liquidation_px, maintenance_usd
from sim.venue.order import Order
from tests.sim.venue.desk import ALICE, MESSAGES, Desk, needs_messages
from tests.sim.venue.small_market import D, SmallMarket, asset

pytestmark = needs_messages


def rows(name):
    lines = (MESSAGES / "ccxt_static" / name).read_text().splitlines()
    return [json.loads(line) for line in lines if line]


def case(part):
    return next(row["body"] for row in rows("http_responses.jsonl") if part in row["case"])


def test_recorded_fees_are_the_notional_times_the_rates_each_cut_to_six_decimals():
    """(fee - builder fee) / notional was 0.000432: 4.5 basis points less the 4 % of a referral."""
    checked, desk = 0, Desk()
    desk.post({"type": "setReferrer", "code": "CODE"})
    for fill in case("userFills with builderFee"):
        if fill["feeToken"] != "USDC":
            continue
        builder = D(fill.get("builderFee", 0))
        order = Order(1, "", 0, "", True, D(1), D(1), D(1), "Ioc", False, 0)
        order.builder_rate = D("0.0001") if builder else D(0)
        account: Account = desk.venue._account(ALICE)
        rates = rates_of(desk.venue._state, account)
        assert (rates.cross, rates.referral_discount) == (D("0.000432"), D("0.04"))
        trade = Execution(D(fill["px"]), D(fill["sz"]), True, 1, "")
        assert fees_of(rates, order, trade) == (D(fill["fee"]), builder)
        checked += 1
    assert checked == 3


@pytest.mark.parametrize("part", ["HIP-3 isolated long", "isolated short", "cross short + cross long"])
def test_the_liquidation_price_is_the_recorded_one(part):
    state = case(part)
    for entry in state["assetPositions"]:
        row = entry["position"]
        coin = asset(0, row["coin"], 2, int(row["maxLeverage"]))
        size, value = D(row["szi"]), D(row["positionValue"])
        held = Holding(value / abs(size), value, value, D(row["marginUsed"]), maintenance_usd(coin, value))
        if row["leverage"]["type"] == "isolated":
            available = D(row["marginUsed"]) - held.maintenance
        else:
            cross = state["crossMarginSummary"]["accountValue"]
            available = D(cross) - D(state["crossMaintenanceMarginUsed"])
        ours = liquidation_px(coin, Position(size, size * D(row["entryPx"])), held, available)
        if row["liquidationPx"] is None:
            assert ours is None
        else:
            printed = D(row["liquidationPx"])
            assert ours.quantize(printed) == printed


def test_a_recorded_cross_account_is_rebuilt_to_the_last_digit():
    """Two cross positions of 2024, put into an account of ours: every field but the quoted formulas' rounding."""
    recorded = case("cross short + cross long")
    names = [p["position"]["coin"] for p in recorded["assetPositions"]]
    market = SmallMarket(tuple(asset(n, name, 2, 50) for n, name in enumerate(names)))
    for entry in recorded["assetPositions"]:
        row = entry["position"]
        market.mids[row["coin"]] = D(row["positionValue"]) / abs(D(row["szi"]))
    desk = Desk(market)
    account: Account = desk.venue._account(ALICE)
    account.cash_usd = D(recorded["marginSummary"]["totalRawUsd"])
    for n, entry in enumerate(recorded["assetPositions"]):
        row = entry["position"]
        account.positions[n] = Position(
            D(row["szi"]),
            D(row["szi"]) * D(row["positionValue"]) / abs(D(row["szi"])) - D(row["unrealizedPnl"]),
        )
    ours = desk.state()
    assert ours["marginSummary"] == recorded["marginSummary"]
    assert ours["crossMarginSummary"] == recorded["crossMarginSummary"]
    assert ours["crossMaintenanceMarginUsed"] == recorded["crossMaintenanceMarginUsed"]
    for mine, theirs in zip(ours["assetPositions"], recorded["assetPositions"], strict=True):
        for key in ("szi", "entryPx", "positionValue", "unrealizedPnl", "marginUsed"):
            assert D(mine["position"][key]) == D(theirs["position"][key]), key
        printed = D(theirs["position"]["returnOnEquity"])
        assert D(mine["position"]["returnOnEquity"]).quantize(printed) == printed
    short, long = (entry["position"]["liquidationPx"] for entry in ours["assetPositions"])
    assert (round(D(short), 8), long) == (D("22881.19788911"), None), "the server of 2024 printed 8 decimals"
