"""Fees by volume, maker share and referral (hyperliquid.md 4.4)."""

import pytest

from sim.venue.account import DayVolume
from sim.venue.fees import MAKER_REBATES, VIP
from sim.venue.info_account import FEES
from tests.sim.venue.desk import AGENT, ALICE, BOB, OTHER, Desk, order_action
from tests.sim.venue.small_market import HOUR_MS, D, SmallMarket
from tests.sim.venue.wallet import DONE, err, with_sub_account

DAY_MS = 24 * HOUR_MS
M = 1_000_000


def traded(desk, *, taken=0, made=0, days_ago=1, user=ALICE):
    day = desk.now_ms // DAY_MS - days_ago
    desk.venue._account(user).volumes[day] = DayVolume(D(taken), D(made))


def rates(desk, user=ALICE):
    fees = desk.info("userFees", user=user)
    return fees["userCrossRate"], fees["userAddRate"]


def fee_of_a_take(desk):
    desk.order("ETH", 1, 4100)
    return D(desk.info("userFills", user=ALICE)[0]["fee"])


def test_the_schedule_told_is_the_one_charged():
    schedule = FEES["feeSchedule"]["tiers"]
    told = [(D(t["ntlCutoff"]), D(t["cross"]), D(t["add"])) for t in schedule["vip"]]
    assert told == [(t.above_usd, t.cross, t.add) for t in VIP[1:]]
    told = [(D(t["makerFractionCutoff"]), D(t["add"])) for t in schedule["mm"]]
    assert told == list(MAKER_REBATES)


@pytest.mark.parametrize(
    ("volume", "cross", "add"),
    [
        (5 * M, "0.00045", "0.00015"),
        (5 * M + 1, "0.0004", "0.00012"),
        (25 * M + 1, "0.00035", "0.00008"),
        (100 * M + 1, "0.0003", "0.00004"),
        (500 * M + 1, "0.00028", "0.0"),
        (2_000 * M + 1, "0.00026", "0.0"),
        (7_000 * M + 1, "0.00024", "0.0"),
    ],
)
def test_the_tier_is_that_of_the_volume(volume, cross, add):
    desk = Desk()
    traded(desk, taken=volume)
    assert rates(desk) == (cross, add)
    assert fee_of_a_take(desk) == (D("4000.1") * D(cross)).quantize(D("0.000001"), rounding="ROUND_DOWN")


@pytest.mark.parametrize(("days_ago", "counts"), [(0, False), (1, True), (14, True), (15, False)])
def test_fourteen_whole_days_before_today_count(days_ago, counts):
    desk = Desk()
    traded(desk, taken=6 * M, days_ago=days_ago)
    assert (rates(desk)[0] == "0.0004") is counts


def test_the_tier_changes_at_midnight_and_not_with_a_fill():
    desk = Desk(SmallMarket(size=D(2_000)), usdc=10_000 * M)
    desk.order("ETH", 1_500, 4100)
    assert rates(desk)[0] == "0.00045"
    desk.wait(DAY_MS - desk.now_ms % DAY_MS)
    assert rates(desk)[0] == "0.0004"


def test_real_fills_count_on_both_sides_of_the_book():
    desk = Desk()
    desk.order("ETH", 1, 4000, "Alo")
    desk.order("ETH", -1, 4000, signer=OTHER)
    day = desk.now_ms // DAY_MS
    assert desk.venue._account(ALICE).volumes[day] == DayVolume(D(0), D(4000))
    assert desk.venue._account(BOB).volumes[day] == DayVolume(D(4000), D(0))


def test_a_sub_account_shares_its_masters_tier_and_adds_to_it():
    desk = Desk()
    sub = with_sub_account(desk, 10_000)
    traded(desk, taken=3 * M)
    traded(desk, taken=3 * M, user=sub)
    assert rates(desk) == rates(desk, sub) == ("0.0004", "0.00012")
    desk.post(order_action(desk.market, ("ETH", 1, 4100, "Ioc", False, None)), vault=sub)
    assert D(desk.info("userFills", user=sub)[0]["fee"]) == D("1.60004")


VENUE_USD = 14 * (100_000 + 4_000 + 200)
"""The daily candles of the small market have a volume of one coin a day."""


@pytest.mark.parametrize(
    ("share", "add"),
    [("0.004", "0.00015"), ("0.006", "-0.00001"), ("0.016", "-0.00002"), ("0.031", "-0.00003")],
)
def test_makers_of_a_large_share_are_paid(share, add):
    desk = Desk()
    made = VENUE_USD * D(share) / (1 - D(share))
    traded(desk, made=made)
    assert rates(desk)[1] == add
    desk.order("ETH", 1, 4000, "Alo")
    desk.order("ETH", -1, 4000, signer=OTHER)
    (fill,) = desk.info("userFills", user=ALICE)
    assert D(fill["fee"]) == 4000 * D(add)


def test_a_referral_takes_four_percent_off_for_the_first_25_million():
    desk = Desk()
    assert desk.post({"type": "setReferrer", "code": "CODE"}) == DONE
    assert desk.info("userFees", user=ALICE)["activeReferralDiscount"] == "0.04"
    assert rates(desk) == ("0.000432", "0.000144")
    assert fee_of_a_take(desk) == D("1.728043")
    desk.venue._account(ALICE).referred_usd = D(25 * M)
    assert rates(desk) == ("0.00045", "0.00015")
    assert desk.info("userFees", user=ALICE)["activeReferralDiscount"] == "0.0"


def test_volume_before_the_referral_does_not_use_it_up():
    desk = Desk()
    desk.order("ETH", 1, 4100)
    desk.post({"type": "setReferrer", "code": "CODE"})
    desk.order("ETH", 1, 4100)
    assert desk.venue._account(ALICE).referred_usd == D("4000.1")


def test_a_rebate_is_not_discounted():
    desk = Desk()
    desk.post({"type": "setReferrer", "code": "CODE"})
    traded(desk, made=VENUE_USD)
    assert rates(desk)[1] == "-0.00003"


def test_a_referrer_is_set_once():
    desk = Desk()
    assert desk.post({"type": "setReferrer", "code": "ONE"}, signer=AGENT) == DONE
    assert desk.post({"type": "setReferrer", "code": "TWO"}) == err("Referrer already set")
    assert desk.venue._account(ALICE).referrer == "ONE"
