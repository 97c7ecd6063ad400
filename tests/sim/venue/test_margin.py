"""What the accounts add up to: the identities of hyperliquid.md 6.3, on any order flow."""

import random
from dataclasses import replace
from decimal import ROUND_HALF_EVEN

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.venue.margin import maintenance_usd, tiers
from sim.venue.market import _premium as average_premium
from tests.sim.venue.desk import AGENT, ALICE, BOB, OTHER, Desk
from tests.sim.venue.small_market import HOUR_MS, START_MS, D, SmallMarket, asset

COINS = ("BTC", "ETH", "SOL")
SIX = D("0.000001")


def flow_of(seed):
    """Sixty steps of two accounts: mostly orders near the touch, between them moves, waits and leverage."""
    draw = random.Random(seed)
    return [step_of(draw) for _ in range(60)]


def step_of(draw):
    kind = draw.choice(("order",) * 7 + ("move", "wait", "leverage"))
    coin = draw.choice(COINS)
    if kind == "order":
        lots, tif = draw.choice((-8, -3, -1, 1, 3, 8)), draw.choice(("Ioc", "Ioc", "Gtc", "Alo"))
        return kind, coin, lots, draw.randint(-30, 30), tif, draw.random() < 0.3, draw.choice((AGENT, OTHER))
    if kind == "move":
        return kind, coin, draw.randint(-100, 100), draw.randint(-20, 20)
    if kind == "wait":
        return kind, draw.choice((500, 3_000, 20_000, HOUR_MS))
    return kind, draw.randrange(3), draw.choice((3, 10, 20))


flows = st.integers(0, 2**32).map(flow_of)


def play(desk, flow, check):
    unit = {"BTC": D("0.03"), "ETH": D("0.7"), "SOL": D("11.01")}
    for step in flow:
        match step:
            case ("order", coin, lots, ticks, tif, reduce, signer):
                mid = desk.market.mids[coin]
                px = mid + ticks * desk.market.step(desk.market.assets[COINS.index(coin)].asset_id)
                desk.order(coin, lots * unit[coin], px, tif, reduce=reduce, signer=signer)
            case ("move", coin, ticks, off):
                market, n = desk.market, COINS.index(coin)
                market.mids[coin] += ticks * market.step(n)
                market.marks[coin] = market.mids[coin] + off * market.step(n)
            case ("wait", ms):
                desk.wait(ms)
            case ("leverage", n, value):
                desk.post({"type": "updateLeverage", "asset": n, "isCross": True, "leverage": value})
        check(desk, ALICE)
        check(desk, BOB)


def check_identities(desk, user):
    state = desk.state(user)
    positions = [entry["position"] for entry in state["assetPositions"]]
    values = [D(p["positionValue"]) for p in positions]
    sides = [1 if D(p["szi"]) > 0 else -1 for p in positions]
    summary = {k: D(v) for k, v in state["marginSummary"].items()}
    equity = summary["accountValue"]
    assert equity == summary["totalRawUsd"] + sum(s * v for s, v in zip(sides, values, strict=True))
    assert summary["totalNtlPos"] == sum(values)
    assert summary["totalMarginUsed"] == sum(D(p["marginUsed"]) for p in positions)
    assert state["crossMarginSummary"] == state["marginSummary"]
    maintenance = sum((v / (2 * p["maxLeverage"]) for p, v in zip(positions, values, strict=True)), D(0))
    assert D(state["crossMaintenanceMarginUsed"]) == maintenance.quantize(SIX)
    for p, side, value in zip(positions, sides, values, strict=True):
        check_position(p, side, value, equity - maintenance)
    resting = resting_margin(desk, user)
    assert D(state["withdrawable"]) == max(D(0), equity - summary["totalMarginUsed"] - resting)


def check_position(p, side, value, available):
    size, leverage = D(p["szi"]), p["leverage"]["value"]
    mark = value / abs(size)
    assert D(p["marginUsed"]) == (value / leverage).quantize(SIX)
    entry = (side * value - D(p["unrealizedPnl"])) / size
    printed = D(p["entryPx"])
    assert abs(entry - printed) <= D("0.5").scaleb(printed.as_tuple().exponent)
    roe = D(p["unrealizedPnl"]) / (abs(size) * entry / leverage)
    assert D(p["returnOnEquity"]) == roe.quantize(D("1e-10"), rounding=ROUND_HALF_EVEN)
    px = mark - side * available / abs(size) / (1 - side / D(2 * p["maxLeverage"]))
    expected = None if px <= 0 else px.quantize(D("1e-10"))
    assert expected == (None if p["liquidationPx"] is None else D(p["liquidationPx"]))


