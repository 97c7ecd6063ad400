"""Liquidation: the book first, a large position in parts, the backstop, and the other side (hyperliquid.md 4.3)."""

import pytest

from tests.sim.venue.desk import AGENT, ALICE, BOB, OTHER, Desk, order_action
from tests.sim.venue.small_market import D, SmallMarket
from tests.sim.venue.test_isolated import isolated_desk, leverage, position
from tests.sim.venue.test_margin import check_ledger_from
from tests.sim.venue.wallet import with_sub_account

ETH = 1


def fall(desk, px, coin="ETH"):
    desk.market.mids[coin] = D(px)
    desk.wait(3_000)


def liquidation_px(desk, coin="ETH", user=ALICE):
    return D(position(desk, coin, user)["liquidationPx"])


def fills(desk, user=ALICE):
    return [f for f in desk.info("userFills", user=user) if "liquidation" in f or "Auto" in f["dir"]]


def statuses(desk, *oids, user=ALICE):
    return [desk.info("orderStatus", user=user, oid=oid)["order"]["status"] for oid in oids]


# --- into the book -------------------------------------------------------------------------------------


def test_the_account_is_liquidated_below_its_printed_price_and_not_above_it():
    desk = Desk(usdc=1_100)
    desk.order("ETH", 5, 4100)
    oid = desk.order("SOL", D("0.1"), 150, "Gtc")["resting"]["oid"]
    edge = liquidation_px(desk).quantize(D(1))
    fall(desk, edge + 1)
    assert desk.venue.positions(ALICE) == {"ETH": D(5)}
    fall(desk, edge - 1)
    assert desk.venue.positions(ALICE) == {}
    (row,) = fills(desk)
    assert row["dir"] == "Liquidated Cross Long"
    assert row["liquidation"] == {"liquidatedUser": ALICE, "markPx": f"{edge - 1}.0", "method": "market"}
    notional = D(row["px"]) * D(row["sz"])
    assert D(row["fee"]) == (notional * D("0.00045")).quantize(D("0.000001"), rounding="ROUND_DOWN")
    assert statuses(desk, oid, row["oid"]) == ["liquidatedCanceled", "filled"]
    check_ledger_from(desk, ALICE, 1_100)


def test_a_short_is_liquidated_above_its_price():
    desk = Desk(usdc=1_100)
    desk.order("ETH", -5, 3900)
    fall(desk, liquidation_px(desk).quantize(D(1)) + 1)
    (row,) = fills(desk)
    assert (row["dir"], row["side"]) == ("Liquidated Cross Short", "B")


def test_what_is_left_of_the_margin_stays_with_the_account():
    desk = Desk(usdc=1_100)
    desk.order("ETH", 5, 4100)
    fall(desk, liquidation_px(desk).quantize(D(1)) - 1)
    assert D(desk.state()["withdrawable"]) > 0


def test_the_listeners_are_told():
    desk = Desk(usdc=1_100)
    connection = desk.connect()
    desk.subscribe(connection, type="userEvents", user=ALICE)
    desk.order("ETH", 5, 4100)
    edge = liquidation_px(desk).quantize(D(1)) - 1
    desk.frames()
    fall(desk, edge)
    told = [f["data"]["liquidation"] for f in desk.frames() if "liquidation" in f.get("data", {})]
    assert [(t["liquidated_user"], D(t["liquidated_ntl_pos"])) for t in told] == [(ALICE, 5 * edge)]


def test_the_makers_fill_names_the_liquidated_account_and_keeps_its_own_direction():
    desk = Desk(SmallMarket(size=D(5)), usdc=1_100)
    desk.venue._account(BOB).cash_usd = D(1_000_000)
    desk.order("ETH", 5, 4100)
    edge = liquidation_px(desk).quantize(D(1)) - 1
    desk.market.size = D("0.001")
    desk.order("ETH", 5, edge, "Gtc", signer=OTHER)
    fall(desk, edge)
    made = [f for f in desk.info("userFills", user=BOB) if "liquidation" in f]
    assert {f["dir"] for f in made} == {"Open Long"}
    assert {f["liquidation"]["liquidatedUser"] for f in made} == {ALICE}
    assert not any(f["crossed"] for f in made)


def large_desk():
    """An account that is long 50 ETH, worth 200,000 USD."""
    desk = Desk(SmallMarket(size=D(100)), usdc=11_000)
    assert desk.order("ETH", 50, 4100)["filled"]["totalSz"] == "50.0"
    return desk


