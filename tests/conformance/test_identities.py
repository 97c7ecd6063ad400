"""The accounting identities (hyperliquid.md 6.3): on the eight recorded states, and on whatever random trading makes.

tests/conftest.py holds every clearinghouseState of every other test against them as well.
"""

import copy

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sim.venue.identities import broken_identities, margin_tiers
from tests.conformance.recordings import cassette, ccxt_body, needs_messages
from tests.conftest import CHECKED
from tests.sim.venue.desk import ALICE, BOB, MASTER, OTHER, Desk
from tests.sim.venue.small_market import D

CCXT = (
    "HIP-3 isolated long",
    "two cross longs",
    "clearinghouseState isolated short",
    "clearinghouseState flat",
    "cross short + cross long",
)


def recorded_states():
    flat = [trip.response for trip in cassette("UserState_WithDex")]
    [many] = [trip.response for trip in cassette("test_get_user_state")]
    return [*(ccxt_body(part) for part in CCXT), *flat, many]


@needs_messages
def test_they_hold_on_the_eight_recorded_states():
    states = recorded_states()
    assert [broken_identities(state) for state in states] == [[]] * 8
    assert [len(state["assetPositions"]) for state in states] == [1, 2, 1, 0, 2, 0, 0, 12]


NUMBERS = [
    ("marginSummary", "accountValue"),
    ("marginSummary", "totalNtlPos"),
    ("marginSummary", "totalRawUsd"),
    ("marginSummary", "totalMarginUsed"),
    ("crossMarginSummary", "accountValue"),
    ("crossMarginSummary", "totalRawUsd"),
    ("crossMarginSummary", "totalMarginUsed"),
    ("crossMaintenanceMarginUsed",),
    ("assetPositions", 0, "position", "szi"),
    ("assetPositions", 0, "position", "positionValue"),
    ("assetPositions", 0, "position", "marginUsed"),
    ("assetPositions", 0, "position", "unrealizedPnl"),
    ("assetPositions", 0, "position", "returnOnEquity"),
    ("assetPositions", 0, "position", "liquidationPx"),
    ("assetPositions", 0, "position", "entryPx"),
]


@needs_messages
@pytest.mark.parametrize("place", NUMBERS, ids=lambda place: ".".join(map(str, place)))
@pytest.mark.parametrize("part", ["HIP-3 isolated long", "cross short + cross long"])
def test_any_number_that_is_off_breaks_one(part, place):
    state = copy.deepcopy(ccxt_body(part))
    *path, last = place
    inside = state
    for step in path:
        inside = inside[step]
    inside[last] = format(D(inside[last]) * D("1.01") + 1, "f")
    assert broken_identities(state) != []


@pytest.mark.parametrize("withdrawable", ["-1.0", "2000001.0", "1e3", "-0.0", "5"])
def test_what_could_not_be_withdrawn_is_found(withdrawable):
    state = Desk().state() | {"withdrawable": withdrawable}
    assert broken_identities(state) != []


# --- random trading ------------------------------------------------------------------------------------------

coins = st.sampled_from(["BTC", "ETH", "SOL"])
sides = st.sampled_from([1, -1])
signers = st.sampled_from([MASTER, OTHER])