def resting_margin(desk, user):
    """Of each coin's heavier side, what would open beyond closing the position (6.3)."""
    held, leverage = desk.venue.positions(user), {}
    for coin in COINS:
        data = desk.info("activeAssetData", user=user, coin=coin)
        leverage[coin] = data["leverage"]["value"]
    sides, closable = {}, {}
    for row in reversed(desk.info("openOrders", user=user)):
        if row.get("reduceOnly"):
            continue
        key = (row["coin"], 1 if row["side"] == "B" else -1)
        left = closable.setdefault(key, max(D(0), -held.get(row["coin"], D(0)) * key[1]))
        closable[key] = max(D(0), left - D(row["sz"]))
        opens = max(D(0), D(row["sz"]) - left)
        sides[key] = sides.get(key, D(0)) + opens * D(row["limitPx"]) / leverage[row["coin"]]
    return sum((max(sides.get((c, 1), D(0)), sides.get((c, -1), D(0))) for c in COINS), D(0)).quantize(SIX)


def check_ledger(desk, user):
    check_ledger_from(desk, user, 1_000_000)


def check_ledger_from(desk, user, usdc):
    """Fills replay into the positions, and cash is everything that was paid."""
    held, entries, cash = {}, {}, D(usdc)
    rows = sorted(desk.info("userFills", user=user), key=lambda row: row["time"])
    for row in rows:
        start = held.get(row["coin"], D(0))
        assert D(row["startPosition"]) == start
        qty = D(row["sz"]) * (1 if row["side"] == "B" else -1)
        held[row["coin"]] = start + qty
        closed = replayed_pnl(entries, row["coin"], start, qty, D(row["px"]))
        assert abs(D(row["closedPnl"]) - closed) < D("0.0001")
        cash -= qty * D(row["px"]) + D(row["fee"])
    fundings = desk.info("userFunding", user=user, startTime=0)
    cash += sum(D(row["delta"]["usdc"]) for row in fundings)
    assert {c: q for c, q in held.items() if q} == desk.venue.positions(user)
    assert D(desk.state(user)["marginSummary"]["totalRawUsd"]) == cash


@settings(max_examples=12, deadline=None)
@given(flows)
def test_the_identities_hold_after_every_step_and_fills_replay_into_positions(flow):
    desk = Desk(
        SmallMarket((asset(0, "BTC", 5, 40), asset(1, "ETH", 4, 25), asset(2, "SOL", 2, 20)), size=D(2))
    )
    play(desk, flow, check_identities)
    check_ledger(desk, ALICE)
    check_ledger(desk, BOB)


@settings(max_examples=8, deadline=None)
@given(flows)
def test_profit_splits_into_closed_and_open_less_fees_and_funding(flow):
    desk = Desk(SmallMarket(size=D(2)))
    play(desk, flow, lambda *_: None)
    for user in (ALICE, BOB):
        closed = sum((f.closed_pnl_usd - f.fee_usd for f in desk.venue.fills(user)), D(0))
        funding = sum((f.usd for f in desk.venue.fundings(user)), D(0))
        state = desk.state(user)
        open_pnl = sum((D(e["position"]["unrealizedPnl"]) for e in state["assetPositions"]), D(0))
        assert desk.venue.equity(user) == 1_000_000 + closed + funding + open_pnl


def replayed_pnl(entries, coin, start, qty, px):
    """Return what this fill closes against the average entry, and move the average; rounds nothing."""
    entry = entries.get(coin, D(0))
    if start * qty >= 0:
        entries[coin] = (start * entry + qty * px) / (start + qty)
        return D(0)
    closing = min(abs(qty), abs(start)) * (1 if start > 0 else -1)
    if abs(qty) > abs(start):
        entries[coin] = px
    return closing * (px - entry)


# --- tiers, funding, liquidation, delisting --------------------------------------------------------------


@given(st.integers(0, 400_000_000), st.integers(1, 1000))
def test_maintenance_is_continuous_and_rises_at_half_the_tiers_rate(value, more):
    btc = asset(0, "BTC", 5, 40, 56)
    step = maintenance_usd(btc, D(value + more)) - maintenance_usd(btc, D(value))
    rates = [1 / D(2 * leverage) for _, leverage in tiers(btc)]
    assert min(rates) * more <= step <= max(rates) * more
    if value + more <= 150_000_000:
        assert maintenance_usd(btc, D(value)) == D(value) / 80


def tiered_desk():
    """ETH on a table that allows 10x below 3,000,000 USD and 5x from there on."""
    market = SmallMarket((asset(0, "BTC", 5, 40), asset(1, "ETH", 4, 10, 51)), size=D(1_000))
    desk = Desk(market, usdc=10_000_000)
    desk.post({"type": "updateLeverage", "asset": 1, "isCross": True, "leverage": 10})
    return desk