def test_a_fifth_of_a_large_position_goes_first_and_the_whole_within_the_cooldown():
    desk = large_desk()
    edge = liquidation_px(desk).quantize(D(1)) - 1
    desk.venue._account(ALICE).leverage[ETH] = 25
    fall(desk, edge)
    assert [f["sz"] for f in fills(desk)] == ["10.0"]
    assert desk.venue.positions(ALICE) == {"ETH": D(40)}
    fall(desk, liquidation_px(desk).quantize(D(1)) - 1)
    assert [f["sz"] for f in fills(desk)] == ["40.0", "10.0"]
    assert desk.venue.positions(ALICE) == {}


@pytest.mark.parametrize(("after_ms", "size"), [(27_000, "40.0"), (30_000, "8.0")])
def test_after_the_cooldown_a_large_position_goes_in_parts_again(after_ms, size):
    desk = large_desk()
    fall(desk, liquidation_px(desk).quantize(D(1)) - 1)
    desk.wait(after_ms - 3_000)
    fall(desk, liquidation_px(desk).quantize(D(1)) - 1)
    assert [f["sz"] for f in fills(desk)] == [size, "10.0"]


def test_liquidation_stops_at_the_position_that_made_the_account_whole():
    desk = Desk(usdc=1_500)
    desk.order("ETH", 4, 4100)
    desk.order("SOL", 5, 210)
    desk.market.mids["SOL"] = D(199)
    edge = liquidation_px(desk).quantize(D(1)) - 1
    fall(desk, edge)
    assert desk.venue.positions(ALICE) == {"SOL": D(5)}


# --- the backstop --------------------------------------------------------------------------------------


def test_below_two_thirds_of_maintenance_the_backstop_takes_positions_and_margin():
    desk = Desk(SmallMarket(size=D(10)), usdc=1_600)
    desk.order("ETH", D("7.8"), 4100)
    fall(desk, 3_820)
    (row,) = fills(desk)
    assert (row["dir"], row["liquidation"]["method"], row["px"]) == (
        "Liquidated Cross Long",
        "backstop",
        "3820.0",
    )
    state = desk.state()
    assert (state["assetPositions"], state["marginSummary"]["accountValue"]) == ([], "0.0")
    (delta,) = [r.delta for r in desk.venue._account(ALICE).ledger if r.delta["type"] == "liquidation"]
    assert delta["liquidatedPositions"] == [{"coin": "ETH", "szi": "7.8"}]
    assert desk.venue._state.backstop.cash_usd == D(delta["accountValue"])


def test_an_account_is_never_left_with_less_than_nothing():
    desk = Desk(SmallMarket(size=D(10)), usdc=1_600)
    desk.order("ETH", D("7.8"), 4100)
    fall(desk, 3_000)
    assert desk.venue.equity(ALICE) == 0
    assert desk.venue._state.backstop.cash_usd < 0


# --- against the other side ----------------------------------------------------------------------------


def test_what_the_backstop_has_no_capacity_for_is_closed_against_the_most_profitable():
    desk = Desk(SmallMarket(size=D(10)), usdc=1_600)
    desk.venue._account(BOB).cash_usd = D(100_000)
    desk.order("ETH", -4, 3900, signer=OTHER)
    resting = desk.order("ETH", 4, 2900, "Gtc", reduce=True, signer=OTHER)["resting"]["oid"]
    desk.order("ETH", D("7.8"), 4100)
    desk.venue.limit_backstop(D(3 * 3_000))
    fall(desk, 3_000)
    assert desk.venue.positions(ALICE) == desk.venue.positions(BOB) == {}
    (closed,) = fills(desk, BOB)
    assert (closed["dir"], closed["px"], closed["sz"], closed["fee"]) == (
        "Auto-Deleveraging",
        "3000.0",
        "4.0",
        "0.0",
    )
    assert statuses(desk, resting, user=BOB) == ["reduceOnlyCanceled"]
    assert sorted((f["dir"], f["sz"]) for f in fills(desk)) == [
        ("Auto-Deleveraging", "0.8"),
        ("Auto-Deleveraging", "4.0"),
        ("Liquidated Cross Long", "3.0"),
    ]
    assert desk.venue.equity(ALICE) == 0


@pytest.mark.parametrize("first", [BOB, "sub"])
def test_the_most_profitable_is_closed_first(first):
    """Who sold at 4000 has gained more at 3000 than who sold at 3600."""
    desk = Desk(SmallMarket(size=D(10)), usdc=1_600)
    sub = with_sub_account(desk)
    for user in (BOB, sub):
        desk.venue._account(user).cash_usd = D(100_000)
    early, late = (sub, BOB) if first == "sub" else (BOB, sub)
    sell(desk, early, 3_900)
    fall(desk, 3_600)
    sell(desk, late, 3_500)
    desk.order("ETH", 5, 3_700)
    desk.venue.limit_backstop(D(0))
    fall(desk, 3_000)
    assert desk.venue.positions(early) == {}
    assert desk.venue.positions(late) == {"ETH": D(-3)}