class Trading(RuleBasedStateMachine):
    """Two accounts trade with the market and each other while prices jump and hours pass."""

    @initialize()
    def open(self):
        self.desk = Desk(usdc=50_000)
        self.tiers = margin_tiers(self.desk.info("meta"))
        self.oids = []

    @rule(
        coin=coins,
        side=sides,
        usdc=st.integers(20, 400_000),
        tif=st.sampled_from(["Ioc", "Gtc", "Alo"]),
        off=st.integers(-30, 30),
        reduce=st.booleans(),
        signer=signers,
    )
    def order(self, coin, side, usdc, tif, off, reduce, signer):
        asset = next(a for a in self.desk.market.assets if a.name == coin)
        mid = self.desk.market.mids[coin]
        size = (D(usdc) / mid).quantize(D(1).scaleb(-asset.size_decimals))
        px = mid + off * self.desk.market.step(asset.asset_id)
        if size > 0:
            status = self.desk.order(coin, side * size, px, tif, reduce=reduce, signer=signer)
            if "resting" in status:
                self.oids.append((asset.asset_id, status["resting"]["oid"], signer))

    @rule(data=st.data())
    def cancel(self, data):
        if self.oids:
            asset_id, oid, signer = data.draw(st.sampled_from(self.oids))
            self.desk.cancel(asset_id, oid, signer)

    @rule(coin=coins, leverage=st.integers(1, 40), cross=st.booleans(), signer=signers)
    def leverage(self, coin, leverage, cross, signer):
        asset_id = [a.name for a in self.desk.market.assets].index(coin)
        action = {"type": "updateLeverage", "asset": asset_id, "isCross": cross, "leverage": leverage}
        self.desk.post(action, signer=signer)

    @rule(coin=coins, percent=st.integers(-8, 8))
    def jump(self, coin, percent):
        mid = self.desk.market.mids[coin]
        moved = mid * (100 + percent) / 100
        self.desk.market.mids[coin] = moved.quantize(D(1).scaleb(mid.adjusted() - 4))
        self.desk.wait(3_000)

    @rule(hours=st.integers(1, 5), rate=st.sampled_from(["0.0001", "-0.0003"]))
    def sleep(self, hours, rate):
        self.desk.market.rates["ETH"] = D(rate)
        self.desk.wait(hours * 3_600_000)

    @invariant()
    def every_state_balances(self):
        for user in (ALICE, BOB) if hasattr(self, "desk") else ():
            assert broken_identities(self.desk.state(user), self.tiers) == []

    @invariant()
    def fills_lead_from_nothing_to_what_is_held(self):
        for user in (ALICE, BOB) if hasattr(self, "desk") else ():
            rows = self.desk.info("userFills", user=user)
            held = {
                p["position"]["coin"]: D(p["position"]["szi"])
                for p in self.desk.state(user)["assetPositions"]
            }
            broken, starts, ends = replayed(rows)
            assert (broken, set(starts.values()) - {0}) == ([], set())
            assert {coin: size for coin, size in ends.items() if size} == held


def replayed(rows):
    """Return the fills that do not start where the last of their coin ended, and each coin's first and last position.

    The rows are sorted by time, and within one time taken as they stand (hyperliquid.md 1.3).
    """
    broken, starts, ends = [], {}, {}
    for row in sorted(rows, key=lambda row: row["time"]):
        coin, start = row["coin"], D(row["startPosition"])
        starts.setdefault(coin, start)
        if ends.get(coin, start) != start:
            broken.append(row)
        ends[coin] = start + (D(row["sz"]) if row["side"] == "B" else -D(row["sz"]))
    return broken, starts, ends


TestTrading = Trading.TestCase
TestTrading.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


def without_self_trades(rows):
    """Drop the pairs in which the account traded with itself: in 2023 both sides told the position before."""
    sides = {}
    for row in rows:
        key = tuple(row[k] for k in ("time", "coin", "px", "sz", "hash"))
        sides.setdefault(key, {"B": [], "A": []})[row["side"]].append(id(row))
    dropped = {
        one for both in sides.values() for pair in zip(both["B"], both["A"], strict=False) for one in pair
    }
    return [row for row in rows if id(row) not in dropped]


@needs_messages
def test_recorded_fills_follow_each_other_sorted_by_time_and_not_reversed():
    """One break is left: the other side of the oldest fill, a self-trade, was beyond the 500 that were sent."""
    [trip] = cassette("test_get_user_fills")
    rows = without_self_trades(trip.response)
    assert (len(trip.response), len(rows)) == (500, 334)
    assert len(replayed(rows)[0]) == 1
    assert len(replayed([row | {"time": -n} for n, row in enumerate(rows)])[0]) > 50


def test_states_on_the_stream_are_held_to_account_too():
    desk = Desk()
    connection = desk.connect()
    before = CHECKED["states"]
    desk.subscribe(connection, type="clearinghouseState", user=ALICE)
    desk.subscribe(connection, type="webData2", user=ALICE)
    assert len(desk.frames()) == 4
    assert CHECKED["states"] == before + 2


def test_a_state_that_does_not_balance_fails_whichever_test_sees_it():
    desk = Desk()
    desk.order("ETH", 1, 4100)
    desk.state()
    desk.venue._state.valuations[ALICE].cross.margin += 1
    with pytest.raises(AssertionError, match="totalMarginUsed"):
        desk.state()