def test_a_position_cannot_outgrow_the_tier_of_its_leverage():
    desk = tiered_desk()
    assert "margin tier limit" in desk.order("ETH", 750, 4100, "Gtc")["error"]
    assert "filled" in desk.order("ETH", 749, 4100, "Gtc")
    assert "margin tier limit" in desk.order("ETH", 1, 4100, "Gtc")["error"]
    assert "filled" in desk.order("ETH", -1_000, 3900, "Gtc")
    assert "margin tier limit" in desk.order("ETH", -500, 3900, "Gtc")["error"]
    assert "filled" in desk.order("ETH", 100, 4100, reduce=True)


def test_leverage_is_limited_by_the_tier_that_the_position_is_in():
    desk = tiered_desk()
    action = {"type": "updateLeverage", "asset": 1, "isCross": True, "leverage": 5}
    assert desk.post(action)["status"] == "ok"
    desk.order("ETH", 800, 4100, "Gtc")
    assert desk.post({**action, "leverage": 6}) == {"status": "err", "response": "Invalid leverage value"}
    desk.order("ETH", -100, 3900, "Gtc")
    assert desk.post({**action, "leverage": 6})["status"] == "ok"


def test_o3_11_ten_coins_at_a_premium_of_one_percent_pay_118_75_an_hour():
    """The example of the venue's documentation: impact bid 10,100 against an oracle of 10,000."""
    premium = average_premium((D(10_100), D(10_200)), D(10_000))
    assert premium == D("0.01")
    rate_8h = premium + min(max(D("0.0001") - premium, D("-0.0005")), D("0.0005"))
    assert (rate_8h, rate_8h / 8) == (D("0.0095"), D("0.0011875"))
    desk = Desk(market=SmallMarket(mids={"BTC": D(100_000), "ETH": D(10_000), "SOL": D(180)}))
    desk.market.rates = {"ETH": rate_8h / 8}
    for _ in range(2):
        desk.order("ETH", 5, 10_300)
        desk.wait(10_000)
    desk.wait(HOUR_MS)
    (row,) = desk.info("userFunding", user=ALICE, startTime=0)
    assert (row["delta"]["szi"], row["delta"]["usdc"]) == ("10.0", "-118.75")


def test_funding_is_size_times_oracle_times_rate_and_longs_pay():
    desk = Desk()
    desk.market.rates = {"ETH": D("0.0001"), "SOL": D("-0.0002")}
    desk.order("ETH", 5, 4100)
    desk.order("SOL", -5, 190)
    desk.wait(HOUR_MS)
    rows = {row["delta"]["coin"]: row for row in desk.info("userFunding", user=ALICE, startTime=0)}
    assert rows["ETH"]["delta"] == {
        "type": "funding",
        "coin": "ETH",
        "usdc": "-2.0",
        "szi": "5.0",
        "fundingRate": "0.0001",
        "nSamples": None,
    }
    assert rows["SOL"]["delta"]["usdc"] == "-0.2"
    assert all(row["time"] // HOUR_MS == desk.now_ms // HOUR_MS for row in rows.values())
    paid = {e["position"]["coin"]: e["position"]["cumFunding"] for e in desk.state()["assetPositions"]}
    assert paid["ETH"] == {"allTime": "2.0", "sinceOpen": "2.0", "sinceChange": "2.0"}
    desk.order("ETH", 1, 4100)
    [eth] = [e for e in desk.state()["assetPositions"] if e["position"]["coin"] == "ETH"]
    assert eth["position"]["cumFunding"] == {"allTime": "2.0", "sinceOpen": "2.0", "sinceChange": "0.0"}


def test_a_delisted_coin_is_settled_at_its_mark_without_a_fee():
    assets = (asset(0, "BTC", 5, 40), replace(asset(1, "ETH", 4, 25), delisted_from_ms=START_MS + 60_000))
    desk = Desk(SmallMarket(assets))
    desk.order("ETH", 2, 4100)
    oid = desk.order("ETH", 1, 3900, "Gtc")["resting"]["oid"]
    desk.wait(60_000)
    assert desk.venue.positions(ALICE) == {}
    row = desk.info("userFills", user=ALICE)[0]
    assert (row["dir"], row["px"], row["fee"]) == ("Settlement", "4000.0", "0.0")
    assert desk.info("orderStatus", user=ALICE, oid=oid)["order"]["status"] == "delistedCanceled"
    assert "delisted" in desk.order("ETH", 1, 4100)["error"]
    assert desk.info("meta")["universe"][1]["isDelisted"] is True
    assert "isDelisted" not in desk.info("meta")["universe"][0]
    assert desk.info("metaAndAssetCtxs")[1][1]["midPx"] is None
    assert desk.info("l2Book", coin="ETH")["levels"] == [[], []]
    check_ledger_from(desk, ALICE, 1_000_000)