def sell(desk, user, px):
    action = order_action(desk.market, ("ETH", -4, px, "Ioc", False, None))
    who = {"signer": OTHER} if user == BOB else {"vault": user}
    assert "filled" in desk.post(action, **who)["response"]["data"]["statuses"][0]


def test_the_backstop_gives_back_no_capacity():
    desk = Desk(SmallMarket(size=D(10)), usdc=1_600)
    desk.order("ETH", D("7.8"), 4100)
    before = desk.venue._state.backstop.capacity_usd
    fall(desk, 3_800)
    assert before - desk.venue._state.backstop.capacity_usd == D("7.8") * 3_800


# --- isolated positions --------------------------------------------------------------------------------


def two_positions():
    desk = isolated_desk(20, usdc=5_000)
    desk.order("ETH", 2, 4100)
    desk.order("SOL", 5, 210)
    return desk


def test_an_isolated_position_is_liquidated_alone():
    desk = two_positions()
    eth, sol = (
        desk.order(c, s, px, "Gtc")["resting"]["oid"] for c, s, px in (("ETH", 1, 3000), ("SOL", 1, 100))
    )
    free = D(desk.state()["crossMarginSummary"]["accountValue"])
    edge = liquidation_px(desk).quantize(D(1))
    fall(desk, edge + 1)
    assert set(desk.venue.positions(ALICE)) == {"ETH", "SOL"}
    fall(desk, edge - 1)
    assert set(desk.venue.positions(ALICE)) == {"SOL"}
    (row,) = fills(desk)
    assert (row["dir"], row["liquidation"]["method"]) == ("Liquidated Isolated Long", "market")
    assert statuses(desk, eth, sol) == ["liquidatedCanceled", "open"]
    assert D(desk.state()["crossMarginSummary"]["accountValue"]) > free


@pytest.mark.parametrize("px", [3_820, 3_000])
def test_a_backstopped_isolated_position_costs_its_margin_and_no_more(px):
    desk = two_positions()
    free = desk.state()["crossMarginSummary"]["accountValue"]
    fall(desk, px)
    assert set(desk.venue.positions(ALICE)) == {"SOL"}
    assert {f["dir"] for f in fills(desk)} == {"Liquidated Isolated Long"}
    assert desk.state()["crossMarginSummary"]["accountValue"] == free


def test_the_cross_account_does_not_die_of_an_isolated_loss_nor_the_isolated_of_the_cross():
    desk = isolated_desk(20, usdc=1_500)
    desk.order("ETH", 1, 4100)
    desk.order("SOL", 100, 210)
    fall(desk, 190, "SOL")
    assert set(desk.venue.positions(ALICE)) == {"ETH"}
    assert position(desk)["marginUsed"] != "0.0"


# --- resting orders that cannot be carried ---------------------------------------------------------------


@pytest.mark.parametrize("cross", [True, False])
def test_a_resting_order_that_the_account_cannot_carry_any_more_is_cancelled_when_it_would_fill(cross):
    desk = Desk(SmallMarket(size=D(100)), usdc=3_000)
    desk.post(leverage(10, cross=cross))
    oid = desk.order("ETH", 5, 3990, "Gtc")["resting"]["oid"]
    other = desk.order("SOL", 40, 210)
    assert other["filled"]["totalSz"] == "40.0"
    desk.market.mids["SOL"] = D(175)
    desk.wait(3_000)
    assert statuses(desk, oid) == ["open"]
    fall(desk, 3_980)
    assert statuses(desk, oid) == ["marginCanceled"]
    assert set(desk.venue.positions(ALICE)) == {"SOL"}


def test_a_taker_does_not_meet_a_resting_order_that_cannot_be_carried():
    desk = Desk(SmallMarket(size=D(1)), usdc=3_000)
    desk.venue._account(BOB).cash_usd = D(1_000_000)
    desk.post(leverage(10, cross=True))
    oid = desk.order("ETH", 5, 3999, "Gtc")["resting"]["oid"]
    desk.order("SOL", 19, 210, signer=AGENT)
    desk.market.size = D(100)
    desk.wait(10_000)
    desk.order("SOL", 21, 210, signer=AGENT)
    desk.market.mids["SOL"] = D(175)
    desk.wait(3_000)
    desk.market.size = D("0.01")
    desk.wait(3_000)
    desk.order("ETH", -3, 3990, signer=OTHER)
    assert statuses(desk, oid) == ["marginCanceled"]
    assert set(desk.venue.positions(ALICE)) == {"SOL"}
